/**
 * Rename a key.
 *
 * @module
 */
import * as HttpBody from "@effect/platform/HttpBody"
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import * as Operation from "../operation.ts"
import { decodeApiKey } from "../transport/decode.ts"
import { execute } from "../transport/execute.ts"
import { checkId, checkNonEmpty } from "../transport/request.ts"

/** The errors of {@link updateApiKey}. The API's description has every one of these statuses. */
export type UpdateApiKeyError = ApiKeyError

/** The changes that {@link updateApiKey} makes. A field that you leave out stays as it is. */
export interface UpdateApiKeyInput {
  /** Free text, not empty. Other keys may have the same name. */
  readonly name?: string | undefined
}

/**
 * Renames a key, and answers the key as it is now.
 *
 * Needs the role ORG_ADMIN. Sent again after the rate limit, 500, 502, 503, 504, lost connections
 * and timeouts. Fails with `NotFound` where there is no such key.
 *
 * @example
 * ```ts
 * import { updateApiKey } from "@effect-crdb/api-keys"
 *
 * const renamed = updateApiKey("CCDB1_12345abcdefGHIJKLMnopq", { name: "billing, production" })
 * ```
 */
export const updateApiKey = (
  id: string,
  input: UpdateApiKeyInput,
): Effect.Effect<ApiKey, UpdateApiKeyError, HttpClient | Credentials> =>
  execute(
    Operation.updateApiKey,
    Either.map(
      Either.all([
        checkId(id),
        input.name === undefined ? Either.right(undefined) : checkNonEmpty("name", input.name),
      ]),
      ([id, name]) => ({ id, body: HttpBody.unsafeJson({ name }), decode: decodeApiKey }),
    ),
  )
