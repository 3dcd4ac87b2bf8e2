/**
 * Cleans up after an effect whose end the caller never sees.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Makes part of an uninterruptible region interruptible again, where that is safe. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Runs a clean-up if an effect ends with an interruption or a defect. Use it in the uninterruptible
 * region that `restore` belongs to.
 *
 * A failure counts as an interruption if one has come in the meantime. The interruption takes
 * effect at the end of the region, so nobody sees the failure.
 */
export const onUnseenEnd =
  <R2>(restore: Restore, cleanUp: Effect.Effect<void, never, R2>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | R2> =>
    effect.pipe(
      Effect.tapError(() => restore(Effect.void)),
      Effect.onError((cause) => Option.isSome(Cause.failureOption(cause)) ? Effect.void : cleanUp),
    )
