import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Setting } from "../pages.ts"

const Page = Schema.Struct({
  api_keys: Schema.Array(Schema.Unknown),
  pagination: Schema.Struct({ next_page: Schema.optional(Schema.String) }),
})

/** Effect's own share of a walk: it parses the keys, and neither checks nor decodes them. */
export const walk = ({ baseUrl, pageSize, token }: Setting): Promise<number> =>
  Effect.gen(function* () {
    let count = 0
    let page = ""
    do {
      const response = yield* HttpClient.get(`${baseUrl}/api/v1/api-keys`, {
        headers: { authorization: `Bearer ${token}` },
        urlParams: { "pagination.limit": pageSize, "pagination.page": page || undefined },
      })
      const { api_keys, pagination } = yield* HttpClientResponse.schemaBodyJson(Page)(response)
      count += api_keys.length
      page = pagination.next_page ?? ""
    } while (page !== "")
    return count
  }).pipe(Effect.provide(FetchHttpClient.layer), Effect.runPromise)
