import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, keys } from "./call.ts"

/** Sends each operation once, and says which of them the caller may do. */
const permitted = (pick: (emulator: Emulator.EmulatorService) => Emulator.Identity) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make()
    const api = call(emulator)
    const token = pick(emulator).secret
    const { apiKeyId, serviceAccountId } = emulator.withoutRole
    const body = { name: "ci", service_account_id: serviceAccountId }
    const answers = {
      list: yield* api("GET", keys, { token }),
      get: yield* api("GET", `${keys}/${apiKeyId}`, { token }),
      create: yield* api("POST", keys, { token, body }),
      update: yield* api("PATCH", `${keys}/${apiKeyId}`, { token, body: { name: "new" } }),
      delete: yield* api("DELETE", `${keys}/${apiKeyId}`, { token }),
    }
    return { emulator, answers }
  })

describe("roles", () => {
  it.effect("an ORG_ADMIN may do everything", () =>
    Effect.gen(function* () {
      const { answers } = yield* permitted((emulator) => emulator.admin)
      expect(Object.values(answers).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    }))

  it.effect("a CLUSTER_ADMIN may list and get, and changes nothing", () =>
    Effect.gen(function* () {
      const { answers, emulator } = yield* permitted((emulator) => emulator.clusterAdmin)
      expect(Object.values(answers).map(({ status }) => status)).toEqual([200, 200, 403, 403, 403])
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("a service account without a role may do nothing", () =>
    Effect.gen(function* () {
      const { answers, emulator } = yield* permitted((emulator) => emulator.withoutRole)
      expect(Object.values(answers).map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("a refusal names the roles that would do", () =>
    Effect.gen(function* () {
      const { answers } = yield* permitted((emulator) => emulator.withoutRole)
      expect(answers.get.json).toMatchObject({ code: 7, details: [] })
      expect(answers.get.json.message).toContain("ORG_ADMIN or CLUSTER_ADMIN")
      expect(answers.delete.json.message).toContain("ORG_ADMIN")
      expect(answers.delete.json.message).not.toContain("CLUSTER_ADMIN")
    }))

  it.effect("a service account that is added with a role calls with a key of its own", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const { id } = yield* emulator.addServiceAccount({ role: "CLUSTER_ADMIN" })
      const { secret } = yield* emulator.identityOf(id)
      const api = call(emulator)
      expect((yield* api("GET", keys, { token: secret })).status).toBe(200)
      expect((yield* api("POST", keys, { token: secret, body: {} })).status).toBe(403)
    }))
})
