import type { HttpClient } from "@effect/platform/HttpClient"
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Emulator from "../../src/emulator/mod.ts"
import {
  createApiKeyOnce,
  Credentials,
  RetryPolicy,
  rotateApiKey,
  temporaryApiKey,
  withRetryPolicy,
} from "../../src/mod.ts"
import { type Around, makeOrganization, type Organization } from "./organization.ts"
import { inVirtualTime, outcomeOf, type VirtualTime } from "./virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

type Program = (
  organization: Organization,
) => Effect.Effect<unknown, unknown, HttpClient | Credentials | Scope.Scope>

const input = ({ emulator }: Organization) => ({
  name: "reports",
  serviceAccountId: emulator.withoutRole.serviceAccountId,
})

const once: Program = (organization) => createApiKeyOnce(input(organization))
const temporary: Program = (organization) =>
  Effect.zipRight(temporaryApiKey({ ...input(organization), expiresIn: "1 hour" }), Effect.never)
const first: Program = (organization) =>
  rotateApiKey({
    store: { read: Effect.succeedNone, write: () => Effect.never },
    first: input(organization),
    grace: 0,
  })

const programs = { createApiKeyOnce: once, temporaryApiKey: temporary, rotateApiKey: first }

/**
 * The seconds of a run: from 0 to 2 a create, which acts at 1 and is lost at 2, to 3 a list, to 4 a
 * deletion, to 14 the wait, to 16 the next create.
 */
const faults: Emulator.FaultPlan = [
  {
    operation: "createApiKey",
    calls: 1,
    delay: "1 second",
    answerDelay: "1 second",
    fault: { _tag: "DropAfter" },
  },
  { delay: "1 second" },
]
const spaced = Schedule.intersect(Schedule.spaced("10 seconds"), Schedule.recurs(3))

interface Played {
  readonly outcome: string
  /** Milliseconds from the interruption to the end. */
  readonly millis: number
  /** The names of the remaining keys. */
  readonly left: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<readonly [message: string, annotations: object]>
}

interface Play {
  readonly program: Program
  /** The second of the interruption. By default there is none. */
  readonly interruptedAt?: number
  readonly faults?: Emulator.FaultPlan
  readonly around?: Around
  readonly schedule?: Schedule.Schedule<unknown>
  readonly deadline?: Duration.Duration
  /** The second in which the key of an abandoned create appears. */
  readonly lateAt?: number
  readonly credentials?: (
    credentials: Organization["emulator"]["admin"]["credentials"],
  ) => typeof credentials
}

const play = (how: Play): Effect.Effect<Played> =>
  Effect.gen(function* () {
    const warnings: Array<readonly [string, object]> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      if (!["WARN", "ERROR", "FATAL"].includes(logLevel.label)) return
      warnings.push([String(message), Object.fromEntries(HashMap.toEntries(annotations))])
    })
    const organization = yield* makeOrganization({ faults: how.faults ?? faults })
    const { emulator, old } = organization
    const fiber = yield* how.program(organization).pipe(
      withRetryPolicy(
        RetryPolicy.make({ schedule: how.schedule ?? spaced, deadline: how.deadline }),
      ),
      Effect.scoped,
      Effect.updateService(Credentials, how.credentials ?? ((same) => same)),
      Effect.provide(organization.access(how.around)),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.fork,
    )
    if (how.lateAt !== undefined) {
      yield* Effect.delay(
        Effect.gen(function* () {
          const [create] = yield* emulator.requests
          const { name } = JSON.parse(create?.body ?? "")
          yield* emulator.addApiKey({ ...input(organization), name })
        }),
        Duration.seconds(how.lateAt),
      ).pipe(Effect.fork)
    }
    let from = yield* Clock.currentTimeMillis
    if (how.interruptedAt !== undefined) {
      yield* Effect.sleep(Duration.seconds(how.interruptedAt))
      from = yield* Clock.currentTimeMillis
      yield* Fiber.interrupt(fiber)
    }
    const exit = yield* Fiber.await(fiber)
    return {
      outcome: outcomeOf(exit),
      millis: (yield* Clock.currentTimeMillis) - from,
      left: (yield* organization.keys).filter(({ id }) => id !== old.id).map(({ name }) => name),
      warnings,
    }
  }).pipe(inVirtualTime)

const doubt = "a create whose outcome is unknown may have left a key behind, or still make one"
const marked = expect.stringMatching(/^reports \[\w+ .*\w{8}\]$/)

