/**
 * Time that nobody sets back. Here the Clock has a monotonic time besides the wall's.
 *
 * @module
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Milliseconds since some moment, to the microsecond; a wall clock that is set leaves it alone. */
export const monotonicMillis = (clock: Clock.Clock): number =>
  // Whole microseconds fit a number, nanoseconds do not.
  Number(clock.monotonicTimeNanosUnsafe() / 1000n) / 1000

/** {@link monotonicMillis} of the Clock in use. */
export const currentMonotonicMillis: Effect.Effect<number> = Effect.clockWith((
  clock,
) => Effect.succeed(monotonicMillis(clock)))
