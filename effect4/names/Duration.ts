export * from "effect4/Duration";
export {
  fromInput as decodeUnknown,
  fromInputUnsafe as decode,
  type Input as DurationInput,
  isGreaterThan as greaterThan,
  isLessThan as lessThan,
  isLessThanOrEqualTo as lessThanOrEqualTo,
} from "effect4/Duration";
