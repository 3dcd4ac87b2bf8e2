/**
 * The keys that a failed lifecycle function may leave in the organization.
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
  /**
   * None if the answer that has it was lost. Find the key by its name, which the mark makes unique.
   */
  readonly id: Option.Option<ApiKeyId>
  /** The name that the key was created with, mark included. */
  readonly name: string
}

/** The fields of {@link ApiKeyNotCreated}. */
export interface ApiKeyNotCreatedFields {
  /** What went wrong, and which keys may be left behind. */
  readonly message: string
  /** The error that stood in the way. */
  readonly cause: ApiKeyError
  /** The keys that may be left behind. Empty if it is certain that none is. */
  readonly leftBehind: ReadonlyArray<LeftBehind>
}

const ApiKeyNotCreatedBase: TaggedErrorClass<"ApiKeyNotCreated", ApiKeyNotCreatedFields> = Data
  .TaggedError("ApiKeyNotCreated")
/** You get no key. Each key that was made on the way is deleted again, or named in `leftBehind`. */
export class ApiKeyNotCreated extends ApiKeyNotCreatedBase {}

/** Makes the error, and its message from its parts. It replaces secrets in both. */
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

/** Makes a function that replaces the token in use, and anything that looks like a secret. */
export const redactTokenInUse: Effect.Effect<Redact, never, Credentials> = Effect.flatMap(
  Credentials,
  ({ token }) =>
    (Effect.isEffect(token) ? token : Effect.succeed(token)).pipe(
      Effect.map((token) => redactor([Redacted.value(token)])),
      // If the token cannot be had any more, the message is still worth telling.
      Effect.interruptible,
      Effect.timeout("10 seconds"),
      Effect.catchAllCause(() => Effect.succeed(redactor([]))),
      // If clean-up is interrupted once more, the token must still be had. A fiber of its own that
      // failed would log what it failed with.
      Effect.disconnect,
    ),
)

/** The same, but if there are no keys to name it does not ask for the token. */
export const redactInUse = (
  leftBehind: ReadonlyArray<LeftBehind>,
): Effect.Effect<Redact, never, Credentials> =>
  leftBehind.length === 0 ? Effect.succeed(redactor([])) : redactTokenInUse

/**
 * A key as errors and logs may show it. Its id and name can come from a server, which can put a
 * secret there.
 */
export const redactKey = ({ id, name }: LeftBehind, redact: Redact): LeftBehind => ({
  id: Option.map(id, (id) => ApiKeyId(redact(id))),
  name: redact(name),
})

/** Words for a message: which keys may be left behind. */
export const describeLeftBehind = (leftBehind: ReadonlyArray<LeftBehind>): string =>
  leftBehind.length === 0
    ? "Nothing is left behind"
    : `Keys that may be left behind, for you to delete: ${leftBehind.map(describe).join(", ")}`

/** Of a long name it shows the end, where the mark is. */
const describe = ({ id, name }: LeftBehind): string =>
  escapeText(
    Option.getOrElse(id, () => JSON.stringify(name.length > 100 ? `…${name.slice(-100)}` : name)),
  )

/** Logs a warning about a key that may be live although nobody has its secret. */
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
