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

/** What {@link deleteApiKey} can fail with: the API's description has every one of these statuses. */
export type DeleteApiKeyError = ApiKeyError

/**
 * Deletes a key and answers what it was. Its secret stops working.
 *
 * Needs the role ORG_ADMIN. Sent again after the limit, 500, 502, 503, 504, lost connections and
 * timeouts, so that a `NotFound` with `mayHaveApplied` can mean that an earlier attempt deleted it.
 * On Deno and Bun take any `NotFound` for that: their fetch sends a request again by itself when a
 * kept-alive connection breaks, and tells nobody.
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
