/**
 * Many keys of some service accounts behind the API's rate limit, each with its own store.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as Emulator from "../../../src/emulator/mod.ts"
import {
  type ApiKey,
  apiKeyIdOf,
  Credentials,
  rotateApiKeys,
  type RotationOutcome,
  type RotationProgress,
  type SecretStore,
  throttled,
} from "../../../src/mod.ts"

export interface FleetOptions {
  readonly keys: number
  readonly accounts: number
  readonly grace: Duration.DurationInput
  readonly olderThan?: Duration.DurationInput
  /** 8 by default. */
  readonly concurrency?: number
  /** By default one answer in fifty is faulty. */
  readonly faults?: Emulator.FaultPlan
  /** Whether it sends without a throttle to an emulator without a limit. */
  readonly isUnlimited?: boolean
  /** How many fleets rotate the keys at the same time. One by default. */
  readonly fleets?: number
  readonly emulator?: Emulator.EmulatorOptions
  readonly onProgress?: (progress: RotationProgress) => void
}

export interface Fleet {
  readonly outcomes: ReadonlyArray<RotationOutcome>
  readonly progress: ReadonlyArray<RotationProgress>
  /** The remaining keys, and the ids of those that the stores hold. */
  readonly keys: ReadonlyArray<ApiKey>
  readonly held: ReadonlyArray<string>
  readonly requests: number
  readonly refused: number
  readonly seconds: number
}

const twoInAHundred: Emulator.FaultPlan = [
  { chance: 0.005, fault: { _tag: "DropAfter" } },
  { chance: 0.005, fault: { _tag: "DropBefore" } },
  { chance: 0.005, fault: { _tag: "Respond", status: 503 } },
  { chance: 0.005, fault: { _tag: "Respond", status: 429, retryAfter: { seconds: 1 } } },
]

/** Rotates them all, under any clock. */
export const rotateFleet = (options: FleetOptions): Effect.Effect<Fleet> =>
  Effect.gen(function* () {
    const { fleets = 1, isUnlimited = false } = options
    const emulator = yield* Emulator.make({
      latency: 5,
      logSize: 0,
      ...isUnlimited ? { rateLimit: "none" } : {},
      ...options.emulator,
    })
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
    yield* emulator.setFaults(options.faults ?? twoInAHundred)
    const storeOf = ({ id }: ApiKey): SecretStore => {
      const ref = secrets.get(id)
      if (ref === undefined) throw new Error(`no store for ${id}`)
      return { read: Ref.get(ref), write: (secret) => Ref.set(ref, Option.some(secret)) }
    }

    const progress: Array<RotationProgress> = []
    let requests = 0
    const counting = Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request) =>
        Effect.zipRight(
          Effect.sync(() => requests += 1),
          emulator.httpClient.execute(request),
        )
      ),
    )
    const startedAt = yield* Clock.currentTimeMillis
    const fleet = Stream.fromIterable(keys).pipe(
      rotateApiKeys({
        store: storeOf,
        grace: options.grace,
        olderThan: options.olderThan,
        concurrency: options.concurrency ?? 8,
        onProgress: (now) =>
          Effect.sync(() => {
            progress.push(now)
            options.onProgress?.(now)
          }),
      }),
      Stream.runCollect,
    )
    const outcomes = yield* Effect.replicateEffect(fleet, fleets, { concurrency: "unbounded" })
      .pipe(
        Effect.provide(
          isUnlimited
            ? counting
            : Layer.provide(throttled({ limit: 10, window: "1 second" }), counting),
        ),
        Effect.provideService(Credentials, emulator.admin.credentials),
      )
    const seconds = ((yield* Clock.currentTimeMillis) - startedAt) / 1000
    const held = yield* Effect.forEach(secrets.values(), Ref.get)
    const left = yield* emulator.apiKeys
    return {
      outcomes: outcomes.flatMap((outcomes) => [...outcomes]),
      progress,
      keys: left.filter(({ id }) => !before.has(id)),
      held: held.flatMap((secret) => Option.toArray(Option.flatMap(secret, apiKeyIdOf))),
      requests,
      refused: yield* emulator.refused,
      seconds,
    }
  })
