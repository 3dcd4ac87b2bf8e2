import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, keys } from "./call.ts"

const setUp = (options: Emulator.EmulatorOptions = { listLag: "2 seconds" }) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ rateLimit: "none", ...options })
    const api = call(emulator)
    return {
      emulator,
      api,
      names: (query: Readonly<Record<string, string>> = {}) =>
        Effect.map(
          api("GET", keys, { query }),
          ({ json }) => json.api_keys.map(({ name }) => name),
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

const callers = ["admin key", "cluster admin key", "without role key"]

describe("lists that lag", () => {
  it.effect("show what an organization began with, however far they lag", () =>
    Effect.gen(function* () {
      for (const listLag of ["2 seconds", "400 days", Duration.infinity] as const) {
        const { names } = yield* setUp({ listLag, keys: 2 })
        expect(yield* names()).toEqual([...callers, "key 1", "key 2"])
      }
    }))

  it.effect("show a new key, its new name and its end only after the lag", () =>
    Effect.gen(function* () {
      const { api, create, names } = yield* setUp()
      const path = yield* create("first")
      yield* TestClock.adjust("1 seconds")
      yield* api("PATCH", path, { body: { name: "second" } })
      expect(yield* names()).toEqual(callers)
      yield* TestClock.adjust("1 seconds")
      yield* api("DELETE", path)
      expect(yield* names()).toEqual([...callers, "first"])
      yield* TestClock.adjust("1 seconds")
      expect(yield* names()).toEqual([...callers, "second"])
      yield* TestClock.adjust("1 seconds")
      expect(yield* names()).toEqual(callers)
    }))

  it.effect("do not delay get, update, delete, or calls with a new key", () =>
    Effect.gen(function* () {
      const { api, create, emulator, names } = yield* setUp()
      const path = yield* create("first")
      expect((yield* api("GET", path)).json.name).toBe("first")
      expect((yield* api("PATCH", path, { body: { name: "second" } })).json.name).toBe("second")
      expect((yield* api("GET", path)).json.name).toBe("second")
      expect((yield* api("DELETE", path)).status).toBe(200)
      expect((yield* api("GET", path)).status).toBe(404)
      const { secret } = yield* emulator.addApiKey({
        serviceAccountId: emulator.admin.serviceAccountId,
      })
      expect((yield* api("GET", keys, { token: secret })).status).toBe(200)
      expect(yield* names()).toEqual(callers)
    }))

  it.effect("show a past time exactly if the query names it", () =>
    Effect.gen(function* () {
      const { create, names } = yield* setUp()
      yield* create("first")
      expect(yield* names({ "pagination.as_of_time": "1970-01-01T00:00:00Z" }))
        .toEqual([...callers, "first"])
    }))

  it.effect("lag on each page of a walk", () =>
    Effect.gen(function* () {
      const { api, create } = yield* setUp()
      yield* create("late")
      const query = { "pagination.limit": "2" }
      const first = yield* api("GET", keys, { query })
      yield* TestClock.adjust("2 seconds")
      const second = yield* api("GET", keys, {
        query: { ...query, "pagination.page": first.json.pagination.next_page ?? "" },
      })
      expect(second.json.api_keys.map(({ name }) => name)).toEqual(["without role key", "late"])
    }))

  it.effect("show the present without the option", () =>
    Effect.gen(function* () {
      const { create, names } = yield* setUp({})
      yield* create("first")
      expect(yield* names()).toEqual([...callers, "first"])
    }))
})
