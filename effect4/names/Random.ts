import type * as Effect from "effect4/Effect"
import * as Random from "effect4/Random"

export * from "effect4/Random"

export const nextIntBetween = (min: number, max: number): Effect.Effect<number> =>
  Random.nextIntBetween(min, max, { halfOpen: true })
