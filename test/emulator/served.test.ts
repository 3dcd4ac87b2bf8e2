import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
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

/** A server that never closes an idle connection. */
const keepingAlive = NodeHttpServer.layer(() => {
  const server = createServer()
  server.keepAliveTimeout = 0
  return server
}, { port: 0 })

/** All that a server sends on one connection until it closes it. */
const everything = async (port: number, head: ReadonlyArray<string>) => {
  const socket = connect(port, "127.0.0.1")
  socket.write(`${head.join("\r\n")}\r\n\r\n`)
  return await text(socket)
}

describe("over a socket", () => {
  it.scopedLive("a drop before the server acts breaks the connection and makes no key", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* onASocket([{ calls: 1, fault: { _tag: "DropBefore" } }])
      const error = yield* Effect.flip(create)
      expect(error).toMatchObject({ message: expect.stringContaining("Transport error") })
      expect(yield* emulator.history).toEqual([])
      expect((yield* create).status).toBe(200)
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a drop after the server acts breaks the connection and leaves a key", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* onASocket([{ fault: { _tag: "DropAfter" } }])
      const error = yield* Effect.flip(create)
      expect(error).toMatchObject({ message: expect.stringContaining("Transport error") })
      expect(yield* emulator.history).toMatchObject([{ _tag: "Created", name: "ci" }])
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a truncated body gives its status and its first bytes, then breaks off", () =>
    Effect.gen(function* () {
      const { client, emulator } = yield* onASocket([{ fault: { _tag: "TruncateBody" } }])
      const response = yield* client.get(keys)
      expect(response.status).toBe(200)
      const error = yield* Effect.flip(response.text)
      expect(error).toMatchObject({ message: expect.stringContaining("Decode error") })
      expect(yield* emulator.requests).toMatchObject([{ status: 200, outcome: "Dropped" }])
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a truncated body closes even a connection that was to be kept alive", () =>
    Effect.gen(function* () {
      const { emulator } = yield* onASocket([{ fault: { _tag: "TruncateBody", bytes: 7 } }])
      const { address } = yield* HttpServer.HttpServer
      const received = yield* Effect.promise(() =>
        everything("port" in address ? address.port : 0, [
          `GET ${keys} HTTP/1.1`,
          "Host: localhost",
          `Authorization: Bearer ${Redacted.value(emulator.admin.secret)}`,
        ])
      ).pipe(Effect.timeout("10 seconds"))
      expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      expect(received.split("\r\n\r\n")[1]).toBe('{"api_k')
    }).pipe(Effect.provide([keepingAlive, FetchHttpClient.layer])))

  it.scopedLive("every header that a plan can order is sent unchanged, with its status", () =>
    Effect.gen(function* () {
      const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
      const headers: Record<string, string> = Object.fromEntries([
        ...characters.filter((one) => /[\w!#$%&'*+.^`|~-]/.test(one)).map((one) => [one, "x"]),
        ["x-value", characters.filter((one) => /[\t\x20-\x7e\x80-\xff]/.test(one)).join("")],
      ])
      const { client, emulator } = yield* onASocket([
        { fault: { _tag: "Respond", status: 418, headers } },
      ])
      const response = yield* client.get(keys)
      expect(response.status).toBe(418)
      const sent = Object.entries(headers).map((
        [name, value],
      ) => [name.toLowerCase(), value.trim()])
      expect(response.headers).toMatchObject(Object.fromEntries(sent))
      expect(yield* emulator.requests).toMatchObject([{ status: 418, outcome: "Answered" }])
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a dripped body comes in pieces, and arrives whole", () =>
    Effect.gen(function* () {
      const { client } = yield* onASocket([
        { fault: { _tag: "DripBody", bytes: 100, every: "1 millis" } },
      ])
      const response = yield* client.get(keys)
      expect(yield* response.json).toHaveProperty("api_keys.length", 3)
    }).pipe(Effect.provide(NodeHttpServer.layerTest)))

  it.scopedLive("a request whose client hangs up is logged as aborted, and changes nothing", () =>
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
