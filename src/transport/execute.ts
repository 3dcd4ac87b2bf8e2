/**
 * Carries out a call: input → request → HttpClient → answer → model or error. A Schedule repeats it
 * where that is safe.
 *
 * @module
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import type { ApiKeyError } from "../ApiKeyError.ts"
import { Credentials, isHeaderText, type Token } from "../Credentials.ts"
import type { OperationFacts } from "../operation.ts"
import { withAttemptTimeout } from "./attemptTimeout.ts"
import { exchange, type Received } from "./exchange.ts"
import { type CallState, lost, mayHaveActed, refused } from "./failure.ts"
import { entering } from "./atGate.ts"
import type { Gate } from "../waiting/gate.ts"
import {
  errorType,
  recordRequest,
  recordRetry,
  type ServerAttributes,
  serverAttributes,
} from "./metrics.ts"
import { redactor } from "./redact.ts"
import {
  type Call,
  type CallOf,
  isOwnRequest,
  makeRequest,
  type Refusal,
  refuse,
  withToken,
} from "./request.ts"
import { MaxResponseBytes } from "./response.ts"
import {
  type FailedAttempt,
  RetryPolicy,
  type RetryPolicyService,
  retrySchedule,
} from "./RetryPolicy.ts"
import { runUntil } from "./ownFiber.ts"
import { makeSendings } from "./sendings.ts"
import { withRedactedDefects } from "./shield.ts"
import { wholeMillis } from "../waiting/wholeMillis.ts"

/** Carries out a call. If its input was refused, it fails with the refusal and sends nothing. */
export const execute = <A, Path extends string>(
  operation: OperationFacts & { readonly path: Path },
  input: Either.Either<CallOf<Path, A>, Refusal>,
): Effect.Effect<A, ApiKeyError, HttpClient | Credentials> =>
  Effect.useSpan(
    `ApiKeys.${operation.name}`,
    spanOptions(operation),
    (span) =>
      Effect.contextWithEffect((context: Context.Context<HttpClient | Credentials>) => {
        const policy = Context.get(context, RetryPolicy)
        const progress: Progress = {
          operation,
          span,
          attempts: 0,
          mayHaveApplied: false,
          isSent: false,
          isTokenRenewed: false,
          goesTo: undefined,
          status: undefined,
        }
        const call = Either.match(Either.flatMap(input, checkMaxBytes(context)), {
          onLeft: (refusal) => Effect.fail(refused(stateOf(progress), refusal)),
          onRight: (call) =>
            withRetries(attempt(call, context, policy, progress), policy, progress),
        })
        return Effect.onExit(
          Effect.mapError(withDeadline(call, policy, progress), ({ error }) => error),
          (exit) => Effect.sync(() => describeEnd(progress, exit)),
        )
      }),
  )

const spanOptions = ({ method, path }: OperationFacts) => ({
  captureStackTrace: false,
  attributes: { "http.request.method": method, "url.template": path },
})

const checkMaxBytes =
  (context: Context.Context<never>) => <A>(call: Call<A>): Either.Either<Call<A>, Refusal> =>
    Context.get(context, MaxResponseBytes) >= 0
      ? Either.right(call)
      : refuse("MaxResponseBytes", "must be a number of bytes, 0 or more")

// The state of one call. Nothing else writes it.
interface Progress {
  readonly operation: OperationFacts
  readonly span: Tracer.Span
  attempts: number
  mayHaveApplied: boolean
  isSent: boolean
  isTokenRenewed: boolean
  goesTo: { readonly origin: string; readonly server: ServerAttributes } | undefined
  /** The status of the answer to the latest request. Undefined if there is none. */
  status: number | undefined
}

const stateOf = ({ attempts, mayHaveApplied, operation }: Progress): CallState => ({
  operation,
  attempts,
  mayHaveApplied,
})

