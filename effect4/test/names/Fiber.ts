export * from "../../names/Fiber.ts"
import * as Effect from "effect4/Effect"
import type * as Exit from "effect4/Exit"
import * as Fiber from "effect4/Fiber"
import * as Option from "effect4/Option"

export const poll = <A, E>(
  self: Fiber.Fiber<A, E>,
): Effect.Effect<Option.Option<Exit.Exit<A, E>>> =>
  Effect.sync(() => Option.fromNullishOr(self.pollUnsafe()))

export const interrupt = <A, E>(self: Fiber.Fiber<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.flatMap(Fiber.interrupt(self), () => Fiber.await(self))
