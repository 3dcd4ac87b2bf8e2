import { describe, expect, it } from "@effect/vitest"
import { HttpClient } from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import {
  createApiKeyOnce,
  Credentials,
  getApiKey,
  RetryPolicy,
  type RetryPolicyOptions,
  type RetryPolicyService,
  rotateApiKey,
  throttled,
  throttledByStore,
  ThrottleStore,
  withRetryPolicy,
} from "../../src/mod.ts"
import * as Emulator from "../../src/emulator/mod.ts"
import { makeOrganization } from "../lifecycle/organization.ts"
import { inVirtualTime } from "../lifecycle/virtualTime.ts"
import { calls, id, operationNames, secret } from "../everyOperation.ts"
import { ok, scripted, type Step } from "../transport/scripted.ts"

/** The durations of a program's sleeps, in milliseconds, however the program ends. */
const sleepsOf = (program: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const sleeps: Array<number> = []
    yield* Effect.clockWith((clock) =>
      Effect.withClock(Effect.exit(program), {
        ...clock,
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        sleep: (duration) => {
          sleeps.push(Duration.toMillis(duration))
          return clock.sleep(duration)
        },
      })
    )
    return sleeps
  }).pipe(Effect.withRandom(Random.make("fractions")), inVirtualTime)

const get = getApiKey(id)
const fractional = Schedule.jittered(Schedule.exponential("0.3 millis"))

const under = <A, E>(
  options: RetryPolicyOptions,
  call: Effect.Effect<A, E, HttpClient | Credentials>,
  ...steps: ReadonlyArray<Step>
) => call.pipe(withRetryPolicy(RetryPolicy.make(options)), Effect.provide(scripted(...steps).layer))

const unavailable = { status: 503 }
const limited = { status: 429, headers: { "retry-after": "0.0015" } }

const ofTheUsers = Layer.sync(ThrottleStore, () => {
  let asked = 0
  return {
    take: () =>
      Effect.sync(() =>
        asked++ % 2 === 0
          ? { _tag: "Empty" as const, retryAfter: Duration.millis(0.3) }
          : { _tag: "Taken" as const, answered: () => Effect.void }
      ),
  }
})

const manyThrough = (layer: Layer.Layer<HttpClient>) =>
  Effect.all(Array.from({ length: 5 }, () => get), { concurrency: 5 }).pipe(
    Effect.provide(Layer.merge(layer, Credentials.layerApiKey(Redacted.make(secret)))),
  )

const programs: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = {
  "a user's schedule": under({ schedule: fractional }, get, unavailable, unavailable, ok),
  "the default schedule": under({}, get, unavailable, unavailable, unavailable, ok),
  "an attempt's timeout": under({ attemptTimeout: "1.5 millis" }, get, "Hang", ok),
  "a deadline": under({ deadline: "20.7 millis", attemptTimeout: 30 }, get, "Hang"),
  "a Retry-After": under({}, get, limited, ok),
  "a gate that lets in three a second": Effect.all(
    Array.from({ length: 5 }, () => get),
    { concurrency: 5 },
  ).pipe(
    Effect.provide(scripted(limited, ok).client),
    Effect.provide(Credentials.layerApiKey(Redacted.make(secret), { limit: 3 })),
  ),
  "a throttle": manyThrough(
    Layer.provide(throttled({ limit: 2, window: "10.3 millis" }), scripted(ok).client),
  ),
  "a throttle with a user's store": manyThrough(
    throttledByStore({ limit: 2, window: "10.3 millis" }).pipe(
      Layer.provide(ofTheUsers),
      Layer.provide(scripted(ok).client),
    ),
  ),
  "a lost create": under(
    { schedule: fractional },
    createApiKeyOnce({ name: "reports", serviceAccountId: "x" }),
    "Connection",
    { status: 200, body: JSON.stringify({ api_keys: [] }) },
    ok,
  ),
}

