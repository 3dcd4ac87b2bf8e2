/**
 * What a failed lifecycle program may have left in the organization.
 *
 * @module
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeyId } from "../ApiKeyId.ts"
import type { ApiKeyError, TaggedErrorClass } from "../ApiKeyError.ts"
import { Credentials } from "../Credentials.ts"
import { escapeText, type Redact, redactor } from "../transport/redact.ts"

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

/** Makes the error, its message from its parts, with nothing in it that is not to be shown. */
export const notCreated = (
  cause: ApiKeyError,
  leftBehind: ReadonlyArray<LeftBehind>,
  redact: Redact,
): ApiKeyNotCreated => {
  const shown = leftBehind.map((key) => redactKey(key, redact))
  return new ApiKeyNotCreated({
    cause,
    leftBehind: shown,
    message: `no key was handed out: ${cause.message}. ${describeLeftBehind(shown)}`,
  })
}

/** Fails with {@link notCreated}. */
export const failNotCreated = (
  cause: ApiKeyError,
  leftBehind: ReadonlyArray<LeftBehind>,
): Effect.Effect<never, ApiKeyNotCreated, Credentials> =>
  Effect.flatMap(
    redactInUse(leftBehind),
    (redact) => Effect.fail(notCreated(cause, leftBehind, redact)),
  )

/** What replaces the token in use, and what looks like a secret. */
export const redactTokenInUse: Effect.Effect<Redact, never, Credentials> = Effect.flatMap(
  Credentials,
  ({ token }) =>
    (Effect.isEffect(token) ? token : Effect.succeed(token)).pipe(
      Effect.map((token) => redactor([Redacted.value(token)])),
      // What there is to tell is told all the same where the token cannot be had any more.
      Effect.interruptible,
      Effect.timeout("10 seconds"),
      Effect.catchAllCause(() => Effect.succeed(redactor([]))),
    ),
)

/** The same, where any keys are to be told of. */
export const redactInUse = (
  leftBehind: ReadonlyArray<LeftBehind>,
): Effect.Effect<Redact, never, Credentials> =>
  leftBehind.length === 0 ? Effect.succeed(redactor([])) : redactTokenInUse

/**
 * A key as errors and logs may show it: its id and its name can come from a server, which can put
 * a secret there.
 */
export const redactKey = ({ id, name }: LeftBehind, redact: Redact): LeftBehind => ({
  id: Option.map(id, (id) => ApiKeyId(redact(id))),
  name: redact(name),
})

/** Says in a message what may be left behind. */
export const describeLeftBehind = (leftBehind: ReadonlyArray<LeftBehind>): string =>
  leftBehind.length === 0
    ? "Nothing is left behind"
    : `May be left behind, to be deleted: ${leftBehind.map(describe).join(", ")}`

/** Of a long name the end, where its mark is. */
const describe = ({ id, name }: LeftBehind): string =>
  escapeText(
    Option.getOrElse(id, () => JSON.stringify(name.length > 100 ? `…${name.slice(-100)}` : name)),
  )

/** Logs a key that may be live although nobody has its secret. */
export const warnOfLeftBehind = (
  message: string,
  key: LeftBehind,
): Effect.Effect<void, never, Credentials> =>
  Effect.flatMap(redactInUse([key]), (redact) => {
    const { id, name } = redactKey(key, redact)
    return Effect.annotateLogs(Effect.logWarning(message), {
      id: Option.getOrElse(id, () => "unknown"),
      name,
    })
  })
