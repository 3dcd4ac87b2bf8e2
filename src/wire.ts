/**
 * Reads strings as the API writes them.
 *
 * @module
 */
import * as Option from "effect/Option"

// Read by hand, since dates take most of the time that decoding a page of keys takes.
const rfc3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/**
 * Reads an RFC 3339 date-time, as milliseconds since 1970. Finer digits are cut off.
 *
 * It answers undefined for any other text, and for a day that does not exist: JavaScript engines
 * read such a day differently.
 */
export const parseDateTime = (text: string): number | undefined => {
  if (!rfc3339.test(text)) return undefined
  const day = twoDigits(text, 8)
  const local = Date.UTC(
    // Date.UTC reads a year below 100 as 19xx. The calendar repeats after 400 years.
    twoDigits(text, 0) * 100 + twoDigits(text, 2) + 400,
    twoDigits(text, 5) - 1,
    day,
    twoDigits(text, 11),
    twoDigits(text, 14),
    twoDigits(text, 17),
    milliseconds(text),
  ) - fourHundredYears
  if (day > 28 && new Date(local).getUTCDate() !== day) return undefined
  return local - offset(text)
}

const fourHundredYears = 146_097 * 86_400_000

const twoDigits = (text: string, at: number): number =>
  text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528

const milliseconds = (text: string): number => {
  if (text[19] !== ".") return 0
  let value = 0
  for (let at = 20; at < 23; at++) {
    const digit = text.charCodeAt(at) - 48
    // The digits end at Z, + or -.
    if (!(digit >= 0 && digit <= 9)) return value * 10 ** (23 - at)
    value = value * 10 + digit
  }
  return value
}

const offset = (text: string): number => {
  if (text.endsWith("Z")) return 0
  const at = text.length - 6
  const minutes = twoDigits(text, at + 1) * 60 + twoDigits(text, at + 4)
  return (text[at] === "-" ? -minutes : minutes) * 60_000
}

/** Reads a page token. At the end of a list it is absent, null or empty. */
export const pageToken = (token: string | null | undefined): Option.Option<string> =>
  token === undefined || token === null || token === "" ? Option.none() : Option.some(token)
