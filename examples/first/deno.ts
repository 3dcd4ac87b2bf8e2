// Deno: a script that prints every key older than 90 days.
import { Credentials, listApiKeys } from "@effect-crdb/api-keys"
// On Effect 4 this is "effect/http/FetchHttpClient".
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const audit = Effect.gen(function* () {
  const limit = DateTime.toEpochMillis(yield* DateTime.now) - 90 * 24 * 3_600_000
  yield* listApiKeys({ pageSize: 500 }).pipe( // oldest first, so it can stop at the first young key
    Stream.takeWhile(({ createdAt }) => DateTime.toEpochMillis(createdAt) < limit),
    Stream.runForEach(({ createdAt, id, name }) =>
      Console.log(`${DateTime.formatIsoDateUtc(createdAt)}  ${id}  ${name}`)
    ),
  )
}).pipe(Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)))

await Effect.runPromise(audit)
