export * from "effect4/Clock"
import * as Clock4 from "effect4/Clock"
import type * as Duration from "effect4/Duration"
import * as Effect from "effect4/Effect"

export const ClockTypeId: unique symbol = Symbol("Clock")

/** What tests read of a clock, and what they make one of. */
export interface Made {
  readonly unsafeCurrentTimeMillis: () => number
  readonly unsafeCurrentTimeNanos: () => bigint
  readonly currentTimeMillis: Effect.Effect<number>
  readonly currentTimeNanos: Effect.Effect<bigint>
  readonly sleep: (duration: Duration.Duration) => Effect.Effect<void>
}

export const fromEffect4 = (clock: Clock4.Clock): Made => ({
  unsafeCurrentTimeMillis: () => clock.currentTimeMillisUnsafe(),
  // Effect 3 knows no other time that nobody sets back.
  unsafeCurrentTimeNanos: () => clock.monotonicTimeNanosUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanos: clock.monotonicTimeNanos,
  sleep: (duration) => clock.sleep(duration),
})

export const toEffect4 = (clock: Made): Clock4.Clock => {
  const wall = () => BigInt(Math.round(clock.unsafeCurrentTimeMillis() * 1000)) * 1000n
  return {
    currentTimeMillisUnsafe: clock.unsafeCurrentTimeMillis,
    currentTimeMillis: clock.currentTimeMillis,
    currentTimeNanosUnsafe: wall,
    currentTimeNanos: Effect.sync(wall),
    monotonicTimeNanosUnsafe: clock.unsafeCurrentTimeNanos,
    monotonicTimeNanos: clock.currentTimeNanos,
    sleep: clock.sleep,
  }
}

// Nothing is provided in its place where it is asked for.
export const make = (): Made =>
  Effect.runSync(Clock4.clockWith((clock) => Effect.succeed(fromEffect4(clock))))
