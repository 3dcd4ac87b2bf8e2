export * from "effect4/Cause";
export {
  findErrorOption as failureOption,
  hasInterruptsOnly as isInterruptedOnly,
  IllegalArgumentError as IllegalArgumentException,
  NoSuchElementError as NoSuchElementException,
} from "effect4/Cause";