const moments: Readonly<Record<string, number>> = {
  "in its first attempt, after it made a key": 1.5,
  "while it looks for the lost key": 2.5,
  "while it deletes the lost key": 3.5,
  "in the wait before its second attempt": 9,
  "in its second attempt, after it made a key": 15.5,
}

describe.each(Object.entries(programs))("a create of %s", (_, program) => {
  for (const [when, interruptedAt] of Object.entries(moments)) {
    test(`leaves nothing if it is interrupted ${when}`, () =>
      Effect.gen(function* () {
        const { left, outcome, warnings } = yield* play({ program, interruptedAt })
        expect([outcome, left, warnings]).toEqual(["Interrupted", [], []])
      }))
  }

  test("names the key that may still appear if it is interrupted before it made one", () =>
    Effect.gen(function* () {
      const played = yield* play({ program, interruptedAt: 0.5 })
      expect(played.warnings).toEqual([[doubt, { id: "unknown", name: marked }]])
    }))

  const neverMade: Emulator.FaultPlan = [
    { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
  ]

  test("deletes a key that appeared late if it is interrupted in the wait", () =>
    Effect.gen(function* () {
      const late = { program, faults: neverMade, lateAt: 5 }
      expect((yield* play({ ...late, interruptedAt: 4 })).left).toEqual([])
      const { left, warnings } = yield* play({ ...late, interruptedAt: 6 })
      expect([left, warnings]).toEqual([[], []])
    }))

  test("names the key that may still appear if it is interrupted in the wait", () =>
    Effect.gen(function* () {
      const { warnings } = yield* play({ program, faults: neverMade, interruptedAt: 6 })
      expect(warnings).toEqual([[doubt, { id: "unknown", name: marked }]])
    }))

  const stuck = { operation: ["listApiKeys", "deleteApiKey"], delay: "1 second" } as const
  const unfindable: Emulator.FaultPlan = [
    { ...stuck, fault: { _tag: "Respond", status: 403 } },
    ...faults,
  ]

  for (const interruptedAt of [1.5, 2.5]) {
    test(`names the key that it cannot find if it is interrupted after ${interruptedAt} s`, () =>
      Effect.gen(function* () {
        const { left, outcome, warnings } = yield* play({
          program,
          faults: unfindable,
          interruptedAt,
        })
        expect(outcome).toBe("Interrupted")
        expect(left).toEqual([marked])
        expect(warnings).toEqual([[doubt, { id: "unknown", name: left[0] }]])
      }))
  }

  const dying = (method: string, times: number, when: "before" | "after" = "after"): Around => {
    let count = 0
    return (what, effect) =>
      Effect.suspend(() => {
        if (what !== method || ++count > times) return effect
        const die = Effect.dieMessage("broken")
        return when === "before" ? die : Effect.zipRight(effect, die)
      })
  }
  const dyingSchedule = Schedule.modifyDelayEffect(spaced, () => Effect.dieMessage("broken"))

  const defects: ReadonlyArray<readonly [string, Partial<Play>]> = [
    ["in its first attempt", { around: dying("POST", 1), faults: [] }],
    ["while it looks for the lost key", { around: dying("GET", 1) }],
    ["while it deletes the lost key", { around: dying("DELETE", 1, "before") }],
    ["in the schedule before its second attempt", { schedule: dyingSchedule }],
    ["in the schedule after a key appeared late", {
      schedule: Schedule.modifyDelayEffect(
        spaced,
        () => Effect.zipRight(Effect.sleep("9 seconds"), Effect.dieMessage("broken")),
      ),
      faults: neverMade,
      lateAt: 5,
    }],
  ]
  for (const [when, how] of defects) {
    test(`leaves nothing after a defect ${when}`, () =>
      Effect.gen(function* () {
        const { left, outcome, warnings } = yield* play({ program, ...how })
        expect([outcome, left, warnings]).toEqual(["Failure", [], []])
      }))
  }

  test("leaves nothing after a defect in its second attempt", () =>
    Effect.gen(function* () {
      let posts = 0
      const { left, outcome, warnings } = yield* play({
        program,
        around: (what, effect) =>
          Effect.tap(
            effect,
            () => what === "POST" && ++posts === 1 ? Effect.dieMessage("broken") : Effect.void,
          ),
      })
      // The first answer is lost, so the first answer that arrives is the second attempt's.
      expect([outcome, left, warnings]).toEqual(["Failure", [], []])
    }))

  test("names the key that it cannot find after a defect, if every list breaks", () =>
    Effect.gen(function* () {
      const { left, outcome, warnings } = yield* play({ program, around: dying("GET", Infinity) })
      expect(outcome).toBe("Failure")
      expect(left).toEqual([marked])
      expect(warnings).toEqual([[doubt, { id: "unknown", name: left[0] }]])
    }))

  for (const deadline of [undefined, Duration.infinity]) {
    test(`ends after an interruption although its token never comes: deadline ${deadline}`, () =>
      Effect.gen(function* () {
        let asked = 0
        const { millis, outcome, warnings } = yield* play({
          program,
          ...deadline && { deadline },
          interruptedAt: 1.5,
          credentials: (credentials) => ({
            ...credentials,
            token: Effect.suspend(() =>
              asked++ > 0
                ? Effect.never
                : Effect.isEffect(credentials.token)
                ? credentials.token
                : Effect.succeed(credentials.token)
            ),
          }),
        })
        expect([outcome, warnings.length]).toEqual(["Interrupted", 1])
        expect(millis).toBeGreaterThanOrEqual(10 * 60_000)
        expect(millis).toBeLessThan(11 * 60_000)
      }))
  }
})

describe("createApiKeyOnce", () => {
  const breaking = (method: string, ...more: ReadonlyArray<string>): Around => (what, effect) =>
    what === method || more.includes(what)
      ? Effect.zipRight(effect, Effect.dieMessage("broken"))
      : effect

  test("leaves nothing if the renaming breaks with a defect", () =>
    Effect.gen(function* () {
      const { left, outcome, warnings } = yield* play({ program: once, around: breaking("PATCH") })
      expect([outcome, left, warnings]).toEqual(["Failure", [], []])
    }))

  const broken = "an interrupted create may have left a key behind"
  const stuck: Emulator.FaultPlan = [
    { operation: "deleteApiKey", delay: "1 second", fault: { _tag: "Respond", status: 403 } },
    { operation: "updateApiKey", fault: { _tag: "Respond", status: 403 } },
  ]

  test("names its key if it is interrupted and cannot delete it", () =>
    Effect.gen(function* () {
      const { left, outcome, warnings } = yield* play({
        program: once,
        faults: stuck,
        interruptedAt: 0.5,
      })
      expect([outcome, left]).toEqual(["Interrupted", [marked]])
      expect(warnings).toEqual([[broken, { id: expect.stringMatching(/^CCDB1_/), name: left[0] }]])
    }))
})

describe("temporaryApiKey", () => {
  test("names its key if the deletion at the end of its scope breaks with a defect", () =>
    Effect.gen(function* () {
      const { warnings } = yield* play({
        program: temporary,
        faults: [],
        interruptedAt: 1,
        around: (what, effect) => what === "DELETE" ? Effect.dieMessage("broken") : effect,
      })
      expect(warnings).toEqual([[
        "a temporary key is left for the sweep: its deletion broke with a defect",
        { id: expect.stringMatching(/^CCDB1_/), name: marked },
      ]])
    }))

  const tooLate: Program = (organization) =>
    temporaryApiKey({ ...input(organization), expiresIn: "20 seconds" })
  const undeletable = (calls: number): Emulator.FaultPlan => [
    { operation: "createApiKey", answerDelay: "10 seconds" },
    {
      operation: "deleteApiKey",
      calls: { from: 1, to: calls },
      delay: "1 second",
      fault: { _tag: "Respond", status: 403 },
    },
  ]

  test("names its key if that came too late, and an interruption ends the tries to delete it", () =>
    Effect.gen(function* () {
      const { left, outcome, warnings } = yield* play({
        program: tooLate,
        faults: undeletable(2),
        interruptedAt: 10.5,
      })
      expect([outcome, left]).toEqual(["Interrupted", [marked]])
      expect(warnings).toEqual([[
        "an expired key may be left for the sweep",
        { id: expect.stringMatching(/^CCDB1_/), name: left[0] },
      ]])
    }))

  test("tries again to delete a key that came too late if it is interrupted meanwhile", () =>
    Effect.gen(function* () {
      const { left, outcome, warnings } = yield* play({
        program: tooLate,
        faults: undeletable(1),
        interruptedAt: 10.5,
      })
      expect([outcome, left, warnings]).toEqual(["Interrupted", [], []])
    }))
})
