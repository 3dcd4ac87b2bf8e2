import { describe, expect, it } from "@effect/vitest"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { RetryPolicy, withRetryPolicy } from "../../src/mod.ts"
import { entering, hear } from "../../src/transport/atGate.ts"
import { type Gate, makeGate, rateAfter } from "../../src/waiting/gate.ts"

const enter = (gate: Gate, hadTurn = false) => gate.enter(entering(hadTurn))

/** Sends `count` calls to a gate at once. Returns the times at which they get in, as they do. */
const come = (gate: Gate, count: number, policy = RetryPolicy.make()) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    const one = Effect.zipRight(
      withRetryPolicy(policy)(enter(gate)),
      Effect.map(Clock.currentTimeMillis, (now) => times.push(now)),
    )
    yield* Effect.fork(Effect.replicateEffect(one, count, { concurrency: "unbounded" }))
    yield* TestClock.adjust(0)
    return times
  })

describe("a gate", () => {
  it.effect("that was never shut lets all calls in at once", () =>
    Effect.gen(function* () {
      const times = yield* come(makeGate(10), 3)
      expect(times).toEqual([0, 0, 0])
    }))

  it.effect("that is shut lets calls in one by one once its wait is over", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      const times = yield* come(gate, 3)
      yield* TestClock.adjust("4999 millis")
      expect(times).toEqual([])
      yield* TestClock.adjust("1 second")
      expect(times).toEqual([5000, 5100, 5200])
    }))

  it.effect("that is open again can keep a long line for longer than its maxRetryAfter", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(50))
      const times = yield* come(gate, 300, RetryPolicy.make({ maxRetryAfter: "60 seconds" }))
      yield* TestClock.adjust("10 minutes")
      expect(times.length).toBe(300)
      expect(times[0]).toBe(50_000)
      expect(times.at(-1)).toBeGreaterThan(60_000)
    }))

  it.effect("that is shut keeps an interrupted fiber's finalizer waiting", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      let isIn = false
      const closing = Effect.zipRight(enter(gate), Effect.sync(() => isIn = true))
      const fiber = yield* Effect.fork(Effect.ensuring(Effect.void, closing))
      yield* TestClock.adjust(0)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(interrupted)
      expect(isIn).toBe(true)
    }))

  it.effect("lets a later call in at a distance from those that waited", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      yield* come(gate, 2)
      yield* TestClock.adjust("5050 millis")
      const times = yield* come(gate, 1)
      yield* TestClock.adjust("1 second")
      expect(times).toEqual([5200])
    }))

  it.effect("lets all calls in at once again when none waits any more", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      yield* come(gate, 2)
      yield* TestClock.adjust("5100 millis")
      const times = yield* come(gate, 2)
      expect(times).toEqual([5100, 5100])
    }))

  it.effect("stays shut for the longer of two waits", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      yield* gate.shut(Duration.seconds(1))
      const times = yield* come(gate, 1)
      yield* TestClock.adjust("4 seconds")
      yield* gate.shut(Duration.seconds(3))
      yield* TestClock.adjust("10 seconds")
      expect(times).toEqual([7000])
    }))

  it.effect("does not hold back a call whose policy does not wait that long", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      const impatient = RetryPolicy.make({ maxRetryAfter: "2 seconds" })
      yield* gate.shut(Duration.millis(2001))
      expect(yield* come(gate, 1, impatient)).toEqual([0])
      yield* TestClock.adjust("1 millis")
      const times = yield* come(gate, 1, impatient)
      yield* TestClock.adjust("1 minute")
      expect(times).toEqual([2001])
    }))

  it.effect("releases a waiting call if it is shut for longer than that call waits, and no other", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      const patient = yield* come(gate, 2, RetryPolicy.make({ maxRetryAfter: "1 hour" }))
      const times = yield* come(gate, 2)
      const hasty = yield* come(gate, 1, RetryPolicy.make({ maxRetryAfter: "10 seconds" }))
      yield* TestClock.adjust("1 second")
      yield* gate.shut(Duration.seconds(20))
      yield* TestClock.adjust("1 second")
      expect(hasty).toEqual([1000])
      yield* gate.shut(Duration.hours(1))
      yield* TestClock.adjust("2 hours")
      expect(times).toEqual([2000, 2000])
      expect(patient.length).toBe(2)
    }))

  it.effect("releases a call that would wait too long in an uninterruptible region too", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(5))
      const times = yield* Effect.uninterruptible(come(gate, 2))
      yield* gate.shut(Duration.hours(1))
      yield* TestClock.adjust("1 second")
      expect(times).toEqual([0, 0])
    }))

  it.effect("lets a call that has had its turn in next", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      yield* gate.shut(Duration.seconds(1))
      const order: Array<string> = []
      const note = (name: string, hadTurn: boolean) =>
        Effect.fork(Effect.zipRight(enter(gate, hadTurn), Effect.sync(() => order.push(name))))
      yield* note("first", false)
      yield* TestClock.adjust(0)
      yield* note("second", false)
      yield* TestClock.adjust(0)
      yield* note("returned", true)
      yield* TestClock.adjust("1 minute")
      expect(order).toEqual(["first", "returned", "second"])
    }))

  it.effect("opens at a rate at which the queue empties while more calls come", () =>
    Effect.gen(function* () {
      const gate = makeGate(10)
      let waiting = 0
      // 50 calls a second for 22 seconds. Midway an answer shuts the gate for a second.
      const arrive = Effect.suspend(() => {
        waiting++
        return Effect.zipRight(enter(gate), Effect.sync(() => waiting--))
      })
      yield* Effect.fork(Effect.forEach(Array(1100).fill(0), () =>
        Effect.zipRight(
          Effect.fork(Effect.zipRight(arrive, gate.pass)),
          Effect.sleep("20 millis"),
        )))
      yield* TestClock.adjust("10 seconds")
      yield* gate.shut(Duration.seconds(1))
      yield* TestClock.adjust("1 second")
      expect(waiting).toBeGreaterThanOrEqual(49)
      yield* TestClock.adjust("10 seconds")
      expect(waiting).toBe(0)
    }))

  it.each([
    [10, 10, 0, 10],
    [10, 10, 10_999, 10],
    [10, 10, 14_000, 20],
    [50, 10, 999, 50],
    [50, 10, 1000, 62.5],
    [50, 10, 4000, 100],
    [200, 200, 4000, 200],
    [Infinity, Infinity, 0, Infinity],
  ])("that opens at %i a second under a limit of %i lets in, %i ms later, %d a second", (
    atFirst,
    limit,
    millis,
    rate,
  ) => {
    expect(rateAfter(atFirst, limit, millis)).toBe(rate)
  })

  it("lets the next call in after one that was interrupted before it got in", async () => {
    const gate = makeGate(Infinity)
    await Effect.runPromise(gate.shut(Duration.millis(1)))
    await new Promise((resolve) => setTimeout(resolve, 5))
    await Effect.runPromiseExit(enter(gate), { signal: AbortSignal.abort() })
    await Effect.runPromise(enter(gate))
  })
})

