import { describe, expect, it } from "@effect/vitest"
import { Credentials, RetryPolicy, withRetryPolicy } from "@effect-crdb/api-keys"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Emulator from "../../src/emulator/mod.ts"
import { operations } from "../../src/operation.ts"
import { everyOperation } from "../everyOperation.ts"
import { call, keys } from "./call.ts"
import { misfit } from "./vendor.ts"

const callers: Readonly<
  Record<Emulator.Role, (emulator: Emulator.EmulatorService) => Emulator.Identity>
> = {
  ORG_ADMIN: ({ admin }) => admin,
  CLUSTER_ADMIN: ({ clusterAdmin }) => clusterAdmin,
  NONE: ({ withoutRole }) => withoutRole,
}

const rows = everyOperation.flatMap((row) => {
  const roles: ReadonlyArray<string> = operations[row.operation].roles
  return Object.entries(callers).map(([role, callerOf]) => {
    const may = roles.includes(role)
    return { ...row, role, roles, callerOf, may, what: may ? "is open" : "is closed" }
  })
})

describe("roles", () => {
  it.effect.each(rows)(
    "$operation $what to the role $role",
    ({ callerOf, callOn, may, mutates, operation, roles }) =>
      Effect.gen(function* () {
        const emulator = yield* Emulator.make()
        // Each answer must be as the vendor describes it.
        const client = HttpClient.tap(
          emulator.httpClient,
          ({ request, status, text }) =>
            Effect.flatMap(text, (body) => {
              const wrong = misfit(request.method, new URL(request.url).pathname, status, body)
              return wrong === undefined ? Effect.void : Effect.dieMessage(wrong)
            }),
        )
        const { apiKeyId, serviceAccountId } = emulator.withoutRole
        const exit = yield* callOn({ id: apiKeyId, serviceAccountId }).pipe(
          withRetryPolicy(RetryPolicy.none),
          Effect.exit,
          Effect.provideService(HttpClient.HttpClient, client),
          Effect.provideService(Credentials, callerOf(emulator).credentials),
        )
        const said = `HTTP 403: ${operation} needs the role ${roles.join(" or ")} at`
        if (may) yield* exit
        else {
          expect(yield* Effect.flip(exit)).toMatchObject({
            _tag: "Forbidden",
            code: 7,
            message: expect.stringContaining(said),
          })
        }
        expect((yield* emulator.history).length).toBe(may && mutates ? 1 : 0)
      }),
  )

  it.effect("a service account added with a role calls with its own key", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const { id } = yield* emulator.addServiceAccount({ role: "CLUSTER_ADMIN" })
      const { secret } = yield* emulator.identityOf(id)
      const api = call(emulator)
      expect((yield* api("GET", keys, { token: secret })).status).toBe(200)
      expect((yield* api("POST", keys, { token: secret, body: {} })).status).toBe(403)
    }))
})
