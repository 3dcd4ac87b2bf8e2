/**
 * 500 keys over 20 service accounts, each with a store of its own, behind the API's rate limit.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as Emulator from "../../src/emulator/mod.ts"
import {
  type ApiKey,
  apiKeyIdOf,
  Credentials,
  rotateApiKeys,
  type RotationOutcome,
  type RotationProgress,
  type SecretStore,
  throttled,
} from "../../src/mod.ts"

export interface Fleet {
  readonly outcomes: ReadonlyArray<RotationOutcome>
  readonly progress: ReadonlyArray<RotationProgress>
  /** The keys that are left, and the ids that the stores hold. */
  readonly keys: ReadonlyArray<ApiKey>
  readonly held: ReadonlyArray<string>
  readonly requests: number
  readonly refused: number
  readonly seconds: number
}

const faults: Emulator.FaultPlan = [
  { chance: 0.005, fault: { _tag: "DropAfter" } },
  { chance: 0.005, fault: { _tag: "DropBefore" } },
  { chance: 0.005, fault: { _tag: "Respond", status: 503 } },
  { chance: 0.005, fault: { _tag: "Respond", status: 429, retryAfter: { seconds: 1 } } },
]

/** Rotates them all, to be run under a clock that need not be the real one. */
export const rotateFleet = (
  options: {
    readonly keys: number
    readonly accounts: number
    readonly grace: number
    readonly onProgress?: (progress: RotationProgress) => void
  },
): Effect.Effect<Fleet> =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ latency: 5, logSize: 0 })
    const accounts = yield* Effect.replicateEffect(emulator.addServiceAccount(), options.accounts)
    const before = new Set((yield* emulator.apiKeys).map(({ id }) => id))
    const secrets = new Map<string, Ref.Ref<Option.Option<Redacted.Redacted<string>>>>()
    const keys: Array<ApiKey> = []
    for (let n = 0; n < options.keys; n += 1) {
      const serviceAccountId = accounts[n % accounts.length]?.id
      const { apiKey, secret } = yield* emulator.addApiKey({
        name: `service ${n}`,
        serviceAccountId,
      })
      secrets.set(apiKey.id, yield* Ref.make(Option.some(secret)))
      keys.push(apiKey)
    }
    yield* emulator.setFaults(faults)
    const storeOf = ({ id }: ApiKey): SecretStore => {
      const ref = secrets.get(id)
      if (ref === undefined) throw new Error(`no store for ${id}`)
      return { read: Ref.get(ref), write: (secret) => Ref.set(ref, Option.some(secret)) }
    }

    const progress: Array<RotationProgress> = []
    let requests = 0
    const startedAt = yield* Clock.currentTimeMillis
    const outcomes = yield* Stream.fromIterable(keys).pipe(
      rotateApiKeys({
        store: storeOf,
        grace: options.grace,
        concurrency: 8,
        onProgress: (now) =>
          Effect.sync(() => {
            progress.push(now)
            options.onProgress?.(now)
          }),
      }),
      Stream.runCollect,
      Effect.provide(
        Layer.provide(
          throttled({ limit: 10, window: "1 second" }),
          Layer.succeed(
            HttpClient.HttpClient,
            HttpClient.make((request) =>
              Effect.zipRight(
                Effect.sync(() => requests += 1),
                emulator.httpClient.execute(request),
              )
            ),
          ),
        ),
      ),
      Effect.provideService(Credentials, emulator.admin.credentials),
    )
    const seconds = ((yield* Clock.currentTimeMillis) - startedAt) / 1000
    const held = yield* Effect.forEach(secrets.values(), Ref.get)
    const left = yield* emulator.apiKeys
    return {
      outcomes: [...outcomes],
      progress,
      keys: left.filter(({ id }) => !before.has(id)),
      held: held.flatMap((secret) => Option.toArray(Option.flatMap(secret, apiKeyIdOf))),
      requests,
      refused: yield* emulator.refused,
      seconds,
    }
  })
