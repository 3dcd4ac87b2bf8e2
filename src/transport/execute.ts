/**
 * Carries out a call: input → request → HttpClient → answer → model or error, and again on a
 * Schedule where that is safe.
 *
 * @module
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type { ApiKeyError, Operation } from "../ApiKeyError.ts"
import { Credentials } from "../Credentials.ts"
import { type CallState, lost, mismatched, refused } from "./failure.ts"
import { operations } from "./operation.ts"
import { type Call, makeRequest, type Refusal } from "./request.ts"
import { interpret, MaxResponseBytes, readBody } from "./response.ts"
import { type FailedAttempt, RetryPolicy, retrySchedule } from "./RetryPolicy.ts"

/** Carries out a call, or fails with the refusal of its input before anything is sent. */
export const execute = <A>(
  operation: Operation,
  input: Either.Either<Call<A>, Refusal>,
): Effect.Effect<A, ApiKeyError, HttpClient.HttpClient | Credentials> =>
  Effect.contextWithEffect((context: Context.Context<HttpClient.HttpClient | Credentials>) => {
    const client = Context.get(context, HttpClient.HttpClient)
    const credentials = Context.get(context, Credentials)
    const policy = Context.get(context, RetryPolicy)
    const maxBytes = Context.get(context, MaxResponseBytes)
    const requestInit = Option.getOrElse(
      Context.getOption(context, FetchHttpClient.RequestInit),
      () => ({}),
    )
    let state: CallState = { operation, attempts: 0, mayHaveApplied: false }

    if (Either.isLeft(input)) return Effect.fail(refused(state, input.left).error)
    const call = input.right

    const send = (request: HttpClientRequest.HttpClientRequest) =>
      client.execute(request).pipe(
        Effect.catchTag("ResponseError", answerOfFilteringClient),
        // A redirect would carry the token to another place.
        Effect.provideService(FetchHttpClient.RequestInit, { ...requestInit, redirect: "manual" }),
        // The client writes headers into its span, and a server can put a secret into any of them.
        Effect.locally(Headers.currentRedactedNames, [/(?:)/]),
        Effect.mapError((error) => lost(state, "Connection", describeLoss(error))),
      )

    const receive = (token: string) => (response: HttpClientResponse.HttpClientResponse) => {
      const isSuccess = response.status >= 200 && response.status < 300
      return readBody(response, maxBytes).pipe(
        Effect.catchAll((error) =>
          isSuccess
            ? Effect.fail(lost(state, "Connection", describeLoss(error)))
            : Effect.succeedNone
        ),
        Effect.flatMap((body) =>
          isSuccess && Option.isNone(body)
            ? Effect.fail(
              mismatched(state, response.status, `its body is longer than ${maxBytes} bytes`),
            )
            : Effect.flatMap(Clock.currentTimeMillis, (now) =>
              interpret(
                state,
                {
                  status: response.status,
                  headers: response.headers,
                  body: Option.getOrElse(body, () => ""),
                },
                call.decode,
                token,
                now,
              ))
        ),
      )
    }

    const attempt = Effect.flatMap(currentToken(credentials.token), (redacted) => {
      const token = Redacted.isRedacted(redacted) ? Redacted.value(redacted) : ""
      const request = makeRequest(operation, call, credentials, token)
      if (Either.isLeft(request)) return Effect.fail(refused(state, request.left))
      state = { ...state, attempts: state.attempts + 1 }
      return send(request.right).pipe(
        Effect.flatMap(receive(token)),
        Effect.timeoutFail({
          duration: policy.attemptTimeout,
          onTimeout: () =>
            lost(state, "Timeout", `no answer within ${Duration.format(policy.attemptTimeout)}`),
        }),
        Effect.tapError(({ error }) =>
          Effect.sync(() => {
            state = { ...state, mayHaveApplied: error.mayHaveApplied }
          })
        ),
      )
    })

    return attempt.pipe(
      Effect.retry(retrySchedule(policy, operation, () => Effect.void)),
      Effect.mapError(({ error }: FailedAttempt) => error),
    )
  }).pipe(Effect.withSpan(`ApiKeys.${operation}`, {
    captureStackTrace: false,
    attributes: {
      "http.request.method": operations[operation].method,
      "url.template": operations[operation].urlTemplate,
    },
  }))

const currentToken = (
  token: Context.Tag.Service<Credentials>["token"],
): Effect.Effect<Redacted.Redacted<string>> =>
  Effect.isEffect(token) ? token : Effect.succeed(token)

// A client of the user's may turn a status into an error, as filterStatusOk does: it is an answer.
const answerOfFilteringClient = (
  error: HttpClientError.ResponseError,
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.ResponseError> =>
  error.reason === "StatusCode" ? Effect.succeed(error.response) : Effect.fail(error)

// Of a platform's error only its code is told: the error itself keeps the request and its token.
const describeLoss = (error: HttpClientError.HttpClientError): string => {
  const what = error._tag === "RequestError" ? "no connection, or lost" : "the answer was cut off"
  const code = errorCode(error.cause, 5)
  return code === undefined ? what : `${what} (${code})`
}

const errorCode = (cause: unknown, depth: number): string | undefined => {
  if (!isRecord(cause) || depth === 0) return undefined
  const { code } = cause
  return typeof code === "string" && /^[A-Z_0-9]{1,40}$/.test(code)
    ? code
    : errorCode(cause["cause"], depth - 1)
}
