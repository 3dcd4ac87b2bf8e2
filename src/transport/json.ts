/**
 * Parses JSON from outside.
 *
 * @module
 */
import * as Option from "effect/Option"

/** A shorter text is cheap to parse, however deep it nests. */
const shortLength = 64 * 1024
/** The time of JSON.parse grows faster than the depth. The API's answers have four levels. */
const maxDepth = 10_000

/** Parses a text. None if it is not JSON, or nests deeper than any answer of the API. */
export const parseJson = (text: string): Option.Option<unknown> =>
  text.length > shortLength && isDeeper(text, maxDepth) ? Option.none() : parse(text)

const parse: (text: string) => Option.Option<unknown> = Option.liftThrowable(JSON.parse)

const quote = 0x22
const backslash = 0x5c
const openArray = 0x5b
const closeArray = 0x5d
const openObject = 0x7b
const closeObject = 0x7d

const isDeeper = (text: string, most: number): boolean => {
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isInString) {
      if (code === backslash) at++
      else if (code === quote) isInString = false
    } else if (code === quote) {
      isInString = true
    } else if (code === openArray || code === openObject) {
      if (++depth > most) return true
    } else if (code === closeArray || code === closeObject) {
      depth--
    }
  }
  return false
}
