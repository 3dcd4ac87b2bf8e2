import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { request } from "node:http"
import { text } from "node:stream/consumers"
import * as Emulator from "../../src/emulator/mod.ts"
import { callAnything, keys } from "./call.ts"

describe("the target of a request", () => {
  const rows: ReadonlyArray<
    readonly [target: string, status: number, seen: Partial<Emulator.SeenRequest>]
  > = [
    [`${keys}?pagination.limit=1`, 200, { path: keys, query: { "pagination.limit": "1" } }],
    // Only the first question mark begins a query.
    [`${keys}?pagination.limit=1?x=y`, 400, {
      path: keys,
      query: { "pagination.limit": "1?x=y" },
    }],
    [`${keys}?a=%3F?&b=?`, 200, { path: keys, query: { a: "??", b: "?" } }],
    [`${keys}?`, 200, { path: keys, query: {} }],
    [`http://cockroachlabs.cloud${keys}`, 200, { path: keys, query: {} }],
    [`HTTPS://host:8080${keys}/?pagination.limit=1`, 200, {
      path: `${keys}/`,
      query: { "pagination.limit": "1" },
    }],
    ["http://host?a=b", 404, { path: "/", query: { a: "b" } }],
    ["http://host", 404, { path: "/", query: {} }],
    ["*", 404, { path: "*", query: {} }],
  ]

  it.scopedLive.each(rows)(
    "%s over a socket is answered by a %i",
    ([target, status, seen]) =>
      Effect.gen(function* () {
        const emulator = yield* Emulator.make()
        yield* HttpServer.serveEffect(emulator.httpApp)
        const { address } = yield* HttpServer.HttpServer
        const answered = yield* Effect.promise(() =>
          new Promise<number | undefined>((resolve, reject) => {
            request({
              port: "port" in address ? address.port : 0,
              path: target,
              headers: { authorization: `Bearer ${Redacted.value(emulator.admin.secret)}` },
              agent: false,
            }, (response) => {
              text(response).then(() => resolve(response.statusCode), reject)
            }).on("error", reject).end()
          })
        )
        expect(answered).toBe(status)
        expect(yield* emulator.requests).toMatchObject([{ ...seen, status }])
      }).pipe(Effect.provide(NodeHttpServer.layerTest)),
  )

  it.effect("keeps its whole query, in memory and through the web handler", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const target = `${keys}?pagination.sort_order=DESC?x=y`
      yield* callAnything(emulator)("GET", target)
      yield* Effect.promise(() => emulator.webHandler(new Request(`http://localhost${target}`)))
      expect((yield* emulator.requests).map(({ query }) => query))
        .toEqual(Array(2).fill({ "pagination.sort_order": "DESC?x=y" }))
    }))
})

describe("a method that a path does not have", () => {
  for (
    const [method, path, allowed] of [
      ["PUT", keys, "POST, GET"],
      ["DELETE", keys, "POST, GET"],
      ["POST", `${keys}/one`, "GET, PATCH, DELETE"],
      ["PUT", `${keys}/one/`, "GET, PATCH, DELETE"],
    ] as const
  ) {
    it.effect(`${method} ${path} gets a 405 that names the allowed methods`, () =>
      Effect.gen(function* () {
        const answer = yield* callAnything(yield* Emulator.make())(method, path)
        expect([answer.status, answer.headers["allow"]]).toEqual([405, allowed])
      }))
  }

  it.effect("gets a 404 that names no methods if the path is unknown", () =>
    Effect.gen(function* () {
      const answer = yield* callAnything(yield* Emulator.make())("PUT", "/elsewhere")
      expect([answer.status, answer.headers["allow"]]).toEqual([404, undefined])
    }))
})
