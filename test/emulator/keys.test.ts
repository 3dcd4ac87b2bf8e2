import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { Credentials } from "../../src/Credentials.ts"
import { getApiKey } from "../../src/endpoints/getApiKey.ts"
import * as Emulator from "../../src/emulator/mod.ts"
import { everyOperation } from "../everyOperation.ts"
import { call, keys } from "./call.ts"

const emulatorAndApi = Effect.map(
  Emulator.make({ rateLimit: "none" }),
  (emulator) => ({ emulator, api: call(emulator) }),
)

const body = (emulator: Emulator.EmulatorService, name = "ci") => ({
  name,
  service_account_id: emulator.withoutRole.serviceAccountId,
})

describe("keys", () => {
  it.effect("a new key has an id, a secret and a time of the documented forms", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678))
      const { json } = yield* api("POST", keys, { body: body(emulator) })
      expect(json.api_key.id).toMatch(/^CCDB1_[0-9A-Za-z]{22}$/)
      expect(json.secret).toMatch(new RegExp(`^${json.api_key.id}_[0-9A-Za-z]{40}$`))
      expect(json.api_key.created_at).toBe("2026-01-02T03:04:05.678000Z")
      expect(json.api_key).toMatchObject(body(emulator))
    }))

  it.effect("keys made at one instant of the clock differ in their microseconds", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const one = yield* api("POST", keys, { body: body(emulator) })
      const two = yield* api("POST", keys, { body: body(emulator) })
      expect(one.json.api_key.created_at).toBe("1970-01-01T00:00:00.000000Z")
      expect(two.json.api_key.created_at).toBe("1970-01-01T00:00:00.000001Z")
    }))

  it.effect("names need not be unique", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const one = yield* api("POST", keys, { body: body(emulator) })
      const two = yield* api("POST", keys, { body: body(emulator) })
      expect([one.status, two.status]).toEqual([200, 200])
      expect(one.json.api_key.id).not.toBe(two.json.api_key.id)
    }))

  it.effect("an update without a name changes nothing and answers the key", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const path = `${keys}/${emulator.admin.apiKeyId}`
      const before = yield* api("GET", path)
      expect((yield* api("PATCH", path, { body: {} })).json).toEqual(before.json)
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect.each(everyOperation.filter(({ takesId }) => takesId))(
    "an unknown key is not found by $operation",
    ({ callOn }) =>
      Effect.gen(function* () {
        const { apiKeyId, serviceAccountId } = (yield* Emulator.Emulator).withoutRole
        const id = apiKeyId.replace(/.$/, (last) => last === "0" ? "1" : "0")
        const error = yield* Effect.flip(callOn({ id, serviceAccountId }))
        expect(error).toMatchObject({ _tag: "NotFound", status: 404, code: 5, details: [] })
      }).pipe(Effect.provide(Emulator.layer())),
  )

  it.effect("a deleted key cannot be deleted, got or renamed again", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const path = `${keys}/${emulator.withoutRole.apiKeyId}`
      yield* api("DELETE", path)
      expect((yield* api("DELETE", path)).status).toBe(404)
      expect((yield* api("GET", path)).status).toBe(404)
      expect((yield* api("PATCH", path, { body: { name: "x" } })).status).toBe(404)
      expect(yield* emulator.history).toHaveLength(1)
    }))

  it.effect("a key for an unknown service account is not made", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const answer = yield* api("POST", keys, {
        body: { name: "ci", service_account_id: "00000000-0000-4000-8000-000000000000" },
      })
      expect(answer).toMatchObject({ status: 404, json: { code: 5 } })
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("an id with any characters reaches the server as one segment", () =>
    Effect.gen(function* () {
      const { api } = yield* emulatorAndApi
      for (const id of ["a/b", "a?b", "a#b", "a%b", "a b", "ü"]) {
        const answer = yield* api("GET", `${keys}/${encodeURIComponent(id)}`)
        expect(answer.json.message).toBe("API key not found")
      }
    }))
})

