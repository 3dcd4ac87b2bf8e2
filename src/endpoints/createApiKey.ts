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

/** What {@link createApiKey} can fail with: the API's description has every one of these statuses. */
export type CreateApiKeyError = ApiKeyError

/** What {@link createApiKey} makes. */
export interface CreateApiKeyInput {
  /** Free text, not empty; other keys may have it too. */
  readonly name: string
  /** The service account that the key acts for. */
  readonly serviceAccountId: string
}

/**
 * Makes a key for a service account. Its secret is shown here and never again.
 *
 * Needs the role ORG_ADMIN. The API has no idempotency key, so a repeated request would make another
 * live key: it is sent again after `RateLimited` alone. An error with `mayHaveApplied` leaves open
 * whether a key was made. Fails with `NotFound` where there is no such service account.
 *
 * A client that repeats by itself (`HttpClient.retryTransient`) does not repeat a create: an attempt
 * leaves the process once through `FetchHttpClient`, and through any client made with
 * `HttpClient.make` while that client's spans are on. Other clients, and a `fetch` of your own that
 * repeats, can send it twice: give this module one that does not.
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

// When a kept-alive connection breaks before an answer, Deno's fetch sends the request once more by
// itself, a POST too (denoland/deno#35610): a second live key. A body that is a stream it cannot
// send twice. Elsewhere a stream gains nothing and costs something: it goes without Content-Length,
// and on Node 24.14 and 24.15 a 401 that answers it is lost (nodejs/undici#5018).
const unrepeatableJson = (body: unknown): HttpBody.HttpBody => {
  if (!("Deno" in globalThis)) return HttpBody.unsafeJson(body)
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return HttpBody.stream(Stream.make(bytes), "application/json", bytes.length)
}
