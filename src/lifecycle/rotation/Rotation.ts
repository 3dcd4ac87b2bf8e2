/**
 * The options of a rotation, and its result.
 *
 * @module
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import type { CreateApiKeyInput } from "../../endpoints/createApiKey.ts"
import type { LeftBehind } from "../LeftBehind.ts"
import type { SecretStore } from "../SecretStore.ts"
import type { RotationStep } from "./RotationStep.ts"

/** Options that `rotateApiKey` and `rotateApiKeys` share. */
export interface RotationOptions {
  /**
   * How long the old key goes on working after the new one is made. Make it as long as any reader
   * of the store may go on with a secret that it read before. Zero is right only if every reader
   * reads the store for every call. Finite, and not negative.
   */
  readonly grace: Duration.DurationInput
  /**
   * The age at which a marked key that is not in the store belongs to no run any more; 10 minutes
   * by default. All runs on one store need the same. A run writes no key that is older than half of
   * the lease, and a write may take a quarter of it. The last quarter is for clocks that differ.
   */
  readonly lease?: Duration.DurationInput | undefined
  /**
   * Replaces only a key that is at least this old. By default it replaces a key of any age. Not
   * negative.
   */
  readonly olderThan?: Duration.DurationInput | undefined
  /**
   * What to do when the rotation has to wait, for the end of the grace or for another run's key to
   * age. `"sleep"`, the default, waits and goes on. `"return"` ends with `did: "waiting"`, and says
   * in `until` when to run it again. From then on any run goes on, in any process. A run that comes
   * too early costs one read of the store and two requests.
   */
  readonly onWait?: "sleep" | "return" | undefined
}

/** Options of `rotateApiKey`. */
export interface RotateApiKeyOptions<E = never, R = never> extends RotationOptions {
  /** Keeps the secret. */
  readonly store: SecretStore<E, R>
  /**
   * The key to replace, if you know it. It saves a request. Never pass it with an empty store
   * unless its secret is used nowhere else: the store gets the successor's secret, and that key is
   * deleted after the grace. Use one store for each key.
   *
   * A marked key that the store does not hold stays as it is: it is lent, or another rotation's
   * successor. To replace it, take the mark off its name first, with `updateApiKey`.
   */
  readonly apiKey?: ApiKey | undefined
  /** The key to make if there is none to replace: the store is empty, or its key is gone. */
  readonly first?: CreateApiKeyInput | undefined
  /**
   * Called with each step before it is done. The step waits for it, 10 seconds at most. If it
   * breaks or takes longer, a warning is logged, and the rotation goes on.
   */
  readonly onStep?: ((step: RotationStep) => Effect.Effect<void>) | undefined
}

/** What a rotation did. */
export interface Rotation {
  /**
   * What it did:
   *
   * - `"made"`: it made the key that the store now holds.
   * - `"resumed"`: it finished what another run had begun, before it or at the same time.
   * - `"cleanedUp"`: it deleted what a broken run had left.
   * - `"kept"`: there was nothing to do.
   * - `"waiting"`: it did all that can be done before `until`. This needs `onWait: "return"`.
   */
  readonly did: "made" | "resumed" | "cleanedUp" | "kept" | "waiting"
  /**
   * The earliest time at which a run has something to do. Some if `did` is `"waiting"`, otherwise
   * None.
   */
  readonly until: Option.Option<DateTime.Utc>
  /** The key whose secret the store holds. If it holds none and nothing was made: your `apiKey`. */
  readonly apiKey: ApiKey
  /** The keys that it deleted: the predecessor, and what broken runs had left. */
  readonly deleted: ReadonlyArray<ApiKeyId>
  /**
   * Marked keys that are not in the store. A later run, or you, may have to delete them. If a key
   * has no id, the answer to its create was lost: it was not found, and may still appear.
   */
  readonly leftBehind: ReadonlyArray<LeftBehind>
}
