import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { type ApiKeyError, Credentials, RetryPolicy, withRetryPolicy } from "@effect-crdb/api-keys"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { secret } from "./everyOperation.ts"

/** A request as it would be sent. */
export interface Sent {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Undefined if there is none. */
  readonly body: string | undefined
  /** The signal that aborts the request. */
  readonly signal: AbortSignal
}

/** Answers a request; `index` counts from 0. */
export type Answering = (
  sent: Sent,
  index: number,
) => Response | Effect.Effect<Response, HttpClientError.HttpClientError>

/** An HttpClient that sends nothing. It records each request, and answers with `answer`. */
export const recordingClient = (
  answer: Answering,
): { readonly sent: ReadonlyArray<Sent>; readonly layer: Layer.Layer<HttpClient.HttpClient> } => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request, url, signal) =>
    Effect.flatMap(textOf(request.body), (body) => {
      const recorded = {
        method: request.method,
        url,
        headers: { ...request.headers },
        body,
        signal,
      }
      sent.push(recorded)
      const answered = answer(recorded, sent.length - 1)
      return Effect.map(
        Effect.isEffect(answered) ? answered : Effect.succeed(answered),
        (response) => HttpClientResponse.fromWeb(request, response),
      )
    })
  )
  return { sent, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const textOf = (body: HttpBody.HttpBody): Effect.Effect<string | undefined> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed(undefined)
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(body.body))
    case "Stream":
      return Effect.orDie(Stream.mkString(Stream.decodeText(body.stream)))
    default:
      return Effect.die(`a body that the module never makes: ${body._tag}`)
  }
}

/** A JSON answer. */
export const json = (body: unknown, init?: ResponseInit): Response => Response.json(body, init)

/** Credentials for tests that do not care who calls. */
export const anyone: Layer.Layer<Credentials> = Credentials.layerApiKey(
  Redacted.make(secret),
)

/** Makes a call without retries. Returns its result and its requests. */
export const callOnce = <A>(
  call: Effect.Effect<A, ApiKeyError, HttpClient.HttpClient | Credentials>,
  answer: Answering,
) => {
  const { layer, sent } = recordingClient(answer)
  return call.pipe(
    withRetryPolicy(RetryPolicy.none),
    Effect.either,
    Effect.provide(Layer.merge(layer, anyone)),
    Effect.map((result) => ({ result, sent })),
  )
}
