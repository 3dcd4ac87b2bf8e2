import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Emulator from "../../../src/emulator/mod.ts"
import { rotateApiKey } from "../../../src/mod.ts"
import { type Around, expectGood, makeOrganization } from "../organization.ts"
import { makeSmallFleet } from "./smallFleet.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

/** Stops before or after the nth action, and does nothing after that. */
const stopAt = (nth: number, when: "before" | "after", only?: string): Around => {
  let count = 0
  return (what, effect) =>
    Effect.suspend(() => {
      count += only === undefined || what === only ? 1 : 0
      if (count < nth) return effect
      return count === nth && when === "after"
        ? Effect.zipRight(Effect.suspend(() => (count += 1, effect)), Effect.never)
        : Effect.never
    })
}

/** The same, but lets an interrupted program clean up after that. */
const pauseAt = (nth: number, when: "before" | "after"): Around => {
  let count = 0
  return (_, effect) =>
    Effect.suspend(() => {
      count += 1
      if (count !== nth) return effect
      return when === "after" ? Effect.zipRight(effect, Effect.never) : Effect.never
    })
}

const lags = ["0 seconds", "2 seconds"] as const
const cases = (["before", "after"] as const).flatMap((when) =>
  lags.map((listLag) => [when, listLag] as const)
)

// Requests and accesses to the store.
const things = 16

describe("a rotation that runs undisturbed", () => {
  test("does as many actions as the tests below break off at", () =>
    Effect.gen(function* () {
      let count = 0
      const counting: Around = (_, effect) => Effect.suspend(() => (count += 1, effect))
      const organization = yield* makeOrganization()
      yield* rotateApiKey({ store: organization.store(counting), grace: 0 }).pipe(
        Effect.provide(organization.access(counting)),
      )
      expect(count).toBe(things)
    }))
})

for (const [when, listLag] of cases) {
  for (let nth = 1; nth <= things; nth += 1) {
    describe(`a rotation broken off ${when} action ${nth}, lists ${listLag} behind`, () => {
      for (const later of ["at once", "after the lease"] as const) {
        test(`by a kill succeeds when it is run again ${later}`, () =>
          Effect.gen(function* () {
            const organization = yield* makeOrganization({ listLag })
            const around = stopAt(nth, when)
            // It is not interrupted, since a killed process does not clean up.
            yield* Effect.forkDaemon(
              rotateApiKey({ store: organization.store(around), grace: 0 }).pipe(
                Effect.provide(organization.access(around)),
              ),
            )
            yield* Effect.sleep(later === "at once" ? "1 second" : "11 minutes")
            yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
              Effect.provide(organization.access()),
            )
            yield* expectGood(organization)
          }))
      }

      test("by an interruption succeeds when it is run again", () =>
        Effect.gen(function* () {
          const organization = yield* makeOrganization({ listLag })
          const around = pauseAt(nth, when)
          const fiber = yield* Effect.fork(
            rotateApiKey({ store: organization.store(around), grace: 0 }).pipe(
              Effect.provide(organization.access(around)),
            ),
          )
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
          yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
            Effect.provide(organization.access()),
          )
          yield* expectGood(organization)
        }))
    })
  }
}

describe("a fleet of three keys that share their lists", () => {
  const count = Effect.gen(function* () {
    let count = 0
    const fleet = yield* makeSmallFleet()
    yield* fleet.rotate((_, effect) => Effect.suspend(() => (count += 1, effect)))
    expect(yield* fleet.problems).toEqual([])
    return count
  })

  for (const [when, listLag] of cases) {
    for (const later of ["at once", "after the lease"] as const) {
      test(`killed ${when} any action succeeds when it is run again ${later}, lists ${listLag} behind`, () =>
        Effect.gen(function* () {
          for (let nth = yield* count; nth >= 1; nth -= 1) {
            const fleet = yield* makeSmallFleet({ listLag })
            yield* Effect.forkDaemon(fleet.rotate(stopAt(nth, when)))
            yield* Effect.sleep(later === "at once" ? "1 second" : "11 minutes")
            const failed = yield* fleet.rotate()
            expect({ nth, failed, problems: yield* fleet.problems })
              .toEqual({ nth, failed: [], problems: [] })
          }
        }))
    }

    test(`interrupted ${when} any action succeeds when it is run again, lists ${listLag} behind`, () =>
      Effect.gen(function* () {
        for (let nth = yield* count; nth >= 1; nth -= 1) {
          const fleet = yield* makeSmallFleet({ listLag })
          const fiber = yield* Effect.fork(fleet.rotate(pauseAt(nth, when)))
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
          const failed = yield* fleet.rotate()
          expect({ nth, failed, problems: yield* fleet.problems })
            .toEqual({ nth, failed: [], problems: [] })
        }
      }))
  }
})

const faults: ReadonlyArray<readonly [string, Emulator.Fault]> = [
  ["is lost after the server acted", { _tag: "DropAfter" }],
  ["is lost before the server acts", { _tag: "DropBefore" }],
  ["is cut off", { _tag: "TruncateBody" }],
  ["is a 500 after the server acted", { _tag: "Respond", status: 500, acted: true }],
]

describe("a rotation", () => {
  for (
    const [[what, fault], listLag] of faults.flatMap((row) =>
      lags.map((lag) => [row, lag] as const)
    )
  ) {
    for (let call = 1; call <= 6; call += 1) {
      test(`succeeds if the answer to request ${call} ${what}, lists ${listLag} behind`, () =>
        Effect.gen(function* () {
          const organization = yield* makeOrganization({
            faults: [{ calls: call, fault }],
            listLag,
          })
          yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
            Effect.provide(organization.access()),
          )
          yield* expectGood(organization)
        }))
    }

    for (const operation of ["createApiKey", "deleteApiKey", "updateApiKey"] as const) {
      test(`succeeds in a second run if every answer to ${operation} ${what}, lists ${listLag} behind`, () =>
        Effect.gen(function* () {
          const organization = yield* makeOrganization({
            faults: [{ operation, fault }],
            listLag,
          })
          yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
            Effect.provide(organization.access()),
            Effect.either,
          )
          yield* organization.emulator.setFaults([])
          yield* Effect.sleep("10 minutes")
          yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
            Effect.provide(organization.access()),
          )
          yield* expectGood(organization)
        }))
    }
  }
})
