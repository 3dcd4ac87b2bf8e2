import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { Credentials, rotateApiKey, type SecretStore } from "../../../src/mod.ts"
import type * as Emulator from "../../../src/emulator/mod.ts"
import { makeOrganization, type Organization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

const rotating = <E>(organization: Organization, store: SecretStore<E>) =>
  rotateApiKey({ store, grace: 0 }).pipe(Effect.provide(organization.access()))

const forbidden: Emulator.Fault = { _tag: "Respond", status: 403 }
const absent: Emulator.Fault = { _tag: "Respond", status: 404 }

/** The keys besides the rotated one. */
const made = ({ keys, old }: Organization) =>
  Effect.map(keys, (keys) => keys.filter(({ id }) => id !== old.id))

describe("a rotation fails", () => {
  test("with the store's error if it cannot be read", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store = { ...organization.store(), read: Effect.fail("sealed") }
      expect(yield* Effect.flip(rotating(organization, store))).toMatchObject({
        reason: "Store",
        cause: "sealed",
        held: Option.none(),
        leftBehind: [],
        message: "rotation: the secret store failed. Run it again to go on. Nothing is left behind",
      })
    }))

  test("with the error of the call that failed, and says to run it again", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "createApiKey", fault: forbidden }],
      })
      const failed = yield* Effect.flip(rotating(organization, organization.store()))
      expect(failed).toMatchObject({
        reason: "Api",
        cause: { _tag: "Forbidden", operation: "createApiKey" },
        held: Option.some(organization.old.id),
        leftBehind: [],
      })
      expect(failed.message).toMatch(
        /^rotation: createApiKey: .+\. Run it again to go on\. Nothing is left behind$/,
      )
    }))

  test("with a refused input, before it reads the store", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store = { ...organization.store(), read: Effect.die("read") }
      const first = { name: "", serviceAccountId: organization.old.serviceAccountId }
      const failed = yield* rotateApiKey({ store, grace: 0, first }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed).toMatchObject({
        reason: "Api",
        cause: { _tag: "InvalidRequest" },
        held: Option.none(),
        leftBehind: [],
      })
    }))

  test("without a cause if the write took too long, and names the key that may be written", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store = { ...organization.store(), write: () => Effect.never }
      const failed = yield* Effect.flip(rotating(organization, store))
      const keys = yield* made(organization)
      expect(keys.length).toBe(1)
      expect(failed).toMatchObject({
        reason: "Store",
        cause: undefined,
        leftBehind: keys.map(({ id, name }) => ({ id: Option.some(id), name })),
      })
    }))

  test("with the store's error if the store holds another run's key in the end", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const store: SecretStore<"full"> = {
        read: organization.store().read,
        write: () =>
          Effect.gen(function* () {
            const other = yield* emulator.addApiKey({
              name: `billing [rotates ${old.id} 1a2b3c4d]`,
            })
            yield* Ref.set(organization.secret, Option.some(other.secret))
            return yield* Effect.fail("full" as const)
          }),
      }
      const failed = yield* Effect.flip(rotating(organization, store))
      const held = yield* organization.heldId
      expect(failed).toMatchObject({ reason: "Store", cause: "full", held, leftBehind: [] })
      expect((yield* organization.keys).map(({ id }) => Option.some(id))).toEqual([held])
    }))

  test("with the store's error if the first secret cannot be written", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { serviceAccountId } = organization.old
      yield* Ref.set(organization.secret, Option.none())
      const store: SecretStore<"full"> = {
        read: organization.store().read,
        write: () => Effect.fail("full"),
      }
      const first = { name: "ledger", serviceAccountId }
      const failed = yield* rotateApiKey({ store, grace: 0, first }).pipe(
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failed).toMatchObject({ reason: "Store", cause: "full", held: Option.none() })
    }))
})

