import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import {
  createApiKeyOnce,
  Credentials,
  getApiKey,
  listApiKeys,
  RetryPolicy,
  rotateApiKey,
  rotateApiKeys,
  type SecretStore,
  sweepExpiredApiKeys,
  updateApiKey,
  withRetryPolicy,
} from "../../src/mod.ts"
import { ok, scripted } from "../transport/scripted.ts"

const unlimited = { rateLimit: "none" } as const

const emptyStore = Effect.map(
  Ref.make<Option.Option<Redacted.Redacted<string>>>(Option.none()),
  (ref): SecretStore => ({
    read: Ref.get(ref),
    write: (secret) => Ref.set(ref, Option.some(secret)),
  }),
)

const named = (name: string, daysAgo = 0) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    const createdAt = DateTime.subtract(yield* DateTime.now, { days: daysAgo })
    return (yield* emulator.addApiKey({ name, createdAt })).apiKey
  })

const ids = Effect.flatMap(
  Emulator.Emulator,
  (emulator) => Effect.map(emulator.apiKeys, (keys) => keys.map(({ id }) => id)),
)

const now = TestClock.setTime(Date.UTC(2026, 0, 1))

describe("a sweep", () => {
  it.effect("keeps a key that was finished after its page was read", () =>
    Effect.gen(function* () {
      yield* now
      yield* named("first of the page [once 1a2b3c4d]", 1)
      const unfinished = yield* named("billing [once 2a2b3c4d]")
      const swept = yield* sweepExpiredApiKeys().pipe(
        Stream.tap(() =>
          Effect.zipRight(
            updateApiKey(unfinished.id, { name: "billing" }),
            TestClock.adjust("11 minutes"),
          )
        ),
        Stream.runCollect,
      )
      expect([...swept].map(({ name }) => name))
        .toEqual(["first of the page [once 1a2b3c4d]"])
      expect((yield* getApiKey(unfinished.id)).name).toBe("billing")
    }).pipe(Effect.provide(Emulator.layer(unlimited))))

  it.effect("yields a deleted key even if the answer to the deletion was lost", () =>
    Effect.gen(function* () {
      yield* now
      const expired = yield* named("lent [once 1a2b3c4d]", 1)
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults([
        { operation: "deleteApiKey", calls: 1, fault: { _tag: "DropAfter" } },
      ])
      const fiber = yield* Effect.fork(Stream.runCollect(sweepExpiredApiKeys()))
      yield* TestClock.adjust("1 minute")
      expect([...yield* Fiber.join(fiber)].map(({ id }) => id)).toEqual([expired.id])
    }).pipe(Effect.provide(Emulator.layer(unlimited))))
})

describe("a create once", () => {
  it.effect("hands out no key that a sweep may delete as left behind", () =>
    Effect.gen(function* () {
      yield* now
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults([{ operation: "updateApiKey", calls: 1, delay: "6 minutes" }])
      const before = yield* ids
      const fiber = yield* createApiKeyOnce({
        name: "billing",
        serviceAccountId: emulator.withoutRole.serviceAccountId,
      }).pipe(
        withRetryPolicy(RetryPolicy.make({ attemptTimeout: "20 minutes" })),
        Effect.flip,
        Effect.fork,
      )
      yield* TestClock.adjust("10 minutes")
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "ApiKeyNotCreated", leftBehind: [] })
      expect(yield* ids).toEqual(before)
    }).pipe(Effect.provide(Emulator.layer(unlimited))))
})

