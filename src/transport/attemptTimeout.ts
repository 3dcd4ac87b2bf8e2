/**
 * Bounds and measures the time of one attempt, from its sending on.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { AttemptWait } from "./AttemptWait.ts"

/**
 * Fails an attempt that takes too long. The time that it spends in {@link AttemptWait} does not
 * count; `onWait` is told when it begins and when it ends, and `onEnd`, unless it is
 * interrupted, how many milliseconds counted.
 */
export const withAttemptTimeout = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  options: {
    readonly duration: Duration.Duration
    readonly onTimeout: () => E
    readonly onWait: (isWaiting: boolean) => void
    readonly onEnd: (exit: Exit.Exit<A, E>, millis: number) => Effect.Effect<void>
  },
): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    const startedAt = clock.unsafeCurrentTimeMillis()
    let waited = 0
    let waitsSince: number | undefined

    const active = (): number => {
      const now = clock.unsafeCurrentTimeMillis()
      return now - startedAt - waited - (waitsSince === undefined ? 0 : now - waitsSince)
    }

    let isTimedOut = false
    const endWhenOver = (work: Fiber.RuntimeFiber<unknown>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const left = Duration.toMillis(options.duration) - active()
        if (left > 0) {
          return Effect.zipRight(Effect.sleep(Duration.millis(left)), endWhenOver(work))
        }
        isTimedOut = true
        return Fiber.interruptFork(work)
      })

    const attemptWait = <B, E2, R2>(wait: Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2> =>
      Effect.suspend(() => {
        const since = clock.unsafeCurrentTimeMillis()
        waitsSince = since
        options.onWait(true)
        // A wait that is cut off ends in no sending.
        return Effect.tap(wait, () => {
          waited += clock.unsafeCurrentTimeMillis() - since
          waitsSince = undefined
          options.onWait(false)
        })
      })

    // What Effect.timeout does, at less than half the cost: the timer is not waited for when it has
    // become useless, and nothing of its fiber is taken over. Both can be interrupted even in a
    // finalizer, and wherever else nothing else can, so that each can end the other.
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.forkDaemon(
          // As a success: a failure that nobody waits for yet would be logged as unhandled.
          Effect.exit(
            Effect.interruptible(Effect.provideService(attempt, AttemptWait, attemptWait)),
          ),
        ),
        (work) =>
          Effect.flatMap(
            Effect.forkDaemon(Effect.interruptible(endWhenOver(work))),
            (timer) =>
              restore(Fiber.await(work)).pipe(
                Effect.onInterrupt(() => Fiber.interruptAll([timer, work])),
                Effect.flatMap((ended) => {
                  const exit = Exit.flatten(ended)
                  timer.unsafeInterruptAsFork(timer.id())
                  const outcome = isTimedOut && Exit.isInterrupted(exit)
                    ? Exit.fail(options.onTimeout())
                    : exit
                  return Effect.zipRight(options.onEnd(outcome, active()), outcome)
                }),
              ),
          ),
      )
    )
  })
