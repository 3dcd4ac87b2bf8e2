/**
 * Rotate a key without an outage.
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
 * Replaces the key whose secret a store holds: makes its successor, proves that it works, writes
 * its secret to the store, waits out the grace, deletes the predecessor.
 *
 * Run again after it was broken off at any point it goes on where it was, and any number of runs at
 * the same time end with one live key, which the store holds. All it needs to know stands in the
 * store and in the successor's name, `name [rotates CCDB1_… 1a2b3c4d]` until it is done, 47 to 48
 * characters longer than `name`.
 *
 * It deletes nothing but the predecessor and keys with that mark which are its own or older than
 * the lease, and never what the store holds. Where it finds a younger one, which may be of a run at
 * work, it waits for its end or its age, up to the lease.
 *
 * With `onWait: "return"` it never sleeps through a grace. It does what can be done, ends with
 * `"waiting"`, and says in `until` when to run again: for cron jobs, edge workers and durable
 * workflows. Such runs take the mark off when the new key is two leases old, 20 minutes by default.
 *
 * Clocks of runs and API must not differ by more than a quarter of the lease. Lists must be no more
 * than 1/120 of it behind, 5 seconds by default: for so long it waits, without a grace too, before
 * it looks for other runs' keys and takes the mark off.
 *
 * A secret is proven by a call made with it before it is written. A 403 proves it too, since the
 * key may be of an account without a role.
 *
 * Five requests where `apiKey` is given and nothing goes wrong, otherwise six; more where the
 * service account's keys fill more than one page of 500, or of what the API gives.
 *
 * The key that the program itself calls with can be rotated: calls within go on with the new one,
 * also where another process replaces it, and with `credentialsFromStore` the program's others too.
 *
 * An empty store needs `apiKey` or `first`, the same in all runs at the same time. A first key is
 * marked `[first 1a2b3c4d]`; since that does not tell for which store, one that a killed run left
 * is not deleted but told in `leftBehind`. A create without an answer is looked for and its key
 * deleted; where it has not come about by the end, its name is told there.
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
