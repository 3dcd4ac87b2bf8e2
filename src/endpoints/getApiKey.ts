/**
 * Get one key.
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

/** The errors of {@link getApiKey}. The API's description has every one of these statuses. */
export type GetApiKeyError = ApiKeyError

/**
 * Gets one key by its id.
 *
 * Needs the role ORG_ADMIN or CLUSTER_ADMIN. Sent again after the rate limit, 500, 502, 503, 504,
 * lost connections and timeouts. Fails with `NotFound` where there is no such key, and with
 * `InvalidRequest` if the id is empty, a dot segment, or a secret.
 *
 * @example
 * ```ts
 * import { getApiKey } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 *
 * const name = getApiKey("CCDB1_12345abcdefGHIJKLMnopq").pipe(
 *   Effect.map((apiKey) => apiKey.name),
 *   Effect.catchTag("NotFound", () => Effect.succeed("(gone)")),
 * )
 * ```
 */
export const getApiKey = (
  id: string,
): Effect.Effect<ApiKey, GetApiKeyError, HttpClient | Credentials> =>
  execute(Operation.getApiKey, Either.map(checkId(id), (id) => ({ id, decode: decodeApiKey })))
