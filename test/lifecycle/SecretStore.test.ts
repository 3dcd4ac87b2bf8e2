import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import { credentialsFromStore, deleteApiKey, getApiKey } from "../../src/mod.ts"
import { makeOrganization } from "./organization.ts"
import { inVirtualTime, type VirtualTime } from "./virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

describe("credentials from a store", () => {
  test("keep the secret that they read last if the store becomes empty", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { admin } = organization.emulator
      yield* Ref.set(organization.secret, Option.some(admin.secret))
      const got = yield* Ref.set(organization.secret, Option.none()).pipe(
        Effect.zipRight(getApiKey(admin.apiKeyId)),
        Effect.provide(credentialsFromStore(organization.store())),
        Effect.provide(organization.access()),
      )
      expect(got.id).toBe(admin.apiKeyId)
    }))

  test("keep the last secret, not the first, if the store becomes empty later", () =>
    Effect.gen(function* () {
      const { access, emulator, secret, store } = yield* makeOrganization()
      const { apiKeyId, serviceAccountId } = emulator.admin
      const next = yield* emulator.addApiKey({ name: "next", serviceAccountId })
      yield* Ref.set(secret, Option.some(emulator.admin.secret))
      const got = yield* Ref.set(secret, Option.some(next.secret)).pipe(
        Effect.zipRight(deleteApiKey(apiKeyId)),
        Effect.zipRight(Ref.set(secret, Option.none())),
        Effect.zipRight(getApiKey(next.apiKey.id)),
        Effect.provide(credentialsFromStore(store())),
        Effect.provide(access()),
      )
      expect(got.id).toBe(next.apiKey.id)
    }))

  test("say that the store is empty", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* Ref.set(organization.secret, Option.none())
      const error = yield* Effect.flip(
        Layer.build(credentialsFromStore(organization.store())).pipe(Effect.scoped),
      )
      expect(error).toMatchObject({
        _tag: "SecretStoreEmpty",
        message: "the secret store holds no secret",
      })
    }))
})