const attempt = <A>(
  call: Call<A>,
  context: Context.Context<HttpClient | Credentials>,
  { attemptTimeout }: RetryPolicyService,
  progress: Progress,
): Effect.Effect<A, FailedAttempt> => {
  const credentials = Context.get(context, Credentials)
  const { gate } = credentials

  const markSent = (isSent: boolean): void => {
    progress.isSent = isSent
    progress.attempts += isSent ? 1 : -1
  }

  const begin = (
    redacted: Redacted.Redacted<string>,
    hadTurn: boolean,
  ): Effect.Effect<Received<A>, FailedAttempt> => {
    const token = tokenIn(redacted)
    return Either.match(makeRequest(progress.operation, call, credentials, token), {
      onLeft: (refusal) => Effect.fail(refused(stateOf(progress), refusal)),
      onRight: (request) => send(request, token, hadTurn),
    })
  }

  const send = (
    request: HttpClientRequest.HttpClientRequest,
    token: string,
    hadTurn: boolean,
  ): Effect.Effect<Received<A>, FailedAttempt> => {
    const tokens = [token]
    const redact = redactor(tokens)
    const { origin, server } = progress.goesTo ??= placeOf(request.url)
    const state = () => stateOf(progress)
    const sendings = makeSendings({
      origin,
      mayRepeat: progress.operation.idempotent,
      requestInit: Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit)),
      span: progress.span,
      isOwn: (request) => isOwnRequest(request, tokens),
      onAgain: (status) => {
        progress.attempts++
        progress.mayHaveApplied ||= mayHaveActed(progress.operation, status)
      },
    })
    const sent = Effect.suspend(() => {
      markSent(true)
      progress.status = undefined
      return exchange(request, context, { call, tokens, redact, gate, state, sendings })
    })
    return withAttemptTimeout(sent, {
      context: context.pipe(
        Context.add(FetchHttpClient.RequestInit, sendings.requestInit),
        Context.add(Tracer.ParentSpan, progress.span),
      ),
      duration: attemptTimeout,
      held: {
        hadTurn,
        renewed: (request) =>
          Effect.map(current, (redacted) => {
            const token = tokenIn(redacted)
            // If no header can carry the new token, the next attempt says so.
            if (tokens.includes(token) || !isHeaderText(token)) return request
            tokens.push(token)
            return withToken(request, token)
          }),
      },
      onTimeout: () => {
        const what = `no whole answer within ${Duration.format(attemptTimeout)}`
        return lost(stateOf(progress), "Timeout", what)
      },
      onSelfInterrupt: () =>
        lost(stateOf(progress), "Connection", "the HttpClient beneath interrupted itself"),
      onWait: (isWaiting) => markSent(!isWaiting),
      onEnd: (exit, millis) => recordExit(progress, server, exit, millis),
    })
  }

  const current = currentToken(credentials.token, progress.span)
  // Asks for the token just before the request goes out, not while it waits.
  const once = (hadTurn: boolean): Effect.Effect<A, FailedAttempt> =>
    Effect.matchEffect(
      Effect.flatMap(
        Effect.zipRight(enter(gate, hadTurn), current),
        (redacted) => begin(redacted, hadTurn),
      ),
      {
        onSuccess: ({ model }) => Effect.succeed(model),
        onFailure: (failed) => {
          const { error } = failed
          progress.isSent = false
          progress.mayHaveApplied = error.mayHaveApplied
          const isRenewable = error._tag === "Unauthorized" && !progress.isTokenRenewed &&
            Effect.isEffect(credentials.token)
          if (!isRenewable) return Effect.fail(failed)
          // A 401 proves that nothing happened, so even a create may be sent again.
          progress.isTokenRenewed = true
          const report = reportRetry(progress, failed, Duration.zero)
          return Effect.zipRight(Effect.withParentSpan(report, progress.span), once(true))
        },
      },
    )
  return once(false)
}

const placeOf = (requestUrl: string) => {
  const url = new URL(requestUrl)
  return { origin: url.origin, server: serverAttributes(url) }
}

const enter = (gate: Gate | undefined, hadTurn: boolean): Effect.Effect<void> =>
  gate === undefined ? Effect.void : gate.enter(entering(hadTurn))

// JavaScript callers can pass anything.
const tokenIn = (redacted: Redacted.Redacted<string>): string => {
  try {
    const token: unknown = Redacted.value(redacted)
    return typeof token === "string" ? token : ""
  } catch {
    return ""
  }
}

