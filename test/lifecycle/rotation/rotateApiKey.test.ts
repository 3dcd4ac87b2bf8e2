import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import {
  apiKeyIdOf,
  createApiKey,
  Credentials,
  credentialsFromStore,
  deleteApiKey,
  getApiKey,
  listApiKeys,
  rotateApiKey,
  type SecretStore,
} from "../../../src/mod.ts"
import { type Around, makeOrganization, type Organization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

const expectGood = (organization: Organization, name = "billing") =>
  Effect.gen(function* () {
    const keys = yield* organization.keys
    expect(keys.map((key) => ({ id: Option.some(key.id), name: key.name }))).toEqual([
      { id: yield* organization.heldId, name },
    ])
    expect(yield* Ref.get(organization.outages)).toEqual([])
  })

const methods = ({ emulator }: Organization) =>
  Effect.map(emulator.requests, (requests) => requests.map(({ operation }) => operation))

describe("rotateApiKey", () => {
  test("replaces the key in the store with six requests", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const rotation = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
      )
      expect(rotation.did).toBe("made")
      expect(rotation.deleted).toEqual([organization.old.id])
      expect(rotation.leftBehind).toEqual([])
      expect(yield* organization.keys).toEqual([rotation.apiKey])
      yield* expectGood(organization)
      expect(yield* methods(organization)).toEqual([
        "getApiKey",
        "createApiKey",
        "getApiKey",
        "listApiKeys",
        "deleteApiKey",
        "updateApiKey",
      ])
    }))

  test("sends five requests if it is given that key", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { old } = organization
      yield* rotateApiKey({ store: organization.store(), grace: 0, apiKey: old }).pipe(
        Effect.provide(organization.access()),
      )
      yield* expectGood(organization)
      expect((yield* methods(organization)).length).toBe(5)
    }))

  test("keeps the predecessor until the grace is over, counted from the successor's making", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const options = { store: organization.store(), grace: "1 hour" } as const
      const broken = yield* rotateApiKey(options).pipe(
        Effect.provide(organization.access()),
        Effect.fork,
      )
      yield* Effect.sleep("40 minutes")
      yield* Fiber.interrupt(broken)
      const before = yield* Clock.currentTimeMillis
      const again = yield* rotateApiKey(options).pipe(
        Effect.provide(organization.access()),
        Effect.fork,
      )
      yield* Effect.sleep("19 minutes")
      expect((yield* organization.keys).length).toBe(2)
      const rotation = yield* Fiber.join(again)
      expect((yield* Clock.currentTimeMillis) - before).toBe(20 * 60_000)
      expect(rotation.did).toBe("resumed")
      yield* expectGood(organization)
    }))

  test("waits out a grace that is longer than any timer", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const before = yield* Clock.currentTimeMillis
      yield* rotateApiKey({ store: organization.store(), grace: "60 days" }).pipe(
        Effect.provide(organization.access()),
      )
      expect((yield* Clock.currentTimeMillis) - before).toBe(60 * 24 * 60 * 60_000)
      yield* expectGood(organization)
    }))

  test("keeps a key that is not old enough", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const rotation = yield* rotateApiKey({
        store: organization.store(),
        grace: 0,
        olderThan: "1 day",
      }).pipe(Effect.provide(organization.access()))
      expect(rotation.did).toBe("kept")
      expect(rotation.apiKey).toEqual(organization.old)
      yield* expectGood(organization)
    }))

  test("cleans up after a broken run even if the key is not old enough", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const now = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
      const { apiKey: orphan } = yield* emulator.addApiKey({
        name: `billing [rotates ${old.id} 1a2b3c4d]`,
        createdAt: DateTime.subtract(now, { minutes: 10 }),
      })
      const rotation = yield* rotateApiKey({
        store: organization.store(),
        grace: 0,
        olderThan: "1 day",
      }).pipe(Effect.provide(organization.access()))
      expect(rotation.did).toBe("cleanedUp")
      expect(rotation.deleted).toEqual([orphan.id])
      yield* expectGood(organization)
    }))

  test("waits for a run that may be at work, and deletes its key when the lease is over", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const { apiKey: orphan } = yield* emulator.addApiKey({
        name: `billing [rotates ${old.id} 1a2b3c4d]`,
      })
      const rotation = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
      )
      expect(rotation.deleted).toEqual([old.id, orphan.id])
      const [deletedAt] = (yield* emulator.history).flatMap(({ _tag, apiKeyId, at }) =>
        _tag === "Deleted" && apiKeyId === orphan.id ? [DateTime.toEpochMillis(at)] : []
      )
      expect(deletedAt)
        .toBeGreaterThanOrEqual(DateTime.toEpochMillis(orphan.createdAt) + 10 * 60_000)
      yield* expectGood(organization)
      expect((yield* emulator.requests).length).toBeLessThan(40)
    }))

  test("makes a first key if the store is empty and it is given `first`", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* organization.emulator.clear
      yield* Ref.set(organization.secret, Option.none())
      const { serviceAccountId } = organization.emulator.withoutRole
      const rotation = yield* rotateApiKey({
        store: organization.store(),
        grace: "1 hour",
        first: { name: "ledger", serviceAccountId },
      }).pipe(Effect.provide(organization.access()))
      expect(rotation.did).toBe("made")
      expect(rotation.deleted).toEqual([])
      expect(yield* organization.keys).toEqual([organization.old, rotation.apiKey])
      expect(rotation.apiKey.name).toBe("ledger")
    }))

  test("takes over a key whose secret is not in the store yet", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* Ref.set(organization.secret, Option.none())
      yield* rotateApiKey({
        store: organization.store(),
        grace: "1 hour",
        apiKey: organization.old,
      }).pipe(Effect.provide(organization.access()))
      yield* expectGood(organization)
    }))

  test("replaces a key that is gone if it is given `first`", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator } = organization
      const { serviceAccountId } = emulator.withoutRole
      yield* Ref.set(
        organization.secret,
        Option.some(Redacted.make("CCDB1_12345abcdefGHIJKLMnopq_NkdXLI9d81Mnx3")),
      )
      const { did } = yield* rotateApiKey({
        store: organization.store(),
        grace: 0,
        first: { name: "ledger", serviceAccountId },
      }).pipe(Effect.provide(organization.access()))
      expect(did).toBe("made")
      const held = Option.getOrThrow(yield* organization.heldId)
      expect((yield* organization.keys).find(({ id }) => id === held)?.name).toBe("ledger")
    }))

  test("takes a 403 as proof that the secret works, and a 401 as none", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{
          operation: "getApiKey",
          calls: { from: 2 },
          fault: { _tag: "Respond", status: 401 },
        }],
      })
      const failed = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("SecretRefused")
      expect(failed.leftBehind).toEqual([])
      // The store is untouched, and the key whose secret does not work is gone.
      yield* expectGood(organization)
      expect(yield* organization.keys).toEqual([organization.old])
    }))

  test("waits until the API knows a new key", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{
          operation: "getApiKey",
          calls: [2, 3, 4],
          fault: { _tag: "Respond", status: 401 },
        }],
      })
      yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
      )
      yield* expectGood(organization)
      expect(yield* organization.heldId).not.toEqual(Option.some(organization.old.id))
    }))

  for (const [reason, given] of [["NothingHeld", ""], ["UnreadableSecret", "hunter2"]] as const) {
    test(`fails with ${reason} if the store holds ${JSON.stringify(given)}`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        yield* Ref.set(
          organization.secret,
          given === "" ? Option.none() : Option.some(Redacted.make(given)),
        )
        const failed = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
          Effect.provide(organization.access()),
          Effect.flip,
        )
        expect(failed.reason).toBe(reason)
        expect(failed.leftBehind).toEqual([])
        expect(yield* organization.emulator.requests).toEqual([])
      }))
  }

  test("fails with HeldKeyGone if the key in the store is deleted", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* Ref.set(
        organization.secret,
        Option.some(Redacted.make("CCDB1_12345abcdefGHIJKLMnopq_NkdXLI9d81Mnx3")),
      )
      const failed = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("HeldKeyGone")
      expect(failed.message).not.toContain("NkdXLI9d81Mnx3")
    }))

  test("fails with StoreHoldsAnother if the store is not the given key's", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { apiKey } = yield* organization.emulator.addApiKey({ name: "another" })
      const before = yield* organization.keys
      const failed = yield* rotateApiKey({ store: organization.store(), grace: 0, apiKey }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("StoreHoldsAnother")
      expect(yield* organization.keys).toEqual(before)
    }))

  test("follows another run that ends between two pages of a list", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({ maxPageSize: 1 })
      const { old } = organization
      const options = { store: organization.store(), grace: "1 hour" } as const
      yield* rotateApiKey(options).pipe(
        Effect.provide(organization.access()),
        Effect.timeoutOption("1 minute"),
      )
      let requests = 0
      const around: Around = (what, effect) =>
        what !== "GET" || ++requests !== 5 ? effect : Effect.zipRight(
          // The page with the predecessor has arrived before.
          Effect.provide(
            Effect.orDie(rotateApiKey({ ...options, grace: 0 })),
            organization.access(),
          ),
          effect,
        )
      const rotation = yield* rotateApiKey({ ...options, grace: 0, apiKey: old }).pipe(
        Effect.provide(organization.access(around)),
      )
      expect(rotation.did).toBe("kept")
      yield* expectGood(organization)
    }))

  /** Loses the first create. Its key appears just before the nth request. */
  const lateBefore = (organization: Organization, nth: number): Around => {
    const { emulator, old } = organization
    let count = 0
    return (what, effect) =>
      Effect.zipRight(
        Effect.gen(function* () {
          if (what === "read" || what === "write" || ++count !== nth) return
          const lost = (yield* emulator.requests).find(({ operation }) =>
            operation === "createApiKey"
          )
          yield* emulator.addApiKey({
            name: String(JSON.parse(lost?.body ?? "").name),
            serviceAccountId: old.serviceAccountId,
          })
        }),
        effect,
      )
  }

  const losingFirstCreate = makeOrganization({
    faults: [{ operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } }],
  })

  // get, create (lost), list, create, list, prove, list, delete, rename
  for (let nth = 5; nth <= 7; nth += 1) {
    test(`deletes its own key that appears late, before request ${nth}, without waiting`, () =>
      Effect.gen(function* () {
        const organization = yield* losingFirstCreate
        const before = yield* Clock.currentTimeMillis
        const rotation = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
          Effect.provide(organization.access(lateBefore(organization, nth))),
        )
        expect(rotation.did).toBe("made")
        expect(rotation.leftBehind).toEqual([])
        expect((yield* Clock.currentTimeMillis) - before).toBeLessThan(10_000)
        yield* expectGood(organization)
      }))
  }

  test("names its own key that appears only after the last search", () =>
    Effect.gen(function* () {
      const organization = yield* losingFirstCreate
      const { apiKey, leftBehind } = yield* rotateApiKey({
        store: organization.store(),
        grace: 0,
      }).pipe(Effect.provide(organization.access(lateBefore(organization, 8))))
      const late = (yield* organization.keys).filter(({ id }) => id !== apiKey.id)
      expect(leftBehind).toEqual(late.map(({ name }) => ({ id: Option.none(), name })))
      expect(late.length).toBe(1)
    }))

  test("names its own key that has not appeared if it fails", () =>
    Effect.gen(function* () {
      const organization = yield* losingFirstCreate
      const failed = yield* rotateApiKey({ store: failing(organization, false), grace: 0 }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      const made = (yield* organization.keys).filter(({ id }) => id !== organization.old.id)
      expect(failed.leftBehind.map(({ id }) => id)).toEqual([
        ...made.map(({ id }) => Option.some(id)),
        Option.none(),
      ])
      expect(failed.leftBehind[1]?.name).toContain(`[rotates ${organization.old.id} `)
    }))

  test("looks for a lost key only among the keys made since", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        maxPageSize: 1,
        faults: [{ operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } }],
      })
      const { emulator, old } = organization
      const now = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
      const createdAt = DateTime.subtract(now, { hours: 1 })
      for (let n = 0; n < 20; n += 1) {
        const { serviceAccountId } = old
        yield* emulator.addApiKey({ name: `service ${n}`, serviceAccountId, createdAt })
      }
      yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
      )
      const descending = (yield* emulator.requests).filter(({ query }) =>
        query["pagination.sort_order"] === "DESC"
      )
      // It looks twice: after the lost create, and after the other one.
      expect(descending.length).toBeLessThan(10)
    }))

  const failing = (organization: Organization, applied: boolean): SecretStore<"full"> => ({
    read: organization.store().read,
    write: (secret) =>
      Effect.zipRight(
        applied ? organization.store().write(secret) : Effect.void,
        Effect.fail("full" as const),
      ),
  })

  test("fails with the store's error, and names the key that may be left behind", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const failed = yield* rotateApiKey({ store: failing(organization, false), grace: 0 }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("Store")
      expect(failed.cause).toBe("full")
      const [old, made] = yield* organization.keys
      expect(old).toEqual(organization.old)
      expect(failed.leftBehind.map(({ id }) => id)).toEqual([Option.fromNullable(made?.id)])
      expect(failed.message).toContain(made?.id ?? "?")
    }))

  // While the run writes, somebody puts another key in its place, and deletes the old one.
  const replacedByHand: ReadonlyArray<
    readonly [string, {
      readonly wasEmpty?: boolean
      readonly named?: boolean
      readonly listLag?: "5 seconds"
      readonly elsewhere?: boolean
      readonly deletesOwn?: boolean
    }]
  > = [
    ["the store was empty", { wasEmpty: true, named: true }],
    ["the store held a key", { named: true }],
    ["the store held the only key that it knew", {}],
    ["lists do not show it yet", { listLag: "5 seconds" }],
    ["the other key is of another service account", { elsewhere: true }],
    ["the other key is of another service account, and it knew the old", {
      elsewhere: true,
      named: true,
    }],
    ["its own is deleted too", { deletesOwn: true }],
    ["its own is deleted too, and lists still show it", {
      deletesOwn: true,
      listLag: "5 seconds",
    }],
  ]
  it.live.each(replacedByHand)(
    "names its own key, if that is there, when all is replaced by hand: %s",
    ([, { deletesOwn, elsewhere, listLag, named, wasEmpty }]) =>
      inVirtualTime(Effect.gen(function* () {
        const organization = yield* makeOrganization(listLag === undefined ? {} : { listLag })
        const { emulator, old } = organization
        const access = organization.access()
        const other = yield* emulator.addServiceAccount()
        const serviceAccountId = elsewhere === true ? other.id : old.serviceAccountId
        const held = yield* Ref.make<Option.Option<Redacted.Redacted<string>>>(
          wasEmpty === true ? Option.none() : yield* organization.store().read,
        )
        const store: SecretStore = {
          read: Ref.get(held),
          write: () =>
            Effect.gen(function* () {
              const own = (yield* organization.keys).filter(({ id }) => id !== old.id)
              const byHand = yield* createApiKey({ name: "by hand", serviceAccountId })
              yield* deleteApiKey(old.id)
              if (deletesOwn === true) {
                if (listLag !== undefined) yield* Effect.sleep("6 seconds")
                yield* Effect.forEach(own, ({ id }) => deleteApiKey(id))
              }
              yield* Ref.set(held, Option.some(byHand.secret))
            }).pipe(Effect.provide(access), Effect.orDie),
        }
        const options = {
          store,
          grace: "1 hour",
          ...named === true ? { apiKey: old } : {},
        } as const
        const { leftBehind } = yield* rotateApiKey(options).pipe(
          Effect.catchTag("RotationFailed", (failed) => Effect.succeed(failed)),
          Effect.provide(access),
        )
        const marked = (yield* organization.keys).filter(({ name }) => name !== "by hand")
        expect(marked.length).toBe(deletesOwn === true ? 0 : 1)
        expect(leftBehind).toEqual(marked.map(({ id, name }) => ({ id: Option.some(id), name })))
      })),
  )

  it.live.each<[string, Effect.Effect<void, "full">, "full" | undefined]>([
    ["fails", Effect.fail("full"), "full"],
    ["takes too long", Effect.never, undefined],
  ])(
    "makes no key if the store's check %s",
    ([, check, cause]) =>
      inVirtualTime(Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const store: SecretStore<"full"> = { ...organization.store(), check }
        const failed = yield* rotateApiKey({ store, grace: 0 }).pipe(
          Effect.provide(organization.access()),
          Effect.flip,
        )
        expect(failed).toMatchObject({ reason: "Store", cause, leftBehind: [] })
        expect(yield* organization.keys).toEqual([organization.old])
      })),
  )

  test("cleans up after itself if every write fails, run after run", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      for (let run = 0; run < 4; run += 1) {
        yield* Effect.flip(Effect.provide(
          rotateApiKey({ store: failing(organization, false), grace: 0 }),
          organization.access(),
        ))
        yield* Effect.sleep("11 minutes")
      }
      expect((yield* organization.keys).length).toBe(2)
    }))

  test("goes on after a write that failed and still took effect", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { did } = yield* rotateApiKey({ store: failing(organization, true), grace: 0 }).pipe(
        Effect.provide(organization.access()),
      )
      expect(did).toBe("made")
      yield* expectGood(organization)
    }))

  test("deletes nothing if the store does not show the write", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store: SecretStore = { ...organization.store(), write: () => Effect.void }
      const failed = yield* rotateApiKey({ store, grace: 0 }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("NotStored")
      expect(failed.leftBehind.length).toBe(1)
      expect((yield* organization.keys).length).toBe(2)
    }))

  test("keeps the predecessor if the store changes the secret", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store: SecretStore = {
        ...organization.store(),
        write: (secret) =>
          organization.store().write(Redacted.make(Redacted.value(secret).slice(0, -3))),
      }
      const failed = yield* rotateApiKey({ store, grace: 0 }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("SecretRefused")
      expect((yield* organization.keys)[0]).toEqual(organization.old)
    }))

  test("gives up on a write that takes a quarter of the lease", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const before = yield* Clock.currentTimeMillis
      const store: SecretStore = { ...organization.store(), write: () => Effect.never }
      const failed = yield* rotateApiKey({ store, grace: 0, lease: "8 minutes" }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed.reason).toBe("Store")
      expect((yield* Clock.currentTimeMillis) - before).toBe(2 * 60_000)
    }))

  test("does not write a key half a lease after it was made", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "getApiKey", calls: 2, delay: "25 seconds" }],
      })
      const failed = yield* rotateApiKey({
        store: organization.store(),
        grace: 0,
        lease: "40 seconds",
      }).pipe(Effect.provide(organization.access()), Effect.flip)
      expect(failed.reason).toBe("LeaseOver")
      expect(yield* organization.keys).toEqual([organization.old])
      yield* expectGood(organization)
    }))
})

