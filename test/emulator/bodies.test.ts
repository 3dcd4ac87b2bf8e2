import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { connect, type Socket } from "node:net"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Emulator from "../../src/emulator/mod.ts"
import { root } from "../tool.ts"
import { call, callAnything, keys, type RequestOptions } from "./call.ts"

const limit = 1_048_576

describe("the limit of a body", () => {
  it.each([
    ["src/emulator/README.md", "A body of more than 1 MiB is a 413"],
    ["src/emulator/mod.ts", "A body of more than 1 MiB is refused with a 413"],
    [
      "src/emulator/RequestLog.ts",
      "or if the emulator did not read it: because it has more than 1 MiB,",
    ],
  ])("is what %s says", (document, sentence) => {
    const prose = readFileSync(join(root, document), "utf8").replaceAll(/\n *(?:\* *)?/g, " ")
    expect(prose).toContain(sentence)
    expect(sentence).toContain(`${limit / 2 ** 20} MiB`)
  })
})

/** A create's body of `length` bytes. */
const bodyOf = (emulator: Emulator.EmulatorService, length: number) => {
  const fields = { name: "", service_account_id: emulator.withoutRole.serviceAccountId }
  const name = "n".repeat(length - JSON.stringify(fields).length)
  return { ...fields, name }
}

const tooLarge = { code: 8, message: "the body must be at most 1048576 bytes long", details: [] }

describe("a body in memory", () => {
  it.effect("can have as many bytes as the limit, and no more", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const create = (length: number) =>
        call(emulator)("POST", keys, { body: bodyOf(emulator, length) })
      expect((yield* create(limit)).status).toBe(200)
      const refused = yield* create(limit + 1)
      expect([refused.status, refused.json]).toEqual([413, tooLarge])
      expect(yield* emulator.history).toHaveLength(1)
    }))

  for (const token of ["of the admin", "unknown"] as const) {
    it.effect(`is refused if it never ends, with a token ${token}`, () =>
      Effect.gen(function* () {
        const emulator = yield* Emulator.make()
        let taken = 0
        let ended = false
        const endless = Stream.repeatEffect(Effect.sync(() => {
          taken += 65_536
          return new Uint8Array(65_536)
        })).pipe(Stream.ensuring(Effect.sync(() => {
          ended = true
        })))
        const response = yield* emulator.httpClient.execute(
          HttpClientRequest.post(`https://emulator.invalid${keys}`).pipe(
            HttpClientRequest.setBody(HttpBody.stream(endless, "application/json")),
            HttpClientRequest.bearerToken(
              token === "unknown" ? token : Redacted.value(emulator.admin.secret),
            ),
          ),
        )
        expect(response.status).toBe(token === "unknown" ? 401 : 413)
        // The streams between client and server read ahead.
        expect(taken).toBeLessThan(token === "unknown" ? limit : 3 * limit)
        if (token !== "unknown") expect(ended).toBe(true)
      }))
  }

  it.effect("is in the log up to a bound, and not at all if it is refused unread", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const post = (length: number, options: RequestOptions = {}) =>
        callAnything(emulator)("POST", keys, { body: bodyOf(emulator, length), ...options })
      yield* post(16_384)
      yield* post(16_385)
      yield* post(limit + 1)
      yield* post(1000, { token: null })
      expect((yield* emulator.requests).map(({ body, status }) => [status, body.length]))
        .toEqual([[200, 16_384], [200, 16_384], [413, 0], [401, 0]])
    }))
})

interface Served {
  readonly emulator: Emulator.EmulatorService
  readonly port: number
  /** How many bytes the server read from all its connections. */
  readonly taken: () => number
}

