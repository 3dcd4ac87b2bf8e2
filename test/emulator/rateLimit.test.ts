import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, callAnything, keys } from "./call.ts"

const burst = (emulator: Emulator.EmulatorService, count: number) =>
  Effect.map(
    Effect.replicateEffect(callAnything(emulator)("GET", keys), count),
    (answers) => answers.map(({ status }) => status),
  )

const admitted = (statuses: ReadonlyArray<number>) =>
  statuses.filter((status) => status === 200).length

describe("the rate limit", () => {
  it.effect("lets ten requests a second pass, and says when to try again", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      expect(admitted(yield* burst(emulator, 10))).toBe(10)
      yield* TestClock.adjust("300 millis")
      const refused = yield* call(emulator)("GET", keys)
      expect(refused).toMatchObject({
        status: 429,
        headers: { "retry-after": "1" },
        json: { code: 8, message: "rate limit exceeded", details: [] },
      })
      expect(yield* emulator.refused).toBe(1)
    }))

  it.effect("ends when the second is over, and refusals do not prolong it", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      yield* burst(emulator, 10)
      yield* TestClock.adjust("999 millis")
      expect(admitted(yield* burst(emulator, 5))).toBe(0)
      yield* TestClock.adjust("1 millis")
      expect(admitted(yield* burst(emulator, 11))).toBe(10)
    }))

  it.effect("holds for any period of a second, not only for the clock's own seconds", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      yield* TestClock.adjust("600 millis")
      yield* burst(emulator, 6)
      yield* TestClock.adjust("600 millis")
      expect(admitted(yield* burst(emulator, 10))).toBe(4)
    }))

  it.effect("is separate for a user whose name is the id of a service account", () =>
    Effect.gen(function* () {
      const { admin } = yield* Emulator.make()
      const username = admin.serviceAccountId
      const emulator = yield* Emulator.make({
        rateLimit: { limit: 1 },
        jwts: [{ token: "jwt", users: [{ username, role: "ORG_ADMIN" }] }],
      })
      // The same seed makes the same service accounts.
      expect(emulator.admin.serviceAccountId).toBe(username)
      const byUser = { token: "jwt", headers: { "cc-vanity-name": "emulator" } }
      const api = call(emulator)
      expect((yield* api("GET", keys)).status).toBe(200)
      expect((yield* api("GET", keys, byUser)).status).toBe(200)
      expect((yield* api("GET", keys, byUser)).status).toBe(429)
    }))

  it.effect("counts each identity by itself, across all keys of the identity", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ rateLimit: { limit: 2 } })
      const { secret } = yield* emulator.addApiKey({
        serviceAccountId: emulator.admin.serviceAccountId,
      })
      const api = call(emulator)
      yield* api("GET", keys)
      yield* api("GET", keys)
      expect((yield* api("GET", keys, { token: secret })).status).toBe(429)
      expect((yield* api("GET", keys, { token: emulator.clusterAdmin.secret })).status).toBe(200)
    }))

  it.effect("changes nothing when it refuses", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ rateLimit: { limit: 0 } })
      const answer = yield* call(emulator)("DELETE", `${keys}/${emulator.withoutRole.apiKeyId}`)
      expect(answer.status).toBe(429)
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("can be another one, or none", () =>
    Effect.gen(function* () {
      const other = yield* Emulator.make({ rateLimit: { limit: 3, window: "1 minute" } })
      expect(admitted(yield* burst(other, 5))).toBe(3)
      yield* TestClock.adjust("59 seconds")
      expect(admitted(yield* burst(other, 1))).toBe(0)
      const none = yield* Emulator.make({ rateLimit: "none" })
      expect(admitted(yield* burst(none, 50))).toBe(50)
    }))

  it.effect("can follow the clock's own seconds", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ rateLimit: { algorithm: "fixed" } })
      yield* TestClock.adjust("900 millis")
      expect(admitted(yield* burst(emulator, 11))).toBe(10)
      yield* TestClock.adjust("100 millis")
      expect(admitted(yield* burst(emulator, 11))).toBe(10)
    }))

  it.effect("can be a bucket that refills evenly", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ rateLimit: { algorithm: "token-bucket" } })
      expect(admitted(yield* burst(emulator, 11))).toBe(10)
      yield* TestClock.adjust("300 millis")
      expect(admitted(yield* burst(emulator, 11))).toBe(3)
      yield* TestClock.adjust("10 seconds")
      expect(admitted(yield* burst(emulator, 11))).toBe(10)
    }))

  it.effect.each([400, 401, 403, 418, 429, 499, 500, 503, 599])(
    "refuses under the status %i as under any: Retry-After, code 8 and the documented message",
    (status) =>
      Effect.gen(function* () {
        const emulator = yield* Emulator.make({ rateLimit: { limit: 0, status } })
        const answer = yield* call(emulator)("POST", keys, {
          body: { name: "ci", service_account_id: emulator.admin.serviceAccountId },
        })
        expect(answer).toMatchObject({
          status,
          headers: { "content-type": "application/json", "retry-after": "1" },
        })
        expect(answer.json).toEqual({ code: 8, message: "rate limit exceeded", details: [] })
        expect(yield* emulator.history).toEqual([])
        expect([yield* emulator.refused, yield* emulator.requests])
          .toMatchObject([1, [{ status, rateLimited: true }]])
      }),
  )

  it.effect("can say when to try again as a date, or not at all", () =>
    Effect.gen(function* () {
      const ask = (rateLimit: Emulator.RateLimitOptions) =>
        Effect.flatMap(
          Emulator.make({ rateLimit: { limit: 0, window: "90 seconds", ...rateLimit } }),
          (emulator) => call(emulator)("GET", keys),
        )
      yield* TestClock.setTime(500)
      expect((yield* ask({})).headers["retry-after"]).toBe("90")
      expect((yield* ask({ retryAfter: "http-date" })).headers["retry-after"])
        .toBe("Thu, 01 Jan 1970 00:01:31 GMT")
      expect((yield* ask({ retryAfter: "none" })).headers).not.toHaveProperty("retry-after")
    }))
})
