/**
 * Why a rotation failed.
 *
 * @module
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as Option from "effect/Option"
import type { ApiKeyId } from "../../ApiKey.ts"
import type { ApiKeyError } from "../../ApiKeyError.ts"
import type { Redact } from "../../transport/redact.ts"
import { describeLeftBehind, type LeftBehind, redactKey } from "../LeftBehind.ts"
import type { Obstacle } from "./decide.ts"

/** The kind of failure: a call failed, the store failed, or the rotation found something wrong. */
export type RotationFailedReason = "Api" | "Store" | "UnreadableSecret" | Obstacle

/** The fields of {@link RotationFailed}. `E` is the store's error. */
export interface RotationFailedFields<E> {
  /** The kind of failure. */
  readonly reason: RotationFailedReason
  /** What happened, and which keys may be left behind. */
  readonly message: string
  /**
   * The error of the call or of the store. Undefined for other reasons, and if the store is too
   * slow.
   */
  readonly cause: ApiKeyError | E | undefined
  /** The key whose secret the store held when it was last read. */
  readonly held: Option.Option<ApiKeyId>
  /**
   * Keys of this run that may be live, or may still appear. They are not known to be in the store.
   */
  readonly leftBehind: ReadonlyArray<LeftBehind>
}

const RotationFailedBase: new <E>(
  fields: RotationFailedFields<E>,
) =>
  & Cause.YieldableError
  & { readonly _tag: "RotationFailed" }
  & Readonly<RotationFailedFields<E>> = Data.TaggedError("RotationFailed")
/**
 * The rotation failed before it was done. The store holds a key that works, the old or the new one,
 * unless the reason is `HeldKeyGone` or `SecretRefused`. Run it again, and it goes on where it was.
 */
export class RotationFailed<E = never> extends RotationFailedBase<E> {}

/** Makes the error, and its message from its parts. */
export const rotationFailed = <E>(
  fields: Omit<RotationFailedFields<E>, "message">,
  redact: Redact,
  what: string = explanations[fields.reason],
): RotationFailed<E> => {
  const leftBehind = fields.leftBehind.map((key) => redactKey(key, redact))
  return new RotationFailed({
    ...fields,
    leftBehind,
    message: `rotation: ${what}. ${describeLeftBehind(leftBehind)}`,
  })
}

const explanations: Readonly<Record<RotationFailedReason, string>> = {
  Api: "a call failed. Run it again to go on",
  Store: "the secret store failed. Run it again to go on",
  UnreadableSecret: "the secret store holds something that is not the secret of an API key",
  NothingHeld:
    "the secret store is empty: say with apiKey which key to replace, or with first what to make",
  HeldKeyGone:
    "the key in the secret store is deleted, and you name no key that can be replaced: say with apiKey or first what to make in its place",
  StoreHoldsAnother:
    "the secret store holds neither the key to replace nor its successor: check which key it holds",
  SecretRefused: "the API refuses the secret although its key exists",
  NotStored: "the secret store does not show what was written. Check it before running this again",
  LeaseOver: "the run was held up for half the lease, so it may not write any more",
}
