/**
 * Reads the errors of an HttpClient.
 *
 * @module
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"

/** The answer that an error is about. Undefined if there is none. */
export const responseOf = (
  error: HttpClientError.HttpClientError,
): HttpClientResponse.HttpClientResponse | undefined =>
  error._tag === "ResponseError" ? error.response : undefined

/** Whether a user's client has turned a status into the error, as `filterStatusOk` does. */
export const isOfStatus = (error: HttpClientError.HttpClientError): boolean =>
  error.reason === "StatusCode"

/** Whether the error says that there is no body to read. */
export const isOfEmptyBody = (error: HttpClientError.HttpClientError): boolean =>
  error.reason === "EmptyBody"
