/**
 * The secrets of the tests, and the search for them.
 *
 * @module
 */
import { secret } from "../everyOperation.ts"

/** The tokens that calls use: one of each kind. */
export const tokens = {
  apiKey: secret,
  jwt: "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJlLW9mLXRoZS1hZG1pbg",
  // With characters that URLs and JSON escape, and with the look of an error code.
  opaque: "TOKEN_IN_CAPITALS_0123456789/+=\"\\'&%<>TOKEN_AT_ITS_END",
}

/** The secret in the answer to a create. */
export const newSecret = "CCDB1_zyxwvutsrqponmlkjihgfe_qW3rT5yU7iO9pA1sD2fG4hJ6kL8zX0cV5bN7mQ2w"

/** A secret without its key's id. */
export const secretPart = (secret: string): string =>
  secret.startsWith("CCDB1_") ? secret.slice(secret.lastIndexOf("_") + 1) : secret

const giveaway = 12

const parts = (length: number): ReadonlyArray<string> =>
  [...Object.values(tokens), newSecret].map(secretPart).flatMap((part) =>
    Array.from({ length: part.length - length + 1 }, (_, i) => part.slice(i, i + length))
  )

const giveaways = parts(giveaway)
const halves = parts(giveaway / 2)

// The first two characters of every half, as one number below 2 ** 14.
const starts = new Uint8Array(1 << 14)
const startOf = (text: string, at: number): number =>
  (text.charCodeAt(at) & 127) << 7 | text.charCodeAt(at + 1) & 127
for (const half of halves) starts[startOf(half, 0)] = 1
const halfSet = new Set(halves)

/** Twelve characters in a row of a secret, if a text holds any. */
export const leakIn = (text: string): string | undefined => {
  // Any twelve hold six that start at a multiple of six, so most texts need no full search.
  const half = giveaway / 2
  for (let at = 0; at + half <= text.length; at += half) {
    if (starts[startOf(text, at)] === 1 && halfSet.has(text.slice(at, at + half))) {
      return giveaways.find((part) => text.includes(part))
    }
  }
  return undefined
}
