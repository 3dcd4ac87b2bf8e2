import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Identifiers from "../../src/emulator/Identifiers.ts"
import * as Emulator from "../../src/emulator/mod.ts"
import * as Organization from "../../src/emulator/Organization.ts"
import * as Timeline from "../../src/emulator/timeline.ts"
import { call, keys } from "./call.ts"

const setUp = (options: Emulator.EmulatorOptions) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ rateLimit: "none", ...options })
    const api = call(emulator)
    return {
      emulator,
      api,
      asOf: (time: string) =>
        Effect.map(
          api("GET", keys, { query: { "pagination.as_of_time": time } }),
          ({ json, status }) =>
            status === 200 ? json.api_keys.map(({ name }) => name).slice(3) : json.message,
        ),
      create: (name: string) =>
        Effect.map(
          api("POST", keys, {
            body: { name, service_account_id: emulator.withoutRole.serviceAccountId },
          }),
          ({ json }) => `${keys}/${json.api_key.id}`,
        ),
    }
  })

/** A key made at 10 s, renamed at 20 s and deleted at 30 s. */
const aLife = (options: Emulator.EmulatorOptions) =>
  Effect.gen(function* () {
    const all = yield* setUp(options)
    yield* TestClock.setTime(10_000)
    const path = yield* all.create("first")
    yield* TestClock.setTime(20_000)
    yield* all.api("PATCH", path, { body: { name: "second" } })
    yield* TestClock.setTime(30_000)
    yield* all.api("DELETE", path)
    return all
  })

const second = (count: number) => `1970-01-01T00:00:${count}.000000Z`

describe("history", () => {
  it.effect("is kept for the given time, and a list as of an earlier time is refused", () =>
    Effect.gen(function* () {
      const { asOf, emulator } = yield* aLife({ history: "15 seconds" })
      const refused = (asked: number, from: number) =>
        `batch timestamp ${second(asked)} must be after replica GC threshold ${second(from)}`
      expect(yield* asOf(second(14))).toBe(refused(14, 15))
      expect(yield* asOf(second(15))).toEqual(["first"])
      expect(yield* asOf(second(20))).toEqual(["second"])
      expect((yield* emulator.history).map(({ _tag }) => _tag)).toEqual(["Renamed", "Deleted"])
      yield* TestClock.setTime(40_000)
      expect(yield* asOf(second(24))).toBe(refused(24, 25))
      expect(yield* asOf(second(25))).toEqual(["second"])
      yield* TestClock.setTime(45_000)
      expect(yield* asOf(second(29))).toBe(refused(29, 30))
      expect(yield* asOf(second(30))).toEqual([])
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("is kept for ever by default", () =>
    Effect.gen(function* () {
      const { asOf, emulator } = yield* aLife({})
      yield* TestClock.adjust("4000 days")
      expect(yield* asOf(second(15))).toEqual(["first"])
      expect(yield* asOf("1969-01-01T00:00:00Z")).toEqual([])
      expect(yield* emulator.history).toHaveLength(3)
    }))

  it.effect("is kept at least as long as lists lag", () =>
    Effect.gen(function* () {
      const { api, asOf } = yield* aLife({ history: 0, listLag: "15 seconds" })
      const { json } = yield* api("GET", keys)
      expect(json.api_keys.map(({ name }) => name).slice(3)).toEqual(["first"])
      expect(yield* asOf(second(20))).toEqual(["second"])
    }))

  it.effect("also bounds the as_of_time of a page token", () =>
    Effect.gen(function* () {
      const { api } = yield* setUp({ history: "1 minute" })
      yield* TestClock.setTime(10_000)
      const query = { "pagination.as_of_time": second(10), "pagination.limit": "1" }
      const { json } = yield* api("GET", keys, { query })
      const next = api("GET", keys, {
        query: { ...query, "pagination.page": json.pagination.next_page ?? "" },
      })
      yield* TestClock.adjust("1 minute")
      expect((yield* next).status).toBe(200)
      yield* TestClock.adjust("1 millis")
      expect((yield* next).status).toBe(400)
    }))

  it.effect("keeps as many of the newest events as the log keeps requests", () =>
    Effect.gen(function* () {
      const tags = (logSize: number) =>
        Effect.flatMap(
          aLife({ logSize }),
          ({ emulator }) => Effect.map(emulator.history, (all) => all.map(({ _tag }) => _tag)),
        )
      expect(yield* tags(2)).toEqual(["Renamed", "Deleted"])
      yield* TestClock.setTime(0)
      expect(yield* tags(0)).toEqual([])
    }))
})

describe("the size of an organization", () => {
  const by = Option.some("somebody")

  /** Its size before and after 33,000 keys are made, renamed and deleted, and after a while. */
  const sizes = (memory: Organization.Memory) => {
    const organization = Organization.make(Identifiers.make("seed"), memory)
    const create = (turn: number) =>
      organization.create({ name: "a", serviceAccountId: `${turn % 20}`, now: turn * 1000, by })
    for (let turn = 0; turn < 100; turn += 1) create(turn)
    const before = organization.size()
    let most = 0
    for (let turn = 100; turn < 33_100; turn += 1) {
      const { id } = create(turn)
      organization.rename(id, "b", turn * 1000, "somebody")
      organization.delete(id, turn * 1000, "somebody")
      if (turn % 100 === 0) most = Math.max(most, organization.size())
    }
    organization.historyFrom(1e12)
    return { before, most, after: organization.size() }
  }

  it("stays bounded after 33,000 keys if history is bounded", () => {
    const { after, before, most } = sizes({ history: 1_000_000, events: 0 })
    expect(before).toBe(400)
    // A second of history has 1,000 deleted keys, and as many may wait to be forgotten.
    expect(most).toBeLessThan(before + 10_000)
    expect(after).toBeLessThanOrEqual(2 * before)
  })

  it("stays bounded after 1,000 renames of a key if history is bounded", () => {
    const organization = Organization.make(Identifiers.make("seed"), { history: 10_000, events: 0 })
    const { id } = organization.create({ name: "a", serviceAccountId: "1", now: 0, by })
    const before = organization.size()
    for (let turn = 1; turn <= 1000; turn += 1) {
      organization.rename(id, `${turn}`, turn * 1000, "somebody")
      // Ten names end within the history, and each one is noted with its end.
      expect(organization.size()).toBeLessThanOrEqual(before + 2 * 11)
    }
    organization.historyFrom(1e12)
    expect(organization.size()).toBe(before)
  })

  it("grows with every key if history is not bounded", () => {
    expect(sizes({}).after).toBeGreaterThan(33_000)
  })
})

describe("a timeline", () => {
  it("gives what a plain list of the newest would give", () => {
    const step = fc.oneof(
      fc.record({ add: fc.nat(3) }),
      fc.record({ forget: fc.nat(20) }),
      fc.constant({ clear: true }),
    )
    fc.assert(
      fc.property(fc.array(step, { size: "large" }), fc.nat(12), (steps, size) => {
        const timeline = Timeline.make<Timeline.Dated>(size)
        let model: ReadonlyArray<Timeline.Dated> = []
        let now = 0
        for (const step of steps) {
          if ("add" in step) {
            now += step.add
            timeline.add({ at: now })
            model = size === 0 ? [] : [...model, { at: now }].slice(-size)
          } else if ("forget" in step) {
            const until = now - step.forget
            expect(timeline.forget(until)).toEqual(model.filter(({ at }) => at <= until))
            model = model.filter(({ at }) => at > until)
          } else {
            timeline.clear()
            model = []
          }
          expect(timeline.all()).toEqual(model)
        }
      }),
    )
  })
})
