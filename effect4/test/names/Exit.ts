export * from "../../names/Exit.ts"
export { getCause as causeOption } from "effect4/Exit"
import * as Exit from "effect4/Exit"
import type * as Cause from "effect4/Cause"

export const getOrElse = <A, E, B>(
  self: Exit.Exit<A, E>,
  orElse: (cause: Cause.Cause<E>) => B,
): A | B => Exit.isSuccess(self) ? self.value : orElse(self.cause)
