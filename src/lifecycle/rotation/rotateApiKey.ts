/**
 * Rotates a key without an outage.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { Credentials } from "../../Credentials.ts"
import { makeFollowing } from "../followingCredentials.ts"
import { makeListAccount } from "./listAccount.ts"
import type { RotateApiKeyOptions, Rotation } from "./Rotation.ts"
import { rotate } from "./run.ts"
import type { RotationFailed } from "./RotationFailed.ts"

/**
 * Replaces the key whose secret a store holds. It makes a successor, proves that it works, writes
 * its secret to the store, waits out the grace, and deletes the predecessor.
 *
 * You can run it again after it broke off at any point: it goes on where it was. Any number of runs
 * at the same time end with one live key, and the store holds it. All that a run needs to know is
 * in the store and in the successor's name. That is `name [rotates CCDB1_… 1a2b3c4d]` until the
 * rotation is done, 48 characters longer than `name`.
 *
 * It deletes only the predecessor, and keys with that mark which are its own or older than the
 * lease. It never deletes the key in the store. If it finds a younger key with that mark, another
 * run may be at work. It then waits until that run ends, or until the key is as old as the lease.
 *
 * With `onWait: "return"` it never sleeps through a grace. It does what can be done, ends with
 * `"waiting"`, and says in `until` when to run it again. This is for cron jobs, edge workers and
 * durable workflows. Such runs take the mark off when the new key is two leases old, 20 minutes by
 * default.
 *
 * The clocks of all runs and of the API must agree to within a quarter of the lease. Lists must be
 * no more than 1/120 of the lease behind, 5 seconds by default. The rotation waits that long, even
 * without a grace, before it looks for other runs' keys and takes the mark off.
 *
 * It proves a secret by a call with it, before it writes it. A 403 proves it too, since the key may
 * be of an account without a role.
 *
 * It sends five requests if you pass `apiKey` and nothing goes wrong, otherwise six. It sends more
 * if the service account's keys fill more than one page of 500, or of the size that the API gives.
 *
 * You can rotate the key that the program itself calls with. The rotation's own calls go on with
 * the new key, even if another process replaces it. With `credentialsFromStore`, all other calls of
 * the program do too.
 *
 * An empty store needs `apiKey` or `first`, and all runs at the same time need the same. A first
 * key is marked `[first 1a2b3c4d]`, which does not say for which store it is. So if a killed run
 * leaves one, it is not deleted, but named in `leftBehind`. If a create gets no answer, the
 * rotation looks for its key and deletes it. If the key has not appeared by the end, `leftBehind`
 * has its name.
 *
 * Needs the role ORG_ADMIN. Fails with `RotationFailed`. Its `reason` and `cause` say why. Its
 * `leftBehind` names keys of this run that may be live and not in the store.
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
