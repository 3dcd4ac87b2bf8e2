import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import type * as Emulator from "../../src/emulator/mod.ts"
import { parseMarked } from "../../src/lifecycle/mark.ts"
import { deleteApiKey, sweepExpiredApiKeys, temporaryApiKey } from "../../src/mod.ts"
import { makeOrganization, type Organization } from "./organization.ts"
import { inVirtualTime, outcomeOf, type VirtualTime } from "./virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

const input = ({ emulator }: Organization, expiresIn: Duration.DurationInput = "1 hour") => ({
  name: "nightly audit",
  serviceAccountId: emulator.withoutRole.serviceAccountId,
  expiresIn,
})

const endings: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown>]> = [
  ["Success", Effect.void],
  ["Failure", Effect.fail("failed")],
  ["Failure", Effect.die("a defect")],
  ["Interrupted", Effect.interrupt],
]

describe("temporaryApiKey", () => {
  for (const [ending, effect] of endings) {
    test(`exists within the scope, and is gone after it ends in ${ending}`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const exit = yield* temporaryApiKey(input(organization)).pipe(
          Effect.tap(({ apiKey }) =>
            Effect.gen(function* () {
              expect(yield* organization.keys).toEqual([organization.old, apiKey])
              yield* effect
            })
          ),
          Effect.scoped,
          Effect.provide(organization.access()),
          Effect.exit,
        )
        expect(outcomeOf(exit)).toBe(ending)
        expect(yield* organization.keys).toEqual([organization.old])
      }))
  }

  test("says in its name when it expires", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const now = yield* Clock.currentTimeMillis
      const { apiKey } = yield* temporaryApiKey(input(organization, "90 minutes")).pipe(
        Effect.scoped,
        Effect.provide(organization.access()),
      )
      const { mark, name } = parseMarked(apiKey.name)
      expect(name).toBe("nightly audit")
      expect(Option.getOrThrow(mark)).toMatchObject({ _tag: "Expires", at: now + 90 * 60_000 })
    }))

  test("closes its scope at once although its deletion cannot be interrupted", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const before = yield* Clock.currentTimeMillis
      yield* temporaryApiKey(input(organization)).pipe(
        Effect.scoped,
        Effect.provide(organization.access()),
      )
      expect((yield* Clock.currentTimeMillis) - before).toBe(0)
    }))

  const deletionFaults: ReadonlyArray<readonly [string, Emulator.Fault]> = [
    ["lost before the server acts", { _tag: "DropBefore" }],
    ["lost after the server acted", { _tag: "DropAfter" }],
    ["answered with a 503", { _tag: "Respond", status: 503 }],
  ]
  for (const [what, fault] of deletionFaults) {
    test(`is gone although its deletion is ${what} at first`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization({
          faults: [{ operation: "deleteApiKey", calls: [1, 2], fault }],
        })
        yield* temporaryApiKey(input(organization)).pipe(
          Effect.scoped,
          Effect.provide(organization.access()),
        )
        expect(yield* organization.keys).toEqual([organization.old])
      }))
  }

  test("accepts that its key is deleted already", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* temporaryApiKey(input(organization)).pipe(
        Effect.tap(({ apiKey }) => deleteApiKey(apiKey.id)),
        Effect.scoped,
        Effect.provide(organization.access()),
      )
      expect(yield* organization.keys).toEqual([organization.old])
    }))

  test("has one key in the scope if the answer to its create is lost", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({
        faults: [{ operation: "createApiKey", calls: [1, 2], fault: { _tag: "DropAfter" } }],
      })
      const within = yield* temporaryApiKey(input(organization)).pipe(
        Effect.zipRight(organization.keys),
        Effect.scoped,
        Effect.provide(organization.access()),
      )
      expect(within.length).toBe(2)
      expect(yield* organization.keys).toEqual([organization.old])
    }))

  test("is gone if the program is interrupted while it is made", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const fiber = yield* temporaryApiKey(input(organization)).pipe(
        Effect.scoped,
        Effect.provide(
          organization.access((what, effect) =>
            what === "POST" ? Effect.zipRight(effect, Effect.never) : effect
          ),
        ),
        Effect.fork,
      )
      yield* Effect.sleep("1 second")
      expect((yield* organization.keys).length).toBe(2)
      yield* Fiber.interrupt(fiber)
      expect(yield* organization.keys).toEqual([organization.old])
    }))

  for (const expiresIn of [Duration.millis(1), Duration.days(365_000)]) {
    test(`may expire in ${Duration.format(expiresIn)}`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const { apiKey } = yield* temporaryApiKey(input(organization, expiresIn)).pipe(
          Effect.scoped,
          Effect.provide(organization.access()),
        )
        expect(Option.isSome(parseMarked(apiKey.name).mark)).toBe(true)
      }))
  }

  /** What is handed out after these faults, or the failure, and the keys that remain. */
  const slowly = (faults: Emulator.FaultPlan, expiresIn: Duration.DurationInput) =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization({ faults })
      const isOld = ({ id }: { readonly id: string }) => id === organization.old.id
      return yield* temporaryApiKey(input(organization, expiresIn)).pipe(
        Effect.exit,
        Effect.bindTo("result"),
        Effect.bind("now", () => Clock.currentTimeMillis),
        Effect.bind(
          "left",
          () => Effect.map(organization.keys, (keys) => keys.filter((key) => !isOld(key))),
        ),
        Effect.bind("swept", () => Stream.runCount(sweepExpiredApiKeys())),
        Effect.scoped,
        Effect.provide(organization.access()),
      )
    })

  const expiryOf = ({ name }: { readonly name: string }): number => {
    const mark = Option.getOrUndefined(parseMarked(name).mark)
    return mark?._tag === "Expires" ? mark.at : NaN
  }

  test("counts its time from the attempt that made it, not from two that timed out", () =>
    Effect.gen(function* () {
      const { left, now, result, swept } = yield* slowly([
        { operation: "createApiKey", calls: [1, 2], answerDelay: "40 seconds" },
      ], "45 seconds")
      const { apiKey } = yield* result
      expect(left).toEqual([apiKey])
      expect(swept).toBe(0)
      expect(now - Date.UTC(2026, 0, 1)).toBeGreaterThan(60_000)
      expect(expiryOf(apiKey)).toBe(Math.ceil((now + 45_000) / 1000) * 1000)
    }))

  test("is handed out as long as more than half of its time is left", () =>
    Effect.gen(function* () {
      const { left, result } = yield* slowly([
        { operation: "createApiKey", answerDelay: "9999 millis" },
      ], "20 seconds")
      expect(left).toEqual([(yield* result).apiKey])
    }))

  const tooSlow: ReadonlyArray<readonly [string, Emulator.FaultPlan]> = [
    ["its answer took half of its time", [
      { operation: "createApiKey", answerDelay: "10 seconds" },
    ]],
    ["its answer came after it had expired", [
      { operation: "createApiKey", answerDelay: "25 seconds" },
    ]],
    ["a second search for a lost one took as long", [
      { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
      { operation: "listApiKeys", calls: 2, delay: "12 seconds" },
    ]],
  ]
  for (const [why, faults] of tooSlow) {
    test(`is deleted, and not handed out, if ${why}`, () =>
      Effect.gen(function* () {
        const { left, result } = yield* slowly(faults, "20 seconds")
        expect(yield* Effect.flip(result)).toMatchObject({
          _tag: "ApiKeyNotCreated",
          leftBehind: [],
          cause: {
            _tag: "TransportError",
            reason: "Timeout",
            operation: "createApiKey",
            mayHaveApplied: false,
            message: expect.stringContaining("not made within half of expiresIn"),
          },
        })
        expect(left).toEqual([])
      }))
  }

  test("is named if it took too long and cannot be deleted", () =>
    Effect.gen(function* () {
      const { left, result } = yield* slowly([
        { operation: "createApiKey", answerDelay: "11 seconds" },
        { operation: "deleteApiKey", fault: { _tag: "Respond", status: 403 } },
      ], "20 seconds")
      expect((yield* Effect.flip(result)).leftBehind)
        .toEqual(left.map(({ id, name }) => ({ id: Option.some(id), name })))
      expect(left.length).toBe(1)
    }))

  it("has half of its time left, or is gone, whatever is slow or lost", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            operation: fc.constantFrom("createApiKey", "listApiKeys", "deleteApiKey"),
            calls: fc.integer({ min: 1, max: 3 }),
            delay: fc.integer({ min: 0, max: 35_000 }),
            answerDelay: fc.integer({ min: 0, max: 35_000 }),
          }),
          { maxLength: 6 },
        ),
        fc.integer({ min: 1, max: 90_000 }),
        async (faults, expiresIn) => {
          const { left, now, result } = await Effect.runPromise(
            inVirtualTime(slowly(faults, expiresIn)),
          )
          if (Exit.isSuccess(result)) {
            expect(left).toEqual([result.value.apiKey])
            expect(expiryOf(result.value.apiKey) - now).toBeGreaterThan(expiresIn / 2)
          } else {
            const { leftBehind } = Effect.runSync(Effect.flip(result))
            expect(left.length).toBeLessThanOrEqual(leftBehind.length)
          }
        },
      ),
      { numRuns: 40 },
    ))

  const senseless: ReadonlyArray<unknown> = [
    0,
    -5,
    NaN,
    Infinity,
    "-5 minutes",
    "soon",
    -5n,
    [-1, 0],
    null,
    {},
  ]
  for (const given of senseless) {
    // A JavaScript program can pass anything.
    const expiresIn = given as Duration.DurationInput
    test(`refuses to expire in ${String(expiresIn)} before anything is sent`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const { cause } = yield* temporaryApiKey(input(organization, expiresIn)).pipe(
          Effect.scoped,
          Effect.provide(organization.access()),
          Effect.flip,
        )
        expect(cause._tag === "InvalidRequest" && cause.field).toBe("expiresIn")
        expect(yield* organization.emulator.requests).toEqual([])
      }))
  }
})

