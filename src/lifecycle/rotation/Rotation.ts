/**
 * How a rotation is done, and what it did.
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
  /**
   * What to do where the rotation has to wait, for the end of the grace or for another run's key to
   * age. `"sleep"`, by default: wait, and go on. `"return"`: end with `did: "waiting"`, and say in
   * `until` when to run again. Any run goes on, in any process, at any time from then on. One that
   * comes too early costs a read of the store and two requests.
   */
  readonly onWait?: "sleep" | "return" | undefined
}

/** What `rotateApiKey` rotates, and how. */
export interface RotateApiKeyOptions<E = never, R = never> extends RotationOptions {
  /** Where the secret is kept. */
  readonly store: SecretStore<E, R>
  /**
   * The key to be replaced, where it is known: saves a request. With an empty store it is the key
   * that the store's first secret takes the place of, and it is deleted after the grace wherever its
   * secret is kept: give it only where an empty store is no mistake. One key, one store. A marked
   * one that the store does not hold stays as it is: it is lent, or another rotation's successor. To
   * replace it, take the mark off its name first, with `updateApiKey`.
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
   * `"kept"`: there was nothing to do. `"waiting"`: done what could be done before `until`, with
   * `onWait: "return"` alone.
   */
  readonly did: "made" | "resumed" | "cleanedUp" | "kept" | "waiting"
  /** The earliest time at which a run has something to do; Some where `did` is `"waiting"`. */
  readonly until: Option.Option<DateTime.Utc>
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
