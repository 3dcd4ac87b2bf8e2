export * from "effect4/Duration"
export {
  fromInputUnsafe as decode,
  type Input as DurationInput,
  isGreaterThan as greaterThan,
  isLessThan as lessThan,
  isLessThanOrEqualTo as lessThanOrEqualTo,
} from "effect4/Duration"
import * as Duration from "effect4/Duration"
import * as Option from "effect4/Option"

const units = /^(?:weeks|days|hours|minutes|seconds|milliseconds|microseconds|nanoseconds)$/

// Effect 4 takes any object for a duration. One without a unit, or with a unit that is no number,
// counts as zero.
const isNoDuration = (input: unknown): boolean => {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return false
  if (Duration.isDuration(input)) return false
  const numbers = Object.entries(input).filter(([key]) => units.test(key))
  return numbers.length === 0 ||
    numbers.some(([, number]) => typeof number !== "number" || Number.isNaN(number))
}

export const decodeUnknown = (input: unknown): Option.Option<Duration.Duration> =>
  // For any other value that is no duration, fromInput gives None.
  isNoDuration(input) ? Option.none() : Duration.fromInput(input as Duration.Input)
