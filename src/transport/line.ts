/**
 * First come, first served.
 *
 * @module
 */
import * as Effect from "effect/Effect"

/** A line in which each waits for its turn. Effect's Semaphore lets a newcomer push in. */
export interface Line {
  /** Runs an effect when all who came before are done. Whoever is interrupted leaves the line. */
  readonly turn: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** How many wait. */
  readonly waiting: () => number
}

/** An empty line. */
export const makeLine = (): Line => {
  const waiting = new Set<() => void>()
  let taken = false

  const leave = Effect.sync(() => {
    const [next] = waiting
    if (next === undefined) {
      taken = false
    } else {
      // The turn is handed over, never set free, so that nobody can push in.
      waiting.delete(next)
      next()
    }
  })

  const enter = Effect.async<void>((resume) => {
    if (!taken) {
      taken = true
      return resume(Effect.void)
    }
    const next = () => resume(Effect.void)
    waiting.add(next)
    // Interrupted with the turn already in hand, it hands it on.
    return Effect.suspend(() => waiting.delete(next) ? Effect.void : leave)
  })

  return {
    turn: (effect) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.zipRight(restore(enter), Effect.ensuring(restore(effect), leave))
      ),
    waiting: () => waiting.size,
  }
}
