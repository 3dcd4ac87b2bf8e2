/**
 * Sends one request, and reads its answer.
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
  /** The tokens that the request has had. Nothing that is made from the answer may show them. */
  readonly tokens: ReadonlyArray<string>
  readonly redact: Redact
  readonly gate: Gate | undefined
  readonly state: () => CallState
  readonly sendings: Sendings
}

/** A model, and the status of its answer. */
export interface Received<A> {
  readonly status: number
  readonly model: A
}

/**
 * Sends a request, reads its answer and decides what it means. Run it as the last effect of its own
 * fiber: it changes what the fiber runs with.
 */
export const exchange = <A>(
  request: HttpClientRequest.HttpClientRequest,
  context: Context.Context<HttpClient.HttpClient>,
  options: ExchangeOptions<A>,
): Effect.Effect<Received<A>, FailedAttempt> => {
  const { gate, redact, sendings, state } = options
  const failed = (error: HttpClientError.HttpClientError): FailedAttempt =>
    lost(state(), "Connection", describeLoss(error, redact))
  // Inside the shield from the start: a client may throw before it returns an Effect.
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

// A client that is not made with HttpClient.make may have followed a redirect all the same. So may
// a user's own fetch.
const isElsewhere = (
  response: HttpClientResponse.HttpClientResponse,
  origin: string,
): boolean => {
  const source = platformResponse(response)
  return !isOf(origin, response.request.url) ||
    source !== undefined && source.redirected && !isOf(origin, source.url)
}

// The API's failures are far shorter. Of a longer one, only the status is used.
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
      // A failure keeps the tag of its status, even if its body cannot be read.
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

// A user's client may turn a status into an error, as filterStatusOk does. It is still an answer.
const answerOfFilteringClient = (
  cause: Cause.Cause<HttpClientError.HttpClientError>,
): HttpClientResponse.HttpClientResponse | undefined =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => undefined,
    onSome: (error) => isOfStatus(error) ? responseOf(error) : undefined,
  })

// Shows only the code of a platform's error. The error itself holds the request and its token.
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
