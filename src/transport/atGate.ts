/**
 * Takes a call through a gate. The call waits as its `RetryPolicy` allows, and the gate hears its
 * answers.
 *
 * @module
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Entering, Gate } from "../waiting/gate.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"
import { isWaitedFor, RetryPolicy } from "./RetryPolicy.ts"
import { parseRetryAfter } from "./retryAfter.ts"

/**
 * A caller that waits for as long as its `RetryPolicy` says, minus what it has waited at this gate
 * already.
 */
export const entering = (hadTurn: boolean, waited: number = 0): Effect.Effect<Entering> =>
  Effect.flatMap(RetryPolicy, ({ maxRetryAfter }) =>
    Effect.map(currentMonotonicMillis, (now) => ({
      latest: now + Duration.toMillis(maxRetryAfter) - waited,
      hadTurn,
    })))

/**
 * Tells a gate about an answer. The gate shuts for as long as the answer asks, unless the call
 * won't wait that long. In that case each call sends its request, and fails on its own answer.
 */
export const hear = (
  gate: Gate,
  response: HttpClientResponse.HttpClientResponse,
): Effect.Effect<void> =>
  response.status < 400
    ? gate.pass
    : response.headers["retry-after"] === undefined
    ? Effect.void
    : Effect.flatMap(RetryPolicy, (policy) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const wait = Option.getOrElse(parseRetryAfter(response.headers, now), () => Duration.zero)
        const isKept = Duration.toMillis(wait) >= 1 && isWaitedFor(wait, policy)
        return isKept ? gate.shut(wait) : Effect.void
      }))
