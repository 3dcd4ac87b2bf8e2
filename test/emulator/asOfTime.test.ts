import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, keys } from "./call.ts"

const setUp = Effect.gen(function* () {
  const emulator = yield* Emulator.make({ rateLimit: "none" })
  const api = call(emulator)
  const names = (query: Readonly<Record<string, string>> = {}) =>
    Effect.map(
      api("GET", keys, {
        query: { ...query, service_account_id: emulator.withoutRole.serviceAccountId },
      }),
      ({ json }) => json.api_keys.map(({ name }) => name),
    )
  return {
    emulator,
    api,
    names,
    asOf: (time: string) => names({ "pagination.as_of_time": time }),
    create: (name: string) =>
      api("POST", keys, {
        body: { name, service_account_id: emulator.withoutRole.serviceAccountId },
      }),
  }
})

describe("as_of_time", () => {
  it.effect("shows the keys that existed then, by the names they had", () =>
    Effect.gen(function* () {
      const { api, asOf, create, names } = yield* setUp
      yield* TestClock.setTime(10_000)
      const path = `${keys}/${(yield* create("first")).json.api_key.id}`
      yield* TestClock.setTime(20_000)
      yield* api("PATCH", path, { body: { name: "second" } })
      yield* TestClock.setTime(30_000)
      yield* api("PATCH", path, { body: { name: "third" } })
      yield* TestClock.setTime(40_000)
      yield* api("DELETE", path)

      const seeded = "without role key"
      expect(yield* asOf("1970-01-01T00:00:09.999999Z")).toEqual([seeded])
      expect(yield* asOf("1970-01-01T00:00:10Z")).toEqual([seeded, "first"])
      expect(yield* asOf("1970-01-01T00:00:19.999999Z")).toEqual([seeded, "first"])
      expect(yield* asOf("1970-01-01T00:00:20Z")).toEqual([seeded, "second"])
      expect(yield* asOf("1970-01-01T00:00:39.999999Z")).toEqual([seeded, "third"])
      expect(yield* asOf("1970-01-01T00:00:40Z")).toEqual([seeded])
      expect(yield* asOf("1969-01-01T00:00:00Z")).toEqual([])
      expect(yield* names()).toEqual([seeded])
    }))

  it.effect("is exact to the microsecond", () =>
    Effect.gen(function* () {
      const { asOf, create } = yield* setUp
      yield* create("one")
      yield* create("two")
      expect(yield* asOf("1970-01-01T00:00:00.000000Z")).toHaveLength(2)
      expect(yield* asOf("1970-01-01T00:00:00.000001Z")).toHaveLength(3)
    }))

  it.effect("can have any number of decimals", () =>
    Effect.gen(function* () {
      const { asOf, create } = yield* setUp
      yield* TestClock.setTime(10_400)
      yield* create("one")
      expect(yield* asOf("1970-01-01T00:00:10.3Z")).toHaveLength(1)
      expect(yield* asOf("1970-01-01T00:00:10.5Z")).toHaveLength(2)
      expect(yield* asOf("1970-01-01T00:00:10.400000999Z")).toHaveLength(2)
    }))

  it.effect("can be in another time zone", () =>
    Effect.gen(function* () {
      const { asOf, create } = yield* setUp
      yield* TestClock.setTime(10_000)
      yield* create("one")
      expect(yield* asOf("1970-01-01T01:00:09+01:00")).toHaveLength(1)
      expect(yield* asOf("1970-01-01T01:00:10+01:00")).toHaveLength(2)
    }))

  it.effect("keeps a walk the same while keys are made and deleted", () =>
    Effect.gen(function* () {
      const { api, create, emulator } = yield* setUp
      yield* TestClock.setTime(10_000)
      const query = {
        "pagination.as_of_time": "1970-01-01T00:00:05Z",
        "pagination.limit": "1",
      }
      const seen: Array<string> = []
      let page = yield* api("GET", keys, { query })
      for (;;) {
        seen.push(...page.json.api_keys.map(({ name }) => name))
        yield* create("later")
        if (seen.length === 1) yield* api("DELETE", `${keys}/${emulator.withoutRole.apiKeyId}`)
        const token = page.json.pagination.next_page
        if (token === undefined) break
        page = yield* api("GET", keys, { query: { ...query, "pagination.page": token } })
      }
      expect(seen).toEqual(["admin key", "cluster admin key", "without role key"])
    }))

  it.effect("shows keys that the options place in the past", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({
        keys: [
          { name: "new", createdAt: DateTime.unsafeMake("2025-01-01T00:00:00Z") },
          { name: "old", createdAt: DateTime.unsafeMake("2001-01-01T00:00:00Z") },
        ],
      })
      const list = (asOf: string) =>
        Effect.map(
          call(emulator)("GET", keys, { query: { "pagination.as_of_time": asOf } }),
          ({ json }) => json.api_keys.map(({ name }) => name).slice(3),
        )
      expect(yield* list("2010-01-01T00:00:00Z")).toEqual(["old"])
      expect(yield* list("2030-01-01T00:00:00Z")).toEqual(["old", "new"])
    }))
})
