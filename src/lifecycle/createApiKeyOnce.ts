/**
 * Create exactly one key, also when answers are lost.
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
 * Makes exactly one key, or none, also when answers are lost or the call is interrupted.
 *
 * The key is made as `name [once 1a2b3c4d]` and then renamed to `name`, so that a create whose
 * answer is lost can be found by its name, deleted, and begun anew with another mark, as often as
 * the `RetryPolicy`'s schedule says. Two requests where nothing goes wrong. Names with a mark are
 * 16 characters longer than `name`; the API does not document how long a name may be.
 *
 * Needs the role ORG_ADMIN. Fails with `ApiKeyNotCreated`, whose `cause` is the error that stood in
 * the way and whose `leftBehind` names each key that may be live although nobody has its secret. A
 * `name` that ends like a mark is refused with `InvalidRequest` as the cause. Interrupted, or broken
 * off by a defect, it deletes what it may have made, which nothing interrupts and which ends as the
 * `RetryPolicy` says, 10 minutes a call at most where that has no deadline; what it does not find it
 * logs as a warning. A process that is killed in between leaves a marked key, which
 * `sweepExpiredApiKeys` deletes.
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

// sweepExpiredApiKeys must not take a key that has been handed out.
const longestMillis = defaultLeaseMillis / 2

const notRenamed = `not renamed within ${longestMillis / 60_000} minutes`
