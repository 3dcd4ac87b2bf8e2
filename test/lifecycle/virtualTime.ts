/**
 * A clock that jumps to the next sleeper whenever nothing can run, so that minutes pass in
 * microseconds. On demand, a scheduler decides whose turn it is.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export interface Controls {
  readonly clock: Clock.Clock
  /** Waits until `pick` gives this fiber its turn. */
  readonly turn: Effect.Effect<void>
  /** Moves the clock at once. */
  readonly jump: (duration: Duration.DurationInput) => Effect.Effect<void>
}

export class VirtualTime extends Context.Tag("test/VirtualTime")<VirtualTime, Controls>() {}

// Two rounds of the event loop are enough to read a body.
const settled = Effect.promise(async () => {
  for (let n = 0; n < 2; n += 1) await new Promise((resolve) => setImmediate(resolve))
})

// No read of a body takes this many rounds.
const mostIdleRounds = 2000

/**
 * Runs an effect to its end. `pick` draws a number below its argument, and is always 0 by default.
 * If nothing can wake the effect, it ends in a defect.
 */
export const inVirtualTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  pick: (below: number) => number = () => 0,
  beginning: number = Date.UTC(2026, 0, 1),
): Effect.Effect<A, E, Exclude<R, VirtualTime>> =>
  Effect.gen(function* () {
    let now = beginning
    let sleepers: ReadonlyArray<Sleeper> = []
    let waiting: ReadonlyArray<() => void> = []
    const clock: Clock.Clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => now,
      unsafeCurrentTimeNanos: () => BigInt(Math.round(now * 1000)) * 1000n,
      currentTimeMillis: Effect.sync(() => now),
      currentTimeNanos: Effect.sync(() => BigInt(Math.round(now * 1000)) * 1000n),
      sleep: (duration) =>
        // Like the live clock, which never wakes from so long a sleep.
        Duration.toMillis(duration) > 2 ** 31 - 1 ? Effect.never : Effect.async<void>((resume) => {
          const sleeper = {
            at: now + Duration.toMillis(duration),
            wake: () => resume(Effect.void),
          }
          sleepers = [...sleepers, sleeper]
          return Effect.sync(() => {
            sleepers = sleepers.filter((other) => other !== sleeper)
          })
        }),
    }
    const turn = Effect.async<void>((resume) => {
      const begin = () => resume(Effect.void)
      waiting = [...waiting, begin]
      return Effect.sync(() => {
        waiting = waiting.filter((other) => other !== begin)
      })
    })
    const jump = (duration: Duration.DurationInput) =>
      Effect.sync(() => {
        now += Duration.toMillis(duration)
      })

    const fiber = yield* effect.pipe(
      Effect.provideService(VirtualTime, { clock, turn, jump }),
      Effect.withClock(clock),
      Effect.fork,
    )
    let idleRounds = 0
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      yield* settled
      const begin = waiting[pick(waiting.length)]
      if (begin !== undefined) {
        waiting = waiting.filter((other) => other !== begin)
        begin()
        idleRounds = 0
        continue
      }
      // No timeout must fire while a body is read.
      yield* settled
      if (waiting.length > 0) continue
      const next = Math.min(...sleepers.map(({ at }) => at))
      if (next === Infinity) {
        idleRounds += 1
        if (idleRounds > mostIdleRounds) return yield* Effect.dieMessage("nothing ever wakes it")
        continue
      }
      idleRounds = 0
      now = Math.max(now, next)
      const due = sleepers.filter(({ at }) => at <= now)
      sleepers = sleepers.filter(({ at }) => at > now)
      for (const { wake } of due) wake()
    }
    return yield* Fiber.join(fiber)
  })

/** Draws the same numbers for the same seed. */
export const drawing = (seed: number): (below: number) => number => {
  let state = seed + 0x9e3779b9
  return (below) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x6d2b79f5
    const mixed = Math.imul(state ^ state >>> 12, 0x297a2d39)
    return below === 0 ? 0 : ((mixed ^ mixed >>> 15) >>> 0) % below
  }
}

/** Interrupted, failed or succeeded. */
export const outcomeOf = <A, E>(exit: Exit.Exit<A, E>): string =>
  Exit.isSuccess(exit) ? "Success" : Exit.isInterrupted(exit) ? "Interrupted" : "Failure"
