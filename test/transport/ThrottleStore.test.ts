import * as RateLimiter from "@effect/experimental/RateLimiter"
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import {
  getApiKey,
  type RateLimiter as RateLimiterPart,
  throttledByStore,
  ThrottleStore,
} from "../../src/mod.ts"
import { makeBuckets } from "../../src/transport/buckets.ts"
import { makeMemoryStore, makeRateLimiterStore } from "../../src/transport/ThrottleStore.ts"
import { memoryWindows, nothing, type Token } from "../../src/transport/tokenBucket.ts"
import { id } from "../everyOperation.ts"
import { credentials, ok, scripted } from "./scripted.ts"

describe("a throttle's store", () => {
  const consumed: Array<string> = []

  it.effect("in a rate limiter waits as long as the limiter says", () =>
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
      const fiber = yield* getApiKey(id).pipe(
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

  it.effect("in @effect/experimental's rate limiter never sends more than the limit in any window", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      const store = Layer.unwrapEffect(
        Effect.map(RateLimiter.RateLimiter, ThrottleStore.layerRateLimiter),
      ).pipe(Layer.provide(RateLimiter.layer), Layer.provide(RateLimiter.layerStoreMemory))
      const client = throttledByStore({ limit: 10, window: "1 second" }).pipe(
        Layer.provide(store),
        Layer.provide(script.client),
      )
      const call = getApiKey(id)
      const fiber = yield* call.pipe(
        // Tokens left from an idle time must not add to those that flow in.
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
      // The first call, the sleep, then four bursts of ten, each 1.04 windows after the one before.
      expect(times.at(-1)).toBe(1450 + 3 * 1040)
    }))

  /** Sends `calls` requests at once. Returns when each was sent, and what the limiter was asked. */
  const sentThrough = (
    consume: RateLimiterPart["consume"],
    options: {
      readonly limit: number
      readonly calls: number
      readonly window?: Duration.DurationInput
    },
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
      const calls = Effect.replicateEffect(getApiKey(id), options.calls, {
        concurrency: "unbounded",
      })
      const fiber = yield* calls.pipe(
        Effect.provide(
          throttledByStore({ limit: options.limit, window: options.window ?? "1 second" }).pipe(
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

  it.effect("in a rate limiter asks for one token at a time, with a window that is 4 % longer", () =>
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

  it.effect("in a rate limiter waits for the token that comes first, and asks for none that is out", () =>
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
      yield* TestClock.adjust("1050 millis")
      expect(yield* take(bucket)).toMatchObject({ _tag: "Empty" })
    }).pipe(Effect.provide(layer)))

  it("has a fixed key, so that two copies of the module share it", () => {
    expect(ThrottleStore.key).toBe("@effect-crdb/ThrottleStore")
  })

  it.effect("in a rate limiter waits a millisecond if the limiter says zero", () =>
    Effect.gen(function* () {
      let calls = 0
      const { sentAt } = yield* sentThrough(
        () => ++calls === 1 ? Effect.fail(exceeded(0)) : Effect.void,
        { limit: 1, calls: 1 },
      )
      expect(sentAt).toEqual([1])
    }))

  const warning = ["The store of the throttle fails: sending unthrottled for 30s"]

  it.effect("that hangs is left alone, even if each call gives up before the store is known to hang", () =>
    Effect.gen(function* () {
      let asked = 0
      const store = ThrottleStore.layerRateLimiter({
        consume: () =>
          Effect.suspend(() => {
            asked++
            return Effect.never
          }),
      })
      const script = scripted(ok)
      const client = throttledByStore({ limit: 50, window: "5 seconds" }).pipe(
        Layer.provide(store),
        Layer.provide(script.client),
      )
      const hasty = Effect.timeout(getApiKey(id), "900 millis").pipe(Effect.either)
      yield* Effect.fork(
        Effect.replicateEffect(hasty, 10).pipe(
          Effect.provide(Layer.merge(client, credentials)),
        ),
      )
      yield* TestClock.adjust("1 minute")
      expect(asked).toBeLessThanOrEqual(2)
      expect(script.sent.length).toBeGreaterThanOrEqual(8)
    }))

  // A JavaScript program can return anything.
  const anything = (value: unknown) => value as ReturnType<RateLimiterPart["consume"]>

  it.effect.each<readonly [string, () => ReturnType<RateLimiterPart["consume"]>]>([
    ["throws", () => {
      throw new Error("no connection")
    }],
    ["answers with a Promise", () => anything(Promise.resolve())],
    ["answers with nothing", () => anything(undefined)],
    ["fails with nothing", () => anything(Effect.fail(undefined))],
    ["fails with null", () => anything(Effect.fail(null))],
    [
      "names a wait that is no duration",
      () => anything(Effect.fail({ reason: "Exceeded", retryAfter: "soon" })),
    ],
    [
      "names a wait of a day",
      () => Effect.fail({ reason: "Exceeded", retryAfter: Duration.days(1) }),
    ],
    [
      "names an endless wait",
      () => Effect.fail({ reason: "Exceeded", retryAfter: Duration.infinity }),
    ],
  ])("that %s lets requests through", ([, answer]) =>
    Effect.gen(function* () {
      const { logs, sentAt } = yield* sentThrough(answer, {
        limit: 50,
        calls: 4,
        window: "5 seconds",
      })
      expect(sentAt).toEqual([0, 0, 0, 0])
      expect(logs).toEqual([warning])
    }))

  it.effect.each<readonly [string, ReturnType<RateLimiterPart["consume"]>, number]>([
    ["fails", Effect.fail({ reason: "StoreError" }), 0],
    [
      "names a wait and a reason other than Exceeded",
      Effect.fail({ reason: "StoreError", retryAfter: Duration.seconds(3) }),
      0,
    ],
    ["names no wait", Effect.fail({ reason: "Exceeded" }), 0],
    ["breaks", Effect.die(new Error("no connection")), 0],
    ["interrupts itself", Effect.interrupt, 0],
    ["hangs for a second", Effect.never, 1000],
    ["hangs where nothing interrupts it", Effect.uninterruptible(Effect.never), 1000],
  ])(
    "that %s lets requests through and is not asked again, since the API enforces its own limit",
    ([, answer, sentAfter]) =>
      Effect.gen(function* () {
        const { asked, logs, sentAt } = yield* sentThrough(() => answer, {
          limit: 50,
          calls: 4,
          window: "5 seconds",
        })
        expect(sentAt).toEqual([sentAfter, sentAfter, sentAfter, sentAfter])
        expect(asked.length).toBe(1)
        expect(logs).toEqual([warning])
      }),
  )

  it.effect("in a rate limiter is left alone for 30 seconds after a failure, and then tried again", () =>
    Effect.gen(function* () {
      const logs: Array<unknown> = []
      const askedAt: Array<number> = []
      const limiter = ThrottleStore.layerRateLimiter({
        consume: () =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            askedAt.push(now)
            return Effect.fail({ reason: "StoreError" })
          }),
      })
      yield* Effect.gen(function* () {
        const { take } = yield* ThrottleStore
        const bucket = { key: "k", limit: 2, window: Duration.seconds(1) }
        for (const wait of [0, 29_999, 1, 29_999, 1]) {
          yield* TestClock.adjust(wait)
          expect(yield* take(bucket)).toMatchObject({ _tag: "Taken" })
        }
      }).pipe(
        Effect.provide(limiter),
        Effect.provide(
          Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logs.push(message))),
        ),
      )
      expect(askedAt).toEqual([0, 30_000, 60_000])
      expect(logs).toEqual([warning, warning, warning])
    }))

  it.effect("that fails warns once, however many throttles ask it together", () =>
    Effect.gen(function* () {
      const logs: Array<unknown> = []
      const fiber = yield* Effect.gen(function* () {
        const { take } = yield* ThrottleStore
        const bucket = { key: "k", limit: 2, window: Duration.seconds(1) }
        yield* Effect.replicateEffect(take(bucket), 5, { concurrency: 5 })
      }).pipe(
        Effect.provide(ThrottleStore.layerRateLimiter({ consume: () => Effect.never })),
        Effect.provide(
          Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => logs.push(message))),
        ),
        Effect.fork,
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      expect(logs).toEqual([warning])
    }))

  it.effect("in memory measures the time of answers for each bucket apart", () =>
    Effect.gen(function* () {
      const { take } = yield* ThrottleStore
      const request = (key: string, afterMillis: number) =>
        Effect.gen(function* () {
          const taken = yield* take({ key, limit: 1, window: Duration.seconds(1) })
          yield* TestClock.adjust(afterMillis)
          if (taken._tag === "Taken") yield* taken.answered(true, false)
          return taken._tag
        })
      yield* request("fast", 1)
      yield* request("slow", 400)
      // For this bucket its own 400 ms are the fastest answer.
      yield* TestClock.adjust(1030 - 400)
      expect(yield* request("slow", 400)).toBe("Taken")
    }).pipe(Effect.provide(ThrottleStore.layerMemory)))

  const keys = 300

  it.effect("in memory forgets the buckets of keys that are no longer used", () =>
    Effect.gen(function* () {
      const buckets = makeBuckets(() => ({
        out: new Array<Token>(),
        memory: nothing,
        idleAt: 0,
      }))
      const { take } = makeMemoryStore(buckets)
      for (let index = 0; index < keys; index++) {
        yield* take({ key: String(index), limit: 1, window: Duration.millis(1) })
        yield* TestClock.adjust(1)
      }
      expect(buckets.count()).toBeLessThanOrEqual(2 * memoryWindows)
    }))

  it.effect("in a rate limiter forgets the buckets of keys that are no longer used", () =>
    Effect.gen(function* () {
      const buckets = makeBuckets(() => ({ outUntil: new Array<number>(), idleAt: 0 }))
      const { take } = makeRateLimiterStore({ consume: () => Effect.void }, buckets)
      for (let index = 0; index < keys; index++) {
        yield* take({ key: String(index), limit: 1, window: Duration.millis(10) })
        yield* TestClock.adjust(1)
      }
      expect(buckets.count()).toBeLessThanOrEqual(2 * 11)
    }))

  it.effect("in memory keeps one limit for all throttles with the same key", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      const oneASecond = (key: string) =>
        Layer.provide(
          Layer.fresh(throttledByStore({ limit: 1, window: "1 second", key })),
          script.client,
        )
      const call = getApiKey(id)
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
