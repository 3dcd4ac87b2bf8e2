export * from "effect4/http/HttpClientError"
import * as HttpClientError from "effect4/http/HttpClientError"
import type * as HttpClientRequest from "effect4/http/HttpClientRequest"
import type * as HttpClientResponse from "effect4/http/HttpClientResponse"

interface Fields {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly cause?: unknown
  readonly description?: string
}

const requestReasons = {
  Transport: HttpClientError.TransportError,
  Encode: HttpClientError.EncodeError,
  InvalidUrl: HttpClientError.InvalidUrlError,
}

export class RequestError extends HttpClientError.HttpClientError {
  constructor({ reason, ...fields }: Fields & { readonly reason: keyof typeof requestReasons }) {
    super({ reason: new requestReasons[reason](fields) })
  }
}

const responseReasons = {
  StatusCode: HttpClientError.StatusCodeError,
  Decode: HttpClientError.DecodeError,
  EmptyBody: HttpClientError.EmptyBodyError,
}

export class ResponseError extends HttpClientError.HttpClientError {
  constructor(
    { reason, ...fields }: Fields & {
      readonly reason: keyof typeof responseReasons
      readonly response: HttpClientResponse.HttpClientResponse
    },
  ) {
    super({ reason: new responseReasons[reason](fields) })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return HttpClientError.isHttpClientError(value) && value.response !== undefined
  }
}
