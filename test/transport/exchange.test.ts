import { describe, expect, it } from "@effect/vitest"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import {
  Credentials,
  type CredentialsService,
  getApiKey,
  MaxResponseBytes,
  RetryPolicy,
  withRetryPolicy,
} from "@effect-crdb/api-keys"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { answers, type ApiCall, calls, id } from "../everyOperation.ts"
import { anyone, json } from "../recordingClient.ts"

type Requesting = Parameters<typeof HttpClient.make>[0]

/** A call without retries, through a client that answers with `answer`. */
const through = (answer: Requesting, call: ApiCall = calls.getApiKey) =>
  call.pipe(
    withRetryPolicy(RetryPolicy.none),
    Effect.provideService(HttpClient.HttpClient, HttpClient.make(answer)),
    Effect.provide(anyone),
  )

const answering = (response: () => Response): Requesting => (request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, response()))

/** `cause`, wrapped in `depth` other errors. */
const within = (depth: number, cause: unknown): unknown =>
  depth === 0 ? cause : new Error("outer", { cause: within(depth - 1, cause) })

const withCode = (code: unknown) => Object.assign(new Error("no"), { code })

describe("a lost request", () => {
  it.effect.each<readonly [what: string, cause: unknown, said: string]>([
    ["no cause", undefined, ""],
    ["a cause that is no object", "ECONNRESET", ""],
    ["a cause without a code", new Error("no"), ""],
    ["a code", withCode("ECONNRESET"), " (ECONNRESET)"],
    ["a code of undici's", withCode("UND_ERR_SOCKET"), " (UND_ERR_SOCKET)"],
    ["a code in its cause's cause", within(1, withCode("EPIPE")), " (EPIPE)"],
    [
      "a numeric code in front of a text code",
      { ...withCode(7), cause: withCode("EPIPE") },
      " (EPIPE)",
    ],
    ["a code in the fifth cause", within(4, withCode("EPIPE")), " (EPIPE)"],
    ["a code in the sixth cause", within(5, withCode("EPIPE")), ""],
    ["a code that is a list", withCode(["EPIPE"]), ""],
    ["a code of one letter", withCode("E"), ""],
    ["a code of two letters", withCode("EX"), " (EX)"],
    ["a code of 39 characters", withCode("E".repeat(39)), ` (${"E".repeat(39)})`],
    ["a code as long as a secret", withCode("E".repeat(40)), " (<redacted>)"],
    ["a code of 41 characters", withCode("E".repeat(41)), ""],
    ["a code with a text before it", withCode("x ECONNRESET"), ""],
    ["a code with a text behind it", withCode("ECONNRESET x"), ""],
  ])("with %s says of it: %j", ([, cause, said]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        through((request) =>
          new HttpClientError.RequestError({ request, reason: "Transport", cause })
        ),
      )
      expect(error).toMatchObject({
        _tag: "TransportError",
        reason: "Connection",
        message: `getApiKey: no connection, or lost${said}. Check the network and the base URL`,
      })
    }))

  it.effect("never shows a part of the token", () =>
    Effect.gen(function* () {
      const token = Redacted.make("CCDB1_a_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
      const call = Effect.provide(calls.getApiKey, Credentials.layerApiKey(token))
      const cause = withCode("MNOPQRSTU")
      const error = yield* Effect.flip(
        through(
          (request) => new HttpClientError.RequestError({ request, reason: "Transport", cause }),
          call,
        ),
      )
      expect(error.message).toContain("no connection, or lost (<redacted>).")
    }))

  it.effect("is reported as an answer that was cut off if the body breaks", () =>
    Effect.gen(function* () {
      const broken = () =>
        new Response(
          new ReadableStream({ start: (controller) => controller.error(withCode("ECONNRESET")) }),
          { headers: { "content-type": "application/json" } },
        )
      const error = yield* Effect.flip(through(answering(broken), calls.deleteApiKey))
      expect(error).toMatchObject({
        _tag: "TransportError",
        reason: "Connection",
        mayHaveApplied: true,
        message:
          "deleteApiKey: the answer was cut off (ECONNRESET). The change may have been made: " +
          "look before asking for it again",
      })
    }))

  it.effect("is reported as an answer that was cut off if a client fails to decode it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        through((request) =>
          new HttpClientError.ResponseError({
            request,
            response: HttpClientResponse.fromWeb(request, new Response(null)),
            reason: "Decode",
          })
        ),
      )
      expect(error).toMatchObject({ message: expect.stringContaining("the answer was cut off") })
    }))
})

