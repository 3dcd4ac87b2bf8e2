export * from "effect4/Duration"
export {
  fromInputUnsafe as decode,
  type Input as DurationInput,
  isGreaterThan as greaterThan,
  isLessThan as lessThan,
  isLessThanOrEqualTo as lessThanOrEqualTo,
} from "effect4/Duration"
import * as Duration from "effect4/Duration"
import type * as Option from "effect4/Option"

// It refuses what is none by itself.
export const decodeUnknown = (input: unknown): Option.Option<Duration.Duration> =>
  Duration.fromInput(input as Duration.Input)
