/**
 * Turns the cause of a failure into an error: its tag, its message, and whether the change may have
 * happened.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import * as Failure from "../ApiKeyError.ts"
import type { OperationFacts } from "../operation.ts"
import type { Mismatch } from "./decode.ts"
import { parseJson } from "./json.ts"
import { isFit, redactor, secretsIn, showDetails, showText } from "./redact.ts"
import type { Refusal } from "./request.ts"
import type { FailedAttempt } from "./RetryPolicy.ts"
import { parseRetryAfter } from "./retryAfter.ts"
import type { SendingRefused } from "./sendings.ts"

/** Where a call stands when an attempt fails. */
export interface CallState {
  readonly operation: OperationFacts
  /** Requests sent so far. */
  readonly attempts: number
  /** Whether an earlier attempt may have made the change. */
  readonly mayHaveApplied: boolean
}

/** What an answer says, before its body is decoded. */
export interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string | undefined }
  /** Empty if it could not be read. */
  readonly body: string
}

/** The failure of a call whose input is refused before sending. */
export const refused = (state: CallState, { field, reason }: Refusal): FailedAttempt =>
  final(
    new Failure.InvalidRequest({
      ...state,
      operation: state.operation.name,
      message: `${state.operation.name}: ${field} ${reason}`,
      field,
      status: undefined,
      code: undefined,
      details: [],
    }),
  )

/**
 * The failure of a call that got no whole answer. Its request was sent, unless `isSent` is false.
 */
export const lost = (
  state: CallState,
  reason: "Connection" | "Timeout",
  what: string,
  isSent: boolean = true,
): FailedAttempt => {
  const mayHaveApplied = state.mayHaveApplied || isSent && state.operation.mutates
  return final(
    new Failure.TransportError({
      ...state,
      operation: state.operation.name,
      reason,
      message: `${state.operation.name}: ${what}. ${
        mayHaveApplied
          ? "The change may have been made: look before asking for it again"
          : "Check the network and the base URL"
      }`,
      mayHaveApplied,
    }),
  )
}

/** The failure of a call whose answer is a success, but whose body is not what the API promises. */
export const mismatched = (state: CallState, status: number, what: string): FailedAttempt => {
  const mayHaveApplied = state.mayHaveApplied || state.operation.mutates
  return final(
    new Failure.UnexpectedResponse({
      ...state,
      operation: state.operation.name,
      status,
      code: undefined,
      details: [],
      mayHaveApplied,
      message: `${state.operation.name}: the API answered ${status}, but ${what}${
        mayHaveApplied ? ". The change may have been made: look before asking for it again" : ""
      }`,
    }),
  )
}

/**
 * The failure of a call whose request the HttpClient beneath was about to repeat or redirect by
 * itself.
 */
export const refusedSending = (
  state: CallState,
  why: SendingRefused,
  status: number | undefined,
): FailedAttempt => {
  if (why === "Origin") {
    return refused({ ...state, attempts: state.attempts - 1 }, {
      field: "baseUrl",
      reason: "is of another origin than the one that the HttpClient beneath sends to: give the " +
        "credentials the base URL that you mean",
    })
  }
  const what = why === "Repeat"
    ? "the HttpClient beneath was about to send it again by itself, which could make a second key"
    : "the HttpClient beneath was about to follow a redirect"
  return status === undefined
    ? lost(state, "Connection", what)
    : status >= 200 && status <= 299
    ? mismatched(state, status, what)
    // The client kept the rest of the answer to itself.
    : failedStatus(state, { status, headers: {}, body: "" }, [], 0)
}

/** Says what is wrong with a body, without showing what is in it. */
export const describeMismatch = ({ actual, expected, path }: Mismatch): string =>
  `${path === "" ? "its body" : `${path} in its body`} should be ${expected} and is ${actual}`

/**
 * The failure of a call whose answer is not a success. The status decides the tag, unless the
 * answer shows the signs of the rate limit.
 */
