export * from "../../names/Cause.ts"
export {
  hasInterrupts as isInterrupted,
  isIllegalArgumentError as isIllegalArgumentException,
  isNoSuchElementError as isNoSuchElementException,
} from "effect4/Cause"
import * as Cause from "effect4/Cause"

export const failures = <E>(self: Cause.Cause<E>): ReadonlyArray<E> =>
  self.reasons.filter(Cause.isFailReason).map(({ error }) => error)

export const defects = (self: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  self.reasons.filter(Cause.isDieReason).map(({ defect }) => defect)
