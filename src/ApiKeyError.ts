/**
 * What can go wrong: one tagged error per cause.
 *
 * No error holds a request, a raw answer or a secret: it can be logged as it is.
 *
 * @module
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type { Operation } from "./operation.ts"

/** What every error tells. */
export interface ErrorFields {
  /** What was asked for. */
  readonly operation: Operation
  /** What happened and what to do about it. */
  readonly message: string
  /** Requests sent; 0 where the call was refused before sending. */
  readonly attempts: number
  /** Whether a change was asked for and its outcome is unknown: it may have been carried out. */
  readonly mayHaveApplied: boolean
}

/** What every error that an answer caused tells besides. */
export interface ResponseFields extends ErrorFields {
  /** The HTTP status. */
  readonly status: number
  /** The `google.rpc.Code` in the answer's body, where there is one. */
  readonly code: number | undefined
  /** The details in the answer's body, secrets replaced; empty where there are none. */
  readonly details: ReadonlyArray<unknown>
}

/** What {@link InvalidRequest} tells; `status` is undefined where nothing was sent. */
export interface InvalidRequestFields extends ErrorFields {
  /** The input that was refused before sending; undefined where the API refused. */
  readonly field: string | undefined
  /** The HTTP status: 400, or undefined. */
  readonly status: number | undefined
  /** The `google.rpc.Code` in the answer's body, where there is one. */
  readonly code: number | undefined
  /** The details in the answer's body, secrets replaced; empty where there are none. */
  readonly details: ReadonlyArray<unknown>
}

/** What {@link RateLimited} and {@link ServerError} tell. */
export interface RetryAfterFields extends ResponseFields {
  /** How long the API asked to wait. */
  readonly retryAfter: Option.Option<Duration.Duration>
}

/** What {@link TransportError} tells. */
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
/** The input cannot be right: refused before sending (`field` names it), or by the API (400). */
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
 * Too many requests, also after the retries, or with a wait longer than the policy allows: a 429, or
 * any 4xx or 5xx with a `Retry-After` and a message that says "rate limit exceeded", which is how the
 * API's documentation describes the limit.
 */
export class RateLimited extends RateLimitedBase {}

const ServerErrorBase: TaggedErrorClass<"ServerError", RetryAfterFields> = Data.TaggedError(
  "ServerError",
)
/** The API failed (5xx), also after the retries. */
export class ServerError extends ServerErrorBase {}

const UnexpectedResponseBase: TaggedErrorClass<"UnexpectedResponse", ResponseFields> = Data
  .TaggedError("UnexpectedResponse")
/** Any other status, a redirect among them, or a body that is not what the API promises. */
export class UnexpectedResponse extends UnexpectedResponseBase {}

const TransportErrorBase: TaggedErrorClass<"TransportError", TransportErrorFields> = Data
  .TaggedError("TransportError")
/** No whole answer came, also after the retries. */
export class TransportError extends TransportErrorBase {}

/** Everything that an operation can fail with. */
export type ApiKeyError =
  | InvalidRequest
  | Unauthorized
  | Forbidden
  | NotFound
  | RateLimited
  | ServerError
  | UnexpectedResponse
  | TransportError
