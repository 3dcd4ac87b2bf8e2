/**
 * Which keys were there when a fleet began: only those are rotated by it.
 *
 * Ids tell the fleet's own keys, times those of others. Times are the API's, whose clock may be ahead
 * by a quarter of the lease; each key that the fleet makes shows how much it is.
 *
 * @module
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"

/** What was there when a fleet began. */
export interface FleetBeginning {
  /** Notes a key that the fleet makes, and when its create was sent by the local clock. */
  readonly noteMade: (apiKey: ApiKey, sentAt: number) => Effect.Effect<void>
  readonly wasThere: (apiKey: ApiKey) => boolean
}

/** Begins now. */
export const makeFleetBeginning = (
  lease: Duration.DurationInput,
): Effect.Effect<FleetBeginning> =>
  Effect.map(Clock.currentTimeMillis, (began) => {
    // A lease that is none is refused for each key.
    const mostAhead = Option.match(Duration.decodeUnknown(lease), {
      onNone: () => Infinity,
      onSome: (lease) => Duration.toMillis(lease) / 4,
    })
    const made = new Set<ApiKeyId>()
    let ahead = mostAhead
    return {
      noteMade: ({ createdAt, id }, sentAt) =>
        Effect.sync(() => {
          made.add(id)
          // An answer takes a while, so that the least is nearest.
          ahead = Math.max(-mostAhead, Math.min(ahead, DateTime.toEpochMillis(createdAt) - sentAt))
        }),
      wasThere: ({ createdAt, id }) =>
        DateTime.toEpochMillis(createdAt) <= began + ahead && !made.has(id),
    }
  })
