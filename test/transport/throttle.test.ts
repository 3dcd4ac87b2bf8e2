import * as RateLimiter from "@effect/experimental/RateLimiter"
import { describe, expect, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import {
  createApiKey,
  Credentials,
  getApiKey,
  type RateLimiter as RateLimiterPart,
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
      expect(Duration.toMillis(took)).toBe(20_000 + 3000)
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

  it.effect.each([0, -1, 1.5, NaN, Infinity, 2 ** 53])(
    "refuses a limit of %d",
    (limit) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(
          Effect.provide(
            HttpClient.HttpClient,
            Layer.provide(throttled({ limit, window: "1 second" }), scripted(ok).client),
          ),
        )
        expect(String(exit)).toContain("throttled: limit must be a whole number, 1 or more")
      }),
  )

  /** When the requests of as many calls at once are sent, one in each window. */
  const sentOneByOne = (
    window: Duration.DurationInput,
    ...answersAfter: ReadonlyArray<number>
  ) =>
    Effect.gen(function* () {
      const script = scripted(...answersAfter.map((afterMillis) => ({ ...ok, afterMillis })))
      const calls = Effect.replicateEffect(getApiKey(key.id), answersAfter.length, {
        concurrency: "unbounded",
      })
      const fiber = yield* calls.pipe(
        Effect.provide(Layer.provide(throttled({ limit: 1, window }), script.client)),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      return script.sent.map(({ at }) => at)
    })

  it.effect.each<readonly [string, Duration.DurationInput, ReadonlyArray<number>, object]>([
    ["a window and three hundredths after it was sent, where all answers take as long", 1000, [
      300,
      300,
      300,
    ], [0, 1030, 2060]],
    ["later by what its answer took beyond the fastest", 1000, [100, 500, 100], [0, 1030, 2460]],
    ["a window and three hundredths after it was sent, where its answer is the fastest", 1000, [
      500,
      100,
      0,
    ], [0, 1030, 2060]],
    ["a window after its answer, where answers take less", 1000, [20, 10, 0], [0, 1020, 2030]],
    // The second looks again each twenty-fifth of a window while the first is under way.
    ["soon after an answer that took longer than a window", 1000, [1500, 0], [0, 1520]],
    ["no sooner than whole milliseconds can tell", Duration.micros(1500n), [0, 0], [0, 2]],
  ])(
    "lets a request's token come back %s",
    ([, window, answersAfter, sentAt]) =>
      Effect.gen(function* () {
        expect(yield* sentOneByOne(window, ...answersAfter)).toEqual(sentAt)
      }),
  )

  it.effect("lets the token of a request that is interrupted come back too", () =>
    Effect.gen(function* () {
      const script = scripted("Hang", ok)
      yield* Effect.gen(function* () {
        const hanging = yield* Effect.fork(getApiKey(key.id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(hanging)
        const next = yield* Effect.fork(getApiKey(key.id))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(next)
      }).pipe(
        Effect.provide(Layer.provide(throttled({ limit: 1, window: "1 second" }), script.client)),
        Effect.provide(credentials),
      )
      expect(script.sent.map(({ at }) => at)).toEqual([0, 1500])
    }))

  it.effect("takes no request without an answer for a fast one", () =>
    Effect.gen(function* () {
      const script = scripted({ ...ok, afterMillis: 300 }, "Connection", {
        ...ok,
        afterMillis: 300,
      })
      const calls = Effect.replicateEffect(Effect.either(getApiKey(key.id)), 4, {
        concurrency: "unbounded",
      }).pipe(
        withRetryPolicy(RetryPolicy.none),
        Effect.provide(Layer.provide(throttled({ limit: 1, window: "1 second" }), script.client)),
        Effect.provide(credentials),
      )
      const fiber = yield* Effect.fork(calls)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(script.sent.map(({ at }) => at)).toEqual([0, 1030, 2030, 3060])
    }))

  it.effect.each([20, 22, 25, 28, 31, 34])(
    "loses no token where a call that yields every %d steps is interrupted",
    (steps) =>
      Effect.gen(function* () {
        const script = scripted(ok)
        yield* Effect.gen(function* () {
          for (let yields = 0; yields < 8; yields++) {
            const cut = yield* Effect.fork(Effect.withMaxOpsBeforeYield(getApiKey(key.id), steps))
            yield* Effect.repeatN(Effect.yieldNow(), yields)
            yield* Fiber.interrupt(cut)
            const next = yield* Effect.fork(getApiKey(key.id))
            yield* TestClock.adjust("1 minute")
            expect(Option.isSome(yield* Fiber.poll(next))).toBe(true)
          }
        }).pipe(
          Effect.provide(Layer.provide(throttled({ limit: 1, window: "1 second" }), script.client)),
          Effect.provide(credentials),
        )
      }),
  )
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
      // Credentials for each call apart, so that the client alone can hold them together.
      const call = Effect.provide(getApiKey(key.id), credentials)
      yield* Effect.gen(function* () {
        yield* Effect.fork(call)
        yield* TestClock.adjust("1 second")
        yield* Effect.fork(Effect.replicateEffect(call, 5, { concurrency: 5 }))
        yield* TestClock.adjust("1 minute")
      }).pipe(Effect.provide(Layer.provide(tenASecond, script.client)))
      expect(script.sent.map(({ at }) => at)).toEqual([0, 5000, 5000, 5000, 5000, 5000, 5000])
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

  /** Sends so many requests at once through a limiter, and tells when, and what it was asked for. */
  const sentThrough = (
    consume: RateLimiterPart["consume"],
    options: { readonly limit: number; readonly calls: number },
  ) =>
    Effect.gen(function* () {
      const asked: Array<Parameters<RateLimiterPart["consume"]>[0]> = []
      const limiter = ThrottleStore.layerRateLimiter({
        consume: (request) =>
          Effect.suspend(() => {
            asked.push(request)
            return consume(request)
          }),
      })
      const logs: Array<unknown> = []
      const script = scripted(ok)
      const calls = Effect.replicateEffect(getApiKey(key.id), options.calls, {
        concurrency: "unbounded",
      })
      const fiber = yield* calls.pipe(
        Effect.provide(
          throttledByStore({ limit: options.limit, window: "1 second" }).pipe(
            Layer.provide(limiter),
            Layer.provide(script.client),
          ),
        ),
        Effect.provide(credentials),
        Effect.provide(
          Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logs.push(message))),
        ),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      return { asked, logs, sentAt: script.sent.map(({ at }) => at) }
    })

  const exceeded = (retryAfter: Duration.DurationInput) => ({
    reason: "Exceeded",
    retryAfter: Duration.decode(retryAfter),
  })

  it.effect("in a rate limiter asks for one token at a time, in a window and a twenty-fifth", () =>
    Effect.gen(function* () {
      const { asked } = yield* sentThrough(() => Effect.void, { limit: 2, calls: 2 })
      const options = {
        algorithm: "fixed-window",
        onExceeded: "fail",
        limit: 1,
        window: Duration.millis(1040),
      }
      expect(asked).toEqual([
        { ...options, key: "@effect-crdb/api-keys:0" },
        { ...options, key: "@effect-crdb/api-keys:1" },
      ])
    }))

  it.effect("in a rate limiter waits for the first token, and asks for none that is known to be out", () =>
    Effect.gen(function* () {
      const waits: Record<string, Duration.DurationInput | undefined> = {
        "@effect-crdb/api-keys:0": "3 seconds",
        "@effect-crdb/api-keys:1": "2 seconds",
      }
      const { asked, sentAt } = yield* sentThrough(({ key }) => {
        const wait = waits[key]
        waits[key] = undefined
        return wait === undefined ? Effect.void : Effect.fail(exceeded(wait))
      }, { limit: 2, calls: 3 })
      expect(asked.map(({ key }) => key.slice(-1))).toEqual(["0", "1", "1", "0", "1"])
      expect(sentAt).toEqual([2000, 3000, 3040])
    }))

  it.effect.each<readonly [string, Layer.Layer<ThrottleStore>]>([
    ["in memory", ThrottleStore.layerMemory],
    [
      "in a rate limiter",
      Layer.suspend(() => {
        const answers = [Effect.void, Effect.fail(exceeded("1 second"))]
        return ThrottleStore.layerRateLimiter({ consume: () => answers.shift() ?? Effect.never })
      }),
    ],
  ])("%s gives a token, or says when to ask again", ([, layer]) =>
    Effect.gen(function* () {
      const { take } = yield* ThrottleStore
      const bucket = { key: "k", limit: 1, window: Duration.decode("1 second") }
      expect(yield* take(bucket)).toMatchObject({ _tag: "Taken" })
      yield* TestClock.adjust("1 minute")
      expect(yield* take(bucket)).toMatchObject({ _tag: "Empty" })
    }).pipe(Effect.provide(layer)))

  it("is found by the key by which two copies of the module know each other's", () => {
    expect(ThrottleStore.key).toBe("@effect-crdb/ThrottleStore")
  })

  it.effect("in a rate limiter waits a millisecond where the limiter says no time at all", () =>
    Effect.gen(function* () {
      let calls = 0
      const { sentAt } = yield* sentThrough(
        () => ++calls === 1 ? Effect.fail(exceeded(0)) : Effect.void,
        { limit: 1, calls: 1 },
      )
      expect(sentAt).toEqual([1])
    }))

  it.effect.each<
    readonly [string, ReturnType<RateLimiterPart["consume"]>, ReadonlyArray<number>]
  >([
    ["fails", Effect.fail({ reason: "StoreError" }), [0, 0]],
    [
      "names a wait, and another reason",
      Effect.fail({
        reason: "StoreError",
        retryAfter: Duration.seconds(3),
      }),
      [0, 0],
    ],
    ["names no wait", Effect.fail({ reason: "Exceeded" }), [0, 0]],
    ["breaks", Effect.die(new Error("no connection")), [0, 0]],
    ["hangs for a window", Effect.never, [1040, 2080]],
  ])(
    "that %s lets requests through, since the API keeps its own limit",
    ([, answer, expected]) =>
      Effect.gen(function* () {
        const { logs, sentAt } = yield* sentThrough(() => answer, { limit: 1, calls: 2 })
        expect(sentAt).toEqual(expected)
        const warning = ["The store of the throttle fails: sending unthrottled"]
        expect(logs).toEqual([warning, warning])
      }),
  )

  it.effect("in memory keeps one limit for all who name the same key", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      const oneASecond = (key: string) =>
        Layer.provide(
          Layer.fresh(throttledByStore({ limit: 1, window: "1 second", key })),
          script.client,
        )
      const call = getApiKey(key.id)
      const fiber = yield* Effect.all([
        Effect.provide(call, oneASecond("a")),
        Effect.provide(call, oneASecond("a")),
        Effect.provide(call, oneASecond("b")),
      ], { concurrency: "unbounded" }).pipe(
        Effect.provide(Layer.merge(ThrottleStore.layerMemory, credentials)),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(script.sent.map(({ at }) => at)).toEqual([0, 0, 1000])
    }))
})
