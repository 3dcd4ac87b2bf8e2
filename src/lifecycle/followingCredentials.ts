/**
 * Switches to the successor's secret when the key that the program calls with is replaced.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type { ApiKeyId } from "../ApiKey.ts"
import type { CredentialsService } from "../Credentials.ts"
import { apiKeyIdOf } from "./apiKeyIdOf.ts"

/** Credentials that follow a rotation of their own key. */
export interface Following {
  readonly credentials: CredentialsService
  /**
   * Call it before a key is deleted, or as soon as it may be deleted, with its successor's secret.
   */
  readonly replace: (
    id: ApiKeyId,
    successor: Redacted.Redacted<string>,
  ) => Effect.Effect<void>
}

/**
 * Makes credentials that follow a rotation. A JWT stays as it is, and so does another key's secret.
 */
export const makeFollowing = (credentials: CredentialsService): Effect.Effect<Following> =>
  Effect.map(
    Ref.make<ReadonlyMap<ApiKeyId, Redacted.Redacted<string>>>(new Map()),
    (replaced) => {
      const token = Effect.isEffect(credentials.token)
        ? credentials.token
        : Effect.succeed(credentials.token)
      const current = Effect.zipWith(token, Ref.get(replaced), follow)
      return {
        credentials: { ...credentials, token: current },
        replace: (id, successor) =>
          Effect.flatMap(
            current,
            (token) =>
              Option.contains(apiKeyIdOf(token), id)
                ? Ref.update(replaced, replacing(id, successor))
                : Effect.void,
          ),
      }
    },
  )

const replacing = (id: ApiKeyId, successor: Redacted.Redacted<string>) =>
(
  replaced: ReadonlyMap<ApiKeyId, Redacted.Redacted<string>>,
): ReadonlyMap<ApiKeyId, Redacted.Redacted<string>> => {
  const next = new Map(replaced).set(id, successor)
  // If an old key comes back, it has no successor any more. Otherwise `follow` would never end.
  for (const back of Option.toArray(apiKeyIdOf(successor))) next.delete(back)
  return next
}

const follow = (
  token: Redacted.Redacted<string>,
  replaced: ReadonlyMap<ApiKeyId, Redacted.Redacted<string>>,
): Redacted.Redacted<string> => {
  const successor = Option.flatMapNullable(apiKeyIdOf(token), (id) => replaced.get(id))
  return Option.isSome(successor) ? follow(successor.value, replaced) : token
}
