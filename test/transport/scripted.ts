/** An HttpClient that plays a script, and notes each request with its time on the test's clock. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { Credentials } from "../../src/mod.ts"
import { anyAnswer, secret } from "../everyOperation.ts"

export interface AnswerStep {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly afterMillis?: number
}

export type Step = AnswerStep | "Connection" | "Hang"

export interface Sent {
  readonly at: number
  readonly request: HttpClientRequest.HttpClientRequest
}

export const credentials = Credentials.layerApiKey(Redacted.make(secret))

/** An answer with which every operation succeeds. */
export const ok: AnswerStep = { status: 200, body: JSON.stringify(anyAnswer) }

/** Plays the steps in turn, and repeats the last one forever. */
export const scripted = (...steps: ReadonlyArray<Step>) => {
  const sent: Array<Sent> = []
  let aborted = 0
  const client = HttpClient.make((request, _url, signal) =>
    Effect.gen(function* () {
      const step = steps[Math.min(sent.length, steps.length - 1)] ?? ok
      sent.push({ at: yield* Clock.currentTimeMillis, request })
      signal.addEventListener("abort", () => aborted++)
      if (step === "Hang") return yield* Effect.never
      if (step === "Connection") {
        return yield* new HttpClientError.RequestError({ request, reason: "Transport" })
      }
      yield* Effect.sleep(step.afterMillis ?? 0)
      return HttpClientResponse.fromWeb(
        request,
        new Response(step.body ?? "{}", {
          status: step.status,
          headers: { "content-type": "application/json", ...step.headers },
        }),
      )
    })
  )
  return {
    sent,
    aborted: () => aborted,
    client: Layer.succeed(HttpClient.HttpClient, client),
    layer: Layer.merge(Layer.succeed(HttpClient.HttpClient, client), credentials),
  }
}
