import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { ApiKeyId } from "../../../src/ApiKey.ts"
import { listLag, type Plan } from "../../../src/lifecycle/rotation/decide.ts"
import {
  rotateApiKey,
  type RotateApiKeyOptions,
  rotateApiKeys,
  type RotationProgress,
} from "../../../src/mod.ts"
import type * as Emulator from "../../../src/emulator/mod.ts"
import { type Around, expectGood, makeOrganization, type Organization } from "../organization.ts"
import { drawing, inVirtualTime, VirtualTime } from "../virtualTime.ts"
import { arrive, makeKey, minute, plan, type Runner, start, tick, type World } from "./world.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

/** Steps that change something. */
const changes = ["Make", "Write", "Delete", "Unmark"]

describe("short runs, in the model,", () => {
  const beginning = 10_000 * minute

  const organization = (lag: number): World => {
    const world: World = {
      now: beginning,
      held: Option.some(ApiKeyId("old")),
      keys: [],
      made: 0,
      everHeld: new Set(),
      lists: { lag, past: [] },
    }
    makeKey(world, "bystander", "billing", 50 * minute)
    makeKey(world, "old", "billing", 3000 * minute)
    return world
  }

  /** Lets a run do its next step. Returns the step that it has done. */
  const go = (world: World, runner: Runner, violations: Array<string>): string | undefined => {
    const step = tick(world, runner)
    const dead = Option.toArray(world.held).filter((id) => !world.keys.some((key) => key.id === id))
    violations.push(...dead.map((id) => `the store holds dead ${id}`))
    if (runner.writes > 1) violations.push(`${runner.name} wrote twice`)
    if (step?._tag === "Fail") violations.push(`${runner.name} failed: ${step.obstacle}`)
    return step?._tag
  }

  const grace = fc.constantFrom(0, 2000, 15 * minute, 30 * minute, 24 * 60 * minute)
  const lag = fc.constantFrom(0, 2000, listLag(plan))
  const choices = fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 400 })

  it("of several processes at any time, some killed, end in the one good state", () => {
    let runs = 0
    let kills = 0
    fc.assert(
      fc.property(
        choices,
        fc.integer({ min: 1, max: 4 }),
        grace,
        lag,
        fc.boolean(),
        (numbers, most, grace, lag, isLossy) => {
          let next = 0
          const choose = (below: number) => (numbers[next++ % numbers.length] ?? 0) % below
          const world: World = {
            ...organization(lag),
            ...isLossy ? { loses: () => choose(4) === 0 } : {},
          }
          const wanted: Plan = { ...plan, grace, olderThan: 2000 * minute, onWait: "return" }
          const violations: Array<string> = []
          const all: Array<Runner> = []
          const begin = (): Runner => {
            const runner = start(`${all.length}r`, wanted)
            all.push(runner)
            runs += 1
            return runner
          }
          let active: ReadonlyArray<Runner> = []
          for (let n = 0; n < 150; n += 1) {
            active = active.filter(({ ended }) => ended === undefined)
            if (active.length < most && choose(3) === 0) active = [...active, begin()]
            const runner = active[choose(Math.max(1, active.length))]
            if (runner === undefined) {
              // No run is active. The next may come too early, or late.
              world.now += choose(4) === 0 ? choose(40 * minute) : choose(4000)
              continue
            }
            if (choose(8) === 0) arrive(world)
            world.now += choose(4000)
            if (choose(25) === 0) {
              runner.ended = "Killed"
              kills += 1
            } else go(world, runner, violations)
          }
          for (const runner of active) {
            while (runner.ended === undefined) go(world, runner, violations)
          }
          // From here on, each run comes at the time that the one before gave.
          let last: Runner | undefined
          for (let n = 0; n < 12 && last?.ended !== "Done"; n += 1) {
            const told = last?.until
            if (told !== undefined) world.now = Math.max(world.now, told)
            last = begin()
            const did: Array<string | undefined> = []
            while (last.ended === undefined) did.push(go(world, last, violations))
            // At that time it must change something, or find out that it has to wait longer.
            if (told !== undefined && last.ended === "Waiting") {
              const hasChanged = did.some((tag) => tag !== undefined && changes.includes(tag))
              const isLater = (last.until ?? 0) > world.now
              if (!hasChanged && !isLater) violations.push(`came at ${told}, in vain`)
            }
          }
          expect(violations).toEqual([])
          expect(last?.ended).toBe("Done")
          // A killed run that was about to make a successor when the others had ended leaves a
          // stray.
          const strays = all.flatMap(({ ended, madeLate }) => ended === "Killed" ? madeLate : [])
          // A run names its lost creates, since their keys may appear after all.
          const told = all.flatMap(({ run }) => run.doubtful.map(({ name }) => name))
          const left = world.keys.filter(({ id, name }) =>
            id !== "bystander" && !strays.includes(id) && !told.includes(name)
          )
          expect(left.map(({ id, name }) => ({ id, name }))).toEqual([
            { id: Option.getOrThrow(world.held), name: "billing" },
          ])
        },
      ),
      { numRuns: 1000 },
    )
    expect(runs).toBeGreaterThan(7000)
    expect(kills).toBeGreaterThan(700)
  })
})

