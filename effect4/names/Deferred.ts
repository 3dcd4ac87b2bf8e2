export * from "effect4/Deferred"
import * as Deferred from "effect4/Deferred"
import type * as Effect from "effect4/Effect"

export const unsafeMake = <A, E = never>(
  _fiberId: unknown,
): Deferred.Deferred<A, E> => Deferred.makeUnsafe()

// Effect 4 would run who waits for it here and now, in the midst of what whoever calls is doing.
export const unsafeDone = <A, E>(
  self: Deferred.Deferred<A, E>,
  effect: Effect.Effect<A, E>,
): void => queueMicrotask(() => Deferred.doneUnsafe(self, effect))
