import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { withAttemptTimeout } from "../../src/transport/attemptTimeout.ts"
import { AttemptWait, type AttemptWaitService } from "../../src/transport/AttemptWait.ts"

const seconds = (count: number) => Effect.sleep(Duration.seconds(count))

/** A client that waits and then sends. */
const waiting = <A, E, E2 = never>(
  wait: Effect.Effect<A, E>,
  send: Effect.Effect<void, E2> = Effect.void,
) => Effect.flatMap(AttemptWait, ({ holdBack }) => holdBack(wait, () => send))
const wait = (count: number) => waiting(seconds(count))

/** What was reported of an attempt: the second, what happened, and how many seconds counted. */
type Told = readonly [second: number, what: string, counted?: number]

const outcomeOf = Exit.match({
  onSuccess: () => "success",
  onFailure: (cause: Cause.Cause<unknown>) =>
    Cause.isInterruptedOnly(cause) ? "interrupted" : String(Cause.squash(cause)),
})

/** Plays an attempt with a timeout of 30 seconds, until it ends or is interrupted. */
const play = (attempt: Effect.Effect<unknown, string>, interruptedAfter = 600) =>
  Effect.gen(function* () {
    // A clock at zero could hide that a time is missing.
    yield* TestClock.setTime(1_000_000)
    const clock = yield* Effect.clock
    const now = () => (clock.unsafeCurrentTimeMillis() - 1_000_000) / 1000
    const told: Array<Told> = []
    const fiber = yield* Effect.fork(withAttemptTimeout(attempt, {
      context: yield* Effect.context<never>(),
      duration: Duration.seconds(30),
      held: { hadTurn: false, renewed: Effect.succeed },
      onTimeout: () => "too slow",
      onSelfInterrupt: () => "interrupted itself",
      onWait: (isWaiting) => told.push([now(), isWaiting ? "waits" : "is sent"]),
      onEnd: (exit, millis) =>
        Effect.sync(() => told.push([now(), outcomeOf(exit), millis / 1000])),
    }))
    yield* TestClock.adjust(Duration.seconds(interruptedAfter))
    const exit = yield* Fiber.interrupt(fiber)
    return { exit, told }
  })

