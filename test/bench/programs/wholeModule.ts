/** Keeps every export of the module, and runs one. */
import * as ApiKeys from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

console.log(ApiKeys)

ApiKeys.getApiKey("CCDB1_12345abcdefGHIJKLMnopq").pipe(
  Effect.provide(ApiKeys.Credentials.layerApiKey(Redacted.make("…"))),
  Effect.provide(FetchHttpClient.layer),
  Effect.runPromise,
).then(console.log)
