/**
 * Pseudo-random numbers: the same seeds give the same numbers.
 *
 * @module
 */

/** A generator of random numbers. */
export interface Random {
  /** A number from 0 to below 1. */
  readonly number: () => number
  /** A whole number from 0 to below the bound. */
  readonly integer: (bound: number) => number
}

/** Makes a generator from two seeds: sfc32, Chris Doty-Humphrey's Small Fast Counter of 32 bits. */
export const make = (seed: number, other: number = 0): Random => {
  let [a, b, c, counter] = [0, other | 0, seed | 0, 1]
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  // Seeds that differ in a few bits begin with similar numbers. These turns separate them.
  for (let turn = 0; turn < 15; turn += 1) next()
  const number = () => next() / 2 ** 32
  return { number, integer: (bound) => Math.floor(number() * bound) }
}
