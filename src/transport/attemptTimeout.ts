/**
 * Bounds and measures the time of one attempt, from its sending on.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
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
    const startedAt = monotonicMillis(clock)
    // A client can have several requests of its own under way: an attempt is held back while some of
    // them wait and none is sent.
    let waiting = 0
    let sent = 0
    let heldSince: number | undefined
    let heldMillis = 0
    let isHeldBack = false
    let isSent = false
    let cutOff: Cause.Cause<unknown> | undefined

    const heldUntil = (now: number): number =>
      heldMillis + (heldSince === undefined ? 0 : now - heldSince)

    const active = (): number => {
      const now = monotonicMillis(clock)
      return now - startedAt - heldUntil(now)
    }

    const change = (waitingBy: number, sentBy: number): void => {
      const now = monotonicMillis(clock)
      heldMillis = heldUntil(now)
      waiting += waitingBy
      sent += sentBy
      heldSince = waiting > 0 && sent === 0 ? now : undefined
    }

    let isOver = false
    let isInterrupted = false
    let isTimedOut = false
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

    const holdBack: AttemptWaitService["holdBack"] = (wait, send) =>
      Effect.suspend(() => {
        change(1, 0)
        // A client that repeats by itself waits again with a request behind it that was sent.
        if (!isSent && !isHeldBack) {
          isHeldBack = true
          onWait(true)
        }
        const waited = Effect.onExit(wait, (exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) {
              change(-1, 0)
              cutOff = exit.cause
            } else {
              change(-1, 1)
              release()
            }
          }))
        return Effect.flatMap(
          waited,
          (value) => Effect.ensuring(send(value), Effect.sync(() => change(0, -1))),
        )
      })

    const release = (): void => {
      isSent = true
      if (isHeldBack) onWait(false)
      isHeldBack = false
    }

    // A wait that is cut off ends in no sending, unless its client goes on all the same.
    const wentOn = (exit: Exit.Exit<A, E>): boolean =>
      cutOff !== undefined &&
      (isTimedOut || Exit.isSuccess(exit) ||
        !Cause.isInterruptedOnly(exit.cause) && !Equal.equals(exit.cause, cutOff))

    // What is set in a fiber of its own need not be set back, which would cost as much as a timer.
    const own = Effect.zipRight(
      FiberRef.set(
        FiberRef.currentContext,
        Context.add(context, AttemptWait, { ...held, holdBack }),
      ),
      // All that it needs is in its fiber's context by then.
      attempt as Effect.Effect<A, E>,
    )

    // What Effect.timeout does, at less than half the cost: the timer is not waited for when it has
    // become useless, and nothing of its fiber is taken over. Both can be interrupted even in a
    // finalizer, and wherever else nothing else can, so that each can end the other.
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.forkDaemon(Effect.interruptible(own)),
        (work) =>
          Effect.flatMap(
            Effect.forkDaemon(Effect.interruptible(endAfter(duration, work))),
            (timer) =>
              Effect.flatMap(
                Effect.exit(restore(Effect.async<A, E>((resume) => {
                  work.addObserver((exit) => {
                    isOver = true
                    resume(exit)
                  })
                  return Effect.suspend(() => {
                    isInterrupted = !isOver
                    return Fiber.interruptAll([timer, work])
                  })
                }))),
                (exit) => {
                  timer.unsafeInterruptAsFork(timer.id())
                  if (wentOn(exit)) release()
                  const outcome = isInterrupted || !Exit.isInterrupted(exit)
                    ? exit
                    : Exit.fail(isTimedOut ? onTimeout() : onSelfInterrupt())
                  return Effect.zipRight(onEnd(outcome, active()), outcome)
                },
              ),
          ),
      )
    )
  })
