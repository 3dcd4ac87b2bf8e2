/**
 * Limits and measures the time of one attempt, from the moment it is sent.
 *
 * @module
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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
import { runUntil } from "./ownFiber.ts"
import { monotonicMillis } from "../waiting/monotonic.ts"
import { wholeMillis } from "../waiting/wholeMillis.ts"

/** The limit of an attempt, and what is called as it goes on. */
export interface AttemptOptions<A, E, R> {
  /** The services that the attempt needs. */
  readonly context: Context.Context<R>
  readonly duration: Duration.Duration
  readonly onTimeout: () => E
  /** The error of an attempt that interrupts itself, as a user's client may. */
  readonly onSelfInterrupt: () => E
  /** What {@link AttemptWait} offers besides `holdBack`. */
  readonly held: Omit<AttemptWaitService, "holdBack">
  /** Called when a wait in {@link AttemptWait} begins, and when it ends. */
  readonly onWait: (isWaiting: boolean) => void
  /** Called when the attempt ends, with the milliseconds that counted. */
  readonly onEnd: (exit: Exit.Exit<A, E>, millis: number) => Effect.Effect<void>
}

/**
 * Runs an attempt in its own fiber, and fails it if it takes too long. Time that it spends in
 * {@link AttemptWait} does not count.
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

    const own = Context.add(context, AttemptWait, { ...held, holdBack: holdingBack(note) })

    const untilOver = (wait: Duration.Duration): Effect.Effect<void> =>
      Effect.flatMap(clock.sleep(wholeMillis(wait)), () => {
        const left = Duration.toMillis(duration) - active()
        if (left > 0) return untilOver(Duration.millis(left))
        isTimedOut = true
        return Effect.void
      })

    return runUntil(attempt, own, untilOver(duration), (exit, isInterrupted) => {
      if (hold.isHeldBack && (isTimedOut || !endsWaiting(hold, exit))) note(toGoneOn)
      const outcome = isInterrupted || !Exit.isInterrupted(exit)
        ? exit
        : Exit.fail(isTimedOut ? onTimeout() : onSelfInterrupt())
      return Effect.zipRight(onEnd(outcome, active()), outcome)
    })
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
