import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import {
  type ApiKey,
  deleteApiKey,
  rotateApiKey,
  type RotateApiKeyOptions,
  updateApiKey,
} from "../../../src/mod.ts"
import { makeOrganization, type Organization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

/** Lists show only the keys of the beginning. */
const blind = makeOrganization({ listLag: "30 days" })

const rotate = (organization: Organization, options: Partial<RotateApiKeyOptions> = {}) =>
  rotateApiKey({ store: organization.store(), grace: 0, ...options }).pipe(
    Effect.provide(organization.access()),
  )

/** Makes a key for the same account, and writes its secret to the store. */
const hold = (organization: Organization, name: string, minutesOld = 30) =>
  Effect.gen(function* () {
    const { emulator, old: { serviceAccountId } } = organization
    const now = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
    const { apiKey, secret } = yield* emulator.addApiKey({
      name,
      serviceAccountId,
      createdAt: DateTime.subtract(now, { minutes: minutesOld }),
    })
    yield* Ref.set(organization.secret, Option.some(secret))
    return apiKey
  })

const shown = (keys: ReadonlyArray<ApiKey>) => keys.map(({ id, name }) => ({ id, name }))

describe("a key that no list shows", () => {
  for (const minutesOld of [3, 30]) {
    test(`is deleted if it is the predecessor of a key that is ${minutesOld} minutes old`, () =>
      Effect.gen(function* () {
        const organization = yield* blind
        const { old } = organization
        const successor = yield* hold(
          organization,
          `billing [rotates ${old.id} 1a2b3c4d]`,
          minutesOld,
        )
        const { deleted, did } = yield* rotate(organization)
        expect({ deleted, did }).toEqual({ deleted: [old.id], did: "resumed" })
        expect(shown(yield* organization.keys)).toEqual([{ id: successor.id, name: "billing" }])
      }))
  }

  test("is kept for the grace if it is the predecessor", () =>
    Effect.gen(function* () {
      const organization = yield* blind
      const { old } = organization
      yield* hold(organization, `billing [rotates ${old.id} 1a2b3c4d]`, 5)
      const before = yield* Clock.currentTimeMillis
      yield* rotate(organization, { grace: "15 minutes" })
      expect((yield* Clock.currentTimeMillis) - before).toBe(10 * 60_000)
    }))

  test("does not count as replaced if the caller names it", () =>
    Effect.gen(function* () {
      const organization = yield* blind
      const { old } = organization
      yield* hold(organization, "ledger")
      expect(yield* Effect.flip(rotate(organization, { apiKey: old })))
        .toMatchObject({ reason: "StoreHoldsAnother" })
    }))

  test("does not count as gone if the store holds it", () =>
    Effect.gen(function* () {
      const organization = yield* blind
      expect((yield* rotate(organization, { olderThan: "90 days" })).did).toBe("kept")
    }))
})

test("a deleted key that lists still show is deleted once", () =>
  Effect.gen(function* () {
    const organization = yield* makeOrganization({ listLag: "7 minutes" })
    const { emulator, old } = organization
    const { id, serviceAccountId } = old
    const successor = yield* hold(organization, `billing [rotates ${id} 1a2b3c4d]`, 0)
    const other = yield* emulator.addApiKey({
      name: `billing [rotates ${id} 2b3c4d5e]`,
      serviceAccountId,
    })
    yield* Effect.sleep("8 minutes")
    // It lists repeatedly until the other run's key is as old as the lease.
    const { deleted } = yield* rotate(organization)
    expect(deleted).toEqual([id, other.apiKey.id])
    const deletions = (yield* emulator.requests).filter(({ method }) => method === "DELETE")
    expect(deletions.length).toBe(2)
    expect(shown(yield* organization.keys)).toEqual([{ id: successor.id, name: "billing" }])
  }))

describe("a mark that no rotation makes", () => {
  const strange: ReadonlyArray<readonly [string, (own: string) => string]> = [
    ["names the key itself", (own) => own],
    ["names the parent segment", () => ".."],
    ["names the present segment", () => "."],
    ["names something like a secret", (own) => `${own}_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K`],
    ["names an invalid id", () => "%2F"],
    ["is longer than a server accepts", () => "a".repeat(20_000)],
  ]
  for (const [what, nameOf] of strange) {
    test(`and that ${what} is removed, and nothing is deleted`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const { emulator, old } = organization
        const key = yield* hold(organization, "billing")
        const name = `billing [rotates ${nameOf(key.id)} 1a2b3c4d]`
        yield* updateApiKey(key.id, { name }).pipe(Effect.provide(organization.access()))
        yield* rotate(organization, { olderThan: "90 days" })
        expect(shown(yield* organization.keys)).toEqual([
          { id: key.id, name: "billing" },
          { id: old.id, name: "billing" },
        ])
        const requests = yield* emulator.requests
        expect(requests.filter(({ method }) => method === "DELETE")).toEqual([])
        // A server may answer anything to such an id.
        const asked = requests.map(({ path }) => path.replace(/^\/api\/v1\/api-keys\/?/, ""))
        expect(new Set(asked)).toEqual(new Set(["", key.id]))
      }))
  }

  test("and that names a key of another account is removed, and that key is kept", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const account = yield* emulator.addServiceAccount({ name: "other" })
      const { apiKey: other } = yield* emulator.addApiKey({
        name: "other",
        serviceAccountId: account.id,
      })
      const key = yield* hold(organization, `billing [rotates ${other.id} 1a2b3c4d]`)
      const { deleted } = yield* rotate(organization)
      expect(deleted).toEqual([])
      expect(shown(yield* organization.keys)).toEqual(expect.arrayContaining([
        { id: key.id, name: "billing" },
        { id: other.id, name: "other" },
        { id: old.id, name: "billing" },
      ]))
    }))
})

