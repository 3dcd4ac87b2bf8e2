/**
 * Deletes a key that may be deleted already.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import { deleteApiKey } from "../endpoints/deleteApiKey.ts"

/** Makes sure that a key is gone. True if this call deleted it, or may have. */
export const removeApiKey = (
  id: string,
): Effect.Effect<boolean, ApiKeyError, HttpClient | Credentials> =>
  deleteApiKey(id).pipe(
    Effect.as(true),
    // After a lost answer, this call may itself have deleted the key.
    Effect.catchTag("NotFound", ({ mayHaveApplied }) => Effect.succeed(mayHaveApplied)),
  )