describe("a rotation", () => {
  it.effect("of an empty store keeps a key that is younger than olderThan, or lent", () =>
    Effect.gen(function* () {
      yield* now
      const keys = [
        yield* named("young", 1),
        yield* named("lent [expires 2027-01-01T00:00:00Z 1a2b3c4d]", 200),
        yield* named("unfinished [once 1a2b3c4d]", 200),
      ]
      const before = yield* ids
      const store = yield* emptyStore
      const outcomes = yield* Stream.fromIterable(keys).pipe(
        rotateApiKeys({ store: () => store, grace: 0, olderThan: "90 days" }),
        Stream.runCollect,
      )
      expect(
        [...outcomes].map(({ result }) =>
          Either.match(result, { onLeft: ({ reason }) => reason, onRight: ({ did }) => did })
        ),
      ).toEqual(["kept", "kept", "kept"])
      expect(yield* ids).toEqual(before)
    }).pipe(Effect.provide(Emulator.layer(unlimited))))

  it.effect("succeeds if the API refuses large pages", () =>
    Effect.gen(function* () {
      yield* now
      const key = yield* named("billing", 200)
      const store = yield* emptyStore
      const fiber = yield* Effect.fork(rotateApiKey({ store, apiKey: key, grace: 0 }))
      yield* TestClock.adjust("1 minute")
      expect((yield* Fiber.join(fiber)).did).toBe("made")
      expect(yield* Stream.runCount(sweepExpiredApiKeys())).toBe(0)
    }).pipe(
      Effect.provide(
        Emulator.layer({
          ...unlimited,
          defaultPageSize: 2,
          maxPageSize: 2,
          overMaxPageSize: "refuse",
        }),
      ),
    ))

  it.effect("refuses a first name that looks like a mark, before it makes a key", () =>
    Effect.gen(function* () {
      yield* now
      const emulator = yield* Emulator.Emulator
      const store = yield* emptyStore
      const before = yield* ids
      for (const name of ["", "x [once 1a2b3c4d]"]) {
        const first = { name, serviceAccountId: emulator.withoutRole.serviceAccountId }
        const error = yield* Effect.flip(rotateApiKey({ store, first, grace: 0 }))
        expect(error).toMatchObject({ reason: "Api", cause: { _tag: "InvalidRequest" } })
      }
      expect(yield* ids).toEqual(before)
      expect(yield* Stream.runCount(listApiKeys())).toBe(before.length)
    }).pipe(Effect.provide(Emulator.layer(unlimited))))

  it.effect("that breaks with a defect leaves no key that it has not written", () =>
    Effect.gen(function* () {
      yield* now
      const emulator = yield* Emulator.Emulator
      const before = yield* ids
      let reads = 0
      const store: SecretStore = {
        read: Effect.suspend(() => ++reads > 1 ? Effect.dieMessage("broken") : Effect.succeedNone),
        write: () => Effect.void,
      }
      const first = { name: "billing", serviceAccountId: emulator.withoutRole.serviceAccountId }
      yield* Effect.exit(rotateApiKey({ store, first, grace: 0 }))
      expect(yield* ids).toEqual(before)
    }).pipe(Effect.provide(Emulator.layer(unlimited))))
})

describe("a get that answers with another key", () => {
  it.effect("ends a rotation, which could otherwise look forever for the key in its store", () =>
    Effect.gen(function* () {
      const secret = Redacted.make(`CCDB1_another_${"s".repeat(40)}`)
      const store: SecretStore = { read: Effect.succeedSome(secret), write: () => Effect.void }
      const { layer, sent } = scripted(ok)
      const error = yield* Effect.flip(
        Effect.provide(rotateApiKey({ store, grace: 0 }), layer),
      )
      expect(error).toMatchObject({ reason: "Api", cause: { _tag: "UnexpectedResponse" } })
      expect(error.message).toContain("not the one that was asked for")
      expect(sent.length).toBe(1)
    }))
})

describe("a token that never comes", () => {
  const hanging = Credentials.layerApiKey(Effect.never)
  const input = { name: "billing", serviceAccountId: "1234abcd-1234-1234-abcd-12345678abcd" }

  it.effect("lets a create fail at its deadline", () =>
    Effect.gen(function* () {
      const fiber = yield* createApiKeyOnce(input).pipe(
        withRetryPolicy(RetryPolicy.make({ deadline: "5 seconds" })),
        Effect.provide(Layer.merge(scripted(ok).client, hanging)),
        Effect.flip,
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.poll(fiber)).toMatchObject({ value: { value: { leftBehind: [] } } })
    }))

  it.effect("lets a create say what it left behind", () =>
    Effect.gen(function* () {
      let asked = 0
      const once = Credentials.layerApiKey(
        Effect.suspend(() =>
          asked++ === 0 ? Effect.succeed(Redacted.make("a-token")) : Effect.never
        ),
      )
      const fiber = yield* createApiKeyOnce(input).pipe(
        withRetryPolicy(RetryPolicy.make({ deadline: "5 seconds" })),
        Effect.provide(Layer.merge(scripted("Connection").client, once)),
        Effect.flip,
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.poll(fiber)).toMatchObject({ value: { value: { leftBehind: [{}] } } })
    }))
})
