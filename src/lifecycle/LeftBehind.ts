/**
 * What a failed lifecycle program may have left in the organization.
 *
 * @module
 */
import * as Option from "effect/Option"
import type { ApiKeyId } from "../ApiKey.ts"
import type { ApiKeyError, TaggedErrorClass } from "../ApiKeyError.ts"
import * as Data from "effect/Data"

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
    leftBehind,
    message: `no key was handed out: ${cause.message}. ${describeLeftBehind(leftBehind)}`,
  })

/** Says in a message what may be left behind. */
export const describeLeftBehind = (leftBehind: ReadonlyArray<LeftBehind>): string =>
  leftBehind.length === 0
    ? "Nothing is left behind"
    : `May be left behind, to be deleted: ${
      leftBehind.map(({ id, name }) => Option.getOrElse(id, () => JSON.stringify(name))).join(", ")
    }`