describe("an answer", () => {
  it.effect("that is no success keeps the tag of its status even if its body breaks", () =>
    Effect.gen(function* () {
      const broken = (status: number) => () =>
        new Response(
          new ReadableStream({ start: (controller) => controller.error(new Error("no")) }),
          { status },
        )
      for (const [status, tag] of [[300, "UnexpectedResponse"], [404, "NotFound"]] as const) {
        const error = yield* Effect.flip(through(answering(broken(status))))
        expect(error).toMatchObject({ _tag: tag, status })
      }
      const success = yield* Effect.flip(through(answering(broken(299))))
      expect(success).toMatchObject({ _tag: "TransportError" })
    }))

  it.effect.each([200, 299])("of %i is a success", (status) =>
    Effect.gen(function* () {
      const apiKey = yield* through(answering(() => json(answers.getApiKey, { status })))
      expect(apiKey).toMatchObject({ id })
    }))

  it.effect("counts as one even if a client turned it into an error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        through((request) =>
          HttpClientResponse.filterStatusOk(
            HttpClientResponse.fromWeb(request, json({ message: "no key" }, { status: 404 })),
          )
        ),
      )
      expect(error).toMatchObject({
        _tag: "NotFound",
        message: "getApiKey: there is no such API key (HTTP 404: no key). Check the API key id",
      })
    }))

  it.effect.each<readonly [number, object]>([
    [200, {
      _tag: "UnexpectedResponse",
      message: "getApiKey: the API answered 200, but its body is longer than 20 bytes",
    }],
    [404, {
      _tag: "NotFound",
      message: "getApiKey: there is no such API key (HTTP 404). Check the API key id",
    }],
  ])("of %i whose body is too long is not used", ([status, error]) =>
    Effect.gen(function* () {
      const long = answering(() => json({ ...answers.getApiKey, message: "no" }, { status }))
      const failed = yield* Effect.flip(
        Effect.provideService(through(long), MaxResponseBytes, 20),
      )
      expect(failed).toMatchObject(error)
    }))

  it.effect("of up to eight mebibytes is read", () =>
    Effect.gen(function* () {
      const limit = 8 * 1024 * 1024
      const start = JSON.stringify({ ...answers.getApiKey, x: "" }).slice(0, -2)
      const body = (length: number) => `${start}${"x".repeat(length - start.length - 2)}"}`
      const sized = (length: number) =>
        through(answering(() =>
          new Response(body(length), { headers: { "content-type": "application/json" } })
        ))
      expect(yield* sized(limit)).toMatchObject({ id })
      expect(yield* Effect.flip(sized(limit + 1))).toMatchObject({ _tag: "UnexpectedResponse" })
    }))
})

describe("an answer that says to wait", () => {
  const twice = (credentials: CredentialsService) =>
    Effect.gen(function* () {
      const sentAt: Array<number> = []
      const client = HttpClient.make((request) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          sentAt.push(now)
          const headers = { "retry-after": "5" }
          return HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers }))
        })
      )
      const once = Effect.either(withRetryPolicy(RetryPolicy.none)(calls.getApiKey))
      yield* Effect.zipRight(once, once).pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provideService(Credentials, credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      return sentAt
    })
  const token = Redacted.make("token")

  it.effect("holds back every call with the same Credentials", () =>
    Effect.gen(function* () {
      expect(yield* twice(Credentials.make({ token }))).toEqual([0, 5000])
    }))

  it.effect("holds back no call if the Credentials have no gate", () =>
    Effect.gen(function* () {
      const { gate: _, ...gateless } = Credentials.make({ token })
      expect(yield* twice(gateless)).toEqual([0, 0])
    }))
})

describe("a request", () => {
  it.effect("follows no redirect, and otherwise keeps the user's RequestInit", () =>
    Effect.gen(function* () {
      const inits: Array<unknown> = []
      const fetch: typeof globalThis.fetch = (_url, { redirect, cache } = {}) => {
        inits.push({ redirect, cache })
        return Promise.resolve(json(answers.getApiKey))
      }
      const call: Effect.Effect<unknown, unknown, Credentials> = getApiKey(id).pipe(
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(FetchHttpClient.Fetch, fetch),
      )
      const own = { redirect: "follow", cache: "no-store" } as const
      yield* call.pipe(
        Effect.zipRight(Effect.provideService(call, FetchHttpClient.RequestInit, own)),
        Effect.provide(anyone),
      )
      expect(inits).toEqual([
        { redirect: "manual", cache: undefined },
        { redirect: "manual", cache: "no-store" },
      ])
    }))

  it.effect("hides every header from a client that logs", () =>
    Effect.gen(function* () {
      let shown: unknown
      yield* through((request) =>
        Effect.map(FiberRef.get(Headers.currentRedactedNames), (names) => {
          shown = Object.values(Headers.redact(Headers.fromInput({ a: "1", "x-b": "2" }), names))
          return HttpClientResponse.fromWeb(request, json(answers.getApiKey))
        })
      )
      expect(JSON.stringify(shown)).toBe('["<redacted>","<redacted>"]')
    }))
})

describe("an attempt", () => {
  it.effect("that takes too long names its timeout", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(through(() => Effect.never)))
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        reason: "Timeout",
        message: "getApiKey: no whole answer within 30s. Check the network and the base URL",
      })
    }))

  it.effect("that the call's deadline ends names the deadline", () =>
    Effect.gen(function* () {
      const hasty = Effect.flip(
        calls.deleteApiKey.pipe(
          withRetryPolicy(RetryPolicy.make({ deadline: "5 seconds" })),
          Effect.provideService(HttpClient.HttpClient, HttpClient.make(() => Effect.never)),
          Effect.provide(anyone),
        ),
      )
      const fiber = yield* Effect.fork(hasty)
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        reason: "Timeout",
        message: "deleteApiKey: no success within 5s. The change may have been made: look before " +
          "asking for it again",
      })
    }))
})
