export * from "effect4/http/HttpClient"
export { TracerDisabledWhen as currentTracerDisabledWhen } from "effect4/http/HttpClient"
import * as Effect from "effect4/Effect"
import * as HttpClient from "effect4/http/HttpClient"
import type * as HttpClientRequest from "effect4/http/HttpClientRequest"

export const withTracerDisabledWhen =
  (predicate: (request: HttpClientRequest.HttpClientRequest) => boolean) =>
  (client: HttpClient.HttpClient): HttpClient.HttpClient =>
    HttpClient.transformResponse(
      client,
      Effect.provideService(HttpClient.TracerDisabledWhen, predicate),
    )
