export * from "effect4/http/HttpServerResponse"
import type * as Context from "effect4/Context"
import * as HttpServerResponse from "effect4/http/HttpServerResponse"

export const toWeb = (
  response: HttpServerResponse.HttpServerResponse,
  { runtime, ...options }: {
    readonly runtime?: Context.Context<never>
    readonly withoutBody?: boolean
  } = {},
): Response =>
  HttpServerResponse.toWeb(response, { ...options, ...(runtime && { context: runtime }) })
