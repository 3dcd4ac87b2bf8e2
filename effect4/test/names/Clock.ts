export * from "effect4/Clock"
import * as Clock4 from "effect4/Clock"
import type * as Duration from "effect4/Duration"
import * as Effect from "effect4/Effect"

export const ClockTypeId: unique symbol = Symbol("Clock")

/** The part of Effect 3's clock that tests read, and make clocks from. */
export interface Made {
  readonly unsafeCurrentTimeMillis: () => number
  readonly unsafeCurrentTimeNanos: () => bigint
  readonly currentTimeMillis: Effect.Effect<number>
  readonly currentTimeNanos: Effect.Effect<bigint>
  readonly sleep: (duration: Duration.Duration) => Effect.Effect<void>
}

export const fromEffect4 = (clock: Clock4.Clock): Made => ({
  unsafeCurrentTimeMillis: () => clock.currentTimeMillisUnsafe(),
  // In Effect 3 the nanoseconds are the only monotonic time.
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

// Outside a program `clockWith` gives the live clock.
export const make = (): Made =>
  Effect.runSync(Clock4.clockWith((clock) => Effect.succeed(fromEffect4(clock))))
