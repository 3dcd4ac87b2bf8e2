/**
 * Decides what is sent again, when, and how often.
 *
 * The decisions are pure functions. A Schedule carries them out.
 *
 * @module
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { OperationFacts } from "../operation.ts"
import { longestSleep, wholeMillis } from "../waiting/wholeMillis.ts"
import { type AllowedDurations, durationProblem } from "../waiting/durationProblem.ts"

/** What a {@link RetryPolicy} holds. */
export interface RetryPolicyService {
  /**
   * When to try again and when to give up, given the error of each attempt. Its delays are never
   * shorter than `Retry-After` asks, and a finite one is at most 24 days. It cannot repeat a
   * request that must not be repeated.
   */
  readonly schedule: Schedule.Schedule<unknown, ApiKeyError>
  /** How long one attempt may take, from sending the request to the last byte of its answer. */
  readonly attemptTimeout: Duration.Duration
  /**
   * The longest `Retry-After` to wait for. With a longer one, or one of more than 24 days, the call
   * fails at once.
   */
  readonly maxRetryAfter: Duration.Duration
  /** How long the whole call may take, waits included: 24 days at most. */
  readonly deadline: Option.Option<Duration.Duration>
  /** Whether to send a create again although it may have made a key. */
  readonly repeatCreateAcceptingDuplicates: boolean
}

/** Options of {@link RetryPolicy.make}. */
export interface RetryPolicyOptions {
  /** Any Schedule; {@link RetryPolicy.backoff} by default. */
  readonly schedule?: Schedule.Schedule<unknown, ApiKeyError> | undefined
  /**
   * How long one attempt may take; 30 seconds by default. Above zero, and at most 24 days or
   * Infinity.
   */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * The longest `Retry-After` to wait for; 60 seconds by default. Zero waits for none. At most 24
   * days or Infinity. With Infinity, a call still fails at once if it would have to wait for more
   * than 24 days: a timer of JavaScript can wait for 24.8.
   */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  /**
   * How long the whole call may take, waits included; no limit by default. Above zero, and at most
   * 24 days or Infinity.
   */
  readonly deadline?: Duration.DurationInput | undefined
  /**
   * Sends a create again after lost answers and server errors too, like the other operations. Each
   * repeat can leave a live key whose secret nobody has. False by default.
   */
  readonly repeatCreateAcceptingDuplicates?: boolean | undefined
}

/** Options of {@link RetryPolicy.backoff}. */
export interface BackoffOptions {
  /** The upper bound of the first delay; 250 milliseconds by default, and at most 24 days. */
  readonly base?: Duration.DurationInput | undefined
  /** Multiplies the upper bound after each delay; above 0, 2 by default. */
  readonly factor?: number | undefined
  /**
   * The upper bound of every delay; 10 seconds by default. At most 24 days, or Infinity, which
   * means 24 days.
   */
  readonly cap?: Duration.DurationInput | undefined
  /** Requests in all, including the first; 5 by default. `Infinity` never gives up. */
  readonly attempts?: number | undefined
}

const RetryPolicyReference: Context.ReferenceClass<
  RetryPolicy,
  "@effect-crdb/RetryPolicy",
  RetryPolicyService
> = Context.Reference<RetryPolicy>()("@effect-crdb/RetryPolicy", {
  defaultValue: () => RetryPolicy.make(),
})

/**
 * Decides what is sent again, when, and how often. It is a Reference with a default, so you need
 * not provide it.
 *
 * @example
 * ```ts
 * import { getApiKey, RetryPolicy, withRetryPolicy } from "@effect-crdb/api-keys"
 *
 * const patient = RetryPolicy.make({
 *   schedule: RetryPolicy.backoff({ attempts: 10, cap: "1 minute" }),
 *   deadline: "5 minutes",
 * })
 * const program = getApiKey("CCDB1_12345abcdefGHIJKLMnopq").pipe(withRetryPolicy(patient))
 * ```
 */
export class RetryPolicy extends RetryPolicyReference {
  /**
   * Makes a policy from the defaults and your options. Throws a `RangeError` that names an option
   * if it makes no sense.
   */
  static make(options: RetryPolicyOptions = {}): RetryPolicyService {
    return {
      schedule: options.schedule ?? RetryPolicy.backoff(),
      attemptTimeout: checked("make: attemptTimeout", options.attemptTimeout ?? "30 seconds", {
        zero: false,
      }),
      maxRetryAfter: checked("make: maxRetryAfter", options.maxRetryAfter ?? "60 seconds"),
      deadline: Option.map(
        Option.fromNullable(options.deadline),
        (deadline) => checked("make: deadline", deadline, { zero: false }),
      ),
      repeatCreateAcceptingDuplicates: options.repeatCreateAcceptingDuplicates ?? false,
    }
  }

  /**
   * Sends everything once, with the default timeout. Two things remain: a call whose token is an
   * Effect is sent again once after a 401, and calls wait after an answer with `Retry-After`.
   */
  static get none(): RetryPolicyService {
    return RetryPolicy.make({ schedule: Schedule.stop })
  }

