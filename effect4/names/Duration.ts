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

const units = /^(?:weeks|days|hours|minutes|(?:milli|micro|nano)?seconds)$/

// Effect 4 takes any object for a duration. It ignores fields that are no unit, and units that are no
// number, so a typo makes a shorter duration.
const isNoDuration = (input: unknown): boolean => {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return false
  if (Duration.isDuration(input)) return false
  const fields = Object.entries(input).filter(([, number]) => number !== undefined)
  return fields.length === 0 ||
    fields.some(([unit, number]) =>
      // The sum of two infinite numbers may be NaN, which counts as zero.
      !units.test(unit) || typeof number !== "number" || !(number > -Infinity)
    )
}

export const decodeUnknown = (input: unknown): Option.Option<Duration.Duration> =>
  // For any other value that is no duration, fromInput gives None.
  isNoDuration(input) ? Option.none() : Duration.fromInput(input as Duration.Input)
