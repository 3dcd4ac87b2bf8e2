import { describe, expect, it } from "@effect/vitest"
import {
  type ApiKey,
  createApiKey,
  deleteApiKey,
  listApiKeys,
  type ListApiKeysOptions,
  listApiKeysPage,
} from "@effect-crdb/api-keys"
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

const idsOf = (options?: ListApiKeysOptions) =>
  Stream.runCollect(Stream.map(listApiKeys(options), (apiKey) => `${apiKey.id}`)).pipe(
    Effect.map((keys) => [...keys]),
  )

describe("1,234 keys in pages of 100, from the emulator", () => {
  // Three of the keys belong to the emulator's own callers.
  const organization = Emulator.layer({ serviceAccounts: 7, keys: 1231, rateLimit: "none" })

  const walk = (options: ListApiKeysOptions) =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.Emulator
      const keys = yield* emulator.apiKeys
      expect(keys.length).toBe(1234)
      yield* emulator.clear
      const found = yield* idsOf({ pageSize: 100, ...options })
      const requests = yield* emulator.requests
      return { keys, found, requests: requests.length }
    }).pipe(Effect.provide(organization))

  const ids = (keys: ReadonlyArray<ApiKey>) => keys.map((apiKey) => `${apiKey.id}`)

  it.effect.each<ListApiKeysOptions>([
    {},
    { sortOrder: "ASC" },
    { prefetch: 1 },
    { prefetch: 20 },
  ])("oldest first: %j", (options) =>
    Effect.gen(function* () {
      const { found, keys, requests } = yield* walk(options)
      expect(new Set(found).size).toBe(1234)
      expect(found).toEqual(ids(keys))
      expect(requests).toBe(13)
    }))

  it.effect("newest first", () =>
    Effect.gen(function* () {
      const { found, keys, requests } = yield* walk({ sortOrder: "DESC" })
      expect(found).toEqual(ids(keys).reverse())
      expect(requests).toBe(13)
    }))

  it.effect.each(["ASC", "DESC"] as const)(
    "of one service account, %s",
    (sortOrder) =>
      Effect.gen(function* () {
        const emulator = yield* Emulator.Emulator
        const keys = yield* emulator.apiKeys
        const serviceAccountId = keys[600]?.serviceAccountId ?? ""
        const expected = ids(keys.filter((apiKey) => apiKey.serviceAccountId === serviceAccountId))
        expect(expected.length).toBeGreaterThan(100)
        const found = yield* idsOf({ pageSize: 100, serviceAccountId, sortOrder })
        expect(found).toEqual(sortOrder === "ASC" ? expected : expected.reverse())
      }).pipe(Effect.provide(organization)),
  )

  it.effect.each(["ASC", "DESC"] as const)(
    "as they were at an earlier time, %s",
    (sortOrder) =>
      Effect.gen(function* () {
        const emulator = yield* Emulator.Emulator
        yield* TestClock.adjust("1 hour")
        const before = ids(yield* emulator.apiKeys)
        const asOfTime = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
        yield* TestClock.adjust("1 hour")
        for (const id of before.slice(50, 250)) yield* deleteApiKey(id)
        const { serviceAccountId } = emulator.withoutRole
        for (let i = 0; i < 150; i++) yield* createApiKey({ name: `new ${i}`, serviceAccountId })
        const now = ids(yield* emulator.apiKeys)
        expect(now).not.toEqual(before)
        const order = (ids: ReadonlyArray<string>) => sortOrder === "ASC" ? ids : [...ids].reverse()
        expect(yield* idsOf({ pageSize: 100, asOfTime, sortOrder })).toEqual(order(before))
        expect(yield* idsOf({ pageSize: 100, sortOrder })).toEqual(order(now))
      }).pipe(Effect.provide(organization)),
  )

  it.effect("resumed in the middle, from a page's token", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.Emulator
      const first = yield* listApiKeysPage({ pageSize: 100 })
      const startPage = Option.getOrThrow(first.nextPage)
      const found = yield* idsOf({ pageSize: 100, startPage })
      expect(found).toEqual(ids(yield* emulator.apiKeys).slice(100))
    }).pipe(Effect.provide(organization)))
})