describe("an attempt", () => {
  it.effect.each<readonly [string, Effect.Effect<unknown, string>, ReadonlyArray<Told>]>([
    ["that ends within its timeout succeeds", seconds(20), [[20, "success", 20]]],
    [
      "that fails within its timeout keeps its error",
      Effect.zipRight(seconds(20), Effect.fail("refused")),
      [
        [20, "refused", 20],
      ],
    ],
    ["fails at its timeout", Effect.never, [[30, "too slow", 30]]],
    [
      "has its whole timeout after a wait",
      Effect.zipRight(wait(50), seconds(29)),
      [[0, "waits"], [50, "is sent"], [79, "success", 29]],
    ],
    [
      "fails when its time before and after a wait adds up to the timeout",
      Effect.zipRight(Effect.zipRight(seconds(10), wait(50)), Effect.never),
      [[10, "waits"], [60, "is sent"], [80, "too slow", 30]],
    ],
    [
      "of a client that waits twice counts neither wait, and counts as sent before the second",
      Effect.all([wait(10), seconds(5), wait(20), seconds(24)], { discard: true }),
      [[0, "waits"], [10, "is sent"], [59, "success", 29]],
    ],
    [
      "of a client that waits twice fails when its time between and after the waits is up",
      Effect.all([seconds(2), wait(10), seconds(5), wait(20), Effect.never], { discard: true }),
      [[2, "waits"], [12, "is sent"], [60, "too slow", 30]],
    ],
    [
      "of a client that waits again after a failed request does not count the second wait",
      Effect.all([
        Effect.ignore(waiting(seconds(10), Effect.fail("reset"))),
        wait(50),
        seconds(29),
      ], { discard: true }),
      [[0, "waits"], [10, "is sent"], [89, "success", 29]],
    ],
    [
      "of a client that gives up its wait and waits again is sent after the second wait",
      Effect.all([Effect.timeoutOption(wait(10), "5 seconds"), wait(4), Effect.never], {
        discard: true,
      }),
      [[0, "waits"], [9, "is sent"], [39, "too slow", 30]],
    ],
    [
      "of a client that gives up its wait and goes on counts as sent",
      Effect.all([Effect.timeoutOption(wait(10), "5 seconds"), Effect.never], { discard: true }),
      [[0, "waits"], [35, "is sent"], [35, "too slow", 30]],
    ],
    [
      "of a client that gives up its wait and fails with another error counts as sent",
      Effect.zipRight(Effect.timeoutOption(wait(10), "5 seconds"), Effect.fail("reset")),
      [[0, "waits"], [5, "is sent"], [5, "reset", 0]],
    ],
    [
      "of a client that gives up an uninterruptible wait and goes on counts as sent once",
      Effect.all([
        Effect.timeoutOption(Effect.disconnect(waiting(Effect.uninterruptible(seconds(10)))), 5000),
        seconds(1),
      ], { discard: true }),
      [[0, "waits"], [6, "is sent"], [6, "success", 0]],
    ],
    [
      "of a client that interrupts itself fails",
      Effect.zipRight(seconds(2), Effect.interrupt),
      [[2, "interrupted itself", 2]],
    ],
    [
      "of a client that sends one request while another waits is timed",
      Effect.all([waiting(Effect.void, Effect.never), wait(1000)], { concurrency: 2 }),
      [[0, "waits"], [0, "is sent"], [30, "too slow", 30]],
    ],
    [
      "of a client with two waiting requests is timed once the first is sent",
      Effect.all([wait(50), waiting(seconds(40), Effect.never)], { concurrency: 2 }),
      [[0, "waits"], [40, "is sent"], [70, "too slow", 30]],
    ],
    [
      "whose wait fails is not sent, and the wait does not count",
      Effect.zipRight(seconds(2), waiting(Effect.zipRight(seconds(10), Effect.fail("closed")))),
      [[2, "waits"], [12, "closed", 2]],
    ],
  ])("%s", ([, attempt, expected]) =>
    Effect.gen(function* () {
      expect((yield* play(attempt)).told).toEqual(expected)
    }))

  it.effect("in an uninterruptible region fails at its timeout", () =>
    Effect.gen(function* () {
      const { told } = yield* Effect.uninterruptible(play(Effect.never))
      expect(told).toEqual([[30, "too slow", 30]])
    }))

  it.effect("that is interrupted stops, and is reported as interrupted", () =>
    Effect.gen(function* () {
      let isStopped = false
      const attempt = Effect.onInterrupt(Effect.never, () => Effect.sync(() => isStopped = true))
      const { exit, told } = yield* play(attempt, 5)
      expect(told).toEqual([[5, "interrupted", 5]])
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(isStopped).toBe(true)
    }))

  it.effect("that is interrupted while it waits was not sent, and the wait does not count", () =>
    Effect.gen(function* () {
      const { told } = yield* play(Effect.zipRight(seconds(2), wait(10)), 5)
      expect(told).toEqual([[2, "waits"], [5, "interrupted", 2]])
    }))
})

describe("an attempt that is interrupted", () => {
  it.effect("at any step ends as interrupted, and leaves no fiber running", () =>
    Effect.gen(function* () {
      for (let step = 0; step < 30; step++) {
        const told: Array<string> = []
        let running = 0
        const attempt = Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () => Effect.never,
          () => Effect.sync(() => running--),
        )
        const fiber = yield* withAttemptTimeout(attempt, {
          context: yield* Effect.context<never>(),
          duration: Duration.seconds(30),
          held: { hadTurn: false, renewed: Effect.succeed },
          onTimeout: () => "too slow",
          onSelfInterrupt: () => "interrupted itself",
          onWait: () => {},
          onEnd: (exit) => Effect.sync(() => told.push(outcomeOf(exit))),
        }).pipe(Effect.fork)
        yield* Effect.repeatN(Effect.yieldNow(), step)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(told.filter((outcome) => outcome !== "interrupted")).toEqual([])
        // A fiber left behind would run until its timer ends.
        yield* Effect.repeatN(Effect.yieldNow(), 100)
        expect(running).toBe(0)
      }
    }))
})

describe("a client's wait", () => {
  it.effect("outside a call is only a wait", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.as(wait(10), "waited"))
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(fiber)).toBe("waited")
    }))

  it.effect("does not count if another copy of this module made the client", () =>
    Effect.gen(function* () {
      const other = Context.GenericTag<never, AttemptWaitService>("@effect-crdb/AttemptWait")
      const attempt = Effect.flatMap(
        other,
        ({ holdBack }) => holdBack(seconds(50), () => Effect.void),
      )
      expect((yield* play(attempt)).told).toEqual([
        [0, "waits"],
        [50, "is sent"],
        [50, "success", 0],
      ])
    }))
})