describe("bad requests", () => {
  for (
    const [field, wrong] of [
      ["name", { name: "" }],
      ["name", { name: 7 }],
      ["name", { name: undefined }],
      ["service_account_id", { service_account_id: "not-a-uuid" }],
      ["service_account_id", { service_account_id: undefined }],
    ] as const
  ) {
    it.effect(`a create with ${JSON.stringify(wrong)} is refused and names the field`, () =>
      Effect.gen(function* () {
        const { api, emulator } = yield* emulatorAndApi
        const answer = yield* api("POST", keys, { body: { ...body(emulator), ...wrong } })
        expect(answer).toMatchObject({ status: 400, json: { code: 3, details: [] } })
        expect(answer.json.message).toMatch(new RegExp(`^${field}: `))
        expect(yield* emulator.history).toEqual([])
      }))
  }

  const account = "00000000-0000-4000-8000-000000000000"
  // Deeper than the stack of any runtime reaches.
  const deep = "[".repeat(5e5) + "]".repeat(5e5)
  it.effect.each<readonly [method: string, what: string, body: string, message: string]>([
    ["POST", "that is not JSON", '{"name":', "the body must be JSON"],
    ["POST", "that is an array", "[]", "the body must be an object"],
    ["PATCH", "that is a text", '"x"', "the body must be an object"],
    ["POST", "nested deep", deep, "the body must be an object"],
    ["PATCH", "nested deep", deep, "the body must be an object"],
    [
      "POST",
      "with a name nested deep",
      `{"name":${deep}}`,
      "name: must be a string that is not empty",
    ],
    [
      "PATCH",
      "with a name nested deep",
      `{"name":${deep}}`,
      "name: must be a string that is not empty",
    ],
    [
      "POST",
      "with an account nested deep",
      `{"name":"ci","service_account_id":${deep}}`,
      "service_account_id: must be a UUID",
    ],
    [
      "POST",
      "with more that is nested deep",
      `{"name":"","service_account_id":"${account}","more":${deep}}`,
      "name: must be a string that is not empty",
    ],
  ])("a %s with a body %s is refused", ([method, , body, message]) =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const path = method === "POST" ? keys : `${keys}/${emulator.admin.apiKeyId}`
      const answer = yield* Effect.promise(() =>
        emulator.webHandler(
          new Request(`https://emulator.invalid${path}`, {
            method,
            headers: {
              authorization: `Bearer ${tokenOf(emulator)}`,
              "content-type": "application/json",
            },
            body,
          }),
        )
      )
      expect(answer.status).toBe(400)
      expect(yield* Effect.promise(() => answer.json())).toMatchObject({ code: 3, message })
    }))

  for (const contentType of ["text/plain", ""]) {
    it.effect(`a body of the type "${contentType}" is refused`, () =>
      Effect.gen(function* () {
        const { api, emulator } = yield* emulatorAndApi
        const answer = yield* api("POST", keys, {
          body: body(emulator),
          headers: { "content-type": contentType },
        })
        expect(answer).toMatchObject({ status: 400, json: { code: 3 } })
        expect(answer.json.message).toContain("Content-Type")
        expect(yield* emulator.history).toEqual([])
      }))
  }

  it.effect("a content type can have parameters", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const answer = yield* api("POST", keys, {
        body: body(emulator),
        headers: { "content-type": "application/json; charset=utf-8" },
      })
      expect(answer.status).toBe(200)
    }))

  it.effect("a wrong method on a known path is not allowed", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const refused = { status: 405, json: { code: 12, details: [] } }
      expect(yield* api("PUT", keys)).toMatchObject(refused)
      expect(yield* api("DELETE", keys)).toMatchObject(refused)
      expect(yield* api("POST", `${keys}/${emulator.admin.apiKeyId}`)).toMatchObject(refused)
    }))

  it.effect("any other path is not found", () =>
    Effect.gen(function* () {
      const { api, emulator } = yield* emulatorAndApi
      const missing = { status: 404, json: { code: 5, details: [] } }
      expect(yield* api("GET", "/")).toMatchObject(missing)
      expect(yield* api("GET", "/api/v1/clusters")).toMatchObject(missing)
      expect(yield* api("GET", "/API/v1/api-keys")).toMatchObject(missing)
      expect(yield* api("GET", `${keys}/${emulator.admin.apiKeyId}/more`)).toMatchObject(missing)
      expect(yield* api("GET", `${keys}/%zz`)).toMatchObject(missing)
    }))

  describe("a path the emulator does not know differs from a missing key", () => {
    it.effect.each(
      [
        ["GET", "/api/v1/clusters", "the path of GET /api/v1/clusters"],
        ["DELETE", "/api/v1/clusters/1?force=true", "the path of DELETE /api/v1/clusters/1"],
        ["PUT", keys, `the method of PUT ${keys}`],
      ] as const,
    )("%s %s", ([method, path, what]) =>
      Effect.gen(function* () {
        const { api } = yield* emulatorAndApi
        expect((yield* api(method, path)).json.message).toBe(`this emulator does not know ${what}`)
      }))

    it.effect("the path in the message is escaped, and cut if it is long", () =>
      Effect.gen(function* () {
        const { emulator } = yield* emulatorAndApi
        // Over a socket a client can send bytes that no URL class has encoded.
        const ask = (path: string) =>
          emulator.httpApp.pipe(
            Effect.provideService(
              HttpServerRequest.HttpServerRequest,
              HttpServerRequest.fromWeb(new Request("https://emulator.invalid")).modify({
                url: path,
              }),
            ),
            Effect.flatMap((answer) =>
              Effect.promise(() => HttpServerResponse.toWeb(answer).json())
            ),
            Effect.map((status) => status.message),
          )
        expect(yield* ask("/\u001b[31m\u2028ä")).toBe(
          "this emulator does not know the path of GET /\\u001b[31m\\u2028\\u00e4",
        )
        expect(yield* ask(`/${"x".repeat(5000)}`))
          .toBe(`this emulator does not know the path of GET /${"x".repeat(99)}…`)
      }))

    it.effect("the module's own error says so", () =>
      Effect.gen(function* () {
        const { emulator } = yield* emulatorAndApi
        const { token } = emulator.admin.credentials
        const error = yield* getApiKey(emulator.admin.apiKeyId).pipe(
          Effect.provideService(HttpClient.HttpClient, emulator.httpClient),
          Effect.provideService(
            Credentials,
            Credentials.make({ token, baseUrl: "https://emulator.invalid/elsewhere" }),
          ),
          Effect.flip,
        )
        expect(error._tag).toBe("NotFound")
        expect(error.message).toContain("this emulator does not know the path of GET /elsewhere/")
      }))
  })
})

const tokenOf = (emulator: Emulator.EmulatorService) => Redacted.value(emulator.admin.secret)
