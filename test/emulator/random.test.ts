import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Random from "../../src/emulator/random.ts"

const seed = fc.integer()

const bound = fc.integer({ min: 1, max: 1_000_000 })

const drawn = (random: Random.Random, count: number) =>
  Array.from({ length: count }, () => random.number())

it("the same seeds give the same numbers", () => {
  fc.assert(fc.property(seed, seed, (one, other) => {
    expect(drawn(Random.make(one, other), 20)).toEqual(drawn(Random.make(one, other), 20))
  }))
})

it("seeds that differ, however little, give other numbers", () => {
  fc.assert(
    fc.property(seed, seed, fc.integer({ min: 0, max: 31 }), (one, other, bit) => {
      const numbers = new Set(drawn(Random.make(one, other), 20))
      const flipped = 1 << bit
      for (const near of [Random.make(one ^ flipped, other), Random.make(one, other ^ flipped)]) {
        expect(drawn(near, 20).filter((number) => numbers.has(number)).length).toBeLessThan(3)
      }
    }),
  )
})

it("a whole number is below its bound", () => {
  fc.assert(fc.property(seed, bound, (one, bound) => {
    const number = Random.make(one).integer(bound)
    expect(Number.isInteger(number) && number >= 0 && number < bound).toBe(true)
  }))
})

it.each([0, 1, 2, -1, 2 ** 31])("all numbers come equally often from the seed %i", (seed) => {
  const random = Random.make(seed)
  const counts = Array<number>(10).fill(0)
  for (let turn = 0; turn < 100_000; turn += 1) {
    const number = random.integer(10)
    counts[number] = (counts[number] ?? 0) + 1
  }
  // Five standard deviations of 100,000 draws.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(475)
})
