/**
 * Three keys of one service account, each with its own store, for fleets that tests break off or
 * disturb anywhere.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { type ApiKey, apiKeyIdOf, rotateApiKeys } from "../../../src/mod.ts"
import type * as Emulator from "../../../src/emulator/mod.ts"
import { type Around, makeOrganization } from "../organization.ts"

const names = ["billing", "ledger", "reports"]

export interface SmallFleet {
  /** Rotates the keys. Returns why some were not rotated. */
  readonly rotate: (around?: Around) => Effect.Effect<ReadonlyArray<string>>
  /** How the keys and stores differ from the one good state, and what was wrong on the way. */
  readonly problems: Effect.Effect<ReadonlyArray<string>>
}

export const makeSmallFleet = (
  options: Emulator.EmulatorOptions = {},
): Effect.Effect<SmallFleet> =>
  Effect.gen(function* () {
    // With pages of two, no list shows a single moment.
    const { access, emulator, old } = yield* makeOrganization({ maxPageSize: 2, ...options })
    const before = new Set((yield* emulator.apiKeys).map(({ id }) => id))
    const keys: Array<ApiKey> = []
    const secrets = new Map<string, Ref.Ref<Redacted.Redacted<string>>>()
    for (const name of names) {
      const { serviceAccountId } = old
      const { apiKey, secret } = yield* emulator.addApiKey({ name, serviceAccountId })
      keys.push(apiKey)
      secrets.set(apiKey.id, yield* Ref.make(secret))
    }
    const outages = yield* Ref.make<ReadonlyArray<string>>([])
    const heldIds = Effect.map(
      Effect.forEach([...secrets.values()], Ref.get),
      (secrets) => secrets.flatMap((secret) => Option.toArray(apiKeyIdOf(secret))),
    )
    // The stores must hold live keys after every request and every access.
    const watched = (around: Around): Around => (what, effect) =>
      around(
        what,
        Effect.ensuring(
          effect,
          Effect.gen(function* () {
            const live = (yield* emulator.apiKeys).map(({ id }) => id)
            const dead = (yield* heldIds).filter((id) => !live.includes(id))
            yield* Ref.update(outages, (known) => [
              ...known,
              ...dead.map((id) => `${id} is dead after ${what}`),
            ])
          }),
        ),
      )

    return {
      rotate: (undisturbed = (_, effect) => effect) => {
        const around = watched(undisturbed)
        return Stream.fromIterable(keys).pipe(
          rotateApiKeys({
            store: ({ id }) => {
              const ref = secrets.get(id)
              if (ref === undefined) throw new Error(`no store for ${id}`)
              return {
                read: around("read", Effect.asSome(Ref.get(ref))),
                write: (secret) => around("write", Ref.set(ref, secret)),
              }
            },
            grace: 0,
            concurrency: 2,
          }),
          Stream.runCollect,
          Effect.map((outcomes) =>
            [...outcomes].flatMap(({ result }) =>
              Either.match(result, { onLeft: ({ message }) => [message], onRight: () => [] })
            )
          ),
          Effect.provide(access(around)),
        )
      },
      problems: Effect.gen(function* () {
        const held = yield* heldIds
        const left = (yield* emulator.apiKeys).filter(({ id }) => !before.has(id))
        return [
          ...yield* Ref.get(outages),
          ...left.filter(({ id }) => !held.includes(id)).map(({ name }) => `an orphan: ${name}`),
          ...left.filter(({ name }) => !names.includes(name)).map(({ name }) => `marked: ${name}`),
          ...left.length < names.length ? [`${left.length} keys`] : [],
        ]
      }),
    }
  })
