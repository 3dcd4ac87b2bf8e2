/**
 * Deletes a key that nobody may get.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import { boundCalls } from "./boundCalls.ts"
import {
  type ApiKeyNotCreated,
  failNotCreated,
  type LeftBehind,
  warnOfLeftBehind,
} from "./LeftBehind.ts"
import { removeApiKey } from "./removeApiKey.ts"

/** Deletes a key, and answers with it if it may be left. It always ends, and never fails. */
export const discardApiKey = (
  { id, name }: ApiKey,
): Effect.Effect<ReadonlyArray<LeftBehind>, never, HttpClient | Credentials> =>
  boundCalls(removeApiKey(id)).pipe(
    Effect.as([]),
    Effect.catchAllCause(() => Effect.succeed([{ id: Option.some(id), name }])),
  )

/** Deletes a key, and fails with the error that keeps the caller from getting it. */
export const discardAndFail = (
  apiKey: ApiKey,
  cause: ApiKeyError,
): Effect.Effect<never, ApiKeyNotCreated, HttpClient | Credentials> =>
  Effect.flatMap(discardApiKey(apiKey), (left) => failNotCreated(cause, left))

/** Deletes a key, and logs a warning if it may be left. */
export const discardOrWarn = (
  apiKey: ApiKey,
  message: string,
): Effect.Effect<void, never, HttpClient | Credentials> =>
  Effect.flatMap(
    discardApiKey(apiKey),
    (left) => Effect.forEach(left, (key) => warnOfLeftBehind(message, key), { discard: true }),
  )
