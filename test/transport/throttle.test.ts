import { describe, expect, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as TestClock from "effect/TestClock"
import {
  createApiKey,
  Credentials,
  getApiKey,
  RetryPolicy,
  throttled,
  throttledByStore,
  type ThrottleOptions,
  ThrottleStore,
  withRetryPolicy,
} from "../../src/mod.ts"
import { id, serviceAccountId } from "../everyOperation.ts"
import { credentials, ok, scripted } from "./scripted.ts"

const tenASecond = throttled({ limit: 10, window: "1 second" })

describe("throttled", () => {
  it.effect("never sends more than the limit in any one window", () =>
    Effect.gen(function* () {
      const script = scripted({ ...ok, afterMillis: 30 })
      const fiber = yield* Effect.replicateEffect(getApiKey(id), 60, { concurrency: 60 }).pipe(
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

  it.effect("serves calls in the order in which they came", () =>
    Effect.gen(function* () {
      const served: Array<number> = []
      const script = scripted(ok)
      const fiber = yield* Effect.forEach(
        Array.from({ length: 35 }, (_, index) => index),
        (index) => Effect.map(getApiKey(id), () => served.push(index)),
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

  it.effect("lets a waiting call be interrupted, which then sends nothing and takes no token", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      yield* Effect.gen(function* () {
        yield* Effect.fork(
          Effect.replicateEffect(getApiKey(id), 10, { concurrency: 10 }),
        )
        yield* TestClock.adjust(0)
        const waiting = yield* Effect.fork(getApiKey(id))
        const next = yield* Effect.fork(getApiKey(id))
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

  it.effect("does not count its wait into the attempt's timeout", () =>
    Effect.gen(function* () {
      const script = scripted({ ...ok, afterMillis: 900 })
      const fiber = yield* Effect.replicateEffect(getApiKey(id), 5, { concurrency: 5 }).pipe(
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

  it.effect("counts the time after its wait into the attempt's timeout", () =>
    Effect.gen(function* () {
      const script = scripted(ok, "Hang")
      const fiber = yield* getApiKey(id).pipe(
        Effect.zipRight(Effect.timed(Effect.flip(getApiKey(id)))),
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

  it.effect("says that nothing was sent if a create waited until its deadline", () =>
    Effect.gen(function* () {
      const script = scripted(ok)
      const create = createApiKey({ name: "n", serviceAccountId: serviceAccountId })
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

  it.effect.each<readonly [string, unknown]>([
    ["zero", 0],
    ["negative", -1],
    ["not a number", NaN],
    ["without end", Infinity],
    ["a word", "soon"],
    ["absent", undefined],
    ["less than a millisecond", "10 micros"],
    ["longer than a timer can wait", "25 days"],
  ])("refuses a window that is %s, and names the option", ([, window]) =>
    Effect.gen(function* () {
      // A JavaScript program can pass anything.
      const options = { limit: 1, window } as ThrottleOptions
      const exit = yield* Effect.exit(
        Effect.provide(
          HttpClient.HttpClient,
          Layer.provide(throttled(options), scripted(ok).client),
        ),
      )
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(
        'throttled: window must be a duration from "1 millis" to "24 days"',
      )
    }))

  it.effect.each([429, 403, 503])(
    "tells its bucket of a refusal after a %i that says to wait",
    (status) =>
      Effect.gen(function* () {
        const told: Array<readonly [boolean, boolean]> = []
        const store = ThrottleStore.of({
          take: () =>
            Effect.succeed({
              _tag: "Taken",
              answered: (...how) => Effect.sync(() => void told.push(how)),
            }),
        })
        const client = throttledByStore({ limit: 1, window: "1 second" }).pipe(
          Layer.provide(Layer.succeed(ThrottleStore, store)),
          Layer.provide(scripted({ status, headers: { "retry-after": "61" } }).client),
        )
        yield* Effect.flip(
          Effect.provide(getApiKey(id), Layer.merge(client, credentials)),
        )
        expect(told).toEqual([[true, true]])
      }),
  )

  /** Makes a call for each answer at once, at one a window. Returns when each was sent. */
  const sentOneByOne = (
    window: Duration.DurationInput,
    ...answersAfter: ReadonlyArray<number>
  ) =>
    Effect.gen(function* () {
      const script = scripted(...answersAfter.map((afterMillis) => ({ ...ok, afterMillis })))
      const calls = Effect.replicateEffect(getApiKey(id), answersAfter.length, {
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
    ["1.03 windows after it was sent, if all answers take equally long", 1000, [
      300,
      300,
      300,
    ], [0, 1030, 2060]],
    ["later if its answer took longer than the fastest", 1000, [100, 150, 100], [0, 1030, 2110]],
    // Beyond that, pacing at the sender keeps the limit.
    ["1.1 windows after it was sent at the latest", 1000, [100, 500, 100], [0, 1030, 2130]],
    ["1.03 windows after it was sent, if its answer is the fastest", 1000, [
      500,
      100,
      0,
    ], [0, 1030, 2060]],
    ["a window after its answer, if answers take less than 0.03 windows", 1000, [20, 10, 0], [
      0,
      1020,
      2030,
    ]],
    ["without its answer, if there was none yet", 1000, [1500, 0], [0, 1100]],
    [
      "without its answer, if answers take longer than a window",
      1000,
      [2000, 2000, 2000, 2000, 0],
      [
        0,
        1100,
        2130,
        3160,
        4190,
      ],
    ],
    ["after whole milliseconds, rounded up", Duration.micros(1500n), [0, 0], [0, 2]],
  ])(
    "gives a request's token back %s",
    ([, window, answersAfter, sentAt]) =>
      Effect.gen(function* () {
        expect(yield* sentOneByOne(window, ...answersAfter)).toEqual(sentAt)
      }),
  )

  it.effect("gives the token of an interrupted request back too", () =>
    Effect.gen(function* () {
      const script = scripted("Hang", ok)
      yield* Effect.gen(function* () {
        const hanging = yield* Effect.fork(getApiKey(id))
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(hanging)
        const next = yield* Effect.fork(getApiKey(id))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(next)
      }).pipe(
        Effect.provide(Layer.provide(throttled({ limit: 1, window: "1 second" }), script.client)),
        Effect.provide(credentials),
      )
      expect(script.sent.map(({ at }) => at)).toEqual([0, 1100])
    }))

  it.effect("does not wait for earlier requests that hang", () =>
    Effect.gen(function* () {
      const hung = Array.from({ length: 10 }, () => "Hang" as const)
      const script = scripted(...hung, ok)
      const fiber = yield* Effect.replicateEffect(Effect.exit(getApiKey(id)), 11, {
        concurrency: "unbounded",
      }).pipe(
        Effect.provide(Layer.provide(tenASecond, script.client)),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("2 seconds")
      expect(script.sent.map(({ at }) => at).slice(9)).toEqual([0, 1100])
      yield* Fiber.interrupt(fiber)
    }))

  type Client = Layer.Layer<HttpClient.HttpClient>

  /** When three requests are sent, if the first is refused and the others take 5 seconds. */
  const sentAfterRefusal = (client: (script: Client) => Client) =>
    Effect.gen(function* () {
      const script = scripted({ status: 429 }, { ...ok, afterMillis: 5000 })
      const call = getApiKey(id)
      const fiber = yield* Effect.exit(call).pipe(
        Effect.zipRight(Effect.replicateEffect(call, 2, { concurrency: 2 })),
        withRetryPolicy(RetryPolicy.none),
        Effect.provide(
          Layer.provide(throttled({ limit: 1, window: "1 second" }), client(script.client)),
        ),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      return script.sent.map(({ at }) => at)
    })

  it.effect.each<readonly [string, (client: Client) => Client]>([
    ["", (client) => client],
    [
      ", even if a client turns it into an error",
      (client) =>
        Layer.effect(
          HttpClient.HttpClient,
          Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk),
        ).pipe(Layer.provide(client)),
    ],
  ])("waits for answers after a refusal%s", ([, client]) =>
    Effect.gen(function* () {
      // The answer came 5 s after the second request. The third follows it within 0.04 windows.
      const [first, second = NaN, third = NaN] = yield* sentAfterRefusal(client)
      expect([first, second]).toEqual([0, 1000])
      expect(third - second).toBeGreaterThanOrEqual(5000)
      expect(third - second).toBeLessThanOrEqual(5040)
    }))

  it.effect("does not count a lost request as a fast answer", () =>
    Effect.gen(function* () {
      const script = scripted({ ...ok, afterMillis: 300 }, "Connection", {
        ...ok,
        afterMillis: 300,
      })
      const calls = Effect.replicateEffect(Effect.either(getApiKey(id)), 4, {
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
    "loses no token if a call that yields every %d steps is interrupted",
    (steps) =>
      Effect.gen(function* () {
        const script = scripted(ok)
        yield* Effect.gen(function* () {
          for (let yields = 0; yields < 8; yields++) {
            const cut = yield* Effect.fork(Effect.withMaxOpsBeforeYield(getApiKey(id), steps))
            yield* Effect.repeatN(Effect.yieldNow(), yields)
            yield* Fiber.interrupt(cut)
            const next = yield* Effect.fork(getApiKey(id))
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
  it.effect("shuts even if a client turns statuses into errors", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "5" } }, ok)
      const filtering = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk),
      )
      const client = tenASecond.pipe(Layer.provide(filtering), Layer.provide(script.client))
      const { gate: _, ...ungated } = yield* Effect.provide(Credentials, credentials)
      const later = Effect.delay(getApiKey(id), "1 second")
      const both = Effect.all([getApiKey(id), later], { concurrency: 2 })
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

  it.effect("of a throttled client holds every fiber back after one answer that says to wait", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "5" } }, ok)
      // Each call has Credentials of its own, so that the calls share only the client.
      const call = Effect.provide(getApiKey(id), credentials)
      yield* Effect.gen(function* () {
        yield* Effect.fork(call)
        yield* TestClock.adjust("1 second")
        yield* Effect.fork(Effect.replicateEffect(call, 5, { concurrency: 5 }))
        yield* TestClock.adjust("1 minute")
      }).pipe(Effect.provide(Layer.provide(tenASecond, script.client)))
      expect(script.sent.map(({ at }) => at)).toEqual([0, 5000, 5000, 5000, 5000, 5000, 5000])
    }))

  it.effect("stays open if an answer asks for a longer wait than the policy allows", () =>
    Effect.gen(function* () {
      const script = scripted({ status: 429, headers: { "retry-after": "3600" } }, ok)
      const get = Effect.provide(
        getApiKey(id),
        Layer.provide(tenASecond, script.client),
      )
      yield* Effect.provide(Effect.zipRight(Effect.flip(get), get), credentials)
      expect(script.sent.length).toBe(2)
    }))
})
