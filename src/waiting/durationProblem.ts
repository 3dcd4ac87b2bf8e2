/**
 * Checks a duration that a user gives.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** Which durations an option allows. */
export interface AllowedDurations {
  readonly zero: boolean
  /** Whether it may be infinite. */
  readonly infinite: boolean
}

/**
 * Says what is wrong with an input, in words that follow the option's name. None if the option
 * allows it.
 *
 * It looks at the input itself, since Effect decodes negative durations and NaN to zero.
 */
export const durationProblem = (
  input: unknown,
  { infinite, zero }: AllowedDurations,
): Option.Option<string> => {
  const duration = Option.getOrUndefined(Duration.decodeUnknown(input))
  const millis = duration === undefined ? -1 : Duration.toMillis(duration)
  const isAllowed = !isBelowZero(input) && (zero ? millis >= 0 : millis > 0) &&
    (infinite || millis < Infinity)
  return isAllowed ? Option.none() : Option.some(
    `must be a ${infinite ? "" : "finite "}duration ${
      zero ? "of zero or more" : "above zero"
    }, like "5 minutes"`,
  )
}

// NaN is not `>= 0`, so it counts as below zero.
const isBelowZero = (input: unknown): boolean => {
  if (Array.isArray(input)) return !(input[0] * 1e9 + input[1] >= 0)
  return typeof input === "number" || typeof input === "string" || typeof input === "bigint"
    ? !(Number.parseFloat(String(input)) >= 0)
    : false
}
