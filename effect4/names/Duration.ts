export * from "effect4/Duration"
export {
  fromInputUnsafe as decode,
  type Input as DurationInput,
  isGreaterThan as greaterThan,
  isLessThan as lessThan,
  isLessThanOrEqualTo as lessThanOrEqualTo,
} from "effect4/Duration"
import { fromInput, type Input } from "effect4/Duration"
import type * as Duration from "effect4/Duration"
import type * as Option from "effect4/Option"

// It is none for whatever is no input.
export const decodeUnknown: (input: unknown) => Option.Option<Duration.Duration> = (input) =>
  fromInput(input as Input)
