import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type Fleet, type FleetOptions, rotateFleet } from "./fleet.ts"
import { inVirtualTime } from "../virtualTime.ts"

/** Every rotation has succeeded, and the live keys are those in the stores. */
const expectGood = (fleet: Fleet, { fleets = 1, keys }: FleetOptions) => {
  expect(fleet.outcomes.filter(({ result }) => Either.isLeft(result))).toEqual([])
  expect(fleet.outcomes.length).toBe(keys * fleets)
  expect(fleet.keys.map(({ id }) => id).sort()).toEqual([...fleet.held].sort())
  expect(fleet.keys.filter(({ name }) => name.includes("["))).toEqual([])
}

describe("rotateApiKeys", () => {
  it.live("rotates a fleet at the allowed rate, one answer in fifty faulty: all done, no orphan", () =>
    inVirtualTime(Effect.gen(function* () {
      const options = { keys: 500, accounts: 20, grace: 0 }
      const fleet = yield* rotateFleet(options)
      expectGood(fleet, options)
      expect(fleet.requests / 500).toBeLessThanOrEqual(6)
      expect(fleet.progress.at(-1)).toEqual({
        started: 500,
        waiting: 0,
        succeeded: 500,
        failed: 0,
      })
    })))

  // 500 keys in pages of 10 have as many pages as 25,000 keys in pages of 500.
  const smallPages = { maxPageSize: 10 }
  const ofOneAccount: ReadonlyArray<Omit<FleetOptions, "accounts">> = [
    { keys: 100, grace: 0 },
    { keys: 500, grace: 0 },
    { keys: 2000, grace: 0, isUnlimited: true },
    { keys: 100, grace: "15 minutes" },
    { keys: 500, grace: "15 minutes" },
    { keys: 2000, grace: "15 minutes", isUnlimited: true },
    { keys: 500, grace: 0, concurrency: 4, emulator: smallPages },
    { keys: 500, grace: 0, concurrency: 1, emulator: smallPages, isUnlimited: true },
    { keys: 500, grace: 0, concurrency: 200, emulator: smallPages, isUnlimited: true },
    { keys: 500, grace: "1 minute", concurrency: 4, emulator: smallPages },
    { keys: 500, grace: "1 hour", concurrency: 4, emulator: smallPages },
    { keys: 500, grace: "1 hour", concurrency: 1, emulator: smallPages, isUnlimited: true },
  ]
  it.live.each(ofOneAccount)(
    "sends at most 5.2 requests a key of one account: %j",
    (how) =>
      inVirtualTime(Effect.gen(function* () {
        const options = { ...how, accounts: 1, faults: [] }
        const fleet = yield* rotateFleet(options)
        expectGood(fleet, options)
        expect(fleet.requests / how.keys).toBeLessThanOrEqual(5.2)
      })),
  )

  it.live("sends one request for each key that it keeps", () =>
    inVirtualTime(Effect.gen(function* () {
      const fleet = yield* rotateFleet({
        keys: 500,
        accounts: 1,
        grace: 0,
        olderThan: "1 day",
        emulator: smallPages,
        faults: [],
      })
      expect(fleet.requests / 500).toBeLessThanOrEqual(1.2)
    })))

  for (const grace of [0, "1 minute"] as const) {
    for (const seed of ["one", "two", "three"]) {
      it.live(
        `ends in the one good state if two fleets rotate the same keys, one answer in fifty faulty: grace ${grace}, seed ${seed}`,
        () =>
          inVirtualTime(Effect.gen(function* () {
            const options = {
              keys: 60,
              accounts: 1,
              grace,
              fleets: 2,
              emulator: { seed, maxPageSize: 10 },
            }
            expectGood(yield* rotateFleet(options), options)
          })),
      )
    }
  }
})
