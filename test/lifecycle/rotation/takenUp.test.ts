import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import {
  type ApiKey,
  type ApiKeyError,
  apiKeyIdOf,
  type Credentials,
  listApiKeys,
  rotateApiKeys,
  type SecretStore,
  updateApiKey,
} from "../../../src/mod.ts"
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Emulator from "../../../src/emulator/mod.ts"
import { makeOrganization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

type Listing = Stream.Stream<ApiKey, ApiKeyError, HttpClient | Credentials>

/** Each key has its own store, which is empty until the successor is written. */
const emptyStores = () => {
  const secrets = new Map<string, Redacted.Redacted<string>>()
  const writes = new Map<string, number>()
  return {
    writes,
    held: () => [...secrets.values()].flatMap((secret) => Option.toArray(apiKeyIdOf(secret))),
    store: ({ id }: ApiKey): SecretStore => ({
      read: Effect.sync(() => Option.fromNullable(secrets.get(id))),
      write: (secret) =>
        Effect.sync(() => {
          secrets.set(id, secret)
          writes.set(id, (writes.get(id) ?? 0) + 1)
        }),
    }),
  }
}

const rotateAll = (
  listing: Listing,
  emulator: Emulator.EmulatorOptions,
  olderThan?: "90 days",
) =>
  Effect.gen(function* () {
    const { access, emulator: { apiKeys, requests }, old } = yield* makeOrganization(emulator)
    const begun = yield* apiKeys
    const { held, store, writes } = emptyStores()
    const outcomes = yield* listing.pipe(
      // The fleet leaves out the keys that the test calls with.
      Stream.filter(({ name }) => name.startsWith("key ")),
      rotateApiKeys({ store, grace: 0, olderThan }),
      Stream.runCollect,
      Effect.provide(access()),
    )
    const failed = [...outcomes].flatMap(({ result }) =>
      Either.match(result, { onLeft: ({ message }) => [message], onRight: () => [] })
    )
    const keys = (yield* apiKeys).filter(({ name }) => name.startsWith("key "))
    return {
      failed,
      rotated: outcomes.length,
      isEachOnce: begun.filter(({ id }) => id !== old.id).every(({ id, name }) =>
        !name.startsWith("key ") || writes.get(id) === 1
      ),
      isEachHeld: keys.length === held().length && keys.every(({ id }) => held().includes(id)),
      requestsAKey: (yield* requests).length / outcomes.length,
    }
  })

const listings: ReadonlyArray<readonly [string, Listing]> = [
  ["lists first", Stream.fromIterableEffect(Stream.runCollect(listApiKeys()))],
  ["walks the list while keys are rotated", listApiKeys()],
  ["walks the list ahead of the rotations", listApiKeys({ prefetch: 2 })],
  ["walks the list from the newest key", listApiKeys({ sortOrder: "DESC" })],
]

describe("a fleet that", () => {
  for (const [how, listing] of listings) {
    test(`${how} rotates each key once`, () =>
      Effect.gen(function* () {
        const { requestsAKey, ...rest } = yield* rotateAll(listing, {
          keys: 250,
          maxPageSize: 100,
        })
        expect(rest).toEqual({ failed: [], rotated: 250, isEachOnce: true, isEachHeld: true })
        expect(requestsAKey).toBeLessThan(5.2)
      }))

    test(`${how} rotates each old key of many accounts once`, () =>
      Effect.gen(function* () {
        const { requestsAKey, ...rest } = yield* rotateAll(
          listing,
          // The youngest of the added keys is some months old.
          { keys: 300, serviceAccounts: 20, oldest: "36500 days", maxPageSize: 100 },
          "90 days",
        )
        expect(rest).toEqual({ failed: [], rotated: 300, isEachOnce: true, isEachHeld: true })
        expect(requestsAKey).toBeLessThan(5.6)
      }))
  }
})

describe("a fleet passes over", () => {
  test("a key that another program makes after its start", () =>
    Effect.gen(function* () {
      const { access, emulator } = yield* makeOrganization({ keys: 3 })
      const { store } = emptyStores()
      const late = Effect.gen(function* () {
        yield* Effect.sleep("1 second")
        return (yield* emulator.addApiKey({ name: "key of another" })).apiKey
      })
      const outcomes = yield* Stream.concat(listApiKeys(), Stream.fromEffect(late)).pipe(
        Stream.filter(({ name }) => name.startsWith("key ")),
        rotateApiKeys({ store, grace: 0 }),
        Stream.runCollect,
        Effect.provide(access()),
      )
      // Their order is that in which they end.
      expect([...outcomes].map(({ apiKey }) => apiKey.name).sort())
        .toEqual(["key 1", "key 2", "key 3"])
    }))
})

describe("a fleet that is given another rotation's successor", () => {
  const marks = [
    ["of a live key", (id: string) => `billing [rotates ${id} 1a2b3c4d]`],
    ["of a deleted key", () => "billing [rotates CCDB1_gone 1a2b3c4d]"],
    ["the first of a store", () => "billing [first 1a2b3c4d]"],
  ] as const

  for (const [what, nameOf] of marks) {
    test(`keeps it, ${what}, if its store is empty`, () =>
      Effect.gen(function* () {
        const { access, emulator, keys, old } = yield* makeOrganization()
        const { apiKey } = yield* emulator.addApiKey({ name: nameOf(old.id) })
        const { held, store } = emptyStores()
        const outcomes = yield* Stream.make(apiKey).pipe(
          rotateApiKeys({ store, grace: 0 }),
          Stream.runCollect,
          Effect.provide(access()),
        )
        expect([...outcomes].map(({ result }) => Either.getOrThrow(result))).toEqual([{
          did: "kept",
          apiKey,
          deleted: [],
          leftBehind: [],
          until: Option.none(),
        }])
        expect(held()).toEqual([])
        expect(yield* keys).toEqual([old, apiKey])
      }))
  }

  test("replaces it once its mark is removed", () =>
    Effect.gen(function* () {
      const { access, emulator, keys } = yield* makeOrganization()
      const { apiKey } = yield* emulator.addApiKey({ name: "ledger [first 1a2b3c4d]" })
      const { held, store } = emptyStores()
      yield* Stream.fromEffect(updateApiKey(apiKey.id, { name: "ledger" })).pipe(
        rotateApiKeys({ store, grace: 0 }),
        Stream.runDrain,
        Effect.provide(access()),
      )
      const ledgers = (yield* keys).filter(({ name }) => name === "ledger")
      expect(ledgers.map(({ id }) => id)).toEqual(held())
    }))
})