const rotateBriefly = (
  organization: Organization,
  options: Partial<RotateApiKeyOptions> = {},
  around?: Around,
) =>
  rotateApiKey({
    store: organization.store(around),
    grace: "24 hours",
    olderThan: "90 days",
    onWait: "return",
    ...options,
  }).pipe(Effect.provide(organization.access(around)))

const stay = (until: Option.Option<DateTime.Utc>) =>
  Effect.gen(function* () {
    const { jump } = yield* VirtualTime
    const now = DateTime.toEpochMillis(yield* DateTime.now)
    const then = DateTime.toEpochMillis(Option.getOrThrow(until))
    yield* jump(Duration.millis(Math.max(0, then - now)))
  })

const dueOrganization = (options: Emulator.EmulatorOptions = {}) =>
  Effect.gen(function* () {
    const organization = yield* makeOrganization(options)
    const { jump } = yield* VirtualTime
    yield* jump("91 days")
    return organization
  })

describe("a rotation that returns instead of sleeping", () => {
  test("passes a grace of 24 hours in short runs, none of which sleeps", () =>
    Effect.gen(function* () {
      const organization = yield* dueOrganization()
      const begun = yield* DateTime.now
      const first = yield* rotateBriefly(organization)
      expect(yield* DateTime.now).toEqual(begun)
      expect(first).toMatchObject({ did: "waiting", deleted: [], leftBehind: [] })
      expect(Option.some(first.apiKey.id)).toEqual(yield* organization.heldId)
      expect(first.until).toEqual(Option.some(DateTime.add(begun, { hours: 24 })))
      expect(yield* organization.keys).toHaveLength(2)

      yield* stay(first.until)
      const second = yield* rotateBriefly(organization)
      expect(second).toMatchObject({
        did: "resumed",
        deleted: [organization.old.id],
        until: Option.none(),
      })
      yield* expectGood(organization)

      const third = yield* rotateBriefly(organization)
      expect(third).toMatchObject({ did: "kept", until: Option.none() })
    }))

  test("costs one read of the store and two requests if it comes too early", () =>
    Effect.gen(function* () {
      const { jump } = yield* VirtualTime
      const organization = yield* dueOrganization()
      const { until } = yield* rotateBriefly(organization)
      for (const later of ["0 seconds", "1 minute", "30 minutes", "23 hours"] as const) {
        yield* jump(later)
        const did: Array<string> = []
        const result = yield* rotateBriefly(
          organization,
          {},
          (what, effect) => Effect.suspend(() => (did.push(what), effect)),
        )
        expect({ later, result }).toMatchObject({ result: { did: "waiting", until } })
        expect(did).toEqual(["read", "GET", "GET"])
      }
    }))

  test("deletes the predecessor at the end of a short grace, and removes the mark when lists show all keys", () =>
    Effect.gen(function* () {
      const organization = yield* dueOrganization()
      const options = { grace: "5 minutes" } as const
      const begun = yield* DateTime.now
      const first = yield* rotateBriefly(organization, options)
      expect(first.until).toEqual(Option.some(DateTime.add(begun, { minutes: 5 })))
      yield* stay(first.until)
      const second = yield* rotateBriefly(organization, options)
      expect(second).toMatchObject({ did: "waiting", deleted: [organization.old.id] })
      expect(second.until).toEqual(Option.some(DateTime.add(begun, { minutes: 20 })))
      yield* stay(second.until)
      expect(yield* rotateBriefly(organization, options)).toMatchObject({ did: "resumed" })
      yield* expectGood(organization)
    }))

  test("goes on equally if it is given the successor, like a fleet that lists again", () =>
    Effect.gen(function* () {
      const organization = yield* dueOrganization()
      const first = yield* rotateBriefly(organization, { grace: "5 minutes" })
      const options = { grace: "5 minutes", apiKey: first.apiKey } as const
      expect(yield* rotateBriefly(organization, options)).toEqual({ ...first, deleted: [] })
      yield* stay(first.until)
      expect(yield* rotateBriefly(organization, options))
        .toMatchObject({ did: "waiting", deleted: [organization.old.id] })
    }))

  test("deletes the predecessor at once without a grace", () =>
    Effect.gen(function* () {
      const organization = yield* dueOrganization()
      expect(yield* rotateBriefly(organization, { grace: 0 })).toMatchObject({
        did: "waiting",
        deleted: [organization.old.id],
      })
    }))

  test("says when another run's key is old enough to be deleted", () =>
    Effect.gen(function* () {
      const { jump } = yield* VirtualTime
      const organization = yield* dueOrganization()
      const { until } = yield* rotateBriefly(organization, { grace: 0 })
      yield* stay(until)
      const other = yield* organization.emulator.addApiKey({
        name: `billing [rotates ${organization.old.id} 0a1b2c3d]`,
        serviceAccountId: organization.old.serviceAccountId,
      })
      yield* jump("1 minute")
      const early = yield* rotateBriefly(organization, { grace: 0 })
      expect(early).toMatchObject({
        did: "waiting",
        until: Option.some(DateTime.add(other.apiKey.createdAt, { minutes: 10 })),
      })
      yield* stay(early.until)
      expect(yield* rotateBriefly(organization, { grace: 0 })).toMatchObject({
        did: "resumed",
        deleted: [other.apiKey.id],
      })
      yield* expectGood(organization)
    }))
})

