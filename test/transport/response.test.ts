import { describe, expect, it } from "@effect/vitest"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { createApiKey, listApiKeysPage } from "@effect-crdb/api-keys"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { getApiKey } from "../../src/operation.ts"
import { interpret, MaxResponseBytes, readBody } from "../../src/transport/response.ts"
import { answers, calls, everyOperation, serviceAccountId } from "../everyOperation.ts"
import { callOnce, json } from "../recordingClient.ts"

const encode = (text: string) => new TextEncoder().encode(text)

/** A response of `chunks`. Tells how many were read, and whether the rest was cancelled. */
const streamed = (chunks: ReadonlyArray<Uint8Array>, headers: Record<string, string> = {}) => {
  let taken = 0
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const next = chunks[taken]
      if (next === undefined) return controller.close()
      taken++
      controller.enqueue(next)
    },
    cancel: () => {
      cancelled = true
    },
  }, { highWaterMark: 0 })
  const response = HttpClientResponse.fromWeb(
    HttpClientRequest.get("https://x.example"),
    new Response(body, { headers }),
  )
  return { response, taken: () => taken, cancelled: () => cancelled }
}

describe("a body", () => {
  it.effect.each<readonly [number]>([[3], [4], [5]])(
    "of four bytes is read only if the bound allows it: %i",
    ([bound]) =>
      Effect.gen(function* () {
        const { response } = streamed([encode("ab"), encode("cd")])
        const body = yield* readBody(response, bound)
        expect(body).toEqual(bound < 4 ? Option.none() : Option.some("abcd"))
      }),
  )

  it.effect("that is too long is cancelled before its end", () =>
    Effect.gen(function* () {
      const { cancelled, response, taken } = streamed(Array(100).fill(encode("0123456789")))
      expect(yield* readBody(response, 25)).toEqual(Option.none())
      expect(taken()).toBe(3)
      expect(cancelled()).toBe(true)
    }))

  it.effect("keeps characters that are split between chunks", () =>
    Effect.gen(function* () {
      const bytes = encode("a\u{1f511}b")
      const { response } = streamed([...bytes].map((byte) => Uint8Array.of(byte)))
      expect(yield* readBody(response, 100)).toEqual(Option.some("a\u{1f511}b"))
    }))

  it.effect("that ends in the middle of a character ends in U+FFFD", () =>
    Effect.gen(function* () {
      const { response } = streamed([encode("a\u{1f511}").subarray(0, 3)])
      expect(yield* readBody(response, 100)).toEqual(Option.some("a\ufffd"))
    }))

  it.effect("that is absent reads as empty", () =>
    Effect.gen(function* () {
      const response = HttpClientResponse.fromWeb(
        HttpClientRequest.get("https://x.example"),
        new Response(null),
      )
      expect(yield* readBody(response, 100)).toEqual(Option.some(""))
    }))

  const long = Array(100).fill(encode("0123456789"))
  it.effect.each<readonly [string, Record<string, string>]>([
    ["no length", {}],
    ["a length beyond the bound", { "content-length": "26" }],
    ["a negative length", { "content-length": "-1" }],
    ["an empty length", { "content-length": "" }],
    ["a length that is a word", { "content-length": "ten" }],
    ["two lengths", { "content-length": "5, 5" }],
    ["a length that is not a whole number", { "content-length": "1e1" }],
    ["a length of compressed bytes", { "content-length": "5", "content-encoding": "gzip" }],
    ["a length beside Transfer-Encoding", {
      "content-length": "5",
      "transfer-encoding": "chunked",
    }],
  ])("with %s is counted while it is read", ([, headers]) =>
    Effect.gen(function* () {
      const { response, taken } = streamed(long, headers)
      expect(yield* readBody(response, 25)).toEqual(Option.none())
      expect(taken()).toBe(3)
    }))

  it.effect.each(["5", "25"])(
    "with a length of %s, where 25 are allowed, is read by the HTTP client",
    (length) =>
      Effect.gen(function* () {
        const { response } = streamed([encode("01234")], { "content-length": length })
        let streams = 0
        const watched = Object.create(response, {
          text: { get: () => response.text },
          stream: { get: () => (streams++, response.stream) },
        })
        expect(yield* readBody(watched, 25)).toEqual(Option.some("01234"))
        expect(streams).toBe(0)
      }),
  )

  it("has a bound with a fixed key, so that two copies of the module share it", () => {
    expect(MaxResponseBytes.key).toBe("@effect-crdb/MaxResponseBytes")
  })

  it.effect("that breaks off fails", () =>
    Effect.gen(function* () {
      const broken = new ReadableStream({ start: (controller) => controller.error(new Error("x")) })
      const response = HttpClientResponse.fromWeb(
        HttpClientRequest.get("https://x.example"),
        new Response(broken),
      )
      const error = yield* Effect.flip(readBody(response, 100))
      expect(error).toBeInstanceOf(HttpClientError.ResponseError)
    }))
})

