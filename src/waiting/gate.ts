/**
 * Holds every fiber back when one answer says to wait.
 *
 * @module
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { makeLine } from "./line.ts"
import { currentMonotonicMillis } from "./monotonic.ts"
import { wholeMillis } from "./wholeMillis.ts"

/** One that comes to a gate. */
export interface Entering {
  /** Until when it waits for the gate to open, by the monotonic clock. */
  readonly latest: number
  /** Whether it had its turn already, and goes before those who still wait for theirs. */
  readonly hadTurn: boolean
}

/**
 * A gate that an answer's `Retry-After` shuts for all who come to it. Nobody waits longer than its own
 * policy allows, whoever stands before it: it goes at once, and fails on an answer of its own.
 */
export interface Gate {
  /** Waits until the gate is open, where it is not. */
  readonly enter: (one: Effect.Effect<Entering>) => Effect.Effect<void>
  /** Whether it is shut for one that comes now. */
  readonly isShut: (one: Entering) => Effect.Effect<boolean>
  /** Shuts the gate for so long, unless it is shut for longer already. */
  readonly shut: (wait: Duration.Duration) => Effect.Effect<void>
  /** Notes an answer that does not shut it, which tells what rate the API takes. */
  readonly pass: Effect.Effect<void>
}

/**
 * Makes a gate that is open. After it was shut it lets callers in one by one, so that they do not all
 * meet the next refusal. It begins at `limit` a second, or at the rate that the API took before, if
 * that was higher. The rate grows by a quarter each second, so that the line gets shorter.
 */
export const makeGate = (limit: number): Gate => {
  const line = makeLine()
  const waiting = new Set<{ readonly latest: number; readonly leave: Deferred.Deferred<void> }>()
  const taken = makeRate()
  let shutUntil = 0
  let nextAt = 0
  let mustQueue = false
  let rateAtFirst = limit

  const untilOpen: Effect.Effect<void> = Effect.flatMap(
    currentMonotonicMillis,
    (now) => {
      const opensAt = Math.max(shutUntil, nextAt)
      return now >= opensAt
        ? Effect.sync(() => {
          nextAt = now + 1000 / rateAfter(rateAtFirst, limit, now - shutUntil)
          mustQueue = line.waiting() > 0
        })
        // The gate may be shut again meanwhile.
        : Effect.zipRight(Effect.sleep(wholeMillis(Duration.millis(opensAt - now))), untilOpen)
    },
  )

  const enterShut = ({ hadTurn, latest }: Entering): Effect.Effect<void> => {
    const one = { latest, leave: Deferred.unsafeMake<void>(FiberId.none) }
    return Effect.suspend(() => {
      waiting.add(one)
      // Also where nothing else may be interrupted, each of the two ends the other.
      return Effect.raceFirst(
        Effect.interruptible(line.turn(untilOpen, hadTurn)),
        Effect.interruptible(Deferred.await(one.leave)),
      )
    }).pipe(Effect.ensuring(Effect.sync(() => waiting.delete(one))))
  }

  return {
    enter: (one) =>
      Effect.suspend(() =>
        mustQueue
          ? Effect.flatMap(one, (one) => shutUntil <= one.latest ? enterShut(one) : Effect.void)
          : Effect.void
      ),
    isShut: ({ latest }) =>
      Effect.map(currentMonotonicMillis, (now) => now < shutUntil && shutUntil <= latest),
    shut: (wait) =>
      Effect.map(currentMonotonicMillis, (now) => {
        mustQueue = true
        shutUntil = Math.max(shutUntil, now + Duration.toMillis(wait))
        rateAtFirst = Math.max(limit, taken.perSecond(now))
        for (const { latest, leave } of waiting) {
          if (shutUntil > latest) Deferred.unsafeDone(leave, Effect.void)
        }
      }),
    pass: Effect.map(currentMonotonicMillis, taken.add),
  }
}

/** Decides how many a second are let in so long after the gate has opened again. */
export const rateAfter = (rateAtFirst: number, limit: number, millisOpen: number): number =>
  rateAtFirst * (1 + Math.max(0, Math.floor(millisOpen / 1000) - secondsAt(rateAtFirst, limit)) / 4)

// Beyond the limit it is the throttle that keeps to one; at the limit, ten seconds without a refusal
// say that there may be more.
const secondsAt = (rateAtFirst: number, limit: number): number => rateAtFirst > limit ? 0 : 10

// Counts by whole seconds: the one that runs, and the one before.
const makeRate = () => {
  let second = 0
  let now = 0
  let before = 0
  const turnTo = (millis: number): void => {
    const next = Math.floor(millis / 1000)
    if (next === second) return
    before = next === second + 1 ? now : 0
    now = 0
    second = next
  }
  return {
    add: (millis: number): void => {
      turnTo(millis)
      now++
    },
    perSecond: (millis: number): number => {
      turnTo(millis)
      return Math.max(now, before)
    },
  }
}
