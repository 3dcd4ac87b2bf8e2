import { describe, expect, it } from "@effect/vitest"
import type { ApiKeyError } from "@effect-crdb/api-keys"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { answers, calls, everyOperation } from "../everyOperation.ts"
import { callOnce, json } from "../recordingClient.ts"

const ofType = (type: string | undefined, body: string, status = 200) => () => {
  const response = new Response(body, { status })
  // A text body would set a Content-Type itself.
  response.headers.delete("content-type")
  if (type !== undefined) response.headers.set("content-type", type)
  return response
}

const html = "<!doctype html><title>502 Bad Gateway</title>"

describe("a success whose body is not what the API promises", () => {
  const empty = "its body is empty"
  const noJson = "its body is not JSON"
  const bodies: ReadonlyArray<readonly [what: string, body: () => Response, says: string]> = [
    ["an empty body", ofType("application/json", ""), empty],
    ["no body at all", () => new Response(null, { status: 204 }), empty],
    ["blanks", ofType("application/json", " \n"), noJson],
    [
      "HTML typed as HTML",
      ofType("text/html; charset=utf-8", html),
      "its Content-Type is not JSON",
    ],
    ["HTML typed as JSON", ofType("application/json", html), noJson],
    ["HTML without a type", ofType(undefined, html), noJson],
    ["truncated JSON", ofType("application/json", '{"id":"CCDB1_12345abcdef'), noJson],
    ["two JSON documents", ofType("application/json", "{}{}"), noJson],
    ["{}", () => json({}), "in its body should be "],
    ["[]", () => json([]), "its body should be an object and is an array"],
    ["[{}]", () => json([{}]), "its body should be an object and is an array"],
    ["null", () => json(null), "its body should be an object and is null"],
    ["a string", () => json("CCDB1_12345abcdefGHIJKLMnopq"), "an object and is a string"],
    ["a number", () => json(7), "its body should be an object and is a number"],
    ["true", () => json(true), "its body should be an object and is a boolean"],
    [
      "an error body",
      () => json({ code: 5, message: "not found", details: [] }),
      "in its body should be ",
    ],
    ["NaN", ofType("application/json", "NaN"), noJson],
    [
      "__proto__ in place of fields",
      ofType("application/json", '{"__proto__":{"id":"x"}}'),
      "in its body should be ",
    ],
  ]
  const rows = everyOperation.flatMap((row) =>
    bodies.map(([what, body, says]) => ({ ...row, what, body, says }))
  )

  it.effect.each(rows)(
    "$operation: $what",
    ({ body, call, mutates, operation, says }) =>
      Effect.gen(function* () {
        const { result, sent } = yield* callOnce(call, body)
        const { status } = body()
        expect(sent.length).toBe(1)
        expect(result).toMatchObject(Either.left({
          _tag: "UnexpectedResponse",
          operation,
          status,
          attempts: 1,
          // After a success the change may have been made.
          mayHaveApplied: mutates,
          message: expect.stringContaining(says),
        }))
      }),
  )

  const typed = everyOperation.flatMap((row) =>
    [
      ["application/json", true],
      ["application/json; charset=utf-8", true],
      ["Application/JSON", true],
      ["application/problem+json", true],
      // An answer without a type may hold the only copy of a secret.
      [undefined, true],
      ["text/html", false],
      ["text/plain", false],
      ["application/xml", false],
      ["application/jsonp", false],
      ["application/x-ndjson-seq", false],
    ].map(([type, accepted]) => ({ ...row, type, accepted }))
  )

  it.effect.each(typed)(
    "$operation: the right body as $type",
    ({ accepted, answer, call, type }) =>
      Effect.gen(function* () {
        const body = ofType(typeof type === "string" ? type : undefined, JSON.stringify(answer))
        const { result } = yield* callOnce(call, body)
        expect(Either.isRight(result)).toBe(accepted)
        if (!accepted) {
          expect(result).toMatchObject(Either.left({ _tag: "UnexpectedResponse", status: 200 }))
        }
      }),
  )

  it.effect.each(everyOperation)(
    "$operation: unknown fields",
    ({ answer, call }) =>
      Effect.gen(function* () {
        const plain = yield* callOnce(call, () => json(answer))
        const more = yield* callOnce(call, () => json(withMore(answer)))
        expect(Either.isRight(more.result)).toBe(true)
        expect(more.result).toEqual(plain.result)
      }),
  )

  // At every depth, also in arrays.
  const withMore = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(withMore)
    if (typeof value !== "object" || value === null) return value
    const members = Object.entries(value).map(([name, member]) => [name, withMore(member)])
    return { ...Object.fromEntries(members), scopes: ["all"], expires_at: null, toString: 7 }
  }
})

