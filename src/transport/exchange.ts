/**
 * One request and its answer.
 *
 * @module
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import { type CallState, lost, mismatched, refusedSending } from "./failure.ts"
import { hear } from "./atGate.ts"
import { isOfStatus, responseOf } from "./clientErrors.ts"
import type { Gate } from "../waiting/gate.ts"
import { interpret, MaxResponseBytes, platformResponse, readBody } from "./response.ts"
import type { Redact } from "./redact.ts"
import type { Call } from "./request.ts"
import type { FailedAttempt } from "./RetryPolicy.ts"
import { isOf, type Sendings } from "./sendings.ts"
import { shielded } from "./shield.ts"

/** What an exchange needs besides its request. */
export interface ExchangeOptions<A> {
  readonly call: Call<A>
  /** The tokens that its request has held, which nothing that comes of the answer may show. */
  readonly tokens: ReadonlyArray<string>
  readonly redact: Redact
  readonly gate: Gate | undefined
  readonly state: () => CallState
  readonly sendings: Sendings
}

/** A model, and the status of the answer that it came in. */
export interface Received<A> {
  readonly status: number
  readonly model: A
}

/** Sends a request, reads its answer and decides what it means; in a fiber of its own. */
export const exchange = <A>(
  request: HttpClientRequest.HttpClientRequest,
  context: Context.Context<HttpClient.HttpClient>,
  options: ExchangeOptions<A>,
): Effect.Effect<Received<A>, FailedAttempt> => {
  const { gate, redact, sendings, state } = options
  const failed = (error: HttpClientError.HttpClientError): FailedAttempt =>
    lost(state(), "Connection", describeLoss(error, redact))
  // Under the shield from the first: a client may fail before it has made an Effect.
  const answered = Effect.suspend(() =>
    Context.get(context, HttpClient.HttpClient).execute(request)
  )
  const receiveFrom = (response: HttpClientResponse.HttpClientResponse) => {
    if (isElsewhere(response, sendings.origin)) {
      return Effect.fail(mismatched(state(), response.status, elsewhere))
    }
    const received = receive(response, Context.get(context, MaxResponseBytes), options)
    return gate === undefined ? received : Effect.zipRight(hear(gate, response), received)
  }
  const received = Effect.matchCauseEffect(answered, {
    onSuccess: receiveFrom,
    onFailure: (cause) => {
      const answer = answerOfFilteringClient(cause)
      return answer !== undefined
        ? receiveFrom(answer)
        : sendings.refused === undefined || Cause.isInterruptedOnly(cause)
        ? Effect.failCause(Cause.map(cause, failed))
        : Effect.fail(refusedSending(state(), sendings.refused, sendings.status))
    },
  })
  return shielded(received, redact, sendings)
}

const elsewhere =
  "its answer is of another origin than the base URL: the HttpClient beneath followed a " +
  "redirect, and the token may have gone there. Replace the token, and let no client follow redirects"

// A client that is not made with HttpClient.make can have followed a redirect all the same, and so can
// a fetch of the user's.
const isElsewhere = (
  response: HttpClientResponse.HttpClientResponse,
  origin: string,
): boolean => {
  const source = platformResponse(response)
  return !isOf(origin, response.request.url) ||
    source !== undefined && source.redirected && !isOf(origin, source.url)
}

// No failure of the API's is near as long. Of a longer one nothing is used but its status.
const maxFailureBytes = 256 * 1024

const receive = <A>(
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
  { call, redact, state, tokens }: ExchangeOptions<A>,
): Effect.Effect<Received<A>, FailedAttempt> => {
  const { headers, status } = response
  const isSuccess = status >= 200 && status <= 299
  const understand = (body: string) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) =>
        Either.match(interpret(state(), { status, headers, body }, call, tokens, now), {
          onLeft: Effect.fail,
          onRight: (model) => Effect.succeed({ status, model }),
        }),
    )
  return Effect.matchEffect(
    readBody(response, isSuccess ? maxBytes : Math.min(maxBytes, maxFailureBytes)),
    {
      // What is not a success keeps the tag of its status, whether its body can be read or not.
      onFailure: (error) =>
        isSuccess
          ? Effect.fail(lost(state(), "Connection", describeLoss(error, redact)))
          : understand(""),
      onSuccess: (body) =>
        Option.isNone(body) && isSuccess
          ? Effect.fail(mismatched(state(), status, `its body is longer than ${maxBytes} bytes`))
          : understand(Option.getOrElse(body, () => "")),
    },
  )
}

// A client of the user's may turn a status into an error, as filterStatusOk does: it is an answer.
const answerOfFilteringClient = (
  cause: Cause.Cause<HttpClientError.HttpClientError>,
): HttpClientResponse.HttpClientResponse | undefined =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => undefined,
    onSome: (error) => isOfStatus(error) ? responseOf(error) : undefined,
  })

// Of a platform's error only its code is told: the error itself keeps the request and its token.
const describeLoss = (error: HttpClientError.HttpClientError, redact: Redact): string => {
  const what = responseOf(error) === undefined ? "no connection, or lost" : "the answer was cut off"
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
