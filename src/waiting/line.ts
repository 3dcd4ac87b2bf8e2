/**
 * First come, first served.
 *
 * @module
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

/**
 * A line in which each caller waits for its turn. Effect's Semaphore would let a newcomer push in.
 */
export interface Line {
  /**
   * Runs an effect when all callers before it are done. A caller that has had a turn already goes
   * before all that still wait for theirs. An interrupted caller leaves the line.
   */
  readonly turn: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    hadTurn?: boolean,
  ) => Effect.Effect<A, E, R>
  /** How many callers wait. */
  readonly waiting: () => number
}

/** An empty line. `atOnce` callers can have their turn at the same time. */
export const makeLine = (atOnce: number = 1): Line => {
  const returned = new Set<() => void>()
  const waiting = new Set<() => void>()
  let free = atOnce

  const leave = Effect.sync(() => {
    const [next] = returned.size > 0 ? returned : waiting
    if (next === undefined) {
      free++
    } else {
      // The turn goes straight to the next caller: a newcomer could take a free one.
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
          // It enters where nothing can interrupt it. Every way out below makes it leave.
          const called = Deferred.unsafeMake<void>(FiberId.none)
          const next = () => Deferred.unsafeDone(called, Effect.void)
          const among = hadTurn ? returned : waiting
          among.add(next)
          return restore(Deferred.await(called)).pipe(
            // If it has its turn already when it is interrupted, it passes the turn on.
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