describe("an error keeps the tag of its status, whatever its body", () => {
  const statuses: ReadonlyArray<readonly [number, ApiKeyError["_tag"]]> = [
    [400, "InvalidRequest"],
    [401, "Unauthorized"],
    [403, "Forbidden"],
    [404, "NotFound"],
    [429, "RateLimited"],
    [500, "ServerError"],
    [503, "ServerError"],
    [302, "UnexpectedResponse"],
    [418, "UnexpectedResponse"],
  ]
  const status = { code: 9, message: "said by the API", details: [{ "@type": "t/T", a: 1 }] }
  const nothing = { code: undefined, details: [] }
  const bodies: ReadonlyArray<readonly [string, string, string | undefined, object]> = [
    ["a Status", JSON.stringify(status), "application/json", {
      code: 9,
      details: status.details,
      message: expect.stringContaining("said by the API"),
    }],
    ["a Status as text", JSON.stringify(status), "text/plain", { code: 9 }],
    ["a Status without details", '{"code":5,"message":"m"}', "application/json", {
      code: 5,
      details: [],
    }],
    ["{}", "{}", "application/json", nothing],
    ["HTML", html, "text/html", nothing],
    ["HTML typed as JSON", html, "application/json", nothing],
    ["nothing", "", undefined, nothing],
    ["truncated JSON", '{"code":5,"mess', "application/json", nothing],
    ["an array", "[1]", "application/json", nothing],
    ["null", "null", "application/json", nothing],
    ["a string", '"no"', "application/json", nothing],
    ["a mistyped Status", '{"code":"5","message":7,"details":{}}', "application/json", nothing],
    ["a fractional code", '{"code":5.5}', "application/json", nothing],
    ["details of all kinds", '{"details":[null,1,"x",[]]}', "application/json", {
      details: [null, 1, "x", []],
    }],
    [
      "a key, as if it were a success",
      JSON.stringify(answers.getApiKey),
      "application/json",
      nothing,
    ],
  ]
  const rows = everyOperation.flatMap((row) =>
    statuses.map(([status, tag]) => ({ ...row, status, tag }))
  )

  // One test takes all bodies of a row, since hundreds of tests would be slow.
  it.effect.each(rows)(
    "$operation: $status is $tag",
    ({ call, operation, status, tag }) =>
      Effect.gen(function* () {
        for (const [what, body, type, said] of bodies) {
          const { result } = yield* callOnce(call, ofType(type, body, status))
          const error = Either.match(result, {
            onLeft: (error) => ({ ...error, message: error.message }),
            onRight: () => "none",
          })
          // The name shows which body failed.
          expect([what, error]).toMatchObject([
            what,
            { _tag: tag, operation, status, attempts: 1, ...said },
          ])
        }
      }),
  )

  it.effect("a body that breaks off changes nothing", () =>
    Effect.gen(function* () {
      const broken = () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode('{"code":5,'))
              controller.error(new Error("reset"))
            },
          }),
          { status: 404 },
        )
      const { result } = yield* callOnce(calls.getApiKey, broken)
      expect(result).toMatchObject(Either.left({ _tag: "NotFound", status: 404 }))
    }))
})
