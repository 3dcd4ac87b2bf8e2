export * from "../../names/Random.ts"
import * as Effect from "effect4/Effect"
import * as Random from "effect4/Random"

// Each call starts the seed's sequence again.
export const make = (seed: unknown): typeof Random.Random.Service =>
  Effect.runSync(Random.withSeed(Random.Random, String(seed)))

export const fixed = ([value]: readonly [number]): typeof Random.Random.Service => ({
  nextDoubleUnsafe: () => value,
  nextIntUnsafe: () => value,
})
