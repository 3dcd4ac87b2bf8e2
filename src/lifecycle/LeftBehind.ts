/**
 * What a failed lifecycle program may have left in the organization.
 *
 * @module
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApiKeyId } from "../ApiKeyId.ts"
import type { ApiKeyError, TaggedErrorClass } from "../ApiKeyError.ts"
import { escapeText, redactor } from "../transport/redact.ts"

/** A key that may be live although nobody has its secret. */
export interface LeftBehind {
  /** None where the answer that told it was lost: the name, unique by its mark, finds the key. */
  readonly id: Option.Option<ApiKeyId>
  /** As it was created, with its mark. */
  readonly name: string
}

/** What {@link ApiKeyNotCreated} tells. */
export interface ApiKeyNotCreatedFields {
  /** What went wrong and what may be left behind. */
  readonly message: string
  /** The error that stood in the way. */
  readonly cause: ApiKeyError
  /** Empty where it is certain that nothing is. */
  readonly leftBehind: ReadonlyArray<LeftBehind>
}

const ApiKeyNotCreatedBase: TaggedErrorClass<"ApiKeyNotCreated", ApiKeyNotCreatedFields> = Data
  .TaggedError("ApiKeyNotCreated")
/** No key is handed out. What was made on the way is deleted again, or told in `leftBehind`. */
export class ApiKeyNotCreated extends ApiKeyNotCreatedBase {}

/** Makes the error, its message from its parts. */
export const notCreated = (
  cause: ApiKeyError,
  leftBehind: ReadonlyArray<LeftBehind>,
): ApiKeyNotCreated =>
  new ApiKeyNotCreated({
    cause,
    leftBehind: leftBehind.map(redactKey),
    message: `no key was handed out: ${cause.message}. ${describeLeftBehind(leftBehind)}`,
  })

/**
 * A key as errors and logs may show it: its id and its name can come from a server, which can put
 * what looks like a secret there.
 */
export const redactKey = ({ id, name }: LeftBehind): LeftBehind => {
  const redact = redactor([])
  return { id: Option.map(id, (id) => ApiKeyId(redact(id))), name: redact(name) }
}

/** Says in a message what may be left behind. */
export const describeLeftBehind = (leftBehind: ReadonlyArray<LeftBehind>): string =>
  leftBehind.length === 0
    ? "Nothing is left behind"
    : `May be left behind, to be deleted: ${leftBehind.map(redactKey).map(describe).join(", ")}`

/** Of a long name the end, where its mark is. */
const describe = ({ id, name }: LeftBehind): string =>
  escapeText(
    Option.getOrElse(id, () => JSON.stringify(name.length > 100 ? `…${name.slice(-100)}` : name)),
  )

/** Logs a key that may be live although nobody has its secret. */
export const warnOfLeftBehind = (message: string, key: LeftBehind): Effect.Effect<void> => {
  const { id, name } = redactKey(key)
  return Effect.annotateLogs(Effect.logWarning(message), {
    id: Option.getOrElse(id, () => "unknown"),
    name,
  })
}
