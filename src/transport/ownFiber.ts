/**
 * Runs an effect in a fiber of its own.
 *
 * @module
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"

/**
 * Runs an effect in a fiber of its own, with all that it needs. It is interrupted when `over` ends or
 * when whoever runs it is interrupted. Goes on with how it ended and whether it is the latter.
 */
export const runUntil = <A, E, R, A2, E2>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<R>,
  over: Effect.Effect<void>,
  onEnd: (exit: Exit.Exit<A, E>, isInterrupted: boolean) => Effect.Effect<A2, E2>,
): Effect.Effect<A2, E2> =>
  // What Effect.timeout does, at less than half the cost: the timer is not waited for when it has
  // become useless, and nothing of its fiber is taken over. Both can be interrupted even in a
  // finalizer, and wherever else nothing else can, so that each can end the other.
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const work = yield* Effect.forkDaemon(Effect.interruptible(inContext(effect, context)))
      const timer = yield* Effect.forkDaemon(
        Effect.interruptible(Effect.zipRight(over, Fiber.interruptFork(work))),
      )
      // Fails when whoever runs the effect is interrupted.
      const awaited = yield* Effect.exit(restore(Fiber.await(work)))
      timer.unsafeInterruptAsFork(timer.id())
      if (Exit.isFailure(awaited)) yield* Fiber.interrupt(work)
      return yield* onEnd(Exit.flatten(awaited), Exit.isFailure(awaited))
    })
  )

const inContext = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<R>,
): Effect.Effect<A, E> =>
  // What is set in a fiber of its own need not be set back, which would cost as much as a timer.
  Effect.zipRight(
    FiberRef.set(FiberRef.currentContext, context),
    // All that it needs is in its fiber's context by then.
    effect as Effect.Effect<A, E>,
  )
