// In Effect 4, the error of the rate limiter holds its reason, and the reason holds the time to
// wait.
import * as Duration from "effect/Duration"
import { hasProperty, isTagged } from "effect/Predicate"

export const limiterWait = (error: unknown): Duration.Duration | undefined => {
  const reason = hasProperty(error, "reason") ? error.reason : undefined
  const said = isTagged(reason, "RateLimitExceeded")
    ? reason
    // An error that is made by hand may hold both itself.
    : reason === "Exceeded"
    ? error
    : undefined
  return hasProperty(said, "retryAfter") && Duration.isDuration(said.retryAfter)
    ? said.retryAfter
    : undefined
}
