/**
 * What is wrong with a duration that a user gives.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** Which durations make sense for an option. */
export interface AllowedDurations {
  readonly zero: boolean
  /** Whether it may have no end. */
  readonly infinite: boolean
}

/**
 * What is wrong with an input, to follow the name of its option; None where it is a duration that is
 * allowed. It looks at what was given, since Effect decodes all that is negative, and NaN, to zero.
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

// Compared so that NaN counts as below zero.
const isBelowZero = (input: unknown): boolean => {
  if (Array.isArray(input)) return !(input[0] * 1e9 + input[1] >= 0)
  return typeof input === "number" || typeof input === "string" || typeof input === "bigint"
    ? !(Number.parseFloat(String(input)) >= 0)
    : false
}
