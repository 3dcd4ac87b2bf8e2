/**
 * Holds every fiber back when one answer says to wait.
 *
 * @module
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { makeLine } from "./line.ts"
import { currentMonotonicMillis } from "./monotonic.ts"
import { RetryPolicy } from "./RetryPolicy.ts"
import { parseRetryAfter } from "./retryAfter.ts"

/** A gate that an answer's `Retry-After` shuts for all who come to it. */
export interface Gate {
  /** Waits, first come, first served, until the gate is open. */
  readonly enter: Effect.Effect<void>
  /** Shuts the gate for so long, unless it is shut for longer already. */
  readonly shut: (wait: Duration.Duration) => Effect.Effect<void>
}

/**
 * An open gate. Those who had to wait are let in one by one, `spacing` apart, so that they do not
 * meet the next refusal together.
 */
export const makeGate = (spacing: Duration.Duration): Gate => {
  const line = makeLine()
  let opensAt = 0
  let wasShut = false

  const untilOpen: Effect.Effect<void> = Effect.flatMap(
    currentMonotonicMillis,
    (now) =>
      now >= opensAt
        ? Effect.sync(() => {
          opensAt = now + Duration.toMillis(spacing)
          wasShut = line.waiting() > 0
        })
        // The gate may be shut again meanwhile.
        : Effect.zipRight(Effect.sleep(Duration.millis(Math.ceil(opensAt - now))), untilOpen),
  )

  const enterShut = Effect.flatMap(
    Effect.all([currentMonotonicMillis, RetryPolicy]),
    ([now, { maxRetryAfter }]) =>
      // Who would not wait so long is to learn it from an answer of its own, and to fail.
      opensAt - now <= Duration.toMillis(maxRetryAfter) ? line.turn(untilOpen) : Effect.void,
  )

  return {
    enter: Effect.suspend(() => wasShut ? enterShut : Effect.void),
    shut: (wait) =>
      Effect.map(currentMonotonicMillis, (now) => {
        wasShut = true
        opensAt = Math.max(opensAt, now + Duration.toMillis(wait))
      }),
  }
}

/**
 * Shuts the gate for as long as an answer asks for, unless that is longer than any call would wait:
 * then each is to learn it from an answer of its own, and to fail.
 */
export const shutAsAsked = (
  gate: Gate,
  response: HttpClientResponse.HttpClientResponse,
): Effect.Effect<void> =>
  response.status < 400 || response.headers["retry-after"] === undefined
    ? Effect.void
    : Effect.flatMap(
      Effect.all([Clock.currentTimeMillis, RetryPolicy]),
      ([now, { maxRetryAfter }]) =>
        Option.match(
          Option.filter(
            parseRetryAfter(response.headers, now),
            Duration.between({ minimum: Duration.millis(1), maximum: maxRetryAfter }),
          ),
          { onNone: () => Effect.void, onSome: gate.shut },
        ),
    )
