/**
 * Create a key.
 *
 * @module
 */
import * as HttpBody from "@effect/platform/HttpBody"
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type { CreatedApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import * as Operation from "../operation.ts"
import { decodeCreatedApiKey } from "../transport/decode.ts"
import { execute } from "../transport/execute.ts"
import { checkNonEmpty } from "../transport/request.ts"

/** The errors of {@link createApiKey}. The API's description has every one of these statuses. */
export type CreateApiKeyError = ApiKeyError

/** The key that {@link createApiKey} makes. */
export interface CreateApiKeyInput {
  /** Free text, not empty. Other keys may have the same name. */
  readonly name: string
  /** The service account that the key acts for. */
  readonly serviceAccountId: string
}

/**
 * Makes a key for a service account. Only this answer shows its secret.
 *
 * Needs the role ORG_ADMIN. The API has no idempotency key: a repeated request can make a second
 * live key. So it is sent again after `RateLimited` alone. If it fails with `mayHaveApplied`, a key
 * may exist all the same. Fails with `NotFound` where there is no such service account.
 *
 * A client that repeats by itself (`HttpClient.retryTransient`) cannot repeat a create.
 * `FetchHttpClient` sends an attempt only once. So does any client that is made with
 * `HttpClient.make`, while its spans are on. Other clients, and a `fetch` of your own that repeats,
 * can send it twice: give this module one that does not.
 *
 * @example
 * ```ts
 * import { createApiKey } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const { apiKey, secret } = yield* createApiKey({
 *     name: "billing",
 *     serviceAccountId: "1234abcd-1234-1234-abcd-12345678abcd",
 *   })
 *   yield* Effect.log(`made ${apiKey.id}`, secret) // the secret prints as <redacted>
 * })
 * ```
 */
export const createApiKey = (
  input: CreateApiKeyInput,
): Effect.Effect<CreatedApiKey, CreateApiKeyError, HttpClient | Credentials> =>
  execute(
    Operation.createApiKey,
    Either.map(
      Either.all([
        checkNonEmpty("name", input.name),
        checkNonEmpty("serviceAccountId", input.serviceAccountId),
      ]),
      ([name, service_account_id]) => ({
        body: unrepeatableJson({ name, service_account_id }),
        decode: decodeCreatedApiKey,
      }),
    ),
  )

// If a kept-alive connection breaks before an answer, Deno's fetch repeats the request by itself,
// even a POST (denoland/deno#35610): a second live key. It cannot repeat a body that is a stream.
// On other runtimes a stream gains nothing. It goes without Content-Length, and on Node 24.14 and
// 24.15 a 401 that answers it is lost (nodejs/undici#5018).
const unrepeatableJson = (body: unknown): HttpBody.HttpBody => {
  if (!("Deno" in globalThis)) return HttpBody.unsafeJson(body)
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return HttpBody.stream(Stream.make(bytes), "application/json", bytes.length)
}
