import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type * as Emulator from "../../../src/emulator/mod.ts"
import { rotateApiKey } from "../../../src/mod.ts"
import { type Around, makeOrganization } from "../organization.ts"
import { makeSmallFleet } from "./smallFleet.ts"
import { drawing, inVirtualTime, VirtualTime } from "../virtualTime.ts"

// INTERLEAVINGS=1000 takes minutes. decide.test.ts tries thousands of orders of pure decisions in a
// second.
const seeds = Number(process.env["INTERLEAVINGS"] ?? 100)

interface Race {
  readonly count: number
  /** Whether one answer in twenty is lost. */
  readonly faulty?: boolean
  /** Whether all of them call with the key that they rotate, by Credentials that never change. */
  readonly own?: boolean
  /** By how much lists lag. */
  readonly listLag?: "2 seconds"
}

/** Several rotations of one key at once. The seed decides whose request or store access is next. */
const race = ({ count, faulty = false, listLag, own = false }: Race, seed: number) =>
  Effect.gen(function* () {
    const { turn } = yield* VirtualTime
    const organization = yield* makeOrganization({
      seed: String(seed),
      faults: faulty ? [{ chance: 0.05, fault: { _tag: "DropAfter" } }] : [],
      listLag,
    })
    const { admin } = organization.emulator
    if (own) yield* Ref.set(organization.secret, Option.some(admin.secret))
    const around: Around = (_, effect) => Effect.zipRight(turn, effect)
    const results = yield* Effect.all(
      Array.from(
        { length: count },
        () =>
          Effect.either(rotateApiKey({ store: organization.store(around), grace: 0 })).pipe(
            Effect.provide(organization.access(around)),
          ),
      ),
      { concurrency: "unbounded" },
    )
    const keys = (yield* organization.keys).filter(({ id }) => !own || id !== organization.old.id)
    return {
      failed: results.flatMap(
        Either.match({ onLeft: ({ message }) => [message], onRight: () => [] }),
      ),
      held: Option.getOrThrow(yield* organization.heldId),
      keys: keys.map(({ id, name }) => ({ id, name })),
      outages: yield* Ref.get(organization.outages),
    }
  })

const raceAll = (how: Race) =>
  Effect.forEach(
    Array.from({ length: seeds }, (_, seed) => seed),
    (seed) =>
      Effect.gen(function* () {
        const { failed, held, keys, outages } = yield* inVirtualTime(
          race(how, seed),
          drawing(seed),
        )
        expect({ seed, failed, keys, outages }).toEqual({
          seed,
          failed: [],
          keys: [{ id: held, name: how.own === true ? "admin key" : "billing" }],
          outages: [],
        })
      }),
    { discard: true },
  )

/** Two fleets of the same three keys at once. */
const raceFleets = (faults: Emulator.FaultPlan, listLag?: "2 seconds") =>
  Effect.forEach(
    Array.from({ length: seeds }, (_, seed) => seed),
    (seed) =>
      Effect.gen(function* () {
        const { turn } = yield* VirtualTime
        const fleet = yield* makeSmallFleet({ seed: String(seed), faults, listLag })
        const failed = yield* Effect.replicateEffect(
          fleet.rotate((_, effect) => Effect.zipRight(turn, effect)),
          2,
          { concurrency: "unbounded" },
        )
        expect({ seed, failed, problems: yield* fleet.problems })
          .toEqual({ seed, failed: [[], []], problems: [] })
      }).pipe((race) => inVirtualTime(race, drawing(seed))),
    { discard: true },
  )

// The timeout only ends a test that hangs.
const options = { timeout: 120_000 * Math.ceil(seeds / 100) }

describe(`two fleets of the same keys at the same time, in ${seeds} orders`, options, () => {
  it.live("end with one live key in each store, and no orphan", () => raceFleets([]))

  it.live("end so also if one answer in twenty is lost", () =>
    raceFleets([{ chance: 0.05, fault: { _tag: "DropAfter" } }]))

  it.live("end so also if lists lag and one answer in twenty is lost", () =>
    raceFleets([{ chance: 0.05, fault: { _tag: "DropAfter" } }], "2 seconds"))
})

describe(`rotations of one key at the same time, in ${seeds} orders`, options, () => {
  for (const count of [2, 5]) {
    it.live(`${count} of them end with one live key, in the store, and no orphan`, () =>
      raceAll({ count }))
  }

  it.live("end so also if one answer in twenty is lost", () => raceAll({ count: 2, faulty: true }))

  it.live("end so also if lists lag", () => raceAll({ count: 5, listLag: "2 seconds" }))

  it.live("end so also if lists lag and one answer in twenty is lost", () =>
    raceAll({ count: 2, faulty: true, listLag: "2 seconds" }))

  it.live("end so also if all call with that key, by Credentials that never change", () =>
    raceAll({ count: 3, own: true }))
})