describe("an answer with the right body", () => {
  const means = (status: number, contentType: string | undefined) => {
    const state = { operation: getApiKey, attempts: 1, mayHaveApplied: false }
    const headers = contentType === undefined ? {} : { "content-type": contentType }
    const answer = { status, headers, body: "{}" }
    const decoded = interpret(state, answer, { decode: Either.right }, ["token"], 0)
    return Either.match(decoded, { onLeft: ({ error }) => error.message, onRight: () => "fits" })
  }

  it.each([[200, true], [299, true], [199, false], [300, false]])(
    "and the status %i is a success: %s",
    (status, isSuccess) => {
      expect(means(status, "application/json") === "fits").toBe(isSuccess)
    },
  )

  it.each([
    undefined,
    "application/json",
    " application/json",
    "application/json;charset=utf-8",
    "application/json ; charset=utf-8",
    "APPLICATION/JSON",
    "text/json",
    "application/vnd.api+json",
    "application/vnd.x-y.z+json",
  ])("is accepted as %j", (contentType) => {
    expect(means(200, contentType)).toBe("fits")
  })

  it.each([
    "",
    "json",
    "/json",
    "text/plain",
    "text/plain; application/json",
    "application/jsonp",
    "application/json-seq",
    "application/+json",
    "application/json, text/html",
  ])("is refused as %j", (contentType) => {
    expect(means(200, contentType)).toBe(
      "getApiKey: the API answered 200, but its Content-Type is not JSON",
    )
  })
})

describe("a secret", () => {
  const secret = "CCDB1_zyxwvutsrqponmlkjihgfe_qW3rT5yU7iO9pA1sD2fG4hJ6kL8zX0cV5bN7mQ2w"
  it.effect.each<readonly [string]>([["next_page"], ["previous_page"]])(
    "as %s makes a page an UnexpectedResponse",
    ([name]) =>
      Effect.gen(function* () {
        const page = { api_keys: [], pagination: { [name]: `x${secret}` } }
        const { result } = yield* callOnce(calls.listApiKeys, () => json(page))
        expect(result).toMatchObject(Either.left({
          _tag: "UnexpectedResponse",
          message: expect.stringContaining("a page token in its body holds a secret"),
        }))
      }),
  )

  it.effect("is refused as a page token or a service account, before anything is sent", () =>
    Effect.gen(function* () {
      for (
        const [field, call] of [
          ["startPage", listApiKeysPage({ startPage: secret })],
          ["serviceAccountId", listApiKeysPage({ serviceAccountId: `${secret} ` })],
        ] as const
      ) {
        const { result, sent } = yield* callOnce(call, () => json(answers.listApiKeys))
        expect(sent).toEqual([])
        expect(result).toMatchObject(Either.left({
          _tag: "InvalidRequest",
          field,
          message: `listApiKeys: ${field} holds a secret, which URLs and logs would show`,
        }))
      }
    }))

  it.effect("is accepted as a key's name, which goes into no URL", () =>
    Effect.gen(function* () {
      const call = createApiKey({ name: secret, serviceAccountId })
      const { result } = yield* callOnce(call, () => json(answers.createApiKey))
      expect(Either.isRight(result)).toBe(true)
    }))
})

