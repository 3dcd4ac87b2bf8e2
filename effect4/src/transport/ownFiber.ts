// Here a fiber that is forked starts at once, and is interrupted in one step.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

export const inContext = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<R>,
): Effect.Effect<A, E> => Effect.setContext(effect, context)

export const runUntil = <A, E, A2, E2>(
  effect: Effect.Effect<A, E>,
  over: Effect.Effect<void>,
  onEnd: (exit: Exit.Exit<A, E>, isInterrupted: boolean) => Effect.Effect<A2, E2>,
): Effect.Effect<A2, E2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      start(effect),
      (work) =>
        Effect.flatMap(start(Effect.map(over, () => work.interruptUnsafe())), (timer) =>
          Effect.flatMap(Effect.exit(restore(Fiber.await(work))), (awaited) => {
            timer.interruptUnsafe()
            return Exit.isSuccess(awaited) ? onEnd(awaited.value, false) : Effect.flatMap(
              Fiber.interrupt(work),
              () => onEnd(Exit.failCause(awaited.cause), true),
            )
          })),
    )
  )

const start = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Fiber.Fiber<A, E>> =>
  Effect.forkDetach(effect, { startImmediately: true })
