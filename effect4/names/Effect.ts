export * from "effect4/Effect"
export {
  callback as async,
  catch as catchAll,
  catchCause as catchAllCause,
  context as runtime,
  contextWith as contextWithEffect,
  forkChild as fork,
  forkDetach as forkDaemon,
  fromNullishOr as fromNullable,
  result as either,
} from "effect4/Effect"
export { make as makeSemaphore } from "effect4/Semaphore"
import * as Effect from "effect4/Effect"
import { dual } from "effect4/Function"

export const zipRight: {
  <A2, E2, R2>(
    that: Effect.Effect<A2, E2, R2>,
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A2, E | E2, R | R2>
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    that: Effect.Effect<A2, E2, R2>,
  ): Effect.Effect<A2, E | E2, R | R2>
} = dual(
  2,
  <A, E, R, A2, E2, R2>(self: Effect.Effect<A, E, R>, that: Effect.Effect<A2, E2, R2>) =>
    Effect.flatMap(self, () => that),
)

export const zipLeft: {
  <A2, E2, R2>(
    that: Effect.Effect<A2, E2, R2>,
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R | R2>
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    that: Effect.Effect<A2, E2, R2>,
  ): Effect.Effect<A, E | E2, R | R2>
} = dual(
  2,
  <A, E, R, A2, E2, R2>(self: Effect.Effect<A, E, R>, that: Effect.Effect<A2, E2, R2>) =>
    Effect.tap(self, () => that),
)

export const dieMessage = (message: string): Effect.Effect<never> => Effect.die(new Error(message))
