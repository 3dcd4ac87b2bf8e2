import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { Credentials, getApiKey, RetryPolicy, throttled, withRetryPolicy } from "../../src/mod.ts"
import { id } from "../everyOperation.ts"
import { credentials, ok, scripted } from "../transport/scripted.ts"

/** The test's clock. After one second its wall clock is set back by an hour. */
const setBack = Effect.clockWith((clock) => {
  const millis = () => {
    const now = clock.unsafeCurrentTimeMillis()
    return now >= 1000 ? now - 3_600_000 : now
  }
  return Effect.succeed<Clock.Clock>({
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    currentTimeMillis: Effect.sync(millis),
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
    currentTimeNanos: clock.currentTimeNanos,
    sleep: (duration) => clock.sleep(duration),
  })
})

/** Runs `before`, then `call`. Returns the milliseconds until both have ended. */
const endsAfter = <A, E>(before: Effect.Effect<unknown, E>, call: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const clock = yield* setBack
    let endedAt = 0
    const fiber = yield* before.pipe(
      Effect.zipRight(call),
      Effect.exit,
      Effect.tap(() => Effect.sync(() => endedAt = Number(clock.unsafeCurrentTimeNanos()) / 1e6)),
      Effect.withClock(clock),
      Effect.fork,
    )
    yield* TestClock.adjust("10 minutes")
    // A call that has not ended by now never will.
    yield* Fiber.interrupt(fiber)
    return endedAt
  })

describe("a wall clock that is set back by an hour", () => {
  it.effect("does not stretch the timeout of an attempt", () =>
    Effect.gen(function* () {
      const call = getApiKey(id).pipe(
        withRetryPolicy(RetryPolicy.none),
        Effect.provide(scripted("Hang").layer),
      )
      expect(yield* endsAfter(Effect.void, call)).toBe(30_000)
    }))

  it.effect("does not stretch the wait for a token", () =>
    Effect.gen(function* () {
      const layer = throttled({ limit: 1, window: "20 seconds" }).pipe(
        Layer.provide(scripted(ok).client),
        Layer.merge(credentials),
      )
      const twice = Effect.provide(Effect.replicateEffect(getApiKey(id), 2), layer)
      expect(yield* endsAfter(Effect.void, twice)).toBe(20_000)
    }))

  it.effect("does not keep the gate shut for longer", () =>
    Effect.gen(function* () {
      const { layer } = scripted({ status: 429, headers: { "retry-after": "20" } }, ok)
      const { shared, other } = yield* Effect.map(
        Effect.provide(Credentials, credentials),
        (service) => ({ shared: Layer.succeed(Credentials, service), other: layer }),
      )
      const client = Layer.merge(other, shared)
      const get = Effect.provide(getApiKey(id), client)
      const refused = withRetryPolicy(RetryPolicy.none)(get)
      expect(yield* endsAfter(Effect.exit(refused), get)).toBe(20_000)
    }))
})
