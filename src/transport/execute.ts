/**
 * Carries out a call: input → request → HttpClient → answer → model or error, and again on a
 * Schedule where that is safe.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type { ApiKeyError, Operation } from "../ApiKeyError.ts"
import { Credentials } from "../Credentials.ts"
import { withAttemptTimeout } from "./attemptTimeout.ts"
import { exchange, type Received } from "./exchange.ts"
import { type CallState, lost, refused } from "./failure.ts"
import {
  errorType,
  recordRequest,
  recordRetry,
  type ServerAttributes,
  serverAttributes,
} from "./metrics.ts"
import { operations } from "./operation.ts"
import { redactor } from "./redact.ts"
import { type Call, makeRequest, type Refusal } from "./request.ts"
import { type FailedAttempt, RetryPolicy, retrySchedule } from "./RetryPolicy.ts"
import { withRedactedDefects } from "./shield.ts"

/** Carries out a call, or fails with the refusal of its input before anything is sent. */
export const execute = <A>(
  operation: Operation,
  input: Either.Either<Call<A>, Refusal>,
): Effect.Effect<A, ApiKeyError, HttpClient | Credentials> =>
  Effect.flatMap(RetryPolicy, (policy) => {
    const progress: Progress = {
      operation,
      attempts: 0,
      mayHaveApplied: false,
      isSent: false,
      isTokenRenewed: false,
      server: undefined,
      status: undefined,
    }
    const call = Either.isLeft(input)
      ? Effect.fail(refused(stateOf(progress), input.left))
      : withRetries(
        attempt(operation, input.right, policy.attemptTimeout, progress),
        retrySchedule(policy, operation, reportRetry(operation)),
      )
    const bounded = Option.match(policy.deadline, {
      onNone: () => call,
      onSome: (deadline) =>
        Effect.timeoutFail(call, {
          duration: deadline,
          onTimeout: () => {
            const what = `no success within ${Duration.format(deadline)}`
            return lost(stateOf(progress), "Timeout", what, progress.isSent)
          },
        }),
    })
    return Effect.onExit(bounded, (exit) => describeEnd(progress, exit))
  }).pipe(
    Effect.mapError(({ error }: FailedAttempt) => error),
    Effect.withSpan(`ApiKeys.${operation}`, {
      captureStackTrace: false,
      attributes: {
        "http.request.method": operations[operation].method,
        "url.template": operations[operation].urlTemplate,
      },
    }),
  )

// Of one call, written by its own fiber alone.
interface Progress {
  readonly operation: Operation
  attempts: number
  mayHaveApplied: boolean
  isSent: boolean
  isTokenRenewed: boolean
  server: ServerAttributes | undefined
  /** Of the answer to the latest request; undefined where there is none. */
  status: number | undefined
}

const stateOf = ({ attempts, mayHaveApplied, operation }: Progress): CallState => ({
  operation,
  attempts,
  mayHaveApplied,
})

