/**
 * Whose secret is this?
 *
 * @module
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeyId } from "../ApiKeyId.ts"

// Nothing of another form is taken for an id: a piece of some other secret would go into a URL.
const wholeSecret = /^(CCDB\d+_[A-Za-z0-9]+)_[A-Za-z0-9]+$/

/**
 * The id of the key that a secret belongs to, which the secret begins with; None for anything else,
 * a JWT for instance. Nothing is sent, so that the key need not exist any more.
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
