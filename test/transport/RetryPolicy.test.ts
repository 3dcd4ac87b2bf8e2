import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import * as fc from "fast-check"
import {
  type ApiKeyError,
  RateLimited,
  RetryPolicy,
  type RetryPolicyService,
  TransportError,
  withRetryPolicy,
} from "../../src/mod.ts"
import * as Operation from "../../src/operation.ts"
import { backoffBound, mayRepeat } from "../../src/transport/RetryPolicy.ts"
import { type ApiCall, calls, mutations, operationNames } from "../everyOperation.ts"
import { asked, rows } from "./retryTable.ts"
import { ok, scripted } from "./scripted.ts"

/** Plays a call to its end. `waits` are the milliseconds between one request and the next. */
const play = (call: ApiCall, script: ReturnType<typeof scripted>, policy?: RetryPolicyService) =>
  Effect.gen(function* () {
    const fiber = yield* call.pipe(
      policy === undefined ? (self) => self : withRetryPolicy(policy),
      Effect.either,
      Effect.provide(script.layer),
      Effect.withRandom(Random.fixed([1])),
      Effect.fork,
    )
    yield* TestClock.adjust("1 hour")
    const outcome = yield* Fiber.join(fiber)
    const times = script.sent.map(({ at }) => at)
    return {
      tag: Either.match(outcome, { onLeft: ({ _tag }) => _tag as string, onRight: () => "ok" }),
      error: Either.match(outcome, { onLeft: (error) => error, onRight: () => undefined }),
      requests: times.length,
      waits: times.slice(1).map((at, index) => at - (times[index] ?? 0)),
    }
  })

describe("a retry", () => {
  for (const operation of operationNames) {
    for (const { createWaits, failure, open, step, tag, waits } of rows) {
      const expected = operation === "createApiKey" ? createWaits : waits
      it.effect(
        `of ${operation} after ${failure}: sends ${expected.length + 1} in all, ${
          expected.length === 0 ? "no wait" : `waits ${expected.join(", ")} ms`
        }`,
        () =>
          Effect.gen(function* () {
            const played = yield* play(calls[operation], scripted(step))
            expect(played.tag).toBe(tag)
            expect(played.waits).toEqual(expected)
            expect(played.error?.attempts).toBe(expected.length + 1)
            expect(played.error?.operation).toBe(operation)
            expect(played.error?.mayHaveApplied).toBe(open && mutations.includes(operation))
          }),
      )
    }

    it.effect(`of ${operation} succeeds if the fifth request does`, () =>
      Effect.gen(function* () {
        const limited = { status: 429 }
        const played = yield* play(
          calls[operation],
          scripted(limited, limited, limited, limited, ok),
        )
        expect(played).toMatchObject({ tag: "ok", requests: 5 })
      }))

    it.effect(`of ${operation} never comes after an interruption, which aborts the request`, () =>
      Effect.gen(function* () {
        const script = scripted("Hang")
        const fiber = yield* Effect.fork(Effect.provide(calls[operation], script.layer))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 hour")
        expect([script.sent.length, script.aborted()]).toEqual([1, 1])
      }))
  }

  it.effect("of a create follows a lost answer only if the policy accepts duplicates", () =>
    Effect.gen(function* () {
      const accepting = RetryPolicy.make({ repeatCreateAcceptingDuplicates: true })
      const played = yield* play(calls.createApiKey, scripted("Connection"), accepting)
      expect(played.requests).toBe(5)
    }))

  it.effect("of a create that may have made a key never comes, whatever the schedule", () =>
    Effect.gen(function* () {
      const eager = RetryPolicy.make({ schedule: Schedule.recurs(100) })
      const played = yield* play(calls.createApiKey, scripted({ status: 503 }), eager)
      expect(played.requests).toBe(1)
    }))

  it.effect("of a lost delete that ends in NotFound says that it may have deleted the key", () =>
    Effect.gen(function* () {
      const played = yield* play(calls.deleteApiKey, scripted("Connection", { status: 404 }))
      expect(played.error).toMatchObject({ _tag: "NotFound", attempts: 2, mayHaveApplied: true })
    }))
})

