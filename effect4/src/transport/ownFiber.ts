// In Effect 4, a forked fiber starts at once, and is interrupted in one step.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

export const runUntil = <A, E, R, A2, E2>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<R>,
  over: Effect.Effect<void>,
  onEnd: (exit: Exit.Exit<A, E>, isInterrupted: boolean) => Effect.Effect<A2, E2>,
): Effect.Effect<A2, E2> =>
  Effect.uninterruptibleMask((restore) => {
    const start = Effect.runForkWith(context)
    const work = start(effect)
    const timer = start(over)
    timer.addObserver((exit) => {
      if (Exit.isSuccess(exit)) work.interruptUnsafe()
    })
    return Effect.matchCauseEffect(restore(Fiber.await(work)), {
      onSuccess: (exit) => {
        timer.interruptUnsafe()
        return onEnd(exit, false)
      },
      onFailure: (cause) => {
        timer.interruptUnsafe()
        return Effect.flatMap(Fiber.interrupt(work), () => onEnd(Exit.failCause(cause), true))
      },
    })
  })
