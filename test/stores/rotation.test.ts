import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { inspect } from "node:util"
import { awsSecretStore } from "../../examples/stores/awsSecretsManager.ts"
import { vaultSecretStore } from "../../examples/stores/vault.ts"
import {
  deleteApiKey,
  rotateApiKey,
  type RotateApiKeyOptions,
  type SecretStore,
} from "../../src/mod.ts"
import { expectGood, makeOrganization, type Organization } from "../lifecycle/organization.ts"
import { makeSecretsManager, valueOf } from "./secretsManager.ts"
import type { Answer } from "./serve.ts"
import { makeVault, secretOf } from "./vault.ts"

type Store = SecretStore<{ readonly message: string }>

/** A secret manager behind a rotation's store. */
interface Manager {
  /** Makes a new store each time, as in another process. */
  readonly makeStore: Effect.Effect<Store>
  readonly held: () => unknown
  readonly put: (secret: string) => void
  /** How many versions the secret has. */
  readonly versions: () => number
  readonly disturbWrites: (disturb: (obey: () => Answer) => Answer) => void
  /** Makes reads lag by `millis` milliseconds. */
  readonly lag: (millis: number) => void
  readonly refusal: Answer
  readonly close: () => Promise<void>
}

const aws = async (): Promise<Manager> => {
  const manager = await makeSecretsManager()
  const { secret } = manager
  return {
    makeStore: awsSecretStore(manager.client, "billing"),
    held: () => valueOf(manager, "AWSCURRENT"),
    put: (text) => {
      secret.versions.set("0", text)
      secret.labels.set("AWSCURRENT", "0")
    },
    versions: () => secret.versions.size,
    disturbWrites: (disturb) => {
      // PutSecretValue only adds the version. This call makes it the current one.
      manager.disturb = (operation, obey) =>
        operation === "UpdateSecretVersionStage" ? disturb(obey) : obey()
    },
    lag: (millis) => {
      secret.lag = millis
    },
    refusal: { status: 400, body: { __type: "AccessDeniedException" } },
    close: manager.close,
  }
}

const vault = async (): Promise<Manager> => {
  const manager = await makeVault()
  const options = { url: manager.url, token: Redacted.make(manager.token) }
  return {
    makeStore: Effect.provide(vaultSecretStore(options), FetchHttpClient.layer),
    held: () => secretOf(manager),
    put: (secret) => manager.versions.push({ data: { secret }, state: "live" }),
    versions: () => manager.versions.length,
    disturbWrites: (disturb) => {
      manager.disturb = (method, obey) => method === "POST" ? disturb(obey) : obey()
    },
    lag: (millis) => {
      manager.lag = millis
    },
    refusal: { status: 403, body: { errors: ["permission denied"] } },
    close: manager.close,
  }
}

/** The live clock, which tests can put forward. The store's requests take real time. */
const makeMovableClock = () => {
  const live = Clock.make()
  let ahead = 0
  const millis = () => live.unsafeCurrentTimeMillis() + ahead
  const nanos = () => live.unsafeCurrentTimeNanos() + BigInt(ahead) * 1_000_000n
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) => live.sleep(duration),
  }
  const move = (duration: Duration.DurationInput) =>
    Effect.sync(() => {
      ahead += Math.ceil(Duration.toMillis(duration))
    })
  return { clock, move }
}

