/**
 * Refuses options that make no sense before a rotation does anything.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Credentials } from "../../Credentials.ts"
import { durationProblem } from "../../waiting/durationProblem.ts"
import { redactor } from "../../transport/redact.ts"
import { checkMarkable, refuseCreate } from "../checkMarkable.ts"
import type { RotateApiKeyOptions } from "./Rotation.ts"
import { type RotationFailed, rotationFailed } from "./RotationFailed.ts"

/** The options that it checks. */
export interface CheckedOptions
  extends Pick<RotateApiKeyOptions, "first" | "grace" | "lease" | "olderThan" | "onWait"> {
  readonly concurrency?: number | undefined
}

/** Fails if an option makes no sense. The cause is an `InvalidRequest` that names the option. */
export const checkRotation = <E>(
  options: CheckedOptions,
): Effect.Effect<void, RotationFailed<E>, HttpClient | Credentials> => {
  const [problem] = problemsOf(options)
  const { first } = options
  const check = problem !== undefined
    ? refuseCreate(...problem)
    : first === undefined
    ? Effect.void
    : checkMarkable(first)
  return Effect.mapError(
    check,
    ({ cause }) =>
      rotationFailed<E>(
        { reason: "Api", cause, held: Option.none(), leftBehind: [] },
        redactor([]),
        cause.message,
      ),
  )
}

type Problem = readonly [field: string, reason: string]

const problemsOf = (
  { concurrency, onWait, ...options }: CheckedOptions,
): ReadonlyArray<Problem> => [
  ...durations.flatMap(([field, isOptional, allowed]) =>
    isOptional && options[field] === undefined
      ? []
      : Option.toArray(durationProblem(options[field], allowed)).map(
        (reason): Problem => [field, reason],
      )
  ),
  ...concurrency === undefined || Number.isInteger(concurrency) && concurrency >= 1
    ? []
    : [["concurrency", "must be a whole number of at least 1"] satisfies Problem],
  ...onWait === undefined || onWait === "sleep" || onWait === "return"
    ? []
    : [["onWait", 'must be "sleep" or "return"'] satisfies Problem],
]

// With an infinite lease, every marked key would belong to a run for ever.
const durations = [
  ["grace", false, { zero: true, infinite: false }],
  ["lease", true, { zero: false, infinite: false }],
  ["olderThan", true, { zero: true, infinite: true }],
] as const
