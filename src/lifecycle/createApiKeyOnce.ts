/**
 * Creates exactly one key, even if answers are lost.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type { CreatedApiKey } from "../ApiKey.ts"
import type { Credentials } from "../Credentials.ts"
import type { CreateApiKeyInput } from "../endpoints/createApiKey.ts"
import { updateApiKey } from "../endpoints/updateApiKey.ts"
import { checkMarkable } from "./checkMarkable.ts"
import { createMarked } from "./createMarked.ts"
import { discardAndFail, discardOrWarn } from "./discardApiKey.ts"
import { failIfOverdue } from "./failIfOverdue.ts"
import { defaultLeaseMillis } from "./lease.ts"
import type { ApiKeyNotCreated } from "./LeftBehind.ts"
import { onUnseenEnd } from "./onUnseenEnd.ts"

/**
 * Makes exactly one key, or none, even if answers are lost or the call is interrupted.
 *
 * It creates the key as `name [once 1a2b3c4d]`, and then renames it to `name`. If the answer to the
 * create is lost, it finds that key by its name, deletes it, and tries again with another mark, as
 * often as the `RetryPolicy`'s schedule says. It sends two requests if nothing goes wrong. The
 * marked name is 16 characters longer than `name`; the API does not document how long a name may
 * be.
 *
 * Needs the role ORG_ADMIN. Fails with `ApiKeyNotCreated`. Its `cause` is the error that stood in
 * the way. Its `leftBehind` names each key that may be live although nobody has its secret. If
 * `name` ends like a mark, the cause is `InvalidRequest`.
 *
 * If it is interrupted, or a defect breaks it off, it deletes what it may have made. Nothing
 * interrupts this deletion. It ends when the `RetryPolicy` says; if that has no deadline, each call
 * takes 10 minutes at most. If it does not find a key that may exist, it logs a warning. A process
 * that is killed in the middle leaves a marked key, which `sweepExpiredApiKeys` deletes.
 *
 * @example
 * ```ts
 * import { createApiKeyOnce } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 *
 * const program = createApiKeyOnce({
 *   name: "billing",
 *   serviceAccountId: "1234abcd-1234-1234-abcd-12345678abcd",
 * }).pipe(
 *   Effect.tapErrorTag("ApiKeyNotCreated", ({ leftBehind }) => Effect.logError(leftBehind)),
 * )
 * ```
 */
export const createApiKeyOnce = (
  input: CreateApiKeyInput,
): Effect.Effect<CreatedApiKey, ApiKeyNotCreated, HttpClient | Credentials> =>
  checkMarkable(input).pipe(
    Effect.zipRight(Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        createMarked({ ...input, mark: (nonce) => ({ _tag: "Once", nonce }) }, restore),
        ({ apiKey, secret, sentAt }) =>
          restore(updateApiKey(apiKey.id, { name: input.name })).pipe(
            Effect.zipLeft(failIfOverdue(sentAt, longestMillis, notRenamed)),
            Effect.map((apiKey) => ({ apiKey, secret })),
            Effect.catchAll((cause) => discardAndFail(apiKey, cause)),
            onUnseenEnd(
              restore,
              discardOrWarn(apiKey, "an interrupted create may have left a key behind"),
            ),
          ),
      )
    )),
    Effect.withSpan("ApiKeys.createApiKeyOnce", { captureStackTrace: false }),
  )

// After the lease, sweepExpiredApiKeys deletes a key that still has its mark. It must never delete
// one that you have got.
const longestMillis = defaultLeaseMillis / 2

const notRenamed = `not renamed within ${longestMillis / 60_000} minutes`