describe("an error body", () => {
  it.effect.each(everyOperation)(
    "to $operation with the fields of a Status shows in the error",
    ({ call }) =>
      Effect.gen(function* () {
        const body = { code: 3, message: "m", details: [{ "@type": "t" }] }
        const { result } = yield* callOnce(call, () => json(body, { status: 400 }))
        expect(result).toMatchObject(Either.left({
          code: 3,
          details: [{ "@type": "t" }],
          message: expect.stringContaining("the API refused the request (HTTP 400: m)"),
        }))
      }),
  )

  it.effect.each([
    ["a code that is a string", { code: "3" }],
    ["a code that is a fraction", { code: 3.5 }],
    ["a code beyond the safe integers", { code: 1e300 }],
    ["an empty message", { message: "" }],
    ["a message that is a number", { message: 7 }],
    ["details that are an object", { details: { a: 1 } }],
    ["too many secrets", {
      code: 3,
      message: "m",
      details: Array.from({ length: 101 }, (_, i) => `CCDB1_a_${i}`),
    }],
    ["too many escaped secrets", {
      code: 3,
      message: "\\",
      details: Array.from({ length: 101 }, (_, i) => `\u0001CCDB1_a_${i}`),
    }],
  ])("with %s is left out of the error", ([, body]) =>
    Effect.gen(function* () {
      const { result } = yield* callOnce(calls.getApiKey, () => json(body, { status: 404 }))
      expect(result).toMatchObject(Either.left({
        code: undefined,
        details: [],
        message: "getApiKey: there is no such API key (HTTP 404). Check the API key id",
      }))
    }))

  it.effect("shows without its secrets, however deeply it is nested", () =>
    Effect.gen(function* () {
      const details = `${"[".repeat(9990)}"CCDB1\\u005Fabc_0123456789abcdef"${"]".repeat(9990)}`
      const body = `{"code":3,"message":"a \\u0022b\\u0022 0123456789","details":${details}}`
      const { result } = yield* callOnce(calls.getApiKey, () => new Response(body, { status: 400 }))
      expect(result).toMatchObject(
        Either.left({ code: 3, message: expect.stringContaining('(HTTP 400: a "b" <redacted>)') }),
      )
    }))

  it.effect("with one very long secret does no harm", () =>
    Effect.gen(function* () {
      const body = `{"message":"m","x":"CCDB1_a${"_a".repeat(1e5)}"}`
      const { result } = yield* callOnce(calls.getApiKey, () => new Response(body, { status: 400 }))
      expect(result).toMatchObject(Either.left({ _tag: "InvalidRequest" }))
    }))

  it.effect.each<readonly [what: string, text: string, said: string]>([
    ["an escape completes a secret", "CCDB1_abc_\\u00301234567", "<redacted>89"],
    ["a backslash is escaped", "\\\\u0043CDB1_abc_0123456789", "0123456789"],
    ["an escape ends what looks like one", "CCDB1_abc_\\n0123456789", "0123456789"],
  ])("in which %s is redacted accordingly", ([, text, said]) =>
    Effect.gen(function* () {
      const body = `{"x":"${text}","message":"0123456789"}`
      const { result } = yield* callOnce(calls.getApiKey, () => new Response(body, { status: 400 }))
      expect(result).toMatchObject(
        Either.left({ message: expect.stringContaining(`(HTTP 400: ${said})`) }),
      )
    }))

  it.effect("shows without parts of a secret that it holds elsewhere, escaped", () =>
    Effect.gen(function* () {
      const body = `{"x":"CCDB1\\u005fabc_0123456789abcdef","message":"0123456789"}`
      const { result } = yield* callOnce(
        calls.getApiKey,
        () => new Response(body, { status: 400 }),
      )
      expect(result).toMatchObject(
        Either.left({ message: expect.stringContaining("(HTTP 400: <redacted>)") }),
      )
    }))
})