describe("sweepExpiredApiKeys", () => {
  const stocked = Effect.gen(function* () {
    const organization = yield* makeOrganization()
    const now = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
    const add = (name: string, minutesAgo: number) =>
      organization.emulator.addApiKey({
        name,
        createdAt: DateTime.subtract(now, { minutes: minutesAgo }),
      })
    yield* add("expired [expires 2025-12-31T23:59:59Z 1a2b3c4d]", 90)
    yield* add("expires now [expires 2026-01-01T00:00:00Z 1a2b3c4d]", 80)
    yield* add("lent [expires 2026-01-01T00:00:01Z 1a2b3c4d]", 70)
    yield* add("unfinished [once 1a2b3c4d]", 10)
    yield* add("being made [once 1a2b3c4d]", 9)
    yield* add("rotating [rotates CCDB1_12345abcdefGHIJKLMnopq 1a2b3c4d]", 500)
    yield* add("first [first 1a2b3c4d]", 500)
    yield* add("[expires 2025-12-31T23:59:59Z]", 500)
    return organization
  })

  test("deletes and yields expired keys, and keys unfinished for longer than the lease", () =>
    Effect.gen(function* () {
      const organization = yield* stocked
      const count = (yield* organization.keys).length
      const swept = yield* sweepExpiredApiKeys().pipe(
        Stream.map(({ name }) => name.split(" [")[0]),
        Stream.runCollect,
        Effect.provide(organization.access()),
      )
      expect([...swept]).toEqual(["expired", "expires now", "unfinished"])
      expect((yield* organization.keys).length).toBe(count - 3)
    }))

  test("does not yield keys that another sweep has deleted", () =>
    Effect.gen(function* () {
      const organization = yield* stocked
      const swept = yield* Effect.all(
        [1, 2, 3].map(() => Stream.runCount(sweepExpiredApiKeys())),
        { concurrency: 3 },
      ).pipe(Effect.provide(organization.access()))
      expect(swept.reduce((sum, count) => sum + count, 0)).toBe(3)
    }))

  test("goes on if a key is gone before its turn", () =>
    Effect.gen(function* () {
      const organization = yield* stocked
      yield* organization.emulator.setFaults([
        { operation: "getApiKey", calls: 1, fault: { _tag: "Respond", status: 404 } },
      ])
      const swept = yield* Stream.runCollect(sweepExpiredApiKeys()).pipe(
        Effect.provide(organization.access()),
      )
      expect([...swept].map(({ name }) => name.split(" [")[0])).toEqual([
        "expires now",
        "unfinished",
      ])
    }))

  test("keeps to a given service account", () =>
    Effect.gen(function* () {
      const organization = yield* stocked
      const { serviceAccountId } = organization.emulator.admin
      const swept = yield* Stream.runCount(sweepExpiredApiKeys({ serviceAccountId })).pipe(
        Effect.provide(organization.access()),
      )
      expect(swept).toBe(0)
    }))

  test("keeps keys that are unfinished for less than the given lease", () =>
    Effect.gen(function* () {
      const organization = yield* stocked
      const count = (lease: Duration.DurationInput) =>
        Effect.provide(Stream.runCount(sweepExpiredApiKeys({ lease })), organization.access())
      expect(yield* count("11 minutes")).toBe(2)
      expect(yield* count("9 minutes")).toBe(2)
    }))

  test("fails if a deletion does, and goes on when it is run again", () =>
    Effect.gen(function* () {
      const organization = yield* stocked
      yield* organization.emulator.setFaults([
        { operation: "deleteApiKey", calls: 2, fault: { _tag: "Respond", status: 403 } },
      ])
      const sweep = Stream.runCount(sweepExpiredApiKeys())
      const exit = yield* Effect.exit(Effect.provide(sweep, organization.access()))
      expect(outcomeOf(exit)).toBe("Failure")
      expect(exit._tag === "Failure" && Cause.pretty(exit.cause)).toContain("ORG_ADMIN")
      expect(yield* Effect.provide(sweep, organization.access())).toBe(2)
    }))
})
