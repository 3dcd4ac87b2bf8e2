import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Emulator from "../../src/emulator/mod.ts"
import { keys, send } from "./call.ts"

const onASocket = (faults: Emulator.FaultPlan) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ faults, rateLimit: "none" })
    yield* HttpServer.serveEffect(emulator.httpApp)
    const client = yield* HttpClient.HttpClient
    const token = Redacted.value(emulator.admin.secret)
    return {
      emulator,
      client: HttpClient.mapRequest(client, HttpClientRequest.bearerToken(token)),
      create: send(client, token, "POST", keys, {
        body: { name: "ci", service_account_id: emulator.admin.serviceAccountId },
      }),
    }
  })

describe("over a socket", () => {
  it.scopedLive("a drop before the server acts breaks the connection and makes no key", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* onASocket([{ calls: 1, fault: { _tag: "DropBefore" } }])
      const error = yield* Effect.flip(create)
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport" })
      expect(yield* emulator.history).toEqual([])
      expect((yield* create).status).toBe(200)
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a drop after the server acted breaks the connection and leaves a key", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* onASocket([{ fault: { _tag: "DropAfter" } }])
      const error = yield* Effect.flip(create)
      expect(error).toMatchObject({ _tag: "RequestError", reason: "Transport" })
      expect(yield* emulator.history).toMatchObject([{ _tag: "Created", name: "ci" }])
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a truncated body gives its status and its first bytes, then breaks off", () =>
    Effect.gen(function* () {
      const { client, emulator } = yield* onASocket([{ fault: { _tag: "TruncateBody" } }])
      const response = yield* client.get(keys)
      expect(response.status).toBe(200)
      const error = yield* Effect.flip(response.text)
      expect(error).toMatchObject({ _tag: "ResponseError", reason: "Decode" })
      expect(yield* emulator.requests).toMatchObject([{ status: 200, outcome: "Dropped" }])
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a dripped body comes in pieces, and whole", () =>
    Effect.gen(function* () {
      const { client } = yield* onASocket([
        { fault: { _tag: "DripBody", bytes: 100, every: "1 millis" } },
      ])
      const response = yield* client.get(keys)
      expect(yield* response.json).toHaveProperty("api_keys.length", 3)
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a client that hangs up is in the log as aborted, and nothing was done", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* onASocket([{ delay: "10 minutes" }])
      const outcome = Effect.map(emulator.requests, ([request]) => request?.outcome)
      const until = (wanted: Emulator.Outcome) =>
        Effect.repeat(Effect.sleep("2 millis").pipe(Effect.zipRight(outcome)), {
          until: (outcome) => outcome === wanted,
        })
      const fiber = yield* Effect.fork(create)
      yield* until("Pending")
      yield* Fiber.interrupt(fiber)
      yield* until("Aborted")
      expect(yield* emulator.history).toEqual([])
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))
})