const attempt = <A>(
  operation: Operation,
  call: Call<A>,
  attemptTimeout: Duration.Duration,
  progress: Progress,
): Effect.Effect<A, FailedAttempt, HttpClient | Credentials> =>
  Effect.flatMap(Credentials, (credentials) => {
    const markSent = (isSent: boolean): void => {
      progress.isSent = isSent
      progress.attempts += isSent ? 1 : -1
    }

    const once = Effect.flatMap(currentToken(credentials.token), (redacted) => {
      const token = Redacted.isRedacted(redacted) ? Redacted.value(redacted) : ""
      const request = makeRequest(operation, call, credentials, token)
      if (Either.isLeft(request)) return Effect.fail(refused(stateOf(progress), request.left))
      const server = progress.server ??= serverAttributes(request.right.url)
      const sent = Effect.suspend(() => {
        markSent(true)
        progress.status = undefined
        return exchange(request.right, {
          call,
          token,
          gate: credentials.gate,
          state: () => stateOf(progress),
        })
      })
      const timed = withAttemptTimeout(sent, {
        duration: attemptTimeout,
        onTimeout: () => {
          const what = `no whole answer within ${Duration.format(attemptTimeout)}`
          return lost(stateOf(progress), "Timeout", what)
        },
        onWait: (isWaiting) => markSent(!isWaiting),
        onEnd: (exit, millis) => recordExit(progress, server, exit, millis),
      })
      return Effect.tapError(
        credentials.gate === undefined ? timed : Effect.zipRight(credentials.gate.enter, timed),
        ({ error }) =>
          Effect.sync(() => {
            progress.isSent = false
            progress.mayHaveApplied = error.mayHaveApplied
          }),
      )
    })

    // A 401 proves that nothing was done, so that even a create may follow it.
    const renewed = Effect.catchIf(
      once,
      ({ error }) =>
        error._tag === "Unauthorized" && Effect.isEffect(credentials.token) &&
        !progress.isTokenRenewed,
      () => {
        progress.isTokenRenewed = true
        return once
      },
    )
    return Effect.map(renewed, ({ model }) => model)
  })

// Most calls need no Schedule: its driver is made when an attempt has failed.
const withRetries = <A, R>(
  attempt: Effect.Effect<A, FailedAttempt, R>,
  schedule: Schedule.Schedule<FailedAttempt, FailedAttempt>,
): Effect.Effect<A, FailedAttempt, R> =>
  Effect.catchAll(attempt, (first) => {
    let isReplayed = false
    const again = Effect.suspend(() => {
      if (isReplayed) return attempt
      isReplayed = true
      return Effect.fail(first)
    })
    return Effect.retry(again, schedule)
  })

const currentToken = (
  token: Effect.Effect.Success<typeof Credentials>["token"],
): Effect.Effect<Redacted.Redacted<string>> =>
  Effect.isEffect(token) ? withRedactedDefects(redactor([]))(token) : Effect.succeed(token)

const recordExit = (
  progress: Progress,
  server: ServerAttributes,
  exit: Exit.Exit<Received<unknown>, FailedAttempt>,
  millis: number,
): Effect.Effect<void> => {
  const error = failureOf(exit)
  progress.status = Exit.isSuccess(exit) ? exit.value.status : error && statusOf(error)
  return Exit.isSuccess(exit) || error !== undefined
    ? recordRequest(progress.operation, server, progress.status, error, millis)
    : Effect.void
}

const failureOf = (exit: Exit.Exit<unknown, FailedAttempt>): ApiKeyError | undefined =>
  Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))?.error

const statusOf = (error: ApiKeyError): number | undefined =>
  error._tag === "TransportError" ? undefined : error.status

const describeEnd = (
  { attempts, server, status }: Progress,
  exit: Exit.Exit<unknown, FailedAttempt>,
): Effect.Effect<void> => {
  const error = failureOf(exit)
  return Effect.annotateCurrentSpan({
    ...server,
    ...(status === undefined ? {} : { "http.response.status_code": status }),
    ...(attempts > 1 ? { "http.request.resend_count": attempts - 1 } : {}),
    ...(error === undefined ? {} : { "error.type": errorType(error) }),
  })
}

const reportRetry =
  (operation: Operation) =>
  ({ error }: FailedAttempt, wait: Duration.Duration): Effect.Effect<void> => {
    const status = statusOf(error)
    const details = {
      "error.type": errorType(error),
      ...(status === undefined ? {} : { "http.response.status_code": status }),
      "http.request.resend_count": error.attempts,
      wait: Duration.format(wait),
    }
    const addEvent = Effect.zipWith(
      Effect.option(Effect.currentSpan),
      Clock.currentTimeNanos,
      (span, now) => Option.map(span, (span) => span.event("retry", now, details)),
    )
    return Effect.all([
      addEvent,
      Effect.annotateLogs(Effect.logDebug(`${operation} is sent again`), details),
      recordRetry(operation, error),
    ], { discard: true })
  }
