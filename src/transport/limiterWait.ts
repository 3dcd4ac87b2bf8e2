/**
 * Reads the errors of a rate limiter.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import { isRecord } from "effect/Predicate"

/**
 * How long a rate limiter says to wait if its limit is exceeded. Undefined for any other failure.
 */
export const limiterWait = (error: unknown): Duration.Duration | undefined =>
  isRecord(error) && error["reason"] === "Exceeded" && Duration.isDuration(error["retryAfter"])
    ? error["retryAfter"]
    : undefined
