import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { rotateFleet } from "./fleet.ts"
import { inVirtualTime } from "./virtualTime.ts"

describe("rotateApiKeys", () => {
  it.live("rotates a fleet at the allowed rate, one answer in fifty faulty: all done, no orphan", () =>
    inVirtualTime(Effect.gen(function* () {
      const fleet = yield* rotateFleet({ keys: 500, accounts: 20, grace: 0 })
      expect(fleet.outcomes.filter(({ result }) => Either.isLeft(result))).toEqual([])
      expect(fleet.outcomes.length).toBe(500)
      expect(fleet.keys.map(({ id }) => id).sort()).toEqual([...fleet.held].sort())
      expect(fleet.keys.filter(({ name }) => name.includes("["))).toEqual([])
      expect(fleet.requests / 500).toBeLessThanOrEqual(6)
      expect(fleet.progress.at(-1)).toEqual({
        started: 500,
        waiting: 0,
        succeeded: 500,
        failed: 0,
      })
    })))
})
