import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, callAnything, keys } from "./call.ts"

describe("inspection", () => {
  it.effect("the history says what happened to which key, when and by whom", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ keys: 3 })
      const { serviceAccountId } = emulator.withoutRole
      const api = call(emulator)
      yield* TestClock.setTime(5000)
      const { json } = yield* api("POST", keys, {
        body: { name: "ci", service_account_id: serviceAccountId },
      })
      yield* api("PATCH", `${keys}/${json.api_key.id}`, { body: { name: "deploy" } })
      yield* api("DELETE", `${keys}/${json.api_key.id}`)
      const event = {
        apiKeyId: json.api_key.id,
        serviceAccountId,
        by: emulator.admin.serviceAccountId,
        at: DateTime.unsafeMake(5000),
      }
      expect(yield* emulator.history).toEqual([
        { ...event, _tag: "Created", name: "ci" },
        { ...event, _tag: "Renamed", name: "deploy" },
        { ...event, _tag: "Deleted", name: "deploy" },
      ])
    }))

  it.effect("the log has every request as it came, whatever happened to it", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const api = callAnything(emulator)
      yield* TestClock.setTime(5000)
      yield* api("GET", keys, {
        query: { "pagination.limit": "2" },
        headers: { "Cc-Version": "2024-09-16" },
      })
      yield* api("PATCH", `${keys}/a%2Fb`, { body: { name: "new" } })
      yield* api("GET", "/elsewhere", { token: null })
      expect(yield* emulator.requests).toMatchObject([
        {
          number: 1,
          at: DateTime.unsafeMake(5000),
          operation: "listApiKeys",
          method: "GET",
          path: keys,
          query: { "pagination.limit": "2" },
          headers: { "cc-version": "2024-09-16" },
          identity: emulator.admin.serviceAccountId,
          status: 200,
          outcome: "Answered",
          rateLimited: false,
        },
        {
          number: 2,
          operation: "updateApiKey",
          path: `${keys}/a%2Fb`,
          body: '{"name":"new"}',
          status: 404,
        },
        { number: 3, operation: undefined, identity: undefined, status: 404 },
      ])
    }))

  it.effect("the log has every query parameter, whatever its name", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const names = ["__proto__", "constructor", "toString", ""]
      const search = names.map((name) => `${name}=1`).join("&")
      yield* callAnything(emulator)("GET", `${keys}?${search}&__proto__=2`)
      const [request] = yield* emulator.requests
      expect(Object.entries(request?.query ?? {})).toEqual(
        names.map((name) => [name, name === "__proto__" ? ["1", "2"] : "1"]),
      )
    }))

  it.effect("a request that its client gave up is marked as aborted, and changes nothing", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ latency: "5 seconds" })
      const path = `${keys}/${emulator.withoutRole.apiKeyId}`
      const fiber = yield* Effect.fork(call(emulator)("DELETE", path))
      yield* TestClock.adjust("1 seconds")
      expect(yield* emulator.requests).toMatchObject([{ outcome: "Pending" }])
      yield* Fiber.interrupt(fiber)
      expect(yield* emulator.requests).toMatchObject([{ outcome: "Aborted", status: undefined }])
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("no part of it shows a secret", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const created = yield* call(emulator)("POST", keys, {
        body: { name: "ci", service_account_id: emulator.admin.serviceAccountId },
      })
      const shown = JSON.stringify([
        emulator.admin,
        yield* emulator.apiKeys,
        yield* emulator.history,
        yield* emulator.requests,
        yield* emulator.serviceAccounts,
      ])
      const end = (secret: string) => secret.slice(-40)
      expect(shown).not.toContain(end(created.json.secret))
      expect(shown).not.toContain(end(Redacted.value(emulator.admin.secret)))
      expect(shown).toContain("<redacted>")
    }))

  it.effect("it shows the same keys as a list", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ keys: 5 })
      yield* call(emulator)("DELETE", `${keys}/${emulator.withoutRole.apiKeyId}`)
      const { json } = yield* call(emulator)("GET", keys)
      expect((yield* emulator.apiKeys).map(({ id, name }) => ({ id, name })))
        .toEqual(json.api_keys.map(({ id, name }) => ({ id, name })))
    }))

  it.effect("clear forgets what was seen and keeps the organization", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ rateLimit: { limit: 1 } })
      yield* call(emulator)("DELETE", `${keys}/${emulator.withoutRole.apiKeyId}`)
      yield* call(emulator)("GET", keys)
      yield* emulator.clear
      expect(yield* emulator.requests).toEqual([])
      expect(yield* emulator.history).toEqual([])
      expect(yield* emulator.refused).toBe(0)
      expect(yield* emulator.apiKeys).toHaveLength(2)
    }))

  it.effect("the log keeps as many of the newest requests as the options say", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ logSize: 3, rateLimit: "none" })
      yield* Effect.replicateEffect(call(emulator)("GET", keys), 8)
      expect((yield* emulator.requests).map(({ number }) => number)).toEqual([6, 7, 8])
    }))

  it.effect("a hook runs after each request", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const emulator = yield* Emulator.make({
        onRequest: ({ method, status }) => Effect.sync(() => seen.push(`${method} ${status}`)),
      })
      yield* call(emulator)("GET", keys)
      yield* call(emulator)("PUT", keys)
      expect(seen).toEqual(["GET 200", "PUT 405"])
    }))
})
