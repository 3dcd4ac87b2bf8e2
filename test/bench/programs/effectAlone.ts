/** Gets and decodes one key with Effect and without the module, as a baseline for bundles. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const ApiKey = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  service_account_id: Schema.String,
  created_at: Schema.DateTimeUtc,
})

HttpClient.get("https://cockroachlabs.cloud/api/v1/api-keys/CCDB1_12345abcdefGHIJKLMnopq", {
  headers: { authorization: "Bearer …" },
}).pipe(
  Effect.flatMap(HttpClientResponse.schemaBodyJson(ApiKey)),
  Effect.provide(FetchHttpClient.layer),
  Effect.runPromise,
).then(console.log)