describe("an answer", () => {
  it.effect.each<readonly [what: string, status: number, retryAfter: string | undefined, number]>([
    ["of 429 shuts the gate for as long as it says", 429, "7", 7000],
    ["of 400 shuts the gate for as long as it says", 400, "7", 7000],
    ["shuts the gate for as long as any call would wait", 503, "60", 60_000],
    ["that asks for longer shuts no gate", 503, "61", 0],
    ["shuts the gate for a millisecond", 503, "0.001", 1],
    ["without Retry-After shuts no gate", 429, undefined, 0],
    ["with a malformed Retry-After shuts no gate", 429, "soon", 0],
    ["with a Retry-After of zero shuts no gate", 429, "0", 0],
    ["that is a redirect shuts no gate", 399, "7", 0],
    ["that is a success shuts no gate", 200, "7", 0],
  ])("%s", ([, status, retryAfter, millis]) =>
    Effect.gen(function* () {
      const waits: Array<number> = []
      let passed = 0
      const gate: Gate = {
        enter: () => Effect.void,
        isShut: () => Effect.succeed(false),
        pass: Effect.sync(() => passed++),
        shut: (wait) => Effect.sync(() => waits.push(Duration.toMillis(wait))),
      }
      const response = HttpClientResponse.fromWeb(
        HttpClientRequest.get("https://x.example"),
        new Response(null, {
          status,
          headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
        }),
      )
      yield* hear(gate, response)
      expect(waits).toEqual(millis === 0 ? [] : [millis])
      expect(passed).toBe(status < 400 ? 1 : 0)
    }))
})
