/**
 * Bounds and measures the time of one attempt, from its sending on.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { AttemptWait } from "./AttemptWait.ts"

/**
 * Fails an attempt that takes too long. The time that it spends in {@link AttemptWait} does not
 * count; `onWait` is told when it begins and when it ends, and `onEnd` how many milliseconds counted.
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

    const timer: Effect.Effect<never, E> = Effect.suspend(() => {
      const left = Duration.toMillis(options.duration) - active()
      return left > 0
        ? Effect.zipRight(Effect.sleep(Duration.millis(left)), timer)
        : Effect.failSync(options.onTimeout)
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

    // In a finalizer, and wherever else nothing may be interrupted, each must still end the other.
    return Effect.raceFirst(
      Effect.interruptible(Effect.provideService(attempt, AttemptWait, attemptWait)),
      Effect.interruptible(timer),
    ).pipe(
      Effect.onExit((exit) => options.onEnd(exit, active())),
    )
  })
