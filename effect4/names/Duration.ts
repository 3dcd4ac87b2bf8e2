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

// Effect 4 takes any object for a duration, without a unit for none at all.
const isAnother = (input: unknown): boolean =>
  typeof input === "object" && input !== null && !Array.isArray(input) &&
  !Duration.isDuration(input) && !Object.keys(input).some((key) => units.test(key))

export const decodeUnknown = (input: unknown): Option.Option<Duration.Duration> =>
  // It is none for whatever else is no input.
  isAnother(input) ? Option.none() : Duration.fromInput(input as Duration.Input)