describe("rotation of the key that the program calls with", () => {
  const adminStore = Effect.gen(function* () {
    const organization = yield* makeOrganization()
    const { admin } = organization.emulator
    yield* Ref.set(organization.secret, Option.some(admin.secret))
    return organization
  })

  test("goes on with the new secret even if the Credentials keep the old one", () =>
    Effect.gen(function* () {
      const organization = yield* adminStore
      const { admin } = organization.emulator
      const rotation = yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(organization.access()),
      )
      expect(rotation.deleted).toEqual([admin.apiKeyId])
      expect(rotation.apiKey.name).toBe("admin key")
      expect(yield* Ref.get(organization.outages)).toEqual([])
    }))

  test("reaches every other call of a program with credentialsFromStore", () =>
    Effect.gen(function* () {
      const organization = yield* adminStore
      const store = organization.store()
      const served = yield* Effect.gen(function* () {
        const working = yield* Effect.fork(Effect.forEach(
          Array.from({ length: 60 }, (_, n) => n),
          () => Effect.zipRight(Effect.sleep("1 second"), Stream.runCount(listApiKeys())),
        ))
        yield* Effect.sleep("10500 millis")
        yield* rotateApiKey({ store, grace: "5 seconds" })
        yield* Effect.sleep("5 seconds")
        yield* rotateApiKey({ store, grace: 0 })
        return yield* Fiber.join(working)
      }).pipe(
        Effect.provide(credentialsFromStore(store)),
        Effect.provide(organization.access()),
      )
      expect(served.length).toBe(60)
      expect((yield* organization.emulator.requests).filter(({ status }) => status === 401))
        .toEqual([])
    }))

  test("goes on with the JWT if the program calls with one", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        jwts: [{ token: "a.b.c_d", users: [{ username: "ops@example.com", role: "ORG_ADMIN" }] }],
      })
      yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(
          Credentials.layerJwt({ token: Redacted.make("a.b.c_d"), vanityName: "emulator" }),
        ),
        Effect.provide(organization.access()),
      )
      yield* expectGood(organization)
    }))
})

describe("credentialsFromStore", () => {
  test("cannot be built from an empty store", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* Ref.set(organization.secret, Option.none())
      const error = yield* createApiKey({ name: "x", serviceAccountId: "x" }).pipe(
        Effect.provide(credentialsFromStore(organization.store())),
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(error._tag).toBe("SecretStoreEmpty")
    }))

  test("keeps the secret that it read last while the store cannot be read", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { admin } = organization.emulator
      const broken = yield* Ref.make(false)
      const read = Effect.flatMap(
        Ref.get(broken),
        (broken) => broken ? Effect.fail("gone") : Effect.succeedSome(admin.secret),
      )
      const got = yield* Ref.set(broken, true).pipe(
        Effect.zipRight(getApiKey(admin.apiKeyId)),
        Effect.provide(credentialsFromStore({ read })),
        Effect.provide(organization.access()),
      )
      expect(Option.some(got.id)).toEqual(apiKeyIdOf(admin.secret))
    }))
})
