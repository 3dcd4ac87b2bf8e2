/**
 * Instants to the microsecond, as the API writes them. A plain number counts from 1970.
 *
 * @module
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Microseconds since 1970-01-01T00:00:00Z. */
export type Microseconds = number

const rfc3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/

/** Reads an RFC 3339 date-time. It drops digits beyond the microsecond. */
export const parse = (text: string): Option.Option<Microseconds> => {
  const match = rfc3339.exec(text)
  if (match === null) return Option.none()
  const [, date, time, fraction = "", zone = "Z"] = match
  const millis = Date.parse(`${date}T${time}${zone.toUpperCase()}`)
  if (Number.isNaN(millis) || !isDate(date ?? "")) return Option.none()
  return Option.some(millis * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6)))
}

// Date reads the 30th of February as the 2nd of March.
const isDate = (date: string): boolean =>
  new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)

/** Writes an RFC 3339 date-time with six decimals, like `2022-03-22T20:23:11.285067Z`. */
export const format = (micros: Microseconds): string => {
  const millis = Math.floor(micros / 1000)
  const rest = String(micros - millis * 1000).padStart(3, "0")
  return new Date(millis).toISOString().replace("Z", `${rest}Z`)
}

/** Converts an instant to a DateTime, which keeps milliseconds only. */
export const toDateTime = (micros: Microseconds): DateTime.Utc =>
  DateTime.unsafeMake(Math.floor(micros / 1000))

/** Converts a DateTime to an instant. */
export const fromDateTime = (dateTime: DateTime.Utc): Microseconds =>
  DateTime.toEpochMillis(dateTime) * 1000

/** The time on Effect's clock. */
export const now: Effect.Effect<Microseconds> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos / 1000n),
)
