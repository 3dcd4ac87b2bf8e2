import { describe, expect, it } from "@effect/vitest"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { RetryPolicy, withRetryPolicy } from "../../src/mod.ts"
import { type Gate, makeGate, shutAsAsked } from "../../src/transport/gate.ts"

/** Lets so many come to a gate at once, and tells, as they are let in, when that was. */
const come = (gate: Gate, count: number) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const enter = Effect.zipRight(
      gate.enter,
      Effect.map(Clock.currentTimeMillis, (now) => times.push(now)),
    )
    yield* Effect.fork(Effect.replicateEffect(enter, count, { concurrency: "unbounded" }))
    yield* TestClock.adjust(0)
    return times
  })

const spacing = Duration.millis(100)

describe("a gate", () => {
  it.effect("that was never shut lets all in at once", () =>
    Effect.gen(function* () {
      const times = yield* come(makeGate(spacing), 3)
      expect(times).toEqual([0, 0, 0])
    }))

  it.effect("that is shut lets nobody in before its time, and then one by one", () =>
    Effect.gen(function* () {
      const gate = makeGate(spacing)
      yield* gate.shut(Duration.seconds(5))
      const times = yield* come(gate, 3)
      yield* TestClock.adjust("4999 millis")
      expect(times).toEqual([])
      yield* TestClock.adjust("1 second")
      expect(times).toEqual([5000, 5100, 5200])
    }))

  it.effect("lets in whoever comes later apart from those who waited", () =>
    Effect.gen(function* () {
      const gate = makeGate(spacing)
      yield* gate.shut(Duration.seconds(5))
      yield* come(gate, 2)
      yield* TestClock.adjust("5050 millis")
      const times = yield* come(gate, 1)
      yield* TestClock.adjust("1 second")
      expect(times).toEqual([5200])
    }))

  it.effect("lets all in at once again when nobody waits any more", () =>
    Effect.gen(function* () {
      const gate = makeGate(spacing)
      yield* gate.shut(Duration.seconds(5))
      yield* come(gate, 2)
      yield* TestClock.adjust("5100 millis")
      const times = yield* come(gate, 2)
      expect(times).toEqual([5100, 5100])
    }))

  it.effect("stays shut for the longer of two waits", () =>
    Effect.gen(function* () {
      const gate = makeGate(spacing)
      yield* gate.shut(Duration.seconds(5))
      yield* gate.shut(Duration.seconds(1))
      const times = yield* come(gate, 1)
      yield* TestClock.adjust("4 seconds")
      yield* gate.shut(Duration.seconds(3))
      yield* TestClock.adjust("10 seconds")
      expect(times).toEqual([7000])
    }))

  it.effect("holds back nobody who would not wait so long", () =>
    Effect.gen(function* () {
      const gate = makeGate(spacing)
      const impatient = withRetryPolicy(RetryPolicy.make({ maxRetryAfter: "2 seconds" }))
      yield* gate.shut(Duration.millis(2001))
      expect(yield* come({ ...gate, enter: impatient(gate.enter) }, 1)).toEqual([0])
      yield* TestClock.adjust("1 millis")
      const times = yield* come({ ...gate, enter: impatient(gate.enter) }, 1)
      yield* TestClock.adjust("1 minute")
      expect(times).toEqual([2001])
    }))

  it("opens for the next after one who was interrupted before it got in", async () => {
    const gate = makeGate(Duration.zero)
    await Effect.runPromise(gate.shut(Duration.millis(1)))
    await new Promise((resolve) => setTimeout(resolve, 5))
    await Effect.runPromiseExit(gate.enter, { signal: AbortSignal.abort() })
    await Effect.runPromise(gate.enter)
  })
})

describe("an answer shuts a gate", () => {
  it.effect.each<readonly [what: string, status: number, retryAfter: string | undefined, number]>([
    ["of 429 for as long as it says", 429, "7", 7000],
    ["of 400 for as long as it says", 400, "7", 7000],
    ["for as long as any call would wait", 503, "60", 60_000],
    ["for no longer than that", 503, "61", 0],
    ["for a millisecond", 503, "0.001", 1],
    ["not at all where it says nothing", 429, undefined, 0],
    ["not at all where it makes no sense", 429, "soon", 0],
    ["not at all where it says no wait", 429, "0", 0],
    ["not at all where it is a redirect", 399, "7", 0],
    ["not at all where it is a success", 200, "7", 0],
  ])("%s", ([, status, retryAfter, millis]) =>
    Effect.gen(function* () {
      const waits: Array<number> = []
      const gate: Gate = {
        enter: Effect.void,
        shut: (wait) => Effect.sync(() => waits.push(Duration.toMillis(wait))),
      }
      const response = HttpClientResponse.fromWeb(
        HttpClientRequest.get("https://x.example"),
        new Response(null, {
          status,
          headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
        }),
      )
      yield* shutAsAsked(gate, response)
      expect(waits).toEqual(millis === 0 ? [] : [millis])
    }))
})
