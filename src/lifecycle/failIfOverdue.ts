/**
 * Keeps a key back that a sweep may take for left behind.
 *
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ApiKeyError } from "../ApiKeyError.ts"
import * as Operation from "../operation.ts"
import { lost } from "../transport/failure.ts"

/**
 * Fails if this many milliseconds have passed since the create. `what` says what was not done in
 * time.
 */
export const failIfOverdue = (
  sentAt: number,
  longestMillis: number,
  what: string,
): Effect.Effect<void, ApiKeyError> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (now) =>
      now - sentAt < longestMillis ? Effect.void : Effect.fail(
        lost(
          { operation: Operation.createApiKey, attempts: 1, mayHaveApplied: false },
          "Timeout",
          what,
          false,
        )
          .error,
      ),
  )
