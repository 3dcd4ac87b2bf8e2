import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import {
  type ApiKey,
  rotateApiKeys,
  type RotationProgress,
  type SecretStore,
} from "../../../src/mod.ts"
import { type Around, makeOrganization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

const stores = (keys: ReadonlyArray<ApiKey>, fails: (apiKey: ApiKey) => boolean = () => false) =>
  Effect.map(
    Effect.forEach(keys, () => Ref.make<Option.Option<Redacted.Redacted<string>>>(Option.none())),
    (refs) => (apiKey: ApiKey): SecretStore<"broken"> => {
      const ref = refs[keys.findIndex(({ id }) => id === apiKey.id)]
      if (ref === undefined || fails(apiKey)) {
        return { read: Effect.fail("broken"), write: () => Effect.fail("broken") }
      }
      return { read: Ref.get(ref), write: (secret) => Ref.set(ref, Option.some(secret)) }
    },
  )

const fleetOf = (count: number) =>
  Effect.gen(function* () {
    const organization = yield* makeOrganization()
    const keys = yield* Effect.forEach(
      Array.from({ length: count }, (_, n) => n),
      (n) => Effect.map(organization.emulator.addApiKey({ name: `k${n}` }), (made) => made.apiKey),
    )
    return { organization, keys }
  })

describe("rotateApiKeys", () => {
  test("goes on after a failure, and says which key failed", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(5)
      const store = yield* stores(keys, ({ name }) => name === "k2")
      const outcomes = yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({ store, grace: 0 }),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      const failed = [...outcomes].flatMap(({ apiKey, result }) =>
        Either.match(result, {
          onLeft: ({ cause }) => [{ name: apiKey.name, cause }],
          onRight: () => [],
        })
      )
      expect(failed).toEqual([{ name: "k2", cause: "broken" }])
      expect(outcomes.length).toBe(5)
      expect((yield* organization.keys).filter(({ id }) => keys.some((key) => key.id === id)))
        .toEqual([keys[2]])
    }))

  for (
    const [where, run] of [
      ["anywhere", (early: Effect.Effect<void>) => early],
      ["in an uninterruptible region", Effect.uninterruptible],
      ["in a finalizer", (early: Effect.Effect<void>) => Effect.ensuring(Effect.void, early)],
      [
        "while a resource is acquired",
        (early: Effect.Effect<void>) =>
          Effect.scoped(Effect.acquireRelease(early, () => Effect.void)),
      ],
    ] as const
  ) {
    test(`ends when its reader has enough, ${where}`, () =>
      Effect.gen(function* () {
        const { keys, organization } = yield* fleetOf(30)
        const early = Stream.fromIterable(keys).pipe(
          rotateApiKeys({ store: yield* stores(keys), grace: "1 second" }),
          Stream.take(1),
          Stream.runDrain,
          Effect.provide(organization.access()),
        )
        const ended = yield* Effect.timeoutOption(
          Effect.disconnect(Effect.interruptible(run(early))),
          "1 hour",
        )
        expect(Option.isSome(ended)).toBe(true)
      }))
  }

  /** How many of twelve keys it rotates at the same time. */
  const mostAtATime = (concurrency: number | undefined) =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(12)
      let now = 0
      let most = 0
      const around: Around = (_, effect) =>
        Effect.acquireUseRelease(
          Effect.sync(() => most = Math.max(most, now += 1)),
          () => Effect.zipRight(Effect.sleep("1 second"), effect),
          () => Effect.sync(() => now -= 1),
        )
      const outcomes = yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({ store: yield* stores(keys), grace: 0, concurrency }),
        Stream.runCount,
        Effect.provide(organization.access(around)),
      )
      return { most, outcomes }
    })

  for (const [concurrency, most] of [[3, 3], [undefined, 4], [1, 1]] as const) {
    test(`rotates ${most} keys at a time with concurrency ${concurrency}`, () =>
      Effect.gen(function* () {
        expect(yield* mostAtATime(concurrency)).toEqual({ most, outcomes: 12 })
      }))
  }

  test("lets keys wait out their grace together, and reports how many wait", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(12)
      const seen: Array<RotationProgress> = []
      const fleet = Stream.fromIterable(keys).pipe(
        rotateApiKeys({
          store: yield* stores(keys),
          grace: "1 hour",
          concurrency: 2,
          onProgress: (progress) => Effect.sync(() => seen.push(progress)),
        }),
        Stream.runCount,
        Effect.provide(organization.access()),
      )
      const before = yield* Clock.currentTimeMillis
      expect(yield* fleet).toBe(12)
      expect((yield* Clock.currentTimeMillis) - before).toBeLessThan(61 * 60_000)
      expect(Math.max(...seen.map(({ waiting }) => waiting))).toBe(12)
      expect(seen.at(-1)).toEqual({ started: 12, waiting: 0, succeeded: 12, failed: 0 })
    }))

  test("reports each key's start and its end, success or failure, one report at a time", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(2)
      const seen: Array<RotationProgress> = []
      let isReporting = false
      yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({
          store: yield* stores(keys, ({ name }) => name === "k1"),
          grace: 0,
          onProgress: (progress) =>
            Effect.gen(function* () {
              expect(isReporting).toBe(false)
              isReporting = true
              yield* Effect.sleep("1 minute")
              isReporting = false
              seen.push(progress)
            }),
        }),
        Stream.runDrain,
        Effect.provide(organization.access()),
      )
      expect(seen).toEqual([
        { started: 1, waiting: 0, succeeded: 0, failed: 0 },
        { started: 2, waiting: 0, succeeded: 0, failed: 0 },
        { started: 2, waiting: 1, succeeded: 0, failed: 0 },
        { started: 2, waiting: 1, succeeded: 0, failed: 1 },
        { started: 2, waiting: 0, succeeded: 0, failed: 1 },
        { started: 2, waiting: 0, succeeded: 1, failed: 1 },
      ])
    }))

  test("reports the start and the end of each wait", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(1)
      const seen: Array<number> = []
      yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({
          store: yield* stores(keys),
          grace: "1 hour",
          onProgress: ({ waiting }) => Effect.sync(() => seen.push(waiting)),
        }),
        Stream.runDrain,
        Effect.provide(organization.access()),
      )
      expect(seen).toEqual([0, 1, 0, 0])
    }))

  /** The outcomes of a hundred keys, three at a time, and how many keys it has taken. */
  const taking = <E>(
    options: { readonly store: (apiKey: ApiKey) => SecretStore<E>; readonly grace: number },
  ) =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(100)
      const taken = yield* Ref.make(0)
      const outcomes = Stream.fromIterable(keys).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Ref.update(taken, (count) => count + 1)),
        rotateApiKeys({ ...options, concurrency: 3 }),
        Stream.provideContext(organization.access()),
      )
      return { keys, outcomes, taken }
    })

  test("takes a key from its source only when it can rotate it", () =>
    Effect.gen(function* () {
      const stuck: SecretStore = { read: Effect.never, write: () => Effect.never }
      const { outcomes, taken } = yield* taking({ store: () => stuck, grace: 0 })
      yield* Effect.fork(Stream.runDrain(outcomes))
      yield* Effect.sleep("2 minutes")
      expect(yield* Ref.get(taken)).toBe(3)
    }))

  test("takes no more keys while nobody reads the outcomes", () =>
    Effect.gen(function* () {
      const broken: SecretStore<"broken"> = {
        read: Effect.fail("broken"),
        write: () => Effect.fail("broken"),
      }
      const { outcomes, taken } = yield* taking({ store: () => broken, grace: 0 })
      yield* Effect.fork(Stream.runForEach(outcomes, () => Effect.never))
      yield* Effect.sleep("1 hour")
      expect(yield* Ref.get(taken)).toBeLessThan(25)
    }))

  test("finishes the keys that it has taken even if nobody reads their outcomes", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(30)
      yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({ store: yield* stores(keys), grace: "1 hour" }),
        Stream.runForEach(() => Effect.never),
        Effect.provide(organization.access()),
        Effect.fork,
      )
      yield* Effect.sleep("2 hours")
      const old = keys.map(({ id }) => id)
      expect((yield* organization.keys).filter(({ id }) => old.includes(id))).toEqual([])
    }))

  test("finishes keys after their grace without waiting for a slow source", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(3)
      const done = yield* Stream.concat(Stream.fromIterable(keys), Stream.never).pipe(
        rotateApiKeys({ store: yield* stores(keys), grace: "1 hour", concurrency: 1 }),
        Stream.take(3),
        Stream.runCount,
        Effect.provide(organization.access()),
      )
      expect(done).toBe(3)
    }))

  test("goes on with the new secret if the program's own key is among them", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(6)
      const { admin } = organization.emulator
      const own = (yield* organization.emulator.apiKeys).find(({ id }) => id === admin.apiKeyId)
      const all = own === undefined ? [] : [...keys.slice(0, 3), own, ...keys.slice(3)]
      const outcomes = yield* Stream.fromIterable(all).pipe(
        rotateApiKeys({ store: yield* stores(all), grace: 0, concurrency: 3 }),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      expect([...outcomes].map(({ result }) => Either.getOrThrow(result).did))
        .toEqual(all.map(() => "made"))
      expect((yield* organization.emulator.apiKeys).some(({ id }) => id === admin.apiKeyId))
        .toBe(false)
    }))

  test("goes on with the old secret if the store of the program's own key changes the new one", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(2)
      const { admin } = organization.emulator
      const own = (yield* organization.emulator.apiKeys).filter(({ id }) => id === admin.apiKeyId)
      const all = [...own, ...keys]
      const storeOf = yield* stores(all)
      const mangled = yield* Ref.make(Option.some(admin.secret))
      const mangling: SecretStore = {
        read: Ref.get(mangled),
        write: (secret) =>
          Ref.set(mangled, Option.some(Redacted.make(Redacted.value(secret).slice(0, -3)))),
      }
      const outcomes = yield* Stream.fromIterable(all).pipe(
        rotateApiKeys({
          store: (key) => key.id === admin.apiKeyId ? mangling : storeOf(key),
          grace: 0,
          concurrency: 1,
        }),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      expect(
        [...outcomes].map(({ result }) =>
          Either.match(result, { onLeft: ({ reason }) => reason, onRight: () => "did" })
        ),
      ).toEqual(["SecretRefused", "did", "did"])
    }))

  test("yields an outcome as soon as it is known, even before an earlier key's", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(2)
      const storeOf = yield* stores(keys)
      const slow = (apiKey: ApiKey): SecretStore<"broken"> => {
        const store = storeOf(apiKey)
        return apiKey.name === "k0"
          ? { ...store, read: Effect.delay(store.read, "1 minute") }
          : store
      }
      const outcomes = yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({ store: slow, grace: 0 }),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      expect([...outcomes].map(({ apiKey }) => apiKey.name)).toEqual(["k1", "k0"])
    }))

  test("fails if its source fails", () =>
    Effect.gen(function* () {
      const { keys, organization } = yield* fleetOf(1)
      const failure = yield* Stream.concat(Stream.fromIterable(keys), Stream.fail("no more")).pipe(
        rotateApiKeys({ store: yield* stores(keys), grace: 0 }),
        Stream.runDrain,
        Effect.provide(organization.access()),
        Effect.flip,
      )
      expect(failure).toBe("no more")
    }))
})