describe.each([["AWS Secrets Manager", aws], ["Vault", vault]] as const)(
  "a rotation with its secret in %s",
  (_, make) => {
    let manager: Manager
    beforeEach(async () => {
      manager = await make()
    })
    afterEach(() => manager.close())

    const note = ({ secret }: Organization) =>
      Effect.suspend(() => {
        const held = manager.held()
        return Ref.set(
          secret,
          typeof held === "string" ? Option.some(Redacted.make(held)) : Option.none(),
        )
      })

    /** An organization with a key whose secret the manager holds. */
    const makeBilling = Effect.gen(function* () {
      const organization = yield* makeOrganization()
      manager.put(Redacted.value(Option.getOrThrow(yield* organization.secret.get)))
      return organization
    })

    const rotate = (
      organization: Organization,
      options: Partial<RotateApiKeyOptions> = {},
      around: (store: Store) => Store = (store) => store,
    ) =>
      Effect.flatMap(
        manager.makeStore,
        (store) =>
          rotateApiKey({ grace: 0, lease: "30 seconds", ...options, store: around(store) }),
      ).pipe(
        Effect.provide(
          organization.access((_, effect) => Effect.zipRight(note(organization), effect)),
        ),
        Effect.ensuring(note(organization)),
      )

    it.live("writes the new secret there", () =>
      Effect.gen(function* () {
        const organization = yield* makeBilling
        const { apiKey, did } = yield* rotate(organization)
        expect(did).toBe("made")
        expect(manager.held()).toMatch(new RegExp(`^${apiKey.id}_`))
        expect(manager.versions()).toBe(2)
        yield* expectGood(organization)
      }))

    it.live.each([["the first answer", 1], ["every answer", Infinity]] as const)(
      "succeeds if %s to the write is lost, and makes one version",
      ([, times]) =>
        Effect.gen(function* () {
          const organization = yield* makeBilling
          let lost = 0
          manager.disturbWrites((obey) => {
            const answer = obey()
            return lost++ < times ? "lost" : answer
          })
          const { did } = yield* rotate(organization)
          expect(lost).toBeGreaterThan(1)
          expect(did).toBe("made")
          expect(manager.versions()).toBe(2)
          yield* expectGood(organization)
        }),
    )

    it.live.each([0, 400])(
      "ends with one key if two runs write at once and reads lag %s ms",
      (lag) =>
        Effect.gen(function* () {
          const organization = yield* makeBilling
          manager.lag(lag)
          const both = yield* Deferred.make<void>()
          let writing = 0
          const together = (store: Store): Store => ({
            ...store,
            write: (secret) =>
              Effect.suspend(() =>
                ++writing === 2 ? Deferred.succeed(both, undefined) : Effect.void
              )
                .pipe(
                  Effect.zipRight(Deferred.await(both)),
                  Effect.zipRight(store.write(secret)),
                ),
          })
          const run = rotate(organization, {}, together)
          const rotations = yield* Effect.all([run, run], { concurrency: "unbounded" })
          const ids = rotations.map(({ apiKey }) => Option.some(apiKey.id))
          const held = yield* organization.heldId
          expect(ids).toEqual([held, held])
          expect(rotations.flatMap(({ deleted }) => deleted)).toHaveLength(2)
          expect(rotations.map(({ did }) => did).sort()).toEqual(["made", "resumed"])
          yield* expectGood(organization)
        }),
    )

    it.live("makes a first key if the manager holds nothing and `first` is given", () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        yield* note(organization)
        yield* Effect.provide(deleteApiKey(organization.old.id), organization.access())
        const error = yield* Effect.flip(rotate(organization))
        expect(error.reason).toBe("NothingHeld")
        const { serviceAccountId } = organization.emulator.withoutRole
        yield* rotate(organization, { first: { name: "billing", serviceAccountId } })
        expect(manager.versions()).toBe(1)
        yield* expectGood(organization)
      }))

    it.live("passes its grace in short runs", () => {
      const { clock, move } = makeMovableClock()
      return Effect.gen(function* () {
        const organization = yield* makeBilling
        const options = { grace: "1 day", onWait: "return" } as const
        const first = yield* rotate(organization, options)
        expect(first.did).toBe("waiting")
        yield* move(DateTime.distance(yield* DateTime.now, Option.getOrThrow(first.until)))
        const second = yield* rotate(organization, { ...options, olderThan: "90 days" })
        expect(second).toMatchObject({ did: "resumed", deleted: [organization.old.id] })
        yield* expectGood(organization)
      }).pipe(Effect.withClock(clock))
    })

    it.live("fails if it may not write, and shows no secret", () =>
      Effect.gen(function* () {
        const organization = yield* makeBilling
        const sent: Array<string> = []
        manager.disturbWrites(() => manager.refusal)
        const error = yield* Effect.flip(rotate(organization, {}, (store) => ({
          ...store,
          write: (secret) => {
            sent.push(Redacted.value(secret))
            return store.write(secret)
          },
        })))
        expect(error.reason).toBe("Store")
        expect(error.leftBehind).toHaveLength(1)
        expect(manager.held()).toMatch(new RegExp(`^${organization.old.id}_`))
        expect(sent).toHaveLength(1)
        const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error)
        expect(shown).not.toContain(sent[0]?.slice(-40))
      }))
  },
)
