import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { authenticate } from "../../src/emulator/authenticate.ts"
import * as Identifiers from "../../src/emulator/Identifiers.ts"
import * as Emulator from "../../src/emulator/mod.ts"
import * as Organization from "../../src/emulator/Organization.ts"
import { call, keys } from "./call.ts"

const unauthenticated = { status: 401, json: { code: 16 } }

describe("authentication", () => {
  it.effect("a request without a bearer is refused", () =>
    Effect.gen(function* () {
      const api = call(yield* Emulator.make())
      expect(yield* api("GET", keys, { token: null })).toMatchObject(unauthenticated)
    }))

  it.effect("a scheme other than Bearer is refused", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const answer = yield* call(emulator)("GET", keys, {
        token: null,
        headers: { authorization: `Basic ${Redacted.value(emulator.admin.secret)}` },
      })
      expect(answer).toMatchObject(unauthenticated)
    }))

  it.effect("a key's id with a wrong end is refused", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const api = call(emulator)
      const secret = Redacted.value(emulator.admin.secret)
      expect(yield* api("GET", keys, { token: `${secret.slice(0, -1)}!` }))
        .toMatchObject(unauthenticated)
      expect(yield* api("GET", keys, { token: `${secret}x` })).toMatchObject(unauthenticated)
      expect(yield* api("GET", keys, { token: emulator.admin.apiKeyId }))
        .toMatchObject(unauthenticated)
    }))

  it.effect("the secret of a create works at once, as its service account", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const api = call(emulator)
      const created = yield* api("POST", keys, {
        body: { name: "second", service_account_id: emulator.admin.serviceAccountId },
      })
      expect(yield* api("GET", keys, { token: created.json.secret })).toMatchObject({ status: 200 })
      expect((yield* emulator.requests)[1]?.identity).toBe(emulator.admin.serviceAccountId)
    }))

  it.effect("a deleted key stops working at once, and no other key does", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const api = call(emulator)
      const created = yield* api("POST", keys, {
        body: { name: "second", service_account_id: emulator.admin.serviceAccountId },
      })
      yield* api("DELETE", `${keys}/${created.json.api_key.id}`, { token: created.json.secret })
      expect(yield* api("GET", keys, { token: created.json.secret }))
        .toMatchObject(unauthenticated)
      expect(yield* api("GET", keys)).toMatchObject({ status: 200 })
    }))

  it.effect("a secret of another organization is refused", () =>
    Effect.gen(function* () {
      const other = yield* Emulator.make({ seed: "another" })
      const api = call(yield* Emulator.make())
      expect(yield* api("GET", keys, { token: other.admin.secret })).toMatchObject(unauthenticated)
    }))
})

describe("a JWT", () => {
  const admin = { username: "ada@example.com", role: "ORG_ADMIN" } as const
  const reader = { username: "bob@example.com", role: "CLUSTER_ADMIN" } as const
  const options = (...users: ReadonlyArray<typeof admin | typeof reader>) => ({
    jwts: [{ token: "ey.j.wt", users }],
    vanityName: "acme",
  })
  const ask = (emulator: Emulator.EmulatorService, headers: Record<string, string>) =>
    call(emulator)("DELETE", `${keys}/${emulator.withoutRole.apiKeyId}`, {
      token: "ey.j.wt",
      headers,
    })

  it.effect("acts as its only user, with the organization's vanity name", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make(options(admin))
      expect(yield* ask(emulator, { "Cc-Vanity-Name": "acme" })).toMatchObject({ status: 200 })
      expect(yield* emulator.history).toMatchObject([{ _tag: "Deleted", by: "ada@example.com" }])
    }))

  it.effect("is refused without the vanity name", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make(options(admin))
      expect(yield* ask(emulator, {})).toMatchObject({ status: 400, json: { code: 3 } })
    }))

  it.effect("is refused with another organization's vanity name", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make(options(admin))
      expect(yield* ask(emulator, { "Cc-Vanity-Name": "other" })).toMatchObject(unauthenticated)
    }))

  it.effect("acts as the user that Cc-Username names", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make(options(admin, reader))
      const as = (username: string) =>
        ask(emulator, { "Cc-Vanity-Name": "acme", "Cc-Username": username })
      expect(yield* as(reader.username)).toMatchObject({ status: 403 })
      expect(yield* as(admin.username)).toMatchObject({ status: 200 })
      expect(yield* as("eve@example.com")).toMatchObject(unauthenticated)
    }))

  it.effect("of several users is refused if Cc-Username names none of them", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make(options(admin, reader))
      expect(yield* ask(emulator, { "Cc-Vanity-Name": "acme" })).toMatchObject(unauthenticated)
    }))
})

describe("the caller", () => {
  const identifiers = Identifiers.make("seed")
  const organization = Organization.make(identifiers)
  const serviceAccountId = identifiers.uuid()
  organization.addServiceAccount({ id: serviceAccountId, name: "ci", role: "CLUSTER_ADMIN" })
  const key = () =>
    organization.create({ name: "ci", serviceAccountId, now: 0, by: Option.none() }).id
  const jwt = { token: "a.b.c", users: [{ username: "a@example.com", role: "ORG_ADMIN" as const }] }
  const callerWith = (token: string) =>
    authenticate(organization, identifiers, [jwt], "acme")({
      authorization: `Bearer ${token}`,
      "cc-vanity-name": "acme",
    })

  it("is a service account, with the id of the key that it calls with", () => {
    for (const apiKeyId of [key(), key()]) {
      expect(callerWith(identifiers.secretOf(apiKeyId))).toEqual(Either.right({
        _tag: "ServiceAccount",
        id: serviceAccountId,
        role: "CLUSTER_ADMIN",
        apiKeyId,
      }))
    }
  })

  it("is a user if a JWT says so", () => {
    expect(callerWith(jwt.token)).toEqual(
      Either.right({ _tag: "User", id: "a@example.com", role: "ORG_ADMIN" }),
    )
  })
})