  /**
   * Exponential backoff with full jitter: each delay is random, between zero and a growing upper
   * bound. Throws a `RangeError` that names an option if it makes no sense.
   */
  static backoff(options: BackoffOptions = {}): Schedule.Schedule<number> {
    const { attempts = 5, factor = 2 } = options
    const bounds = {
      base: checked("backoff: base", options.base ?? "250 millis", { infinite: false }),
      factor,
      cap: checked("backoff: cap", options.cap ?? "10 seconds"),
    }
    if (!(factor > 0 && Number.isFinite(factor))) {
      throw refusal("backoff: factor", "must be a finite number above 0")
    }
    if (!(attempts >= 1 && (Number.isSafeInteger(attempts) || attempts === Infinity))) {
      throw refusal("backoff: attempts", "must be a whole number, 1 or more, or Infinity")
    }
    return Schedule.recurs(attempts - 1).pipe(
      Schedule.modifyDelayEffect((retry) =>
        Effect.map(
          Random.next,
          (random) => Duration.millis(random * Duration.toMillis(backoffBound(bounds, retry))),
        )
      ),
    )
  }
}

const checked = (
  option: string,
  input: Duration.DurationInput,
  allowed?: Partial<AllowedDurations>,
): Duration.Duration => {
  const problem = durationProblem(input, { zero: true, infinite: true, timed: true, ...allowed })
  if (Option.isSome(problem)) throw refusal(option, problem.value)
  return Duration.decode(input)
}

const refusal = (option: string, problem: string): RangeError =>
  new RangeError(`RetryPolicy.${option} ${problem}`)

/** The upper bound of the delay before retry number `retry`, counted from 0. */
export const backoffBound = (
  bounds: {
    readonly base: Duration.Duration
    readonly factor: number
    readonly cap: Duration.Duration
  },
  retry: number,
): Duration.Duration =>
  Duration.millis(
    Math.min(
      Duration.toMillis(bounds.cap),
      Duration.toMillis(bounds.base) * bounds.factor ** retry,
      longestSleep,
    ),
  )

/**
 * Runs an Effect or a Stream under another policy. It can be one call or a whole program.
 *
 * @example
 * ```ts
 * import { listApiKeys, RetryPolicy, withRetryPolicy } from "@effect-crdb/api-keys"
 *
 * const keys = listApiKeys().pipe(withRetryPolicy(RetryPolicy.none))
 * ```
 */
export const withRetryPolicy = (
  policy: RetryPolicyService,
): <
  Self extends Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>,
>(self: Self) => Self =>
<Self extends Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>>(
  self: Self,
): Self =>
  // A Reference is in no environment type, so providing one changes none of the three types.
  (Effect.isEffect(self)
    ? Effect.provideService(self, RetryPolicy, policy)
    : Stream.provideService(self, RetryPolicy, policy)) as Self

/** A failed attempt. The call ends with its error unless the attempt is repeated. */
export interface FailedAttempt {
  readonly error: ApiKeyError
  /** How long the answer asked to wait, whatever its status. */
  readonly retryAfter: Option.Option<Duration.Duration>
}

/** Decides whether an attempt may be repeated. The schedule may stop earlier. */
export const mayRepeat = (
  policy: RetryPolicyService,
  operation: OperationFacts,
  { error, retryAfter }: FailedAttempt,
): boolean =>
  isSafeToRepeat(policy, operation, error) &&
  (isTransient(error) || Option.isSome(retryAfter)) &&
  isWaitedFor(leastWait(retryAfter), policy)

/** Whether a call waits for so long a `Retry-After`. No timer can wait for one of over 24 days. */
export const isWaitedFor = (
  retryAfter: Duration.Duration,
  { maxRetryAfter }: RetryPolicyService,
): boolean =>
  Duration.toMillis(retryAfter) <= Math.min(Duration.toMillis(maxRetryAfter), longestSleep)

const leastWait: (retryAfter: Option.Option<Duration.Duration>) => Duration.Duration = Option
  .getOrElse(() => Duration.zero)

// The API has no idempotency key: only the rate limit proves that a create made no key.
const isSafeToRepeat = (
  policy: RetryPolicyService,
  operation: OperationFacts,
  error: ApiKeyError,
): boolean =>
  operation.idempotent || error._tag === "RateLimited" ||
  policy.repeatCreateAcceptingDuplicates

const isTransient = (error: ApiKeyError): boolean =>
  error._tag === "RateLimited" || error._tag === "TransportError" ||
  error._tag === "ServerError" && [500, 502, 503, 504].includes(error.status)

/**
 * Makes the Schedule that applies {@link mayRepeat}. It waits at least as long as `Retry-After`
 * asks.
 */
export const retrySchedule = (
  policy: RetryPolicyService,
  operation: OperationFacts,
  onRetry: (failed: FailedAttempt, wait: Duration.Duration) => Effect.Effect<void>,
): Schedule.Schedule<FailedAttempt, FailedAttempt> =>
  policy.schedule.pipe(
    Schedule.mapInput((failed: FailedAttempt) => failed.error),
    Schedule.passthrough,
    Schedule.whileInput((failed: FailedAttempt) => mayRepeat(policy, operation, failed)),
    Schedule.modifyDelayEffect((failed, delay) => {
      const wait = wholeMillis(Duration.max(delay, leastWait(failed.retryAfter)))
      return Effect.as(onRetry(failed, wait), wait)
    }),
  )
