/**
 * Create exactly one key, also when answers are lost.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CreatedApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import type { CreateApiKeyInput } from "../endpoints/createApiKey.ts"
import { updateApiKey } from "../endpoints/updateApiKey.ts"
import * as Operation from "../operation.ts"
import { lost } from "../transport/failure.ts"
import { checkMarkable } from "./checkMarkable.ts"
import { createMarked } from "./createMarked.ts"
import { type ApiKeyNotCreated, failNotCreated, warnOfLeftBehind } from "./LeftBehind.ts"
import { removeApiKey } from "./removeApiKey.ts"

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
 * `name` that ends like a mark is refused with `InvalidRequest` as the cause. A process that is
 * killed in between leaves a marked key, which `sweepExpiredApiKeys` deletes.
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
            Effect.zipLeft(failIfOverdue(sentAt)),
            Effect.map((apiKey) => ({ apiKey, secret })),
            Effect.onInterrupt(() =>
              Effect.catchAll(
                removeApiKey(apiKey.id),
                () =>
                  warnOfLeftBehind("an interrupted create may have left a key behind", {
                    id: Option.some(apiKey.id),
                    name: apiKey.name,
                  }),
              )
            ),
            Effect.catchAll((cause) =>
              Effect.matchEffect(removeApiKey(apiKey.id), {
                onSuccess: () => failNotCreated(cause, []),
                onFailure: () =>
                  failNotCreated(cause, [{ id: Option.some(apiKey.id), name: apiKey.name }]),
              })
            ),
          ),
      )
    )),
    Effect.withSpan("ApiKeys.createApiKeyOnce", { captureStackTrace: false }),
  )

// Half of what sweepExpiredApiKeys gives a create by default: its key may not be swept up when it has
// been handed out.
const longestMillis = 5 * 60_000

const failIfOverdue = (sentAt: number): Effect.Effect<void, ApiKeyError> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (now) =>
      now - sentAt < longestMillis ? Effect.void : Effect.fail(
        lost(
          { operation: Operation.createApiKey, attempts: 1, mayHaveApplied: false },
          "Timeout",
          "not renamed within 5 minutes",
          false,
        ).error,
      ),
  )
