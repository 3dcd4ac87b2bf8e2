/**
 * Tells a program what a rotation is about to do.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApiKeyId } from "../../ApiKeyId.ts"
import type { Credentials } from "../../Credentials.ts"
import type { Redact } from "../../transport/redact.ts"
import { redactTokenInUse } from "../LeftBehind.ts"
import type { Run, Step } from "./decide.ts"

/**
 * What a rotation is about to do. You can show ids and names: anything that looks like a secret is
 * replaced.
 */
export type RotationStep =
  /** Get the key that the store holds, or list the keys of its service account. */
  | { readonly _tag: "Look" }
  /** Make the successor of a key, or the store's first key. `name` is without its mark. */
  | {
    readonly _tag: "Make"
    readonly name: string
    /** The key to replace. None if the store is empty and no `apiKey` was given. */
    readonly predecessor: Option.Option<ApiKeyId>
  }
  /** Prove by a call that a key's secret works. */
  | { readonly _tag: "Prove"; readonly id: ApiKeyId }
  /** Write the new key's secret to the store. */
  | { readonly _tag: "Write"; readonly id: ApiKeyId }
  /** Read the store again after a moment, since it does not show the new secret yet. */
  | { readonly _tag: "Reread" }
  /** Wait, for the readers of the old secret or for another run that may be at work. */
  | {
    readonly _tag: "Wait"
    readonly until: DateTime.Utc
    readonly reason: "Grace" | "OtherRun"
  }
  /** Delete the predecessor, a key that this run made in vain, or one that a broken run left. */
  | { readonly _tag: "Delete"; readonly id: ApiKeyId }
  /** Take the mark off the successor's name. This is the last step. */
  | { readonly _tag: "Unmark"; readonly id: ApiKeyId; readonly name: string }

/** Called with each step before it is done. */
export type OnStep = (step: RotationStep) => Effect.Effect<void>

// Short, since a rotation must write a key within half of its lease after making it.
const patience = "10 seconds"

/** Calls `onStep` with a step, and goes on whatever comes of it. */
export const tellStep = (
  onStep: OnStep,
  step: Exclude<Step, { readonly _tag: "Done" | "Fail" }>,
  run: Run,
): Effect.Effect<void, never, Credentials> =>
  Effect.flatMap(
    redactTokenInUse,
    (redact) =>
      Effect.suspend(() => onStep(describe(step, run, redact))).pipe(
        // If it cannot be interrupted, it goes on by itself and does not hold up the rotation.
        Effect.disconnect,
        Effect.timeoutFail({ duration: patience, onTimeout: () => "timeout" as const }),
        // The defect is not logged: only the program knows what it holds.
        Effect.catchAllCause(() =>
          Effect.logWarning(
            "onStep broke, or did not end within 10 seconds: the rotation goes on without it",
          )
        ),
      ),
  )

/** Whether a step is the one that `onStep` was called with. Its times may differ. */
export const isSameStep = (step: Step, told: Step): boolean =>
  step._tag === told._tag && idOf(step) === idOf(told)

const idOf = (step: Step): ApiKeyId | undefined => "id" in step ? step.id : undefined

const describe = (
  step: Parameters<typeof tellStep>[1],
  run: Run,
  redact: Redact,
): RotationStep => {
  const show = (id: ApiKeyId) => ApiKeyId(redact(id))
  switch (step._tag) {
    case "Look":
    case "Reread":
      return { _tag: step._tag }
    case "Make":
      return {
        _tag: "Make",
        name: redact(step.name),
        predecessor: Option.map(step.predecessor, show),
      }
    case "Write":
      return { _tag: "Write", id: show(Option.getOrThrow(run.made).id) }
    case "Wait":
      return {
        _tag: "Wait",
        until: dateOf(step.until),
        reason: step.reason,
      }
    case "Prove":
    case "Delete":
      return { _tag: step._tag, id: show(step.id) }
    case "Unmark":
      return { _tag: "Unmark", id: show(step.id), name: redact(step.name) }
  }
}

/** Rounds a time up to a whole millisecond. */
export const dateOf = (millis: number): DateTime.Utc =>
  DateTime.unsafeMake(Math.ceil(Math.min(millis, latest)))

// No later date exists.
const latest = 8.64e15