describe("a rotation goes on", () => {
  test("if the list of the service account's keys does not show the new one yet", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const listed = {
        id: old.id,
        name: old.name,
        service_account_id: old.serviceAccountId,
        created_at: DateTime.formatIso(old.createdAt),
      }
      const body = JSON.stringify({ api_keys: [listed] })
      yield* emulator.setFaults([
        { operation: "listApiKeys", calls: 1, fault: { _tag: "Respond", status: 200, body } },
      ])
      const { deleted, did } = yield* rotating(organization, organization.store())
      expect({ deleted, did }).toEqual({ deleted: [old.id], did: "made" })
      const requests = yield* emulator.requests
      expect(requests.map(({ operation }) => operation)).toEqual([
        "getApiKey",
        "createApiKey",
        "getApiKey",
        "listApiKeys",
        "getApiKey",
        "deleteApiKey",
        "updateApiKey",
      ])
      expect(requests[3]?.query["service_account_id"]).toBe(old.serviceAccountId)
    }))

  test("if the new key cannot be found at first", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "getApiKey", calls: [2, 3], fault: absent }],
      })
      const before = yield* Clock.currentTimeMillis
      const { deleted, did } = yield* rotating(organization, organization.store())
      expect({ deleted, did }).toEqual({ deleted: [organization.old.id], did: "made" })
      expect((yield* Clock.currentTimeMillis) - before).toBe(250 + 500 + 5000)
    }))

  test("if another run has deleted the predecessor, and does not claim that deletion", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "deleteApiKey", calls: 1, fault: absent }],
      })
      const { deleted, did } = yield* rotating(organization, organization.store())
      expect({ deleted, did }).toEqual({ deleted: [], did: "made" })
    }))

  test("after a grace with what it finds then, not with what it found before", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const rotation = yield* Effect.fork(
        rotateApiKey({ store: organization.store(), grace: "1 hour" }).pipe(
          Effect.provide(organization.access()),
        ),
      )
      yield* Effect.sleep("30 minutes")
      const orphan = yield* emulator.addApiKey({ name: `billing [rotates ${old.id} 1a2b3c4d]` })
      const { deleted } = yield* Fiber.join(rotation)
      expect(deleted).toEqual([old.id, orphan.apiKey.id])
    }))

  test("if another run has replaced its key before the renaming", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "updateApiKey", calls: 1, fault: absent }],
      })
      const { did } = yield* rotating(organization, organization.store())
      expect(did).toBe("made")
    }))

  test("with only the new secret if a JWT made it, without the JWT's user name", () =>
    Effect.gen(function* () {
      const token = "a.b.c_d"
      const username = "ops@example.com"
      const organization = yield* makeOrganization({
        jwts: [{ token, users: [{ username, role: "ORG_ADMIN" }] }],
      })
      yield* rotateApiKey({ store: organization.store(), grace: 0 }).pipe(
        Effect.provide(
          Credentials.layerJwt({ token: Redacted.make(token), vanityName: "emulator", username }),
        ),
        Effect.provide(organization.access()),
      )
      const names = (yield* organization.emulator.requests).map(({ headers }) =>
        [headers["cc-vanity-name"], headers["cc-username"]].filter((name) => name !== undefined)
      )
      const both = ["emulator", username]
      expect(names).toEqual([both, both, [], both, both, both])
    }))
})

describe("a rotation tells", () => {
  test("of an old first key with the same name, and keeps it, since it may be another store's", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const now = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
      const { apiKey: orphan } = yield* emulator.addApiKey({
        name: "billing [first 1a2b3c4d]",
        createdAt: DateTime.subtract(now, { hours: 1 }),
      })
      const { deleted, leftBehind } = yield* rotating(organization, organization.store())
      expect(deleted).toEqual([old.id])
      expect(leftBehind).toEqual([{ id: Option.some(orphan.id), name: orphan.name }])
    }))

  test("that it has resumed if an earlier run had made and written the key", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { emulator, old } = organization
      const written = yield* emulator.addApiKey({ name: `billing [rotates ${old.id} 1a2b3c4d]` })
      yield* Ref.set(organization.secret, Option.some(written.secret))
      const { apiKey, deleted, did } = yield* rotating(organization, organization.store())
      expect({ deleted, did, id: apiKey.id, name: apiKey.name }).toEqual({
        deleted: [old.id],
        did: "resumed",
        id: written.apiKey.id,
        name: "billing",
      })
    }))
})

describe("a rotation of the key that it calls with", () => {
  const adminOrganization = Effect.tap(
    makeOrganization(),
    ({ emulator, secret }) => Ref.set(secret, Option.some(emulator.admin.secret)),
  )

  const turns = [
    // This run goes on with the other run's key, and makes another one, as asked.
    [1, "made", 1],
    [2, "made", 1],
    // The other run sees this run's key, and takes it as broken off when the lease is over.
    [3, "resumed", 1],
    // The other run finds this run's key in the store, and finishes the rotation.
    [4, "made", 0],
    [5, "made", 0],
    // The other run cannot call any more, since the key that it calls with is deleted.
    [6, "made", 1],
  ] as const
  for (const [nth, did, deleted] of turns) {
    test(`goes on with the store's key if another run ends before request ${nth}`, () =>
      Effect.gen(function* () {
        const organization = yield* adminOrganization
        const rotation = { store: organization.store(), grace: 0 }
        const other = Effect.provide(Effect.exit(rotateApiKey(rotation)), organization.access())
        let count = 0
        const access = organization.access((what, effect) =>
          what === "read" || what === "write" || ++count !== nth
            ? effect
            : Effect.zipRight(other, effect)
        )
        const result = yield* Effect.provide(rotateApiKey(rotation), access)
        expect({ deleted: result.deleted.length, did: result.did }).toEqual({ deleted, did })
        const live = (yield* organization.emulator.apiKeys).filter(({ name }) =>
          name.startsWith("admin key")
        )
        expect(live).toEqual([result.apiKey])
        expect(yield* organization.heldId).toEqual(Option.some(result.apiKey.id))
        expect(yield* Ref.get(organization.outages)).toEqual([])
      }))
  }

  test("calls with the old secret if the store changes the new one", () =>
    Effect.gen(function* () {
      const organization = yield* adminOrganization
      const { read, write } = organization.store()
      const mangling: SecretStore = {
        read,
        write: (secret) => write(Redacted.make(Redacted.value(secret).slice(0, -3))),
      }
      const failed = yield* Effect.flip(rotating(organization, mangling))
      expect(failed.reason).toBe("SecretRefused")
    }))
})