const currentToken = (
  token: Token,
  span: Tracer.Span,
): Effect.Effect<Redacted.Redacted<string>> =>
  Effect.isEffect(token)
    ? Effect.withParentSpan(withRedactedDefects(redactor([]))(Effect.orDie(token)), span)
    : Effect.succeed(token)

// Starts the Schedule after the first failure, since most calls need none.
const withRetries = <A>(
  attempt: Effect.Effect<A, FailedAttempt>,
  policy: RetryPolicyService,
  progress: Progress,
): Effect.Effect<A, FailedAttempt> =>
  Effect.catchAll(attempt, (first) => {
    let isReplayed = false
    const again = Effect.suspend(() => {
      if (isReplayed) return attempt
      isReplayed = true
      return Effect.fail(first)
    })
    const onRetry = (failed: FailedAttempt, wait: Duration.Duration) =>
      reportRetry(progress, failed, wait)
    // The spans of a user's schedule belong to the call.
    return Effect.withParentSpan(
      Effect.retry(again, retrySchedule(policy, progress.operation, onRetry)),
      progress.span,
    )
  })

const withDeadline = <A>(
  call: Effect.Effect<A, FailedAttempt>,
  { deadline }: RetryPolicyService,
  progress: Progress,
): Effect.Effect<A, FailedAttempt> =>
  Option.match(deadline, {
    onNone: () => call,
    onSome: (duration) =>
      // The deadline must end the call even in an uninterruptible region, such as a finalizer.
      // Nothing else may: Effect 3 passes an interruption on to the children of a fiber in such a
      // region.
      Effect.contextWithEffect((context: Context.Context<never>) => {
        let isOver = false
        const over = Effect.map(Effect.sleep(wholeMillis(duration)), () => {
          isOver = true
        })
        return runUntil(call, context, over, (exit, isInterrupted) => {
          if (!isOver || isInterrupted || !Exit.isInterrupted(exit)) return exit
          const what = `no success within ${Duration.format(duration)}`
          return Effect.fail(lost(stateOf(progress), "Timeout", what, progress.isSent))
        })
      }),
  })

const recordExit = (
  progress: Progress,
  server: ServerAttributes,
  exit: Exit.Exit<Received<unknown>, FailedAttempt>,
  millis: number,
): Effect.Effect<void> => {
  const error = failureOf(exit)?.error
  progress.status = Exit.isSuccess(exit) ? exit.value.status : error && statusOf(error)
  return Exit.isSuccess(exit) || error !== undefined
    ? recordRequest(progress.operation, server, progress.status, error, millis)
    : Effect.void
}

const failureOf = <E>(exit: Exit.Exit<unknown, E>): E | undefined =>
  Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))

const statusOf = (error: ApiKeyError): number | undefined =>
  error._tag === "TransportError" ? undefined : error.status

const describeEnd = (
  { attempts, goesTo, span, status }: Progress,
  exit: Exit.Exit<unknown, ApiKeyError>,
): void => {
  if (goesTo !== undefined) {
    span.attribute("server.address", goesTo.server["server.address"])
    span.attribute("server.port", goesTo.server["server.port"])
  }
  if (status !== undefined) span.attribute("http.response.status_code", status)
  if (attempts > 1) span.attribute("http.request.resend_count", attempts - 1)
  const error = failureOf(exit)
  if (error !== undefined) span.attribute("error.type", errorType(error))
}

const reportRetry = (
  { operation, span }: Progress,
  { error }: FailedAttempt,
  wait: Duration.Duration,
): Effect.Effect<void> => {
  const status = statusOf(error)
  const details = {
    "error.type": errorType(error),
    ...(status === undefined ? {} : { "http.response.status_code": status }),
    "http.request.resend_count": error.attempts,
    wait: Duration.format(wait),
  }
  return Effect.map(Clock.currentTimeNanos, (now) => span.event("retry", now, details)).pipe(
    Effect.zipRight(
      Effect.annotateLogs(Effect.logDebug(`${operation.name} is sent again`), details),
    ),
    Effect.zipRight(recordRetry(operation, error)),
  )
}
