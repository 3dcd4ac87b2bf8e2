/**
 * Decides which keys were there when a fleet began. The fleet rotates only those.
 *
 * It tells the fleet's own keys by their ids. It tells a key whose create is still under way by its
 * mark. It tells the keys of others by the time at which they were made. That time is the API's,
 * whose clock may be ahead by a quarter of the lease. The first key that the fleet makes shows how
 * far it is ahead.
 *
 * @module
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import { durationProblem } from "../../waiting/durationProblem.ts"
import { parseMarked } from "../mark.ts"

/** Which keys were there when a fleet began. */
export interface FleetBeginning {
  /** Notes a key that the fleet has just made, and the local time at which its create was sent. */
  readonly noteMade: (apiKey: ApiKey, sentAt: number) => Effect.Effect<void>
  /** Decides whether to rotate a key. If so, it notes that key. */
  readonly takesUp: (apiKey: ApiKey) => Effect.Effect<boolean>
}

/** Makes one for a fleet that begins now. */
export const makeFleetBeginning = (
  lease: Duration.DurationInput,
): Effect.Effect<FleetBeginning> =>
  Effect.map(Clock.currentTimeMillis, (began) => {
    // Each key's rotation refuses a lease that makes no sense.
    const mostAhead = Option.match(durationProblem(lease, { zero: true, infinite: true }), {
      onNone: () => Duration.toMillis(lease) / 4,
      onSome: () => Infinity,
    })
    const made = new Set<ApiKeyId>()
    const takenUp = new Set<ApiKeyId>()
    let ahead: number | undefined
    const replacesOne = (apiKey: ApiKey): boolean =>
      Option.exists(
        parseMarked(apiKey.name).mark,
        (mark) => mark._tag === "Rotates" && takenUp.has(mark.predecessor),
      )
    return {
      noteMade: ({ createdAt, id }, sentAt) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          made.add(id)
          // A create may have waited long, for the throttle or a retry, before its key was made.
          const about = Math.max(sentAt, now - longestAnswer)
          // Only the first key counts, the nearest to the beginning: a clock can be set later.
          ahead ??= clamp(DateTime.toEpochMillis(createdAt) - about, mostAhead)
        }),
      takesUp: (apiKey) =>
        Effect.sync(() => {
          const { createdAt, id } = apiKey
          const wasThere = DateTime.toEpochMillis(createdAt) <= began + (ahead ?? mostAhead)
          if (!wasThere || made.has(id) || replacesOne(apiKey)) return false
          takenUp.add(id)
          return true
        }),
    }
  })

const longestAnswer = 5000

const clamp = (value: number, most: number): number => Math.max(-most, Math.min(most, value))
