// In Effect 4, an HttpClient has one error, which holds its reason.
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"

const reasonOf = (
  error: HttpClientError.HttpClientError,
): HttpClientError.HttpClientErrorReason["_tag"] | undefined =>
  // A client in JavaScript can fail with anything.
  HttpClientError.isHttpClientError(error) ? error.reason._tag : undefined

export const responseOf = (
  error: HttpClientError.HttpClientError,
): HttpClientResponse.HttpClientResponse | undefined =>
  HttpClientError.isHttpClientError(error) ? error.response : undefined

export const isOfStatus = (error: HttpClientError.HttpClientError): boolean =>
  reasonOf(error) === "StatusCodeError"

export const isOfEmptyBody = (error: HttpClientError.HttpClientError): boolean =>
  reasonOf(error) === "EmptyBodyError"
