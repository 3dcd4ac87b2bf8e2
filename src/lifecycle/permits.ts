/**
 * So many at a time, first come, first served.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Restore } from "./createMarked.ts"

/**
 * Like a semaphore that gives out one permit at a time. Effect's own wakes all that wait at each
 * release, and each of them grows by it: 500 waiting fibers cost 130 MB, and 5,000 a hundred times
 * that.
 */
export const makePermits = (count: number): Effect.Effect<Restore> =>
  Effect.gen(function* () {
    const permits = yield* Queue.unbounded<void>()
    yield* permits.offerAll(Array.from({ length: count }, () => undefined))
    return (effect) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.zipRight(
          restore(Queue.take(permits)),
          Effect.ensuring(restore(effect), Queue.offer(permits, undefined)),
        )
      )
  })