describe("a store with a deleted key that the caller names", () => {
  for (
    const [what, name, olderThan] of [
      ["too young to be replaced", "billing", "90 days"],
      ["lent", "billing [expires 2027-01-01T00:00:00Z 00000001]", undefined],
      ["not finished", "billing [once 00000001]", undefined],
      ["a first key", "billing [first 00000001]", undefined],
      ["a successor", "billing [rotates CCDB1_gone 00000001]", undefined],
    ] as const
  ) {
    test(`fails the rotation if that key is ${what}`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const key = yield* hold(organization, name)
        yield* deleteApiKey(key.id).pipe(Effect.provide(organization.access()))
        expect(yield* Effect.flip(rotate(organization, { apiKey: key, olderThan })))
          .toMatchObject({ reason: "HeldKeyGone" })
      }))
  }

  test("gets a successor if that key can be replaced", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const key = yield* hold(organization, "ledger")
      yield* deleteApiKey(key.id).pipe(Effect.provide(organization.access()))
      const { did } = yield* rotate(organization, { apiKey: key })
      expect(did).toBe("made")
    }))
})

describe("a store that hangs", () => {
  const hangs = [
    ["interruptibly", Effect.never],
    ["uninterruptibly", Effect.uninterruptible(Effect.never)],
    [
      "in an acquisition",
      Effect.acquireUseRelease(Effect.never, () => Effect.never, () => Effect.void),
    ],
  ] as const
  for (const [how, hang] of hangs) {
    test(`in a read, ${how}, fails the rotation after a quarter of the lease`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const store = { ...organization.store(), read: hang }
        const before = yield* Clock.currentTimeMillis
        expect(yield* Effect.flip(rotate(organization, { store })))
          .toMatchObject({ reason: "Store", cause: undefined })
        expect((yield* Clock.currentTimeMillis) - before).toBe(150_000)
      }))

    test(`in a write, ${how}, fails the rotation, which names the key`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const store = { ...organization.store(), write: () => hang }
        const failed = yield* Effect.flip(rotate(organization, { store }))
        expect(failed).toMatchObject({ reason: "Store", cause: undefined })
        expect(failed.leftBehind.length).toBe(1)
      }))
  }
})
