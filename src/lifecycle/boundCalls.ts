/**
 * Gives a deadline to calls that nothing can interrupt.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { RetryPolicy, withRetryPolicy } from "../transport/RetryPolicy.ts"

/**
 * Gives each call a deadline of 10 minutes, if the RetryPolicy has none or an infinite one. It is
 * for clean-up, which must end even if a token never comes or a schedule never stops.
 */
export const boundCalls = <A, E, R>(calls: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(RetryPolicy, (policy) =>
    withRetryPolicy({
      ...policy,
      deadline: Option.orElseSome(
        Option.filter(policy.deadline, Duration.isFinite),
        () => Duration.minutes(10),
      ),
    })(calls))
