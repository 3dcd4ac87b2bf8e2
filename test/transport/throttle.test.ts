import * as RateLimiter from "@effect/experimental/RateLimiter"
import { describe, expect, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import {
  createApiKey,
  Credentials,
  getApiKey,
  RetryPolicy,
  throttled,
  throttledByStore,
  ThrottleStore,
  withRetryPolicy,
} from "../../src/mod.ts"
import { credentials, key, ok, scripted } from "./scripted.ts"

const tenASecond = throttled({ limit: 10, window: "1 second" })

describe("throttled", () => {
  it.effect("never sends more than the limit in any stretch of one window", () =>
    Effect.gen(function* () {
      const script = scripted({ ...ok, afterMillis: 30 })
      const fiber = yield* Effect.replicateEffect(getApiKey(key.id), 60, { concurrency: 60 }).pipe(
        Effect.provide(Layer.provide(tenASecond, script.client)),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      const times = script.sent.map(({ at }) => at)
      const counts = times.map((from) =>
        times.filter((at) => at >= from && at < from + 1000).length
      )
      expect(Math.max(...counts)).toBe(10)
    }))

  it.effect("serves first who came first", () =>
    Effect.gen(function* () {
      const served: Array<number> = []
      const script = scripted(ok)
      const fiber = yield* Effect.forEach(
        Array.from({ length: 35 }, (_, index) => index),
        (index) => Effect.tap(getApiKey(key.id), () => served.push(index)),
        { concurrency: "unbounded" },
      ).pipe(
        Effect.provide(Layer.provide(tenASecond, script.client)),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(served).toEqual(served.toSorted((a, b) => a - b))
    }))

  it.effect("lets a waiting call be interrupted, which sends nothing and takes no token", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      yield* Effect.gen(function* () {
        yield* Effect.fork(
          Effect.replicateEffect(getApiKey(key.id), 10, { concurrency: 10 }),
        )
        yield* TestClock.adjust(0)
        const waiting = yield* Effect.fork(getApiKey(key.id))
        const next = yield* Effect.fork(getApiKey(key.id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(waiting)
        yield* TestClock.adjust("499 millis")
        expect(script.sent.length).toBe(10)
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(next)
        expect(script.sent.length).toBe(11)
      }).pipe(
        Effect.provide(Layer.provide(tenASecond, script.client)),
        Effect.provide(credentials),
      )
    }))

  it.effect("does not count the wait into the timeout of the attempt", () =>
    Effect.gen(function* () {
      const script = scripted({ ...ok, afterMillis: 900 })
      const fiber = yield* Effect.replicateEffect(getApiKey(key.id), 5, { concurrency: 5 }).pipe(
        withRetryPolicy(RetryPolicy.make({ attemptTimeout: "1 second" })),
        Effect.provide(
          Layer.provide(throttled({ limit: 1, window: "20 seconds" }), script.client),
        ),
        Effect.provide(credentials),
        Effect.exit,
        Effect.fork,
      )
      yield* TestClock.adjust("10 minutes")
      expect(Exit.isSuccess(yield* Fiber.join(fiber))).toBe(true)
      expect(script.sent.length).toBe(5)
    }))

  it.effect("counts the time after the wait into the timeout of the attempt", () =>
    Effect.gen(function* () {
      const script = scripted(ok, "Hang")
      const fiber = yield* getApiKey(key.id).pipe(
        Effect.zipRight(Effect.timed(Effect.flip(getApiKey(key.id)))),
        withRetryPolicy({ ...RetryPolicy.none, attemptTimeout: Duration.seconds(3) }),
        Effect.provide(
          Layer.provide(throttled({ limit: 1, window: "20 seconds" }), script.client),
        ),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("10 minutes")
      const [took, error] = yield* Fiber.join(fiber)
      expect(error).toMatchObject({ reason: "Timeout" })
      expect(Duration.toSeconds(took)).toBe(23)
    }))

  it.effect("says of a create that waited until its deadline that nothing was sent", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      const create = createApiKey({ name: "n", serviceAccountId: key.service_account_id })
      const fiber = yield* create.pipe(
        Effect.zipRight(Effect.flip(create)),
        withRetryPolicy(RetryPolicy.make({ deadline: "5 seconds" })),
        Effect.provide(
          Layer.provide(throttled({ limit: 1, window: "20 seconds" }), script.client),
        ),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        reason: "Timeout",
        attempts: 0,
        mayHaveApplied: false,
      })
    }))

  it.effect("refuses a limit that would never let anything through", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.provide(
          HttpClient.HttpClient,
          Layer.provide(throttled({ limit: 0, window: "1 second" }), scripted(ok).client),
        ),
      )
      expect(Exit.isFailure(exit)).toBe(true)
    }))
})

