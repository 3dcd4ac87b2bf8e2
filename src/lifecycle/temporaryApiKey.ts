/**
 * Lends a key for as long as a scope is open.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ApiKey, CreatedApiKey } from "../ApiKey.ts"
import type { Credentials } from "../Credentials.ts"
import type { CreateApiKeyInput } from "../endpoints/createApiKey.ts"
import { durationProblem } from "../waiting/durationProblem.ts"
import { boundCalls } from "./boundCalls.ts"
import { checkMarkable, refuseCreate } from "./checkMarkable.ts"
import { createMarked } from "./createMarked.ts"
import { discardAndFail, discardOrWarn } from "./discardApiKey.ts"
import { failIfOverdue } from "./failIfOverdue.ts"
import { type ApiKeyNotCreated, warnOfLeftBehind } from "./LeftBehind.ts"
import { onUnseenEnd } from "./onUnseenEnd.ts"
import { removeApiKey } from "./removeApiKey.ts"

/** The key that {@link temporaryApiKey} makes. */
export interface TemporaryApiKeyInput extends CreateApiKeyInput {
  /**
   * When this time is over, `sweepExpiredApiKeys` may delete the key, in use or not. It counts from
   * just before the create is sent. Above zero, and at most 1,000 years.
   */
  readonly expiresIn: Duration.DurationInput
}

/**
 * Makes a key, and deletes it when the scope closes, however it closes.
 *
 * The key's name is `name [expires 2026-01-01T00:00:00Z 1a2b3c4d]`, 40 characters longer than
 * `name`. A process that is killed leaves the key behind, and `sweepExpiredApiKeys` deletes it once
 * that time has come. The key itself works until it is deleted.
 *
 * As with `createApiKeyOnce`, a lost answer leaves no second key. Nor does an interruption or a
 * defect. The key that you get has more than half of `expiresIn` ahead of it. If it takes longer to
 * make, it is deleted, and the call fails.
 *
 * The deletion is retried as the `RetryPolicy` says, for 10 minutes at most if that has no
 * deadline. A key that is gone already is no failure. If the deletion fails for good, it logs a
 * warning with the key's id.
 *
 * Needs the role ORG_ADMIN. Fails with `ApiKeyNotCreated`. Its `cause` is a `TransportError` with
 * reason `"Timeout"` if the key took too long. It is `InvalidRequest` if `name` ends like a mark or
 * `expiresIn` makes no sense.
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
  const isAllowed = isLifetime(input.expiresIn)
  const lifetime = isAllowed ? Duration.toMillis(input.expiresIn) : 0
  const make = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      createMarked({
        ...input,
        mark: (nonce, sentAt) => ({ _tag: "Expires", at: sentAt + lifetime, nonce }),
      }, restore),
      ({ apiKey, secret, sentAt }) =>
        failIfOverdue(sentAt, lifetime / 2, "not made within half of expiresIn").pipe(
          Effect.catchAll((cause) => discardAndFail(apiKey, cause)),
          onUnseenEnd(restore, discardOrWarn(apiKey, "an expired key may be left for the sweep")),
          Effect.zipRight(Effect.addFinalizer(() => giveBack(apiKey))),
          Effect.as({ apiKey, secret }),
        ),
    )
  )
  return Effect.zipRight(
    checkMarkable(input),
    isAllowed ? make : refuseCreate("expiresIn", "must be positive and at most 1,000 years"),
  ).pipe(Effect.withSpan("ApiKeys.temporaryApiKey", { captureStackTrace: false }))
}

const longest = 365_000 * 86_400_000

const isLifetime = (expiresIn: Duration.DurationInput): boolean =>
  Option.isNone(durationProblem(expiresIn, { zero: false, infinite: false })) &&
  Duration.toMillis(expiresIn) <= longest

const giveBack = ({ id, name }: ApiKey): Effect.Effect<void, never, HttpClient | Credentials> =>
  Effect.catchAllCause(boundCalls(removeApiKey(id)), (cause) => {
    const why = Option.match(Cause.failureOption(cause), {
      onNone: () => "its deletion broke with a defect",
      onSome: ({ message }) => message,
    })
    return warnOfLeftBehind(`a temporary key is left for the sweep: ${why}`, {
      id: Option.some(id),
      name,
    })
  })
