// In Effect 4, a client has one error for every failure, with a reason in it.
/**
 * The error of a client whose connection breaks.
 *
 * @module
 */
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"

/** Makes the error of a request whose connection broke before the answer. */
export const broken = (
  request: HttpClientRequest.HttpClientRequest,
  cause: unknown,
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause }),
  })