const onAServer = <A>(test: (served: Served) => Promise<A>) =>
  Effect.suspend(() => {
    const connections: Array<Socket> = []
    const server = createServer().on("connection", (socket) => connections.push(socket))
    return Effect.gen(function* () {
      const emulator = yield* Emulator.make({ rateLimit: "none" })
      yield* HttpServer.serveEffect(emulator.httpApp)
      yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
      const { address } = yield* HttpServer.HttpServer
      const taken = () => connections.reduce((sum, { bytesRead }) => sum + bytesRead, 0)
      const port = "port" in address ? address.port : 0
      return yield* Effect.promise(() => test({ emulator, port, taken }))
    }).pipe(
      Effect.scoped,
      Effect.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
    )
  })

const headOf = (headers: Readonly<Record<string, string>>, method = "POST", target = keys) =>
  [
    `${method} ${target} HTTP/1.1`,
    "Host: localhost",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n") + "\r\n\r\n"

const mebibyte = Buffer.alloc(limit, "x")

/** Sends a head, then a piece many times until the connection ends. Gives all that came back. */
const pour = async (port: number, head: string, piece: string | Buffer, times: number) => {
  const socket = connect(port, "127.0.0.1")
  let answer = ""
  let open = true
  socket.on("data", (bytes) => {
    answer += bytes
  })
  // The server resets the connection if it closes while more bytes come.
  socket.on("error", () => {})
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => {
      open = false
      resolve()
    })
  })
  socket.write(head)
  for (let sent = 0; sent < times && open; sent += 1) {
    await Promise.race([
      closed,
      new Promise<void>((resolve) => socket.write(piece, () => resolve())),
    ])
  }
  await closed
  return answer
}

const chunked = Buffer.concat([Buffer.from("100000\r\n"), mebibyte, Buffer.from("\r\n")])

describe("64 MiB over a socket", () => {
  const rows = [
    ["announced, with a token", true, "content-length", 413],
    ["announced, without a token", false, "content-length", 401],
    ["in chunks, with a token", true, "transfer-encoding", 413],
    ["in chunks, without a token", false, "transfer-encoding", 401],
  ] as const

  it.live.each(rows)(
    "%s: the answer comes, and the connection closes",
    ([, known, framing, status]) =>
      onAServer(async ({ emulator, port, taken }) => {
        const answer = await pour(
          port,
          headOf({
            "Content-Type": "application/json",
            ...(known ? { Authorization: `Bearer ${Redacted.value(emulator.admin.secret)}` } : {}),
            ...(framing === "content-length"
              ? { "Content-Length": String(64 * limit) }
              : { "Transfer-Encoding": "chunked" }),
          }),
          framing === "content-length" ? mebibyte : chunked,
          64,
        )
        expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
        expect(answer.toLowerCase()).toContain("\r\nconnection: close\r\n")
        expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? ""))
          .toMatchObject(status === 413 ? tooLarge : { code: 16 })
        expect(taken()).toBeLessThan(16 * limit)
        expect(await Effect.runPromise(emulator.requests))
          .toMatchObject([{ status, body: "", outcome: "Answered" }])
      }),
  )

  it.live("are not read either if the API does not have the path or the method", () =>
    onAServer(async ({ port, taken }) => {
      const length = { "Content-Length": String(64 * limit) }
      expect(await pour(port, headOf(length, "POST", "/elsewhere"), mebibyte, 64))
        .toMatch(/^HTTP\/1.1 404 /)
      expect(await pour(port, headOf(length, "GET"), mebibyte, 64)).toMatch(/^HTTP\/1.1 401 /)
      expect(taken()).toBeLessThan(32 * limit)
    }))
})

describe("a short body that is not read", () => {
  it.live("leaves the connection to the requests after it", () =>
    onAServer(async ({ emulator, port }) => {
      const get = headOf(
        { Authorization: `Bearer ${Redacted.value(emulator.admin.secret)}` },
        "GET",
      )
      const answer = await pour(
        port,
        headOf({ "Content-Length": "3" }) + "{}\n" +
          get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
        "",
        0,
      )
      expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 401", "HTTP/1.1 200"])
    }))
})
