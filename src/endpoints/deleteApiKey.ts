/**
 * Delete a key.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import * as Operation from "../operation.ts"
import { decodeApiKey } from "../transport/decode.ts"
import { execute } from "../transport/execute.ts"
import { checkId } from "../transport/request.ts"

/** The errors of {@link deleteApiKey}. The API's description has every one of these statuses. */
export type DeleteApiKeyError = ApiKeyError

/**
 * Deletes a key, and answers the key as it was. Its secret stops working.
 *
 * Needs the role ORG_ADMIN. Sent again after the rate limit, 500, 502, 503, 504, lost connections
 * and timeouts. So a `NotFound` with `mayHaveApplied` can mean that an earlier attempt deleted the
 * key. On Deno and Bun, treat any `NotFound` as possibly your own delete: when a kept-alive
 * connection breaks, their fetch repeats the request and tells nobody.
 *
 * @example
 * ```ts
 * import { deleteApiKey } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 *
 * const gone = deleteApiKey("CCDB1_12345abcdefGHIJKLMnopq").pipe(
 *   Effect.asVoid,
 *   Effect.catchTag("NotFound", () => Effect.void),
 * )
 * ```
 */
export const deleteApiKey = (
  id: string,
): Effect.Effect<ApiKey, DeleteApiKeyError, HttpClient | Credentials> =>
  execute(Operation.deleteApiKey, Either.map(checkId(id), (id) => ({ id, decode: decodeApiKey })))