/** Runs again at the time that the run before gave, until nothing is left to wait for. */
const runOn = (organization: Organization, options: Partial<RotateApiKeyOptions>) =>
  Effect.gen(function* () {
    for (let runs = 1; runs <= 6; runs += 1) {
      const { did, until } = yield* rotateBriefly(organization, options)
      if (did !== "waiting") return runs
      yield* stay(until)
    }
    return Infinity
  })

const lags = ["0 seconds", "2 seconds"] as const

describe("short runs", () => {
  const graces = ["0 seconds", "24 hours"] as const
  for (const [when, listLag] of lags.flatMap((lag) => [["before", lag], ["after", lag]] as const)) {
    for (const grace of graces) {
      test(`go on after a kill ${when} any action, with a grace of ${grace} and lists ${listLag} behind`, () =>
        Effect.gen(function* () {
          const { jump } = yield* VirtualTime
          // The killed run is the first, or the one that deletes.
          for (const which of [0, 1]) {
            for (let nth = 1; nth <= 12; nth += 1) {
              const organization = yield* dueOrganization({ listLag })
              if (which === 1) {
                yield* stay((yield* rotateBriefly(organization, { grace })).until)
              }
              let count = 0
              const dying: Around = (_, effect) =>
                Effect.suspend(() => {
                  count += 1
                  if (count < nth) return effect
                  return count === nth && when === "after"
                    ? Effect.zipRight(effect, Effect.never)
                    : Effect.never
                })
              // It is not interrupted, since a killed process does not clean up.
              yield* Effect.forkDaemon(rotateBriefly(organization, { grace }, dying))
              yield* Effect.sleep("1 second")
              expect({ which, nth, runs: yield* runOn(organization, { grace }) })
                .toMatchObject({ runs: expect.toSatisfy((runs: number) => runs <= 5) })
              yield* jump("1 hour")
              yield* rotateBriefly(organization, { grace })
              yield* expectGood(organization)
            }
          }
        }))
    }
  }

  const faults: ReadonlyArray<readonly [string, Emulator.Fault]> = [
    ["is lost after the server acted", { _tag: "DropAfter" }],
    ["is lost before the server acts", { _tag: "DropBefore" }],
    ["is cut off", { _tag: "TruncateBody" }],
    ["is a 500 after the server acted", { _tag: "Respond", status: 500, acted: true }],
  ]
  for (const [what, fault] of faults) {
    for (const listLag of lags) {
      test(`go on if any one answer ${what}, lists ${listLag} behind`, () =>
        Effect.gen(function* () {
          const { jump } = yield* VirtualTime
          for (let calls = 1; calls <= 10; calls += 1) {
            const organization = yield* dueOrganization({ listLag, faults: [{ calls, fault }] })
            expect(yield* runOn(organization, {})).toBeLessThanOrEqual(4)
            yield* jump("1 hour")
            yield* rotateBriefly(organization)
            yield* expectGood(organization)
          }
        }))
    }
  }
})

