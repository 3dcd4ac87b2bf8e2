/**
 * Delete a key that may be deleted already.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import { deleteApiKey } from "../endpoints/deleteApiKey.ts"

/** Sees to it that a key is gone; true where this call found it there. */
export const removeApiKey = (
  id: string,
): Effect.Effect<boolean, ApiKeyError, HttpClient | Credentials> =>
  deleteApiKey(id).pipe(
    Effect.as(true),
    Effect.catchTag("NotFound", () => Effect.succeed(false)),
  )
