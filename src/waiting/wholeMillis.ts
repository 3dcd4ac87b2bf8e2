/**
 * How long to sleep: in whole milliseconds.
 *
 * @module
 */
import * as Duration from "effect/Duration"

/**
 * The same duration in whole milliseconds, which is all that clocks count; rounded up, so that no
 * wait falls short.
 */
export const wholeMillis = (duration: Duration.Duration): Duration.Duration =>
  Duration.millis(Math.ceil(Duration.toMillis(duration)))