describe("every sleep is a whole number of milliseconds", () => {
  for (const [what, program] of Object.entries(programs)) {
    it.live(`in ${what}`, () =>
      Effect.gen(function* () {
        const sleeps = yield* sleepsOf(program)
        expect(sleeps.length).toBeGreaterThan(0)
        expect(sleeps.filter((millis) => !Number.isInteger(millis))).toEqual([])
      }))
  }
})

const day = 86_400_000

/** Runs a call under a policy. Returns how it ended, what it sent, and how many days it took. */
const daysOf = (
  policy: RetryPolicyService,
  call: Effect.Effect<unknown, unknown, HttpClient | Credentials>,
  ...steps: ReadonlyArray<Step>
) =>
  Effect.gen(function* () {
    const { layer, sent } = scripted(...steps)
    const start = yield* Clock.currentTimeMillis
    const end = yield* call.pipe(
      withRetryPolicy(policy),
      Effect.withRandom(Random.fixed([1])),
      Effect.provide(layer),
      Effect.either,
    )
    return { end, sent: sent.length, days: ((yield* Clock.currentTimeMillis) - start) / day }
  }).pipe(inVirtualTime)

// The virtual clock is like Effect 3's live one: it never wakes from a sleep of 2^31 ms or more.
describe("no wait is too long for a timer:", () => {
  const asks = (days: number, status = 429) => ({
    status,
    headers: { "retry-after": String(days * 86_400) },
  })
  const own = { ...RetryPolicy.make(), maxRetryAfter: Duration.days(60) }
  const policies: ReadonlyArray<readonly [string, RetryPolicyService]> = [
    ["24 days", RetryPolicy.make({ maxRetryAfter: "24 days" })],
    ["Infinity", RetryPolicy.make({ maxRetryAfter: Infinity })],
    ["60 days, in a policy made by hand", own],
  ]
  for (const [what, policy] of policies) {
    for (const operation of operationNames) {
      for (const step of [asks(24.5), asks(30), asks(1e9), asks(30, 503)]) {
        it.live(
          `${operation} never waits for a ${step.status} with Retry-After ${
            step.headers["retry-after"]
          }, with maxRetryAfter ${what}`,
          () =>
            Effect.gen(function* () {
              const call = Effect.asVoid(calls[operation])
              const { days, end, sent } = yield* daysOf(policy, call, step, ok)
              expect(end).toMatchObject(Either.left({
                _tag: step.status === 429 ? "RateLimited" : "ServerError",
                retryAfter: Option.some(Duration.seconds(Number(step.headers["retry-after"]))),
              }))
              expect([sent, days]).toEqual([1, 0])
            }),
        )
      }
    }

    it.live(`a Retry-After of 24 days is waited for, with maxRetryAfter ${what}`, () =>
      Effect.gen(function* () {
        const { days, end, sent } = yield* daysOf(policy, get, asks(24), ok)
        expect([Either.isRight(end), sent, days]).toEqual([true, 2, 24])
      }))

    it.live(`a longer one holds back no other call, with maxRetryAfter ${what}`, () =>
      Effect.gen(function* () {
        for (
          const way of [Layer.effect(HttpClient, HttpClient), throttled({ limit: 9, window: 1 })]
        ) {
          const both = Effect.zipRight(Effect.either(get), get).pipe(Effect.provide(way))
          const { days, end, sent } = yield* daysOf(policy, both, asks(30), ok)
          expect([Either.isRight(end), sent, days]).toEqual([true, 2, 0])
        }
      }))
  }

  const unbounded = { attempts: Infinity, cap: Infinity } as const
  const waits: ReadonlyArray<readonly [string, RetryPolicyOptions, days: number]> = [
    ["a schedule of 30 days", { schedule: Schedule.spaced("30 days") }, 24 + 24],
    ["a backoff without a cap", {
      schedule: RetryPolicy.backoff({ ...unbounded, base: "20 days" }),
    }, 20 + 24],
    ["a backoff that grows beyond all numbers", {
      schedule: RetryPolicy.backoff({ ...unbounded, factor: 1e308 }),
    }, 24],
  ]
  it.live.each(waits)("%s ends", ([, options, days]) =>
    Effect.gen(function* () {
      const played = yield* daysOf(RetryPolicy.make(options), get, unavailable, unavailable, ok)
      expect(Either.isRight(played.end)).toBe(true)
      expect(played.days).toBeCloseTo(days, 3)
    }))

  const once = { schedule: Schedule.stop, attemptTimeout: Infinity }
  const limits: ReadonlyArray<readonly [string, RetryPolicyService, days: number]> = [
    ["an attempt's timeout", RetryPolicy.make({ ...once, attemptTimeout: "24 days" }), 24],
    ["a deadline", RetryPolicy.make({ ...once, deadline: "24 days" }), 24],
    [
      "an attempt's timeout of 30 days, in a policy made by hand",
      { ...RetryPolicy.none, attemptTimeout: Duration.days(30) },
      30,
    ],
    [
      "a deadline of 30 days, in a policy made by hand",
      { ...RetryPolicy.make(once), deadline: Option.some(Duration.days(30)) },
      24,
    ],
  ]
  it.live.each(limits)("%s ends a call that hangs", ([, policy, days]) =>
    Effect.gen(function* () {
      const played = yield* daysOf(policy, get, "Hang")
      expect(played.end).toMatchObject(Either.left({ reason: "Timeout" }))
      expect(played.days).toBe(days)
    }))

  it.live("infinite ones need no timer", () =>
    Effect.gen(function* () {
      const policy = RetryPolicy.make({
        attemptTimeout: Infinity,
        maxRetryAfter: Infinity,
        deadline: Infinity,
      })
      const slow = { ...ok, afterMillis: 24 * day }
      const { days, end, sent } = yield* daysOf(policy, get, asks(24), slow)
      expect([Either.isRight(end), sent, days]).toEqual([true, 2, 48])
    }))

  it.live("a throttle's window of 24 days", () =>
    Effect.gen(function* () {
      const one = throttled({ limit: 1, window: "24 days" })
      const two = Effect.zipRight(get, get).pipe(Effect.provide(one))
      const { days, end, sent } = yield* daysOf(
        RetryPolicy.make({ attemptTimeout: Infinity }),
        two,
        ok,
      )
      expect([Either.isRight(end), sent]).toEqual([true, 2])
      expect(days).toBeGreaterThanOrEqual(24)
      expect(days).toBeLessThan(27)
    }))

  it.live("a store that hangs, where a quarter of the lease is longer", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store = { ...organization.store(), read: Effect.never }
      const start = yield* Clock.currentTimeMillis
      const error = yield* rotateApiKey({ store, grace: 0, lease: "400 days" }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(error.reason).toBe("Store")
      expect(((yield* Clock.currentTimeMillis) - start) / day).toBe(24)
    }).pipe(inVirtualTime))

  it.live("a grace of 60 days, through which a rotation sleeps in pieces", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const start = yield* Clock.currentTimeMillis
      const rotation = { store: organization.store(), grace: "60 days" } as const
      yield* Effect.provide(rotateApiKey(rotation), organization.access())
      expect(((yield* Clock.currentTimeMillis) - start) / day).toBeGreaterThanOrEqual(60)
    }).pipe(inVirtualTime))

  it.live("the waits of an emulator, one after the other", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({
        latency: "20 days",
        faults: [{ delay: "20 days", answerDelay: "24 days" }],
      })
      const start = yield* Clock.currentTimeMillis
      yield* getApiKey(emulator.admin.apiKeyId).pipe(
        withRetryPolicy(RetryPolicy.make({ attemptTimeout: Infinity })),
        Effect.provideService(HttpClient, emulator.httpClient),
        Effect.provideService(Credentials, emulator.admin.credentials),
      )
      expect(((yield* Clock.currentTimeMillis) - start) / day).toBe(64)
    }).pipe(inVirtualTime))
})
