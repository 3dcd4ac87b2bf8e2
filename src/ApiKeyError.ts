/**
 * The errors of the operations: one tagged error per cause.
 *
 * No error holds a request, a raw answer or a secret, so you can log it as it is.
 *
 * @module
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type { Operation } from "./operation.ts"

/** The fields of every error. */
export interface ErrorFields {
  /** The operation that failed. */
  readonly operation: Operation
  /** What happened, and what you can do about it. */
  readonly message: string
  /** How many requests were sent; 0 if the module refused the call before it sent any. */
  readonly attempts: number
  /** The call failed, but the change may have happened. Always false for get and list. */
  readonly mayHaveApplied: boolean
}

/** The fields that an error has besides, if an answer caused it. */
export interface ResponseFields extends ErrorFields {
  /** The HTTP status. */
  readonly status: number
  /** The `google.rpc.Code` in the answer's body, if there is one. */
  readonly code: number | undefined
  /** The details in the answer's body, with secrets replaced; empty if there are none. */
  readonly details: ReadonlyArray<unknown>
}

/** The fields of {@link InvalidRequest}. */
export interface InvalidRequestFields extends ErrorFields {
  /** The input that the module refused before sending; undefined if the API refused the request. */
  readonly field: string | undefined
  /**
   * The HTTP status: 400 if the API refused the request, undefined if the module did before it sent
   * it. The module can refuse a later attempt too, when a token that is an Effect turns bad. Then
   * `mayHaveApplied` can be true, because of the attempts before it.
   */
  readonly status: number | undefined
  /** The `google.rpc.Code` in the answer's body, if there is one. */
  readonly code: number | undefined
  /** The details in the answer's body, with secrets replaced; empty if there are none. */
  readonly details: ReadonlyArray<unknown>
}

/** The fields of {@link RateLimited} and {@link ServerError}. */
export interface RetryAfterFields extends ResponseFields {
  /** How long the API asks you to wait. */
  readonly retryAfter: Option.Option<Duration.Duration>
}

/** The fields of {@link TransportError}. */
export interface TransportErrorFields extends ErrorFields {
  /** `"Connection"`: refused, reset or cut off. `"Timeout"`: an attempt or the call took too long. */
  readonly reason: "Connection" | "Timeout"
}

/** The class of a tagged error. */
export type TaggedErrorClass<Tag extends string, Fields> = new (
  fields: Fields,
) => Cause.YieldableError & { readonly _tag: Tag } & Readonly<Fields>

const InvalidRequestBase: TaggedErrorClass<"InvalidRequest", InvalidRequestFields> = Data
  .TaggedError("InvalidRequest")
/**
 * The input is wrong. The module refused it before sending (`field` names it), or the API did
 * (400).
 */
export class InvalidRequest extends InvalidRequestBase {}

const UnauthorizedBase: TaggedErrorClass<"Unauthorized", ResponseFields> = Data.TaggedError(
  "Unauthorized",
)
/** The API does not know the token (401). */
export class Unauthorized extends UnauthorizedBase {}

const ForbiddenBase: TaggedErrorClass<"Forbidden", ResponseFields> = Data.TaggedError("Forbidden")
/** The caller lacks the role that the operation needs (403); the message names it. */
export class Forbidden extends ForbiddenBase {}

const NotFoundBase: TaggedErrorClass<"NotFound", ResponseFields> = Data.TaggedError("NotFound")
/** No such key or service account (404). */
export class NotFound extends NotFoundBase {}

const RateLimitedBase: TaggedErrorClass<"RateLimited", RetryAfterFields> = Data.TaggedError(
  "RateLimited",
)
/**
 * There were too many requests, even after the retries, or the API asks for a longer wait than the
 * policy allows.
 *
 * The answer is a 429, or any other 4xx or 5xx with a `Retry-After` and a message that says "rate
 * limit exceeded". The API's documentation describes the limit by these two.
 */
export class RateLimited extends RateLimitedBase {}

const ServerErrorBase: TaggedErrorClass<"ServerError", RetryAfterFields> = Data.TaggedError(
  "ServerError",
)
/** The API failed (5xx), even after the retries. */
export class ServerError extends ServerErrorBase {}

const UnexpectedResponseBase: TaggedErrorClass<"UnexpectedResponse", ResponseFields> = Data
  .TaggedError("UnexpectedResponse")
/**
 * The answer has any other status, a redirect's for instance, or a body that the API does not
 * promise.
 */
export class UnexpectedResponse extends UnexpectedResponseBase {}

const TransportErrorBase: TaggedErrorClass<"TransportError", TransportErrorFields> = Data
  .TaggedError("TransportError")
/** No whole answer came, even after the retries. */
export class TransportError extends TransportErrorBase {}

/** Every error that an operation can fail with. */
export type ApiKeyError =
  | InvalidRequest
  | Unauthorized
  | Forbidden
  | NotFound
  | RateLimited
  | ServerError
  | UnexpectedResponse
  | TransportError
