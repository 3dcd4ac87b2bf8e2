/**
 * Lend a key for as long as a scope is open, and sweep up what killed processes leave.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { CreatedApiKey } from "../ApiKey.ts"
import type { Credentials } from "../Credentials.ts"
import type { CreateApiKeyInput } from "../endpoints/createApiKey.ts"
import { checkMarkable, refuseCreate } from "./checkMarkable.ts"
import { createMarked } from "./createMarked.ts"
import { type ApiKeyNotCreated, warnOfLeftBehind } from "./LeftBehind.ts"
import { removeApiKey } from "./removeApiKey.ts"

/** What {@link temporaryApiKey} makes. */
export interface TemporaryApiKeyInput extends CreateApiKeyInput {
  /** After how long `sweepExpiredApiKeys` may delete it, in use or not; at most 1,000 years. */
  readonly expiresIn: Duration.DurationInput
}

/**
 * Makes a key that is deleted when the scope closes, however it closes.
 *
 * Its name is `name [expires 2026-01-01T00:00:00Z 1a2b3c4d]`, 41 characters longer than `name`: a
 * process that is killed leaves it behind, and `sweepExpiredApiKeys` deletes it once that time has
 * come. The key itself works until it is deleted. As with `createApiKeyOnce`, a lost answer leaves
 * no second key. The deletion is retried as the `RetryPolicy` says, and a key that is gone already
 * is no failure; if it fails for good, a warning with the key's id is logged.
 *
 * Needs the role ORG_ADMIN. Fails with `ApiKeyNotCreated`; a `name` that ends like a mark and an
 * `expiresIn` that is not positive are refused with `InvalidRequest` as the cause.
 *
 * @example
 * ```ts
 * import { Credentials, listApiKeys, temporaryApiKey } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const { secret } = yield* temporaryApiKey({
 *     name: "nightly audit",
 *     serviceAccountId: "1234abcd-1234-1234-abcd-12345678abcd",
 *     expiresIn: "1 hour",
 *   })
 *   return yield* Stream.runCount(listApiKeys()).pipe(
 *     Effect.provide(Credentials.layerApiKey(secret)),
 *   )
 * }))
 * ```
 */
export const temporaryApiKey = (
  input: TemporaryApiKeyInput,
): Effect.Effect<CreatedApiKey, ApiKeyNotCreated, HttpClient | Credentials | Scope.Scope> => {
  const lifetime = Duration.toMillis(input.expiresIn)
  const make = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      createMarked(
        { ...input, mark: (nonce) => ({ _tag: "Expires", at: now + lifetime, nonce }) },
        restore,
      )).pipe(
        Effect.map(({ apiKey, secret }) => ({ apiKey, secret })),
        Effect.tap(({ apiKey }) =>
          Effect.addFinalizer(() =>
            Effect.catchAll(
              removeApiKey(apiKey.id),
              ({ message }) =>
                warnOfLeftBehind(`a temporary key is left for the sweep: ${message}`, {
                  id: Option.some(apiKey.id),
                  name: apiKey.name,
                }),
            )
          )
        ),
      )
  )
  return Effect.zipRight(
    checkMarkable(input),
    lifetime > 0 && lifetime <= Duration.toMillis(longest)
      ? make
      : refuseCreate("expiresIn", "must be positive and at most 1,000 years"),
  ).pipe(Effect.withSpan("ApiKeys.temporaryApiKey", { captureStackTrace: false }))
}

const longest = Duration.days(365_000)
