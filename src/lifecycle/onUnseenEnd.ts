/**
 * Clean up after an end of which the caller learns nothing.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Makes interruptible what is safe to interrupt in a region that is not. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Runs a clean-up where an effect ends with an interruption or a defect. To be used in the
 * uninterruptible region that `restore` belongs to. A failure counts as an interruption where one has
 * come in the meantime: it takes effect at the end of the region, and nobody sees the failure.
 */
export const onUnseenEnd =
  <R2>(restore: Restore, cleanUp: Effect.Effect<void, never, R2>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | R2> =>
    effect.pipe(
      Effect.tapError(() => restore(Effect.void)),
      Effect.onError((cause) => Option.isSome(Cause.failureOption(cause)) ? Effect.void : cleanUp),
    )
