import * as HttpClient from "@effect/platform/HttpClient"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Credentials } from "../../src/Credentials.ts"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, callAnything, keys, send } from "./call.ts"

describe("the layer", () => {
  it.effect("gives a client, the admin's credentials and the inspection side", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.Emulator
      const client = yield* HttpClient.HttpClient
      const { baseUrl, token } = yield* Credentials
      const secret = Effect.isEffect(token) ? yield* token : token
      const answer = yield* send(client, Redacted.value(secret), "GET", `${baseUrl}${keys}`)
      expect(answer.json.api_keys).toHaveLength(8)
      expect(yield* emulator.requests).toMatchObject([
        { status: 200, identity: emulator.admin.serviceAccountId },
      ])
    }).pipe(Effect.provide(Emulator.layer({ keys: 5 }))))

  it.effect("gives a fresh organization each time", () =>
    Effect.gen(function* () {
      const add = Emulator.Emulator.pipe(
        Effect.flatMap((emulator) => Effect.zipRight(emulator.addApiKey(), emulator.apiKeys)),
        Effect.provide(Emulator.layer()),
      )
      expect(yield* add).toHaveLength(4)
      expect(yield* add).toHaveLength(4)
    }))
})

describe("what an organization begins with", () => {
  it.effect("so many keys are spread over so many service accounts", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ serviceAccounts: 40, keys: 5000 })
      const counts = new Map<string, number>()
      for (const { serviceAccountId } of yield* emulator.apiKeys) {
        counts.set(serviceAccountId, (counts.get(serviceAccountId) ?? 0) + 1)
      }
      expect([...counts.values()]).toEqual([1, 1, 1, ...Array(40).fill(125)])
    }))

  it.effect("keys and service accounts may be listed", () =>
    Effect.gen(function* () {
      const id = "1234abcd-1234-1234-abcd-12345678abcd"
      const emulator = yield* Emulator.make({
        serviceAccounts: [{ id, name: "deploy", role: "ORG_ADMIN" }],
        keys: [{ name: "one", serviceAccountId: id }, { name: "two" }],
      })
      expect((yield* emulator.serviceAccounts)[3]).toEqual({
        id,
        name: "deploy",
        role: "ORG_ADMIN",
      })
      expect((yield* emulator.apiKeys).slice(3)).toMatchObject([
        { name: "one", serviceAccountId: id },
        { name: "two", serviceAccountId: id },
      ])
      expect((yield* emulator.identityOf(id)).role).toBe("ORG_ADMIN")
    }))

  it.effect("a seed repeats ids, secrets and page tokens, and another one does not", () =>
    Effect.gen(function* () {
      const run = (seed?: string) =>
        Effect.gen(function* () {
          const emulator = yield* Emulator.make({ keys: 3, serviceAccounts: 2, seed })
          const { text } = yield* call(emulator)("POST", keys, {
            body: { name: "ci", service_account_id: emulator.admin.serviceAccountId },
          })
          const page = yield* call(emulator)("GET", keys, { query: { "pagination.limit": "2" } })
          return [text, page.text]
        })
      expect(yield* run()).toEqual(yield* run("emulator"))
      const [created, page] = yield* run("other")
      expect(yield* run()).not.toContain(created)
      expect(yield* run()).not.toContain(page)
    }))

  it.effect("an unknown service account has no identity", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      expect(yield* Effect.flip(emulator.identityOf("nobody")))
        .toMatchObject({ _tag: "NoSuchElementException" })
    }))
})

describe("what else the service leaves open", () => {
  it.effect("the body of an error is a Status, an empty object, HTML or nothing, as told", () =>
    Effect.gen(function* () {
      const ask = (errorBodies?: Emulator.ErrorBodies) =>
        Effect.flatMap(
          Emulator.make({ errorBodies }),
          (emulator) => callAnything(emulator)("GET", `${keys}/unknown`),
        )
      expect((yield* ask()).text).toContain('"code":5')
      expect(yield* ask("empty-object")).toMatchObject({ status: 404, text: "{}" })
      expect(yield* ask("none")).toMatchObject({ status: 404, text: "" })
      expect(yield* ask("html"))
        .toMatchObject({ status: 404, headers: { "content-type": "text/html" } })
    }))

  it.effect("Cc-Version may be anything, must be there, or must be one of these, as told", () =>
    Effect.gen(function* () {
      const statuses = (ccVersion?: Emulator.EmulatorOptions["ccVersion"]) =>
        Effect.gen(function* () {
          const api = call(yield* Emulator.make({ ccVersion }))
          const ask = (headers: Record<string, string>) =>
            Effect.map(api("GET", keys, { headers }), ({ status }) => status)
          return [
            yield* ask({}),
            yield* ask({ "Cc-Version": "1999-01-01" }),
            yield* ask({ "Cc-Version": "2024-09-16" }),
          ]
        })
      expect(yield* statuses()).toEqual([200, 200, 200])
      expect(yield* statuses("required")).toEqual([400, 200, 200])
      expect(yield* statuses(["2024-09-16"])).toEqual([400, 400, 200])
    }))
})
