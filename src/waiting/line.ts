/**
 * First come, first served.
 *
 * @module
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

/** A line in which each waits for its turn. Effect's Semaphore lets a newcomer push in. */
export interface Line {
  /**
   * Runs an effect when all who came before are done, or, for one that had its turn already, before
   * all who still wait. Whoever is interrupted leaves the line.
   */
  readonly turn: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    hadTurn?: boolean,
  ) => Effect.Effect<A, E, R>
  /** How many wait. */
  readonly waiting: () => number
}

/** An empty line, which lets so many have their turn at the same time. */
export const makeLine = (atOnce: number = 1): Line => {
  const returned = new Set<() => void>()
  const waiting = new Set<() => void>()
  let free = atOnce

  const leave = Effect.sync(() => {
    const [next] = returned.size > 0 ? returned : waiting
    if (next === undefined) {
      free++
    } else {
      // The turn is handed over, never set free, so that nobody can push in.
      returned.delete(next)
      waiting.delete(next)
      next()
    }
  })

  return {
    turn: (effect, hadTurn = false) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          const own = Effect.ensuring(restore(effect), leave)
          if (free > 0) {
            free--
            return own
          }
          // Entered here, where nothing can be interrupted, and left below, whatever happens between.
          const called = Deferred.unsafeMake<void>(FiberId.none)
          const next = () => Deferred.unsafeDone(called, Effect.void)
          const among = hadTurn ? returned : waiting
          among.add(next)
          return restore(Deferred.await(called)).pipe(
            // Interrupted with the turn already in hand, it hands it on.
            Effect.onInterrupt(() =>
              Effect.suspend(() => among.delete(next) ? Effect.void : leave)
            ),
            Effect.zipRight(own),
          )
        })
      ),
    waiting: () => returned.size + waiting.size,
  }
}
