/**
 * Rotate a key without an outage.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { ApiKey, ApiKeyId } from "../ApiKey.ts"
import { Credentials } from "../Credentials.ts"
import type { CreateApiKeyInput } from "../endpoints/createApiKey.ts"
import { makeFollowing } from "./followingCredentials.ts"
import type { LeftBehind } from "./LeftBehind.ts"
import { makeListAccount } from "./listAccount.ts"
import { rotate } from "./rotate.ts"
import type { RotationFailed } from "./RotationFailed.ts"
import type { RotationStep } from "./RotationStep.ts"
import type { SecretStore } from "./SecretStore.ts"

/** How a rotation is done. */
export interface RotationOptions {
  /**
   * How long the old key goes on working once the new one is made: as long as any reader of the
   * store may go on using what it read before. Zero where every reader reads for every call.
   * Finite, and not negative.
   */
  readonly grace: Duration.DurationInput
  /**
   * From which age on a marked key that is not in the store belongs to no run any more; 10 minutes
   * by default, and the same for all runs on one store. A run writes no key older than half of it,
   * and a write may take a quarter of it, so that clocks may differ by a quarter.
   */
  readonly lease?: Duration.DurationInput | undefined
  /** Leaves a younger key as it is, not negative; by default a key is replaced whatever its age. */
  readonly olderThan?: Duration.DurationInput | undefined
}

/** What {@link rotateApiKey} rotates, and how. */
export interface RotateApiKeyOptions<E = never, R = never> extends RotationOptions {
  /** Where the secret is kept. */
  readonly store: SecretStore<E, R>
  /**
   * The key to be replaced, where it is known: saves a request. With an empty store it is the key
   * that the store's first secret takes the place of, and it is deleted after the grace wherever its
   * secret is kept: give it only where an empty store is no mistake. One key, one store. A marked
   * one that the store does not hold stays as it is: it is lent, or it is another rotation's successor,
   * which is told in `leftBehind`. To replace it, take the mark off its name first, with `updateApiKey`.
   */
  readonly apiKey?: ApiKey | undefined
  /** What to make where there is no key to be replaced: the store is empty, or its key is gone. */
  readonly first?: CreateApiKeyInput | undefined
  /**
   * Called with each step before it is done, which waits for it, 10 seconds at most. One that breaks
   * or takes longer is logged as a warning, and the rotation goes on.
   */
  readonly onStep?: ((step: RotationStep) => Effect.Effect<void>) | undefined
}

/** What a rotation did. */
export interface Rotation {
  /**
   * `"made"`: made the key that the store now holds. `"resumed"`: brought to its end what an earlier
   * run or one at the same time had begun. `"cleanedUp"`: deleted what a broken run had left.
   * `"kept"`: there was nothing to do.
   */
  readonly did: "made" | "resumed" | "cleanedUp" | "kept"
  /** The key whose secret the store holds; where it holds none and nothing was made, `apiKey`. */
  readonly apiKey: ApiKey
  /** The keys that were deleted: the predecessor, and what broken runs had left. */
  readonly deleted: ReadonlyArray<ApiKeyId>
  /**
   * Marked keys that are not in the store, and that a later run, or you, may have to delete. One
   * without an id is a create's whose answer was lost: it was not to be found, and may still come.
   */
  readonly leftBehind: ReadonlyArray<LeftBehind>
}

/**
 * Replaces the key whose secret a store holds: makes its successor, proves that it works, writes its
 * secret to the store, waits out the grace, deletes the predecessor.
 *
 * Run again after it was broken off at any point it goes on where it was, and any number of runs at
 * the same time end with one live key, which the store holds. All it needs to know stands in the
 * store and in the successor's name, `name [rotates CCDB1_… 1a2b3c4d]` until it is done, 47 to 48
 * characters longer than `name`. It deletes nothing but the predecessor and keys with that mark
 * which are its own or older than the lease, and never what the store holds. Where it finds a younger
 * one, which may be of a run at work, it waits for its end or its age, up to the lease. Clocks of
 * runs and API must not differ by more than a quarter of the lease, and lists be no more than 1/120 of
 * it behind, 5 seconds: for so long it waits, without a grace too, before it looks for other runs'
 * keys and takes the mark off. A secret is proven by a call
 * made with it before it is written; a 403 proves it too, since the key may be of an account without
 * a role.
 *
 * Five requests where `apiKey` is given and nothing goes wrong, otherwise six; more where the service
 * account's keys fill more than one page of 500, or of what the API gives. The key that the program itself calls with can be rotated:
 * calls within go on with the new one, also where another process replaces it, and with
 * `credentialsFromStore` the program's others too.
 *
 * An empty store needs `apiKey` or `first`, the same in all runs at the same time. A first key is
 * marked `[first 1a2b3c4d]`; since that does not tell for which store, one that a killed run left is
 * not deleted but told in `leftBehind`. A create without an answer is looked for and its key deleted;
 * where it has not come about by the end, its name is told there.
 *
 * Needs the role ORG_ADMIN. Fails with `RotationFailed`, whose `reason` and `cause` say why, and
 * whose `leftBehind` names keys of this run that may be live and not in the store.
 *
 * @example
 * ```ts
 * import { rotateApiKey } from "@effect-crdb/api-keys"
 * import type { SecretStore } from "@effect-crdb/api-keys"
 * import * as DateTime from "effect/DateTime"
 * import * as Effect from "effect/Effect"
 *
 * const program = (store: SecretStore) =>
 *   rotateApiKey({
 *     store,
 *     grace: "15 minutes",
 *     olderThan: "90 days",
 *     onStep: (step) =>
 *       step._tag === "Wait"
 *         ? Effect.log(`waiting until ${DateTime.formatIso(step.until)}`)
 *         : Effect.log(step._tag), // Look, Make, Prove, Write, Delete, Unmark
 *   }).pipe(
 *     Effect.tap(({ apiKey, did }) => Effect.log(`${did} ${apiKey.id}`)),
 *   )
 * ```
 */
export const rotateApiKey = <E = never, R = never>(
  options: RotateApiKeyOptions<E, R>,
): Effect.Effect<Rotation, RotationFailed<E>, HttpClient | Credentials | R> =>
  Effect.flatMap(
    Credentials,
    (credentials) =>
      Effect.flatMap(makeFollowing(credentials), (following) =>
        rotate(options, {
          following,
          list: makeListAccount(),
          noteMade: () => Effect.void,
          whileWorking: identity,
          whileWaiting: identity,
        })),
  )
