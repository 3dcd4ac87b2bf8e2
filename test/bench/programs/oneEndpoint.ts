/** Gets one key with the module. */
import { Credentials, getApiKey } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

getApiKey("CCDB1_12345abcdefGHIJKLMnopq").pipe(
  Effect.provide(Credentials.layerApiKey(Redacted.make("…"))),
  Effect.provide(FetchHttpClient.layer),
  Effect.runPromise,
).then(console.log)
