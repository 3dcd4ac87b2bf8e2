import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { createApiKey, getApiKey, updateApiKey } from "@effect-crdb/api-keys"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import { answers, type ApiCall, id, serviceAccountId } from "../everyOperation.ts"
import { anyone, callOnce, json } from "../recordingClient.ts"

describe("createApiKey", () => {
  afterEach(() => vi.unstubAllGlobals())

  const bodyOf = (call: ApiCall) =>
    Effect.gen(function* () {
      const kinds: Array<string> = []
      const client = HttpClient.make((request) => {
        kinds.push(request.body._tag)
        return Effect.succeed(HttpClientResponse.fromWeb(request, json({})))
      })
      yield* Effect.either(call).pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provide(anyone),
      )
      return kinds
    })

  // test/runtimes shows the effect on Deno itself.
  it.effect("has a body that Deno's fetch cannot repeat by itself", () =>
    Effect.gen(function* () {
      vi.stubGlobal("Deno", {})
      const create = createApiKey({ name: "example name", serviceAccountId })
      expect(yield* bodyOf(create)).toEqual(["Stream"])
      const { sent } = yield* callOnce(create, () => json(answers.createApiKey))
      expect(sent.map((one) => JSON.parse(one.body ?? ""))).toEqual([
        { name: "example name", service_account_id: serviceAccountId },
      ])
      expect(sent[0]?.headers["content-type"]).toBe("application/json")
      expect(yield* bodyOf(updateApiKey(id, { name: "x" }))).toEqual(["Uint8Array"])
      expect(yield* bodyOf(getApiKey(id))).toEqual(["Empty"])
    }))

  it.effect("has a plain body on the other runtimes", () =>
    Effect.gen(function* () {
      const create = createApiKey({ name: "n", serviceAccountId })
      expect(yield* bodyOf(create)).toEqual(["Uint8Array"])
    }))
})
