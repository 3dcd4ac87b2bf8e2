/**
 * Tell a program what a rotation is about to do.
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

/** What a rotation is about to do. Ids and names are fit to be shown: what looks like a secret is replaced. */
export type RotationStep =
  /** Get the key that the store holds, or list the keys of its service account. */
  | { readonly _tag: "Look" }
  /** Make the successor of a key, or the store's first, which is named so but for its mark. */
  | {
    readonly _tag: "Make"
    readonly name: string
    /** The key that is to be replaced; None where the store is empty and none was named. */
    readonly predecessor: Option.Option<ApiKeyId>
  }
  /** Prove a key's secret by a call that is made with it. */
  | { readonly _tag: "Prove"; readonly id: ApiKeyId }
  /** Write the new key's secret to the store. */
  | { readonly _tag: "Write"; readonly id: ApiKeyId }
  /** Read the store again after a moment, since it does not show what was written. */
  | { readonly _tag: "Reread" }
  /** Wait until then, for the readers of the old secret or for a run that may be at work. */
  | {
    readonly _tag: "Wait"
    readonly until: DateTime.Utc
    readonly reason: "Grace" | "OtherRun"
  }
  /** Delete the predecessor, a key that this run made in vain, or one that a broken run left. */
  | { readonly _tag: "Delete"; readonly id: ApiKeyId }
  /** Take the mark off the successor's name: what is left to be done. */
  | { readonly _tag: "Unmark"; readonly id: ApiKeyId; readonly name: string }

/** Is told each step before it is done. */
export type OnStep = (step: RotationStep) => Effect.Effect<void>

// A rotation has only half of its lease from the making of a key to its writing.
const patience = "10 seconds"

/** Tells a step, and goes on whatever becomes of that. */
export const tellStep = (
  onStep: OnStep,
  step: Exclude<Step, { readonly _tag: "Done" | "Fail" }>,
  run: Run,
): Effect.Effect<void, never, Credentials> =>
  Effect.flatMap(
    redactTokenInUse,
    (redact) =>
      Effect.suspend(() => onStep(describe(step, run, redact))).pipe(
        // What cannot be interrupted is left behind, so that it does not hold up the rotation either.
        Effect.disconnect,
        Effect.timeoutFail({ duration: patience, onTimeout: () => "timeout" as const }),
        // What a defect of the program's own holds is not ours to log.
        Effect.catchAllCause(() =>
          Effect.logWarning(
            "onStep broke, or did not end within 10 seconds: the rotation goes on without it",
          )
        ),
      ),
  )

/** Whether a step is the one that was told, if perhaps at another time. */
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

/** The first whole millisecond from then on. */
export const dateOf = (millis: number): DateTime.Utc =>
  DateTime.unsafeMake(Math.ceil(Math.min(millis, latest)))

// No date is later.
const latest = 8.64e15
