/**
 * Time that nobody sets back. In Effect 4, the Clock has a monotonic time besides the wall clock's.
 *
 * @module
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * Milliseconds since some moment, to the microsecond. Setting the wall clock does not change it.
 */
export const monotonicMillis = (clock: Clock.Clock): number =>
  // A number can hold whole microseconds, but not nanoseconds.
  Number(clock.monotonicTimeNanosUnsafe() / 1000n) / 1000

/** {@link monotonicMillis} of the Clock in use. */
export const currentMonotonicMillis: Effect.Effect<number> = Effect.clockWith((
  clock,
) => Effect.succeed(monotonicMillis(clock)))
