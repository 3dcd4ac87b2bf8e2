import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { createApiKey, Credentials, RetryPolicy, withRetryPolicy } from "../../src/mod.ts"
import { type ApiCall, calls, operationNames } from "../everyOperation.ts"
import { ok, scripted, type Step } from "./scripted.ts"

const unauthorized = { status: 401 }

/** A token that changes each time it is asked for: token-1, token-2, … */
const changingToken = () => {
  let asked = 0
  return Effect.sync(() => Redacted.make(`token-${++asked}`))
}

/** Plays a call to its end. Returns its outcome, and the token of each request. */
const play = (
  call: ApiCall,
  credentials: Layer.Layer<Credentials>,
  ...steps: ReadonlyArray<Step>
) =>
  Effect.gen(function* () {
    const script = scripted(...steps)
    const fiber = yield* call.pipe(
      Effect.either,
      Effect.provide(Layer.merge(script.client, credentials)),
      Effect.fork,
    )
    yield* TestClock.adjust("1 hour")
    const outcome = yield* Fiber.join(fiber)
    const bearers = script.sent.map(({ request }) => request.headers["authorization"])
    return { outcome, tokens: bearers.map((bearer) => bearer?.replace("Bearer ", "")) }
  })

const renewing = () => Credentials.layerApiKey(changingToken())

describe("a token that is an Effect", () => {
  for (const operation of operationNames) {
    it.effect(`is asked for once more after a 401 to ${operation}, which is sent again`, () =>
      Effect.gen(function* () {
        const { outcome, tokens } = yield* play(calls[operation], renewing(), unauthorized, ok)
        expect(Either.isRight(outcome)).toBe(true)
        expect(tokens).toEqual(["token-1", "token-2"])
      }))

    it.effect(`is not asked for a third time after a second 401 to ${operation}`, () =>
      Effect.gen(function* () {
        const { outcome, tokens } = yield* play(calls[operation], renewing(), unauthorized)
        expect(outcome).toMatchObject(
          Either.left({ _tag: "Unauthorized", attempts: 2, mayHaveApplied: false }),
        )
        expect(tokens).toEqual(["token-1", "token-2"])
      }))
  }

  it.effect("is renewed once in a call, however many attempts lie between two 401s", () =>
    Effect.gen(function* () {
      const { outcome, tokens } = yield* play(
        calls.getApiKey,
        renewing(),
        unauthorized,
        { status: 503 },
        unauthorized,
      )
      expect(outcome).toMatchObject(Either.left({ _tag: "Unauthorized", attempts: 3 }))
      expect(tokens).toEqual(["token-1", "token-2", "token-3"])
    }))

  it.effect("is renewed whatever the policy, since a renewal is no retry", () =>
    Effect.gen(function* () {
      const call = withRetryPolicy(RetryPolicy.none)(calls.createApiKey)
      const { outcome } = yield* play(call, renewing(), unauthorized, ok)
      expect(Either.isRight(outcome)).toBe(true)
    }))

  it.effect("is not renewed after a refusal other than 401", () =>
    Effect.gen(function* () {
      const { tokens } = yield* play(calls.getApiKey, renewing(), { status: 403 }, ok)
      expect(tokens).toEqual(["token-1"])
    }))

  it.effect("is asked for at each attempt", () =>
    Effect.gen(function* () {
      const limited = { status: 429 }
      const { tokens } = yield* play(calls.createApiKey, renewing(), limited, limited, ok)
      expect(tokens).toEqual(["token-1", "token-2", "token-3"])
    }))

  it.effect("and turns bad before a later attempt leaves the doubt of the attempts before", () =>
    Effect.gen(function* () {
      let asked = 0
      const token = Effect.sync(() => Redacted.make(asked++ === 0 ? "good" : "no\nheader"))
      const credentials = Credentials.layerApiKey(token)
      const { outcome, tokens } = yield* play(calls.deleteApiKey, credentials, { status: 503 }, ok)
      expect(outcome).toMatchObject(Either.left({
        _tag: "InvalidRequest",
        field: "token",
        status: undefined,
        attempts: 1,
        mayHaveApplied: true,
      }))
      expect(tokens).toEqual(["good"])
    }))

  it.effect("is not asked for before the call", () =>
    Effect.gen(function* () {
      let asked = false
      const token = Effect.sync(() => {
        asked = true
        return Redacted.make("token")
      })
      yield* Effect.provide(Credentials, Credentials.layerApiKey(token))
      expect(asked).toBe(false)
    }))

  it.effect("that is a JWT is renewed too", () =>
    Effect.gen(function* () {
      const jwt = Credentials.layerJwt({ token: changingToken(), vanityName: "acme" })
      const { tokens } = yield* play(calls.createApiKey, jwt, unauthorized, ok)
      expect(tokens).toEqual(["token-1", "token-2"])
    }))

  it.effect("makes one key if the service no longer accepts its first value", () =>
    Effect.gen(function* () {
      const { admin, history, requests } = yield* Emulator.Emulator
      const tokens = [Redacted.make("CCDB1_0000000000000000000000_gone"), admin.secret]
      let asked = 0
      const current = Effect.sync(() => tokens[asked++] ?? admin.secret)
      yield* createApiKey({ name: "ci", serviceAccountId: admin.serviceAccountId }).pipe(
        Effect.provide(Credentials.layerApiKey(current)),
      )
      expect((yield* requests).map(({ status }) => status)).toEqual([401, 200])
      expect((yield* history).length).toBe(1)
    }).pipe(Effect.provide(Emulator.layer())))
})

describe("a fixed token", () => {
  for (const operation of operationNames) {
    it.effect(`is not tried again after a 401 to ${operation}`, () =>
      Effect.gen(function* () {
        const fixed = Credentials.layerApiKey(Redacted.make("token"))
        const { outcome, tokens } = yield* play(calls[operation], fixed, unauthorized, ok)
        expect(outcome).toMatchObject(Either.left({ _tag: "Unauthorized", attempts: 1 }))
        expect(tokens).toEqual(["token"])
      }))
  }
})
