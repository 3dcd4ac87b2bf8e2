import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, keys } from "./call.ts"

it.effect("a key that was created can be got, renamed and deleted, and is gone then", () =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make()
    const api = call(emulator)
    const created = yield* api("POST", keys, {
      body: { name: "ci", service_account_id: emulator.withoutRole.serviceAccountId },
    })
    const { id } = created.json.api_key
    expect((yield* api("GET", `${keys}/${id}`)).json).toEqual(created.json.api_key)
    const renamed = yield* api("PATCH", `${keys}/${id}`, { body: { name: "deploy" } })
    expect(renamed.json).toEqual({ ...created.json.api_key, name: "deploy" })
    expect((yield* api("DELETE", `${keys}/${id}`)).json).toEqual(renamed.json)
    expect((yield* api("GET", `${keys}/${id}`)).status).toBe(404)
  }))
