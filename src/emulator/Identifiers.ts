/**
 * The ids and secrets of an organization. They have the API's form, and a seed repeats them.
 *
 * @module
 */
import * as Hash from "effect/Hash"
import * as Random from "./random.ts"

/** Makes ids, secrets and numbers. The same seed makes the same ones in the same order. */
export interface Identifiers {
  /** `CCDB1_` and 22 letters or digits. */
  readonly apiKeyId: () => string
  /** A version 4 UUID. */
  readonly uuid: () => string
  /**
   * The secret of a key: its id, `_`, and 40 letters or digits. The seed and the id determine it,
   * so nothing needs to store it.
   */
  readonly secretOf: (apiKeyId: string) => string
  /** A whole number from 0 to below the bound. */
  readonly below: (bound: number) => number
  /** A short proof that this organization made the text. */
  readonly seal: (text: string) => string
}

const lettersAndDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const hexDigits = "0123456789abcdef"

/** Draws a string of the given length from an alphabet. */
const draw = (random: Random.Random, alphabet: string, length: number): string => {
  let text = ""
  while (text.length < length) text += alphabet[random.integer(alphabet.length)]
  return text
}

/** Makes the {@link Identifiers} of a seed. */
export const make = (seed: string): Identifiers => {
  const seedHash = Hash.string(seed)
  const random = Random.make(seedHash)
  return {
    apiKeyId: () => `CCDB1_${draw(random, lettersAndDigits, 22)}`,
    uuid: () => {
      const hex = (length: number) => draw(random, hexDigits, length)
      return `${hex(8)}-${hex(4)}-4${hex(3)}-${draw(random, "89ab", 1)}${hex(3)}-${hex(12)}`
    },
    secretOf: (apiKeyId) =>
      `${apiKeyId}_${draw(Random.make(seedHash, Hash.string(apiKeyId)), lettersAndDigits, 40)}`,
    below: (bound) => random.integer(bound),
    seal: (text) => draw(Random.make(seedHash, Hash.string(text)), lettersAndDigits, 8),
  }
}