describe("a policy", () => {
  it("has a fixed key, so that two copies of the module share it", () => {
    expect(RetryPolicy.key).toBe("@effect-crdb/RetryPolicy")
  })

  it.effect("of `none` sends once", () =>
    Effect.gen(function* () {
      const played = yield* play(calls.getApiKey, scripted({ status: 503 }), RetryPolicy.none)
      expect(played.requests).toBe(1)
    }))

  it.effect("takes the user's schedule as it is", () =>
    Effect.gen(function* () {
      const own = RetryPolicy.make({
        schedule: Schedule.intersect(Schedule.recurs(2), Schedule.spaced("3 seconds")),
      })
      const played = yield* play(calls.getApiKey, scripted({ status: 503 }), own)
      expect(played.waits).toEqual([3000, 3000])
    }))

  it.effect("hands its schedule the error of each attempt", () =>
    Effect.gen(function* () {
      const onlyAfter503 = RetryPolicy.make({
        schedule: Schedule.forever.pipe(
          Schedule.whileInput((error: ApiKeyError) =>
            error._tag === "ServerError" && error.status === 503
          ),
        ),
      })
      const script = scripted({ status: 503 }, { status: 503 }, { status: 500 })
      const played = yield* play(calls.getApiKey, script, onlyAfter503)
      expect(played.error).toMatchObject({ status: 500, attempts: 3 })
    }))

  it.effect("ends each attempt at its timeout", () =>
    Effect.gen(function* () {
      const short = RetryPolicy.make({ attemptTimeout: "2 seconds", schedule: Schedule.recurs(1) })
      const played = yield* play(calls.getApiKey, scripted("Hang"), short)
      expect(played.waits).toEqual([2000])
      expect(played.error).toMatchObject({ _tag: "TransportError", reason: "Timeout" })
    }))

  it.effect("ends the whole call at its deadline, waits included", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: asked("20") })
      const fiber = yield* calls.createApiKey.pipe(
        withRetryPolicy(RetryPolicy.make({ deadline: "30 seconds" })),
        Effect.flip,
        Effect.provide(script.layer),
        Effect.fork,
      )
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(fiber)
      expect(error).toMatchObject({
        _tag: "TransportError",
        reason: "Timeout",
        attempts: 2,
        mayHaveApplied: false,
      })
    }))

  it.effect("ends at its deadline in an uninterruptible region, and sends nothing after it", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "5" } }, ok)
      const fiber = yield* calls.createApiKey.pipe(
        withRetryPolicy(RetryPolicy.make({ deadline: "2 seconds" })),
        Effect.uninterruptible,
        Effect.flip,
        Effect.timed,
        Effect.provide(script.layer),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      const [took, error] = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ reason: "Timeout", attempts: 1, mayHaveApplied: false })
      expect([Duration.toMillis(took), script.sent.length]).toEqual([2000, 1])
    }))

  it.effect("leaves open whether a create that the deadline cuts off made a key", () =>
    Effect.gen(function* () {
      const impatient = RetryPolicy.make({ deadline: "5 seconds" })
      const played = yield* play(calls.createApiKey, scripted("Hang"), impatient)
      expect(played.error).toMatchObject({ reason: "Timeout", attempts: 1, mayHaveApplied: true })
    }))

  it.effect("says how long the API asked to wait if that is too long", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: asked("3600") })
      const { error } = yield* play(calls.getApiKey, script)
      expect(error?._tag === "RateLimited" && error.retryAfter).toEqual(
        Option.some(Duration.hours(1)),
      )
      expect(error?.message).toContain("Try again in 1h")
    }))
})

describe("the retry decision", () => {
  const policy = RetryPolicy.make()
  const limited = new RateLimited({
    operation: "getApiKey",
    message: "",
    attempts: 1,
    mayHaveApplied: false,
    status: 429,
    code: undefined,
    details: [],
    retryAfter: Option.none(),
  })

  it("repeats after a Retry-After of up to maxRetryAfter, and not after a longer one", () => {
    fc.assert(fc.property(fc.nat(200_000), (millis) => {
      const retryAfter = Option.some(Duration.millis(millis))
      return mayRepeat(policy, Operation.getApiKey, { error: limited, retryAfter }) ===
        (millis <= 60_000)
    }))
  })

  it("lets backoffs grow, up to the cap", () => {
    const bounds = fc.record({
      base: fc.integer({ min: 1, max: 5000 }).map(Duration.millis),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      cap: fc.integer({ min: 1, max: 60_000 }).map(Duration.millis),
    })
    fc.assert(fc.property(bounds, fc.nat(2000), (bounds, retry) => {
      const bound = Duration.toMillis(backoffBound(bounds, retry))
      const next = Duration.toMillis(backoffBound(bounds, retry + 1))
      return bound > 0 && bound <= Duration.toMillis(bounds.cap) && next >= bound
    }))
  })

  it.effect("draws each wait between zero and its bound, and sends as often as `attempts` says", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.integer(), async (attempts, seed) => {
          const script = scripted("Connection")
          const policy = RetryPolicy.make({ schedule: RetryPolicy.backoff({ attempts }) })
          const run = Effect.gen(function* () {
            const fiber = yield* calls.getApiKey.pipe(
              withRetryPolicy(policy),
              Effect.flip,
              Effect.provide(script.layer),
              Effect.withRandom(Random.make(seed)),
              Effect.fork,
            )
            yield* TestClock.adjust("10 minutes")
            return yield* Fiber.join(fiber)
          })
          const error = await Effect.runPromise(
            Effect.provide(run, TestContext.TestContext),
          )
          const waits = script.sent.slice(1).map(({ at }, i) => at - (script.sent[i]?.at ?? 0))
          expect(script.sent.length).toBe(attempts)
          expect(error instanceof TransportError && error.attempts).toBe(attempts)
          waits.forEach((wait, retry) => {
            expect(wait).toBeLessThanOrEqual(Math.min(10_000, 250 * 2 ** retry))
          })
        }),
        { numRuns: 50 },
      )
    ))
})
