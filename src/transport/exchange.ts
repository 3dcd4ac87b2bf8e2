/**
 * One request and its answer.
 *
 * @module
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import { type CallState, lost, mismatched } from "./failure.ts"
import { type Gate, shutAsAsked } from "./gate.ts"
import { interpret, MaxResponseBytes, readBody } from "./response.ts"
import { type Redact, redactor } from "./redact.ts"
import type { Call } from "./request.ts"
import type { FailedAttempt } from "./RetryPolicy.ts"
import { shielded } from "./shield.ts"

/** What an exchange needs besides its request. */
export interface ExchangeOptions<A> {
  readonly call: Call<A>
  /** The token in the request, which nothing that comes of the answer may show. */
  readonly token: string
  readonly gate: Gate | undefined
  readonly state: () => CallState
}

/** A model, and the status of the answer that it came in. */
export interface Received<A> {
  readonly status: number
  readonly model: A
}

/** What an attempt needs, with what the HttpClient finds in it: no redirects, and its span's parent. */
export const contextOfAttempt = <R>(
  context: Context.Context<R>,
  span: Tracer.Span,
): Context.Context<R> =>
  context.pipe(
    // A redirect would carry the token to another place.
    Context.add(FetchHttpClient.RequestInit, {
      ...Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit)),
      redirect: "manual",
    }),
    Context.add(Tracer.ParentSpan, span),
  )

/** Sends a request, reads its answer and decides what it means; in a fiber of its own. */
export const exchange = <A>(
  request: HttpClientRequest.HttpClientRequest,
  context: Context.Context<HttpClient.HttpClient>,
  options: ExchangeOptions<A>,
): Effect.Effect<Received<A>, FailedAttempt> => {
  const redact = redactor([options.token])
  return shielded(
    // Under the shield from the first: a client may fail before it has made an Effect.
    Effect.suspend(() => Context.get(context, HttpClient.HttpClient).execute(request)).pipe(
      Effect.catchTag("ResponseError", answerOfFilteringClient),
      Effect.mapError((error) => lost(options.state(), "Connection", describeLoss(error, redact))),
      Effect.flatMap((response) => {
        const received = receive(response, Context.get(context, MaxResponseBytes), options, redact)
        return options.gate === undefined
          ? received
          : Effect.zipRight(shutAsAsked(options.gate, response), received)
      }),
    ),
    redact,
  )
}

const receive = <A>(
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
  { call, state, token }: ExchangeOptions<A>,
  redact: Redact,
): Effect.Effect<Received<A>, FailedAttempt> => {
  const { headers, status } = response
  const isSuccess = status >= 200 && status <= 299
  return readBody(response, maxBytes).pipe(
    // What is not a success keeps the tag of its status, whether its body can be read or not.
    Effect.catchAll((error) =>
      isSuccess
        ? Effect.fail(lost(state(), "Connection", describeLoss(error, redact)))
        : Effect.succeedNone
    ),
    Effect.flatMap((body) =>
      Option.isNone(body) && isSuccess
        ? Effect.fail(mismatched(state(), status, `its body is longer than ${maxBytes} bytes`))
        : Effect.flatMap(
          Clock.currentTimeMillis,
          (now) =>
            interpret(
              state(),
              { status, headers, body: Option.getOrElse(body, () => "") },
              call,
              token,
              now,
            ),
        )
    ),
    Effect.map((model) => ({ status, model })),
  )
}

// A client of the user's may turn a status into an error, as filterStatusOk does: it is an answer.
const answerOfFilteringClient = (
  error: HttpClientError.ResponseError,
): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.ResponseError> =>
  error.reason === "StatusCode" ? Effect.succeed(error.response) : Effect.fail(error)

// Of a platform's error only its code is told: the error itself keeps the request and its token.
const describeLoss = (error: HttpClientError.HttpClientError, redact: Redact): string => {
  const what = error._tag === "RequestError" ? "no connection, or lost" : "the answer was cut off"
  const code = errorCode(error.cause, 5)
  return code === undefined ? what : `${what} (${redact(code)})`
}

const errorCode = (cause: unknown, depth: number): string | undefined => {
  if (!isRecord(cause) || depth === 0) return undefined
  const { code } = cause
  return typeof code === "string" && /^[A-Z][A-Z_0-9]{1,39}$/.test(code)
    ? code
    : errorCode(cause["cause"], depth - 1)
}
