export * from "effect4/Deferred"
export { doneUnsafe as unsafeDone } from "effect4/Deferred"
import * as Deferred from "effect4/Deferred"

export const unsafeMake = <A, E = never>(
  _fiberId: unknown,
): Deferred.Deferred<A, E> => Deferred.makeUnsafe()
