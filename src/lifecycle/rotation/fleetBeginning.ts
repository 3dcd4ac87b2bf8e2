/**
 * Which keys were there when a fleet began: only those are rotated by it.
 *
 * Ids tell the fleet's own keys, and marks those whose create is still under way. Times tell those of
 * others. They are the API's, whose clock may be ahead by a quarter of the lease; the first key that
 * the fleet makes shows by how much it is.
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

/** What was there when a fleet began. */
export interface FleetBeginning {
  /** Notes a key that the fleet has just made, and when its create was sent by the local clock. */
  readonly noteMade: (apiKey: ApiKey, sentAt: number) => Effect.Effect<void>
  /** Decides whether a key is to be rotated, and notes one that is. */
  readonly takesUp: (apiKey: ApiKey) => Effect.Effect<boolean>
}

/** Begins now. */
export const makeFleetBeginning = (
  lease: Duration.DurationInput,
): Effect.Effect<FleetBeginning> =>
  Effect.map(Clock.currentTimeMillis, (began) => {
    // A lease that makes no sense is refused for each key.
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
          // The first is nearest to the beginning: a clock can be set meanwhile.
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
