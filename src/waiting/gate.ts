/**
 * Holds all fibers back when one answer says to wait.
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

/** A caller that comes to a gate. */
export interface Entering {
  /** It waits for the gate to open until this time at most, by the monotonic clock. */
  readonly latest: number
  /** Whether it has had a turn already. It then goes before callers that still wait for theirs. */
  readonly hadTurn: boolean
}

/**
 * A gate that an answer's `Retry-After` shuts for all callers. A caller that won't wait that long
 * goes through at once, and ends with its own answer. So nobody waits for a gate to open for longer
 * than its own policy allows, whoever is ahead of it in the line. Once the gate is open, the line
 * moves at a rate, and a caller in a long line waits longer than that.
 */
export interface Gate {
  /** Waits while the gate is shut. */
  readonly enter: (one: Effect.Effect<Entering>) => Effect.Effect<void>
  /** Whether it is shut for a caller that comes now. */
  readonly isShut: (one: Entering) => Effect.Effect<boolean>
  /** Shuts the gate for this long, unless it is already shut for longer. */
  readonly shut: (wait: Duration.Duration) => Effect.Effect<void>
  /** Notes an answer that does not shut the gate. Such answers show which rate the API accepts. */
  readonly pass: Effect.Effect<void>
}

/**
 * Makes an open gate. When it opens again after it was shut, it lets callers in one by one: if all
 * came at once, they would meet the next refusal.
 *
 * It begins at `limit` a second, or at the rate that the API accepted before, if that was higher.
 * The rate grows by a quarter each second, so the line gets shorter.
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
        // The gate may have been shut again during the sleep.
        : Effect.zipRight(Effect.sleep(wholeMillis(Duration.millis(opensAt - now))), untilOpen)
    },
  )

  const enterShut = ({ hadTurn, latest }: Entering): Effect.Effect<void> => {
    const one = { latest, leave: Deferred.unsafeMake<void>(FiberId.none) }
    return Effect.suspend(() => {
      waiting.add(one)
      // Each of the two must be able to end the other, even in an uninterruptible region. Nothing else
      // may there: Effect 3 hands an interruption on to a fiber's children.
      return Effect.disconnect(Effect.raceFirst(
        Effect.interruptible(line.turn(untilOpen, hadTurn)),
        Effect.interruptible(Deferred.await(one.leave)),
      ))
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

/** How many callers a second may enter, this long after the gate opened again. */
export const rateAfter = (rateAtFirst: number, limit: number, millisOpen: number): number =>
  rateAtFirst * (1 + Math.max(0, Math.floor(millisOpen / 1000) - secondsAt(rateAtFirst, limit)) / 4)

// Above the limit the rate grows at once: if a limit must be kept, the throttle keeps it. At the limit
// it grows after ten seconds without a refusal, which say that the API may accept more.
const secondsAt = (rateAtFirst: number, limit: number): number => rateAtFirst > limit ? 0 : 10

// Counts the answers of two whole seconds: the current one, and the one before.
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
