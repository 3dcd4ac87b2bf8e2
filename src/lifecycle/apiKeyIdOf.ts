/**
 * Finds the key that a secret belongs to.
 *
 * @module
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeyId } from "../ApiKeyId.ts"

// The id goes into URLs, so nothing of another form counts: it could be a piece of some other
// secret.
const wholeSecret = /^(CCDB\d+_[A-Za-z0-9]+)_[A-Za-z0-9]+$/

/**
 * Reads the id of a key from its secret, which begins with it. None for anything else, like a JWT.
 *
 * It sends nothing. The key may be deleted already.
 *
 * @example
 * ```ts
 * import { apiKeyIdOf, getApiKey } from "@effect-crdb/api-keys"
 * import type { SecretStore } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Option from "effect/Option"
 *
 * const heldKey = (store: SecretStore) =>
 *   store.read.pipe(
 *     Effect.map(Option.flatMap(apiKeyIdOf)),
 *     Effect.flatMap(Option.match({
 *       onNone: () => Effect.succeedNone,
 *       onSome: (id) => Effect.asSome(getApiKey(id)),
 *     })),
 *   )
 * ```
 */
export const apiKeyIdOf = (secret: Redacted.Redacted<string>): Option.Option<ApiKeyId> =>
  Option.map(
    Option.fromNullable(wholeSecret.exec(Redacted.value(secret))?.[1]),
    (id) => ApiKeyId(id),
  )
