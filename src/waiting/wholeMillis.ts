/**
 * Rounds a sleep to whole milliseconds.
 *
 * @module
 */
import * as Duration from "effect/Duration"

/**
 * Rounds a duration up to whole milliseconds: clocks count nothing finer, and a wait must not be
 * too short.
 */
export const wholeMillis = (duration: Duration.Duration): Duration.Duration =>
  Duration.millis(Math.ceil(Duration.toMillis(duration)))
