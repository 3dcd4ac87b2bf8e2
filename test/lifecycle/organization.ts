/**
 * An emulated organization for lifecycle programs, which tests can break off or disturb anywhere.
 */
import { expect } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { type ApiKey, apiKeyIdOf, Credentials, type SecretStore } from "../../src/mod.ts"
import * as Emulator from "../../src/emulator/mod.ts"

/** Wraps each request and each access to the store. `what` says which. */
export type Around = <A, E, R>(
  what: string,
  effect: Effect.Effect<A, E, R>,
) => Effect.Effect<A, E, R>

export interface Organization {
  readonly emulator: Emulator.EmulatorService
  /** The key to rotate, of the account without a role. */
  readonly old: ApiKey
  readonly secret: Ref.Ref<Option.Option<Redacted.Redacted<string>>>
  readonly store: (around?: Around) => SecretStore
  /** HttpClient and Credentials. */
  readonly access: (
    around?: Around,
  ) => Context.Context<HttpClient.HttpClient | Credentials>
  /** The keys, without those that the emulator starts with. */
  readonly keys: Effect.Effect<ReadonlyArray<ApiKey>>
  readonly heldId: Effect.Effect<Option.Option<string>>
  /** Each time that the store held a dead key. */
  readonly outages: Ref.Ref<ReadonlyArray<string>>
}

const undisturbed: Around = (_, effect) => effect

export const makeOrganization = (
  options: Emulator.EmulatorOptions = {},
): Effect.Effect<Organization> =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ rateLimit: "none", ...options })
    const before = new Set((yield* emulator.apiKeys).map(({ id }) => id))
    const { apiKey: old, secret: first } = yield* emulator.addApiKey({ name: "billing" })
    const secret = yield* Ref.make(Option.some(first))
    const outages = yield* Ref.make<ReadonlyArray<string>>([])
    const heldId = Effect.map(Ref.get(secret), Option.flatMap(apiKeyIdOf))

    // The store must hold a live key after every request and every access.
    const look = (what: string) =>
      Effect.gen(function* () {
        const held = yield* heldId
        const keys = yield* emulator.apiKeys
        if (Option.isSome(held) && !keys.some(({ id }) => id === held.value)) {
          yield* Ref.update(outages, (known) => [...known, `${held.value} is dead after ${what}`])
        }
      })

    return {
      emulator,
      old,
      secret,
      outages,
      heldId,
      store: (around = undisturbed) => ({
        read: around("read", Ref.get(secret)),
        write: (next) =>
          around("write", Effect.zipRight(Ref.set(secret, Option.some(next)), look("write"))),
      }),
      access: (around = undisturbed) =>
        Context.make(
          HttpClient.HttpClient,
          HttpClient.make((request) =>
            around(
              request.method,
              Effect.ensuring(emulator.httpClient.execute(request), look(request.method)),
            )
          ),
        ).pipe(Context.add(Credentials, emulator.admin.credentials)),
      keys: Effect.map(emulator.apiKeys, (keys) => keys.filter(({ id }) => !before.has(id))),
    }
  })

/**
 * The one good state: one live, unmarked key, which the store holds. It has never held a dead key.
 */
export const expectGood = (organization: Organization): Effect.Effect<void> =>
  Effect.gen(function* () {
    const keys = yield* organization.keys
    expect(keys.map(({ id, name }) => ({ id: Option.some(id), name }))).toEqual([
      { id: yield* organization.heldId, name: "billing" },
    ])
    expect(yield* Ref.get(organization.outages)).toEqual([])
  })
