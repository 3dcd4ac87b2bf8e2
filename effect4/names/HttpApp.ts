export * from "effect4/http/HttpEffect"
import type * as Context from "effect4/Context"
import type * as Effect from "effect4/Effect"
import * as HttpEffect from "effect4/http/HttpEffect"
import type * as HttpServerRequest from "effect4/http/HttpServerRequest"
import type * as HttpServerResponse from "effect4/http/HttpServerResponse"

export type Default<E = never, R = never> = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  E,
  R | HttpServerRequest.HttpServerRequest
>

export const toWebHandlerRuntime =
  (runtime: Context.Context<never>) => (app: Default): (request: Request) => Promise<Response> =>
    HttpEffect.toWebHandlerWith<never, HttpServerRequest.HttpServerRequest>(runtime)(app)
