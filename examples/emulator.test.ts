// How to test your own program with the emulator: `npx vitest run examples/emulator.test.ts`.
import { Credentials, deleteApiKey, getApiKey, listApiKeys, throttled } from "@effect-crdb/api-keys"
import * as Emulator from "@effect-crdb/api-keys/emulator"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

/** The program to test. It deletes every key of a service account, and says how many there were. */
const revokeAll = (serviceAccountId: string) =>
  Effect.gen(function* () {
    const apiKeys = yield* Stream.runCollect(listApiKeys({ serviceAccountId, pageSize: 500 }))
    yield* Effect.forEach(apiKeys, ({ id }) =>
      deleteApiKey(id).pipe(
        // Somebody else was faster, or an answer was lost and this is a second request.
        Effect.catchTag("NotFound", () => Effect.void),
      ), { concurrency: 5 })
    return apiKeys.length
  })

const [leaver, stayer] = [
  "7c9e6679-7425-40de-944b-e07fc1f90ae7",
  "16fd2706-8baf-433b-82eb-8c7fada847da",
]

// Two service accounts, and 24 keys that belong to them in turn.
const organization = {
  serviceAccounts: [{ id: leaver, name: "leaver" }, { id: stayer, name: "stayer" }],
  keys: 24,
}

/** Moves the test's clock until the effect ends, so no test waits. */
const whileTimePasses = Effect.raceFirst(Effect.forever(TestClock.adjust("1 second")))

it.effect("deletes the keys of that account, and no other", () =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    expect(yield* whileTimePasses(revokeAll(leaver))).toBe(12)

    const left = (yield* emulator.apiKeys).map(({ serviceAccountId }) => serviceAccountId)
    expect(left).not.toContain(leaver)
    expect(left.filter((id) => id === stayer).length).toBe(12)
  }).pipe(Effect.provide(Emulator.layer(organization))))

it.effect("deletes each key once, although every third answer is lost", () =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults([
      { operation: "deleteApiKey", calls: [1, 4, 7, 10, 13], fault: { _tag: "DropAfter" } },
    ])
    yield* whileTimePasses(revokeAll(leaver))

    const deleted = (yield* emulator.history).map(({ apiKeyId }) => apiKeyId)
    expect([deleted.length, new Set(deleted).size]).toEqual([12, 12])
    // The program handles this: its second request finds the key gone.
    expect((yield* emulator.requests).map(({ status }) => status)).toContain(404)
  }).pipe(Effect.provide(Emulator.layer({ ...organization, rateLimit: "none" }))))

it.effect("is refused by the rate limit, waits, and finishes", () =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    yield* whileTimePasses(revokeAll(leaver))
    expect(yield* emulator.refused).toBeGreaterThan(0)
    expect((yield* emulator.history).length).toBe(12)
  }).pipe(Effect.provide(Emulator.layer(organization))))

it.effect("is never refused if it is throttled", () =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    yield* whileTimePasses(revokeAll(leaver)).pipe(
      Effect.provide(throttled({ limit: 10, window: "1 second" })),
    )
    expect(yield* emulator.refused).toBe(0)
    expect((yield* emulator.history).length).toBe(12)
  }).pipe(Effect.provide(Emulator.layer(organization))))

it.effect("deletes nothing if its caller lacks the role", () =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    const error = yield* revokeAll(leaver).pipe(
      Effect.provideService(Credentials, emulator.clusterAdmin.credentials),
      Effect.flip,
    )
    expect([error._tag, error.message]).toEqual(["Forbidden", expect.stringContaining("ORG_ADMIN")])
    expect(yield* emulator.history).toEqual([])
    yield* getApiKey(emulator.clusterAdmin.apiKeyId)
  }).pipe(Effect.provide(Emulator.layer({ ...organization, rateLimit: "none" }))))