describe("the gate", () => {
  it.effect("hears a client that turns statuses into errors", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "5" } }, ok)
      const filtering = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk),
      )
      const client = tenASecond.pipe(Layer.provide(filtering), Layer.provide(script.client))
      const { gate: _, ...ungated } = yield* Effect.provide(Credentials, credentials)
      const later = Effect.delay(getApiKey(key.id), "1 second")
      const both = Effect.all([getApiKey(key.id), later], { concurrency: 2 })
      const fiber = yield* both.pipe(
        Effect.provide(client),
        Effect.provideService(Credentials, ungated),
        Effect.withRandom(Random.fixed([0])),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(script.sent.map(({ at }) => at)).toEqual([0, 5000, 5000])
    }))

  it.effect("makes every fiber behind a throttled client wait when one answer says so", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "5" } }, ok)
      const first = yield* Effect.gen(function* () {
        const refused = yield* Effect.fork(getApiKey(key.id))
        yield* TestClock.adjust("1 second")
        const others = yield* Effect.fork(
          Effect.replicateEffect(getApiKey(key.id), 5, { concurrency: 5 }),
        )
        yield* TestClock.adjust("3999 millis")
        const meanwhile = script.sent.length
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(refused)
        yield* Fiber.join(others)
        return meanwhile
      }).pipe(
        Effect.provide(Layer.provide(tenASecond, script.client)),
        // Credentials for each call apart, so that the client alone can hold them together.
        Effect.provide(credentials),
      )
      expect(first).toBe(1)
      expect(script.sent.length).toBe(7)
    }))

  it.effect("stays open for a wait longer than any call would wait", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "3600" } }, ok)
      const get = Effect.provide(
        getApiKey(key.id),
        Layer.provide(tenASecond, script.client),
      )
      yield* Effect.provide(Effect.zipRight(Effect.flip(get), get), credentials)
      expect(script.sent.length).toBe(2)
    }))
})

describe("a store of the throttle", () => {
  const consumed: Array<string> = []

  it.effect("in a rate limiter waits for as long as the limiter says", () =>
    Effect.gen(function* () {
      let calls = 0
      const limiter = ThrottleStore.layerRateLimiter({
        consume: (options) =>
          Effect.suspend(() => {
            consumed.push(options.key)
            return ++calls === 1
              ? Effect.fail({ reason: "Exceeded", retryAfter: Duration.seconds(3) })
              : Effect.void
          }),
      })
      const script = scripted(ok)
      const fiber = yield* getApiKey(key.id).pipe(
        Effect.provide(
          throttledByStore({ limit: 1, window: "1 second", key: "shared" }).pipe(
            Layer.provide(limiter),
            Layer.provide(script.client),
          ),
        ),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      expect(script.sent.map(({ at }) => at)).toEqual([3000])
      expect(consumed).toEqual(["shared:0", "shared:0"])
    }))

  it.effect("in the real rate limiter lets no stretch of one window hold more than the limit", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      const store = Layer.unwrapEffect(
        Effect.map(RateLimiter.RateLimiter, ThrottleStore.layerRateLimiter),
      ).pipe(Layer.provide(RateLimiter.layer), Layer.provide(RateLimiter.layerStoreMemory))
      const client = throttledByStore({ limit: 10, window: "1 second" }).pipe(
        Layer.provide(store),
        Layer.provide(script.client),
      )
      const call = getApiKey(key.id)
      const fiber = yield* call.pipe(
        // What an idle stretch leaves in a bucket must not add to what flows in.
        Effect.zipRight(Effect.sleep("1450 millis")),
        Effect.zipRight(Effect.replicateEffect(call, 40, { concurrency: "unbounded" })),
        Effect.provide(Layer.merge(client, credentials)),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      const times = script.sent.map(({ at }) => at)
      const counts = times.map((from) =>
        times.filter((at) => at >= from && at < from + 1000).length
      )
      expect(Math.max(...counts)).toBe(10)
      // The first call, a wait, four bursts of ten, and three windows and a twenty-fifth between.
      expect(times.at(-1)).toBe(1450 + 3 * 1040)
    }))

  it.effect("that fails lets requests through, since the API keeps its own limit", () =>
    Effect.gen(function* () {
      const broken = ThrottleStore.layerRateLimiter({
        consume: () => Effect.fail({ reason: "StoreError" }),
      })
      const script = scripted(ok)
      yield* getApiKey(key.id).pipe(
        Effect.provide(
          throttledByStore({ limit: 1, window: "1 second" }).pipe(
            Layer.provide(broken),
            Layer.provide(script.client),
          ),
        ),
        Effect.provide(credentials),
      )
      expect(script.sent.length).toBe(1)
    }))
})