export const failedStatus = (
  state: CallState,
  answer: Answer,
  tokens: ReadonlyArray<string>,
  now: number,
): FailedAttempt => {
  const { operation } = state
  const { name, roles, subject } = operation
  const { status } = answer
  const { code, details, message } = readStatus(answer.body, tokens)
  // On a redirect, `Retry-After` says when to go to the new place. Redirects are never followed.
  const retryAfter = status < 400 ? Option.none() : parseRetryAfter(answer.headers, now)
  const isRateLimited = isRateLimit(status, retryAfter, message)
  const said = message === undefined ? "" : `: ${message}`
  const fields = {
    ...state,
    operation: name,
    mayHaveApplied: state.mayHaveApplied || !isRateLimited && leavesOpen(operation, status),
    status,
    code,
    details,
  }
  const explain = (what: string, advice: string): string =>
    `${name}: ${what} (HTTP ${status}${said}). ${advice}`
  const wait = Option.match(retryAfter, {
    onNone: () => "Try again later",
    onSome: (duration) => `Try again in ${Duration.format(duration)}`,
  })
  const error = (): Failure.ApiKeyError => {
    if (isRateLimited) {
      return new Failure.RateLimited({
        ...fields,
        retryAfter,
        message: explain("too many requests", `${wait}, and send fewer: see throttled`),
      })
    }
    switch (status) {
      case 400:
        return new Failure.InvalidRequest({
          ...fields,
          field: undefined,
          message: explain("the API refused the request", "Correct the input"),
        })
      case 401:
        return new Failure.Unauthorized({
          ...fields,
          message: explain(
            "the API does not accept the token",
            "Check that it is whole, that its key was not deleted, and for a JWT the vanity name",
          ),
        })
      case 403:
        return new Failure.Forbidden({
          ...fields,
          message: explain(
            "the caller may not do this",
            `${name} needs the role ${roles.join(" or ")} at organization scope`,
          ),
        })
      case 404:
        return new Failure.NotFound({
          ...fields,
          message: explain(`there is no such ${subject}`, `Check the ${subject} id`),
        })
    }
    return status >= 500 && status < 600
      ? new Failure.ServerError({ ...fields, retryAfter, message: explain("the API failed", wait) })
      : new Failure.UnexpectedResponse({
        ...fields,
        message: explain(
          "the answer has an unexpected status",
          status >= 300 && status < 400
            ? "Redirects are not followed: check the base URL"
            : "Check the base URL and what stands between",
        ),
      })
  }
  return { error: error(), retryAfter }
}

// The API's documentation describes the limit by header and message, and leaves the status open.
const isRateLimit = (
  status: number,
  retryAfter: Option.Option<Duration.Duration>,
  message: string | undefined,
): boolean =>
  status === 429 ||
  status >= 400 && status < 600 && Option.isSome(retryAfter) &&
    message !== undefined && /rate limit exceeded/i.test(message)

/**
 * Whether a request may have made a change, judged by the status of its answer, if there was one.
 */
export const mayHaveActed = (operation: OperationFacts, status: number | undefined): boolean =>
  status === undefined ? operation.mutates : leavesOpen(operation, status)

// Below 500 the API refuses. But a proxy that gives up (408, 499) does not know what became of the
// request that it passed on.
const leavesOpen = (operation: OperationFacts, status: number): boolean =>
  operation.mutates &&
  (status < 400 || status >= 500 || status === 408 || status === 499)

const final = (error: Failure.ApiKeyError): FailedAttempt => ({
  error,
  retryAfter: Option.none(),
})

// What an answer says about a failure, safe to show.
interface Status {
  readonly code: number | undefined
  readonly message: string | undefined
  readonly details: ReadonlyArray<unknown>
}

const nothing: Status = { code: undefined, message: undefined, details: [] }

// The API's description promises a google.rpc.Status for some answers, and nothing for the others.
const readStatus = (body: string, tokens: ReadonlyArray<string>): Status => {
  const json = Option.getOrUndefined(parseJson(body))
  if (!isRecord(json)) return nothing
  const secrets = secretsIn(unescapeJson(body))
  if (secrets === undefined) return nothing
  const redact = redactor([...tokens, ...secrets])
  const { code, details, message } = json
  return {
    code: typeof code === "number" && Number.isSafeInteger(code) && isFit(code, redact)
      ? code
      : undefined,
    message: typeof message === "string" && message !== "" ? showText(message, redact) : undefined,
    details: Array.isArray(details) ? showDetails(details, redact) : [],
  }
}

// JSON can write any character as an escape, which hides a secret from a search. This replaces the
// escapes in the text, because JSON that is nested deeper than the stack reaches can be parsed, but
// not stringified.
const unescapeJson = (json: string): string =>
  json.replace(
    /\\(?:u([0-9A-Fa-f]{4})|.)/g,
    (escape, code?: string) =>
      code === undefined ? escape : String.fromCharCode(Number.parseInt(code, 16)),
  )