// INTERLEAVINGS=1000 takes minutes.
const seeds = Number(process.env["INTERLEAVINGS"] ?? 12)

describe(`short runs of several processes, in ${seeds} orders`, {
  timeout: 120_000 * Math.ceil(seeds / 100),
}, () => {
  const race = (
    { faulty, grace, listLag }: {
      readonly faulty: boolean
      readonly grace: "0 seconds" | "24 hours"
      readonly listLag: "0 seconds" | "2 seconds"
    },
    seed: number,
  ) =>
    Effect.gen(function* () {
      const { jump, turn } = yield* VirtualTime
      const organization = yield* dueOrganization({
        seed: String(seed),
        listLag,
        faults: faulty ? [{ chance: 0.05, fault: { _tag: "DropAfter" } }] : [],
      })
      const around: Around = (_, effect) => Effect.zipRight(turn, effect)
      const failed: Array<string> = []
      let runs = 0
      for (let round = 0; round < 8; round += 1) {
        const results = yield* Effect.replicateEffect(
          Effect.either(rotateBriefly(organization, { grace }, around)),
          3,
          { concurrency: "unbounded" },
        )
        runs += results.length
        for (const result of results) {
          Either.match(result, {
            onLeft: ({ message }) => failed.push(message),
            onRight: () => 0,
          })
        }
        const untils = results.flatMap((result) =>
          Either.match(result, {
            onLeft: () => [],
            onRight: ({ until }) => Option.toArray(Option.map(until, DateTime.toEpochMillis)),
          })
        )
        if (untils.length === 0) break
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        // It runs too early, and then at the given time.
        yield* jump(Duration.millis((Math.min(...untils) - now) / (round % 2 === 0 ? 2 : 1)))
      }
      yield* jump("1 hour")
      const last = yield* rotateBriefly(organization, { grace })
      const keys = (yield* organization.keys).map(({ id, name }) => ({ id, name }))
      return {
        failed,
        last: last.did,
        held: Option.getOrThrow(yield* organization.heldId),
        keys,
        outages: yield* Ref.get(organization.outages),
      }
    })

  for (const grace of ["0 seconds", "24 hours"] as const) {
    for (const listLag of lags) {
      for (const faulty of [false, true]) {
        const how = faulty ? ", one answer in twenty lost" : ""
        it.live(`end in the one good state: a grace of ${grace}, lists ${listLag} behind${how}`, () =>
          Effect.forEach(
            Array.from({ length: seeds }, (_, seed) => seed),
            (seed) =>
              Effect.gen(function* () {
                const { failed, held, keys, last, outages } = yield* inVirtualTime(
                  race({ faulty, grace, listLag }, seed),
                  drawing(seed),
                )
                expect({ seed, failed, keys, last, outages }).toEqual({
                  seed,
                  failed: [],
                  last: "kept",
                  keys: [{ id: held, name: "billing" }],
                  outages: [],
                })
              }),
            { discard: true },
          ))
      }
    }
  }
})

describe("a fleet that returns instead of sleeping", () => {
  test("yields rotations that wait, and counts them as waiting", () =>
    Effect.gen(function* () {
      const organization = yield* dueOrganization()
      const progress: Array<RotationProgress> = []
      const outcomes = yield* Stream.make(organization.old).pipe(
        rotateApiKeys({
          store: () => organization.store(),
          grace: "1 hour",
          onWait: "return",
          onProgress: (now) => Effect.sync(() => progress.push(now)),
        }),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      expect([...outcomes].map(({ result }) => result)).toEqual([
        Either.right(expect.objectContaining({ did: "waiting" })),
      ])
      expect(progress.at(-1)).toEqual({ started: 1, waiting: 1, succeeded: 0, failed: 0 })
    }))
})
