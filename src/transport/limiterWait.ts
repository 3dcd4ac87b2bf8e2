/**
 * What the errors of a rate limiter tell.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import { isRecord } from "effect/Predicate"

/** How long a rate limiter says to wait where its limit is exceeded; undefined for any other failure. */
export const limiterWait = (error: unknown): Duration.Duration | undefined =>
  isRecord(error) && error["reason"] === "Exceeded" && Duration.isDuration(error["retryAfter"])
    ? error["retryAfter"]
    : undefined
