export * from "effect4/Deferred"
import * as Deferred from "effect4/Deferred"
import type * as Effect from "effect4/Effect"

export const unsafeMake = <A, E = never>(
  _fiberId: unknown,
): Deferred.Deferred<A, E> => Deferred.makeUnsafe()

// Effect 4 would run the waiting fiber at once, in the middle of what the caller is doing.
export const unsafeDone = <A, E>(
  self: Deferred.Deferred<A, E>,
  effect: Effect.Effect<A, E>,
): void => queueMicrotask(() => Deferred.doneUnsafe(self, effect))
