/**
 * What strings mean on the wire.
 *
 * @module
 */
import * as Option from "effect/Option"

/** RFC 3339 as the API writes it; a date-time in any other form is a mistyped field. */
export const rfc3339: RegExp =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

/** Reads a page token: the API ends a list with an absent token or with an empty one. */
export const pageToken = (token: string | undefined): Option.Option<string> =>
  token === undefined || token === "" ? Option.none() : Option.some(token)
