/**
 * Reads the `Retry-After` header: seconds, or an HTTP-date in the three forms of RFC 9110.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

const imfFixdate =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const rfc850 =
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const asctime =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/

/**
 * How long the server asks to wait. None if the header is absent or makes no sense. Zero if the
 * date has passed.
 *
 * A date counts from the answer's own `Date`, so a wrong local clock does no harm. Without one, it
 * counts from `now` (milliseconds since 1970).
 */
export const parseRetryAfter = (
  headers: { readonly [name: string]: string | undefined },
  now: number,
): Option.Option<Duration.Duration> => {
  const value = headers["retry-after"]?.trim() ?? ""
  // RFC 9110 allows whole seconds only, but it is clear what a server means by a fraction.
  if (/^\d+(?:\.\d+)?$/.test(value)) {
    return Option.some(Duration.millis(Math.ceil(Number(value) * 1000)))
  }
  return Option.map(
    parseHttpDate(value, now),
    (until) => {
      const from = Option.getOrElse(parseHttpDate(headers["date"]?.trim() ?? "", now), () => now)
      return Duration.millis(Math.max(0, until - from))
    },
  )
}

/**
 * Reads an HTTP-date as milliseconds since 1970. `now` decides the century of a two-digit year, as
 * RFC 9110 says.
 */
export const parseHttpDate = (value: string, now: number): Option.Option<number> => {
  const imf = imfFixdate.exec(value)
  if (imf !== null) return toMillis(Number(imf[3]), imf[2], imf[1], imf[4], imf[5], imf[6])
  const old = rfc850.exec(value)
  if (old !== null) {
    const thisYear = new Date(now).getUTCFullYear()
    const year = thisYear - thisYear % 100 + Number(old[3])
    return toMillis(
      year > thisYear + 50 ? year - 100 : year,
      old[2],
      old[1],
      old[4],
      old[5],
      old[6],
    )
  }
  const c = asctime.exec(value)
  if (c !== null) return toMillis(Number(c[6]), c[1], c[2], c[3], c[4], c[5])
  return Option.none()
}

const toMillis = (
  year: number,
  month: string | undefined,
  day: string | undefined,
  hours: string | undefined,
  minutes: string | undefined,
  seconds: string | undefined,
): Option.Option<number> => {
  const index = months.indexOf(String(month))
  if (index % 3 !== 0) return Option.none()
  const date = new Date(0)
  date.setUTCFullYear(year, index / 3, Number(day))
  date.setUTCHours(Number(hours), Number(minutes), Number(seconds))
  // JavaScript rolls a day or an hour that does not exist over into another.
  return date.getUTCDate() === Number(day) && Number(minutes) < 60 && Number(seconds) <= 60
    ? Option.some(date.getTime())
    : Option.none()
}
