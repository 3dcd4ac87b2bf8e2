import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { rotateApiKey, type RotateApiKeyOptions, rotateApiKeys } from "../../../src/mod.ts"
import { makeOrganization, type Organization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

type Options = Record<string, unknown>

// Values from programs without types, and from unchecked flags and settings.
const refused: ReadonlyArray<readonly [field: string, says: string, values: Array<unknown>]> = [
  ["grace", "must be a finite duration of zero or more", [
    -1,
    "-5 minutes",
    NaN,
    Infinity,
    "infinity",
    Duration.infinity,
    "soon",
    null,
    undefined,
    {},
    { seconds: -5 },
    { minute: 5, seconds: 0 },
  ]],
  ["lease", "must be a finite duration above zero", [
    0,
    "0 seconds",
    Duration.zero,
    -1,
    "-10 minutes",
    NaN,
    Infinity,
    "soon",
    {},
    { minutes: 10, secs: 30 },
  ]],
  ["olderThan", "must be a duration of zero or more", [
    -1,
    "-90 days",
    NaN,
    "soon",
    {},
    { day: 90, hours: 0 },
  ]],
  ["onWait", 'must be "sleep" or "return"', ["Return", "", 0, null, true]],
]

const concurrencies = [0, -1, 1.5, NaN, Infinity, "4"]

/** Rotates one key and a fleet. Fails if the store is touched. */
const outcomes = (organization: Organization, options: Options, ofFleet: Options = {}) =>
  Effect.gen(function* () {
    // The values have the wrong types on purpose.
    const how = { grace: 0, ...options } as Pick<RotateApiKeyOptions, "grace">
    const store = {
      read: Effect.dieMessage("the store was read"),
      write: () => Effect.dieMessage("the store was written"),
    }
    const one = yield* Effect.either(rotateApiKey({ ...how, store }))
    const many = yield* Stream.make(organization.old, organization.old, organization.old).pipe(
      rotateApiKeys({ ...how, ...ofFleet, store: () => store }),
      Stream.runCollect,
    )
    return { one, many: [...many].map(({ result }) => result) }
  }).pipe(Effect.provide(organization.access()))

const failure = (field: string, says: string) =>
  Either.left(expect.objectContaining({
    _tag: "RotationFailed",
    reason: "Api",
    cause: expect.objectContaining({
      _tag: "InvalidRequest",
      message: expect.stringContaining(`${field} ${says}`),
    }),
    message: expect.stringContaining(`${field} ${says}`),
    held: Option.none(),
    leftBehind: [],
  }))

describe("rotateApiKey and rotateApiKeys refuse, before anything is done,", () => {
  for (const [field, says, values] of refused) {
    for (const value of values) {
      test(`the ${field} ${String(value)} (${typeof value})`, () =>
        Effect.gen(function* () {
          const organization = yield* makeOrganization()
          const { many, one } = yield* outcomes(organization, { [field]: value })
          expect(one).toEqual(failure(field, says))
          expect(many).toEqual(Array(3).fill(failure(field, says)))
          expect(yield* organization.emulator.requests).toEqual([])
        }))
    }
  }
})

describe("rotateApiKeys refuses for each key", () => {
  for (const concurrency of concurrencies) {
    test(`the concurrency ${String(concurrency)} (${typeof concurrency})`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const { many } = yield* outcomes(organization, { lease: 0 }, {
          concurrency,
          lease: undefined,
        })
        expect(many).toEqual(
          Array(3).fill(failure("concurrency", "must be a whole number of at least 1")),
        )
      }))
  }
})

describe("rotateApiKeys", () => {
  test("ignores `first`, which is for one store only", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const first = {
        name: "billing [once 1a2b3c4d]",
        serviceAccountId: organization.old.serviceAccountId,
      }
      const options = { store: () => organization.store(), grace: 0, first }
      const results = yield* Stream.make(organization.old, organization.old).pipe(
        rotateApiKeys(options),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      expect([...results].map(({ result }) => Either.map(result, ({ did }) => did)))
        .toContainEqual(Either.right("made"))
    }))
})
