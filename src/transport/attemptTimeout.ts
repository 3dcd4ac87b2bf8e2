/**
 * Bounds and measures the time of one attempt, from its sending on.
 *
 * @module
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import {
  activeMillis,
  begun,
  type Change,
  endsWaiting,
  toAnswered,
  toCutOff,
  toGoneOn,
  toSent,
  toWaiting,
} from "./attemptHold.ts"
import { AttemptWait, type AttemptWaitService } from "./AttemptWait.ts"
import { monotonicMillis } from "../waiting/monotonic.ts"
import { wholeMillis } from "../waiting/wholeMillis.ts"

/** How an attempt is bounded, and who is told of it. */
export interface AttemptOptions<A, E, R> {
  /** What the attempt needs. */
  readonly context: Context.Context<R>
  readonly duration: Duration.Duration
  readonly onTimeout: () => E
  /** What becomes of an attempt that interrupts itself, as a client of the user's may. */
  readonly onSelfInterrupt: () => E
  /** What a client that holds its requests back is told of them. */
  readonly held: Omit<AttemptWaitService, "holdBack">
  /** Told when a wait in {@link AttemptWait} begins and when it ends. */
  readonly onWait: (isWaiting: boolean) => void
  /** Told, unless the attempt is interrupted, how many milliseconds counted. */
  readonly onEnd: (exit: Exit.Exit<A, E>, millis: number) => Effect.Effect<void>
}

/**
 * Runs an attempt in a fiber of its own, and fails it when it takes too long. The time that it
 * spends in {@link AttemptWait} does not count.
 */
export const withAttemptTimeout = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  { context, duration, held, onEnd, onSelfInterrupt, onTimeout, onWait }: AttemptOptions<A, E, R>,
): Effect.Effect<A, E> =>
  Effect.clockWith((clock) => {
    let hold = begun(monotonicMillis(clock))
    let isTimedOut = false

    const active = (): number => activeMillis(hold, monotonicMillis(clock))

    const note = (change: Change): void => {
      const { isHeldBack } = hold
      hold = change(hold, monotonicMillis(clock))
      if (hold.isHeldBack !== isHeldBack) onWait(hold.isHeldBack)
    }

    // What is set in a fiber of its own need not be set back, which would cost as much as a timer.
    const own = Effect.zipRight(
      FiberRef.set(
        FiberRef.currentContext,
        Context.add(context, AttemptWait, { ...held, holdBack: holdingBack(note) }),
      ),
      // All that it needs is in its fiber's context by then.
      attempt as Effect.Effect<A, E>,
    )

    const endAfter = (
      wait: Duration.Duration,
      work: Fiber.RuntimeFiber<unknown, unknown>,
    ): Effect.Effect<void> =>
      Effect.flatMap(clock.sleep(wholeMillis(wait)), () => {
        const left = Duration.toMillis(duration) - active()
        if (left > 0) return endAfter(Duration.millis(left), work)
        isTimedOut = true
        return Fiber.interruptFork(work)
      })

    // What Effect.timeout does, at less than half the cost: the timer is not waited for when it has
    // become useless, and nothing of its fiber is taken over. Both can be interrupted even in a
    // finalizer, and wherever else nothing else can, so that each can end the other.
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const work = yield* Effect.forkDaemon(Effect.interruptible(own))
        const timer = yield* Effect.forkDaemon(
          Effect.interruptible(endAfter(duration, work)),
        )
        // Fails when whoever runs the attempt is interrupted.
        const awaited = yield* Effect.exit(restore(Fiber.await(work)))
        timer.unsafeInterruptAsFork(timer.id())
        if (Exit.isFailure(awaited)) yield* Fiber.interrupt(work)
        const exit = Exit.flatten(awaited)
        if (hold.isHeldBack && (isTimedOut || !endsWaiting(hold, exit))) note(toGoneOn)
        const outcome = Exit.isFailure(awaited) || !Exit.isInterrupted(exit)
          ? exit
          : Exit.fail(isTimedOut ? onTimeout() : onSelfInterrupt())
        return yield* Effect.zipRight(onEnd(outcome, active()), outcome)
      })
    )
  })

const holdingBack =
  (note: (change: Change) => void): AttemptWaitService["holdBack"] => (wait, send) =>
    Effect.suspend(() => {
      note(toWaiting)
      return wait.pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => note(Exit.isSuccess(exit) ? toSent : toCutOff(exit.cause)))
        ),
        Effect.flatMap((waited) =>
          Effect.ensuring(send(waited), Effect.sync(() => note(toAnswered)))
        ),
      )
    })
