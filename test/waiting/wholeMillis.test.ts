import { describe, expect, it } from "@effect/vitest"
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import {
  createApiKeyOnce,
  Credentials,
  getApiKey,
  RetryPolicy,
  type RetryPolicyOptions,
  throttled,
  throttledByStore,
  ThrottleStore,
  withRetryPolicy,
} from "../../src/mod.ts"
import { inVirtualTime } from "../lifecycle/virtualTime.ts"
import { id, secret } from "../everyOperation.ts"
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
