/**
 * Makes a sleep one that a timer can wait for.
 *
 * @module
 */
import * as Duration from "effect/Duration"

/**
 * The longest sleep, 24 days in milliseconds. A timer of JavaScript can wait for 2^31 - 1
 * milliseconds, and Effect 3's live Clock never wakes from a longer sleep.
 */
export const longestSleep: number = 24 * 86_400_000

/**
 * Rounds a duration up to whole milliseconds: clocks count nothing finer, and a wait must not be
 * too short. A finite one becomes {@link longestSleep} at most, so a caller that must wait longer
 * sleeps again. An infinite one needs no timer, and stays as it is.
 */
export const wholeMillis = (duration: Duration.Duration): Duration.Duration => {
  const millis = Math.ceil(Duration.toMillis(duration))
  return millis < Infinity ? Duration.millis(Math.min(millis, longestSleep)) : duration
}
