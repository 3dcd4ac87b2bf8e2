/**
 * Checks a duration that a user gives.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { longestSleep } from "./wholeMillis.ts"

/** Which durations an option allows. */
export interface AllowedDurations {
  readonly zero: boolean
  /** Whether it may be infinite. */
  readonly infinite: boolean
  /** Whether a timer waits for all of it. A finite one is then at most 24 days. */
  readonly timed?: boolean
}

/**
 * Says what is wrong with an input, in words that follow the option's name. None if the option
 * allows it.
 *
 * It looks at the input itself, since Effect decodes negative durations and NaN to zero.
 */
export const durationProblem = (
  input: unknown,
  { infinite, timed = false, zero }: AllowedDurations,
): Option.Option<string> => {
  const millis = Option.getOrElse(
    Option.map(Duration.decodeUnknown(input), Duration.toMillis),
    () => -1,
  )
  const isAllowed = !isBelowZero(input) && (zero ? millis >= 0 : millis > 0) &&
    (millis === Infinity ? infinite : !timed || millis <= longestSleep)
  return isAllowed ? Option.none() : Option.some(
    `must be a ${infinite ? "" : "finite "}duration ${zero ? "of zero or more" : "above zero"}${
      timed ? ` and at most 24 days${infinite ? ", or Infinity" : ""}` : ""
    }, like "5 minutes"`,
  )
}

// NaN is not `>= 0`, so it counts as below zero.
const isBelowZero = (input: unknown): boolean =>
  Array.isArray(input)
    ? !(input[0] * 1e9 + input[1] >= 0)
    : typeof input !== "object" && !(Number.parseFloat(String(input)) >= 0)
