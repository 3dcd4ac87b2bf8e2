/**
 * Runs an effect in its own fiber.
 *
 * @module
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"

/**
 * Runs an effect in its own fiber, with all the services that it needs. It interrupts the effect
 * when `over` ends, or when its own caller is interrupted. `onEnd` gets the effect's exit, and
 * whether the caller was interrupted.
 */
export const runUntil = <A, E, R, A2, E2>(
  effect: Effect.Effect<A, E, R>,
  context: Context.Context<R>,
  over: Effect.Effect<void>,
  onEnd: (exit: Exit.Exit<A, E>, isInterrupted: boolean) => Effect.Effect<A2, E2>,
): Effect.Effect<A2, E2> =>
  // This does what Effect.timeout does, at less than half the cost: it does not wait for a timer
  // that has become useless, and inherits nothing from its fiber. Both fibers stay interruptible
  // even in an uninterruptible region, such as a finalizer, so that each can end the other.
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const work = yield* Effect.forkDaemon(Effect.interruptible(inContext(effect, context)))
      const timer = yield* Effect.forkDaemon(
        Effect.interruptible(Effect.zipRight(over, Fiber.interruptFork(work))),
      )
      // Fails if the caller is interrupted.
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
  // The fiber ends with the effect, so its context need not be restored. That would cost as much as
  // a timer.
  Effect.zipRight(
    FiberRef.set(FiberRef.currentContext, context),
    // All that it needs is in its fiber's context by then.
    effect as Effect.Effect<A, E>,
  )
