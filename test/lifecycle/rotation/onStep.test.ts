import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { rotateApiKey, rotateApiKeys, type RotationStep } from "../../../src/mod.ts"
import { makeOrganization, type Organization } from "../organization.ts"
import { inVirtualTime, type VirtualTime } from "../virtualTime.ts"

const test = <E>(name: string, body: () => Effect.Effect<void, E, VirtualTime>) =>
  it.live(name, () => inVirtualTime(body()))

const rotate = (
  organization: Organization,
  onStep: (step: RotationStep) => Effect.Effect<void>,
  options: { readonly grace?: Duration.DurationInput } = {},
) =>
  rotateApiKey({ store: organization.store(), grace: 0, ...options, onStep } as const).pipe(
    Effect.provide(organization.access()),
  )

/** The warnings that an effect logs. */
const warningsOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const warnings: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel.label === "WARN") warnings.push(String(message))
    })
    yield* Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger))
    return warnings
  })

const expectGood = (organization: Organization) =>
  Effect.gen(function* () {
    const keys = yield* organization.keys
    expect(keys.map(({ id, name }) => ({ id: Option.some(id), name })))
      .toEqual([{ id: yield* organization.heldId, name: "billing" }])
    expect(yield* Ref.get(organization.outages)).toEqual([])
  })

describe("a rotation tells", () => {
  test("each step before it does it", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const told: Array<readonly [RotationStep, number]> = []
      const { apiKey } = yield* rotate(
        organization,
        (step) =>
          Effect.map(organization.emulator.requests, (requests) => {
            told.push([step, requests.length])
          }),
        { grace: "15 minutes" },
      )
      const { id } = organization.old
      const until = DateTime.add(apiKey.createdAt, { minutes: 15 })
      expect(told).toEqual([
        [{ _tag: "Look" }, 0],
        [{ _tag: "Make", name: "billing", predecessor: Option.some(id) }, 1],
        [{ _tag: "Prove", id: apiKey.id }, 2],
        [{ _tag: "Write", id: apiKey.id }, 3],
        [{ _tag: "Wait", until, reason: "Grace" }, 3],
        [{ _tag: "Look" }, 3],
        [{ _tag: "Delete", id }, 4],
        [{ _tag: "Unmark", id: apiKey.id, name: "billing" }, 5],
      ])
    }))

  test("that it makes the first key of a store, and waits for a run that may be at work", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { serviceAccountId } = organization.emulator.withoutRole
      yield* organization.emulator.addApiKey({ name: "ledger [first 1a2b3c4d]", serviceAccountId })
      yield* Ref.set(organization.secret, Option.none())
      const told: Array<RotationStep> = []
      yield* rotateApiKey({
        store: organization.store(),
        grace: 0,
        first: { name: "ledger", serviceAccountId },
        onStep: (step) => Effect.sync(() => told.push(step)),
      }).pipe(Effect.provide(organization.access()))
      expect(told[0]).toEqual({ _tag: "Make", name: "ledger", predecessor: Option.none() })
      expect(told).toContainEqual({
        _tag: "Wait",
        reason: "OtherRun",
        until: expect.toSatisfy(DateTime.isDateTime),
      })
    }))

  test("that it reads again if the store does not show the write yet", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const store = organization.store()
      const told: Array<string> = []
      yield* rotateApiKey({
        store: {
          ...store,
          // The store shows a write a second later.
          write: (secret) =>
            Effect.asVoid(Effect.forkDaemon(Effect.delay(store.write(secret), "1 second"))),
        },
        grace: 0,
        onStep: ({ _tag }) => Effect.sync(() => told.push(_tag)),
      }).pipe(Effect.provide(organization.access()))
      expect(told.slice(3, 6)).toEqual(["Write", "Reread", "Reread"])
      yield* expectGood(organization)
    }))

  test("nothing if there is nothing to do", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      yield* Ref.set(organization.secret, Option.none())
      const told: Array<RotationStep> = []
      yield* Effect.flip(rotate(organization, (step) => Effect.sync(() => told.push(step))))
      expect(told).toEqual([])
    }))

  test("a key's name without secrets and tokens", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { admin, addApiKey } = organization.emulator
      const token = Redacted.value(admin.secret)
      const other = "CCDB1_12345abcdefGHIJKLMnopq_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K"
      const { secret } = yield* addApiKey({
        name: `billing ${token.slice(-40)} ${other}`,
        serviceAccountId: organization.old.serviceAccountId,
      })
      yield* Ref.set(organization.secret, Option.some(secret))
      const told: Array<RotationStep> = []
      yield* rotate(organization, (step) => Effect.sync(() => told.push(step)))
      expect(told.flatMap((step) => "name" in step ? [step.name] : []))
        .toEqual(Array(2).fill("billing <redacted> <redacted>"))
    }))

  test("the key of each step in a fleet", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const { apiKey: other, secret } = yield* organization.emulator.addApiKey({ name: "ledger" })
      const held = yield* Ref.make(Option.some(secret))
      const told: Array<readonly [string, string]> = []
      yield* Stream.make(organization.old, other).pipe(
        rotateApiKeys({
          store: ({ id }) =>
            id === other.id
              ? { read: Ref.get(held), write: (secret) => Ref.set(held, Option.some(secret)) }
              : organization.store(),
          grace: 0,
          onStep: ({ _tag }, { name }) => Effect.sync(() => told.push([name, _tag])),
        }),
        Stream.runDrain,
        Effect.provide(organization.access()),
      )
      for (const key of ["billing", "ledger"]) {
        expect(told.filter(([name]) => name === key).map(([, step]) => step))
          .toEqual(["Make", "Prove", "Write", "Wait", "Look", "Delete", "Unmark"])
      }
    }))
})

describe("if onStep", () => {
  const breaking: ReadonlyArray<readonly [string, (step: RotationStep) => Effect.Effect<void>]> = [
    ["dies", () => Effect.die("broken")],
    ["throws", () => {
      throw new Error("broken")
    }],
    ["interrupts itself", () => Effect.interrupt],
    ["hangs", () => Effect.never],
    ["hangs and cannot be interrupted", () => Effect.uninterruptible(Effect.never)],
  ]
  for (const [how, onStep] of breaking) {
    test(`${how}, the rotation says so in the log and goes on`, () =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const warnings = yield* warningsOf(rotate(organization, onStep))
        yield* expectGood(organization)
        expect(warnings).toEqual(
          Array(8).fill(
            "onStep broke, or did not end within 10 seconds: the rotation goes on without it",
          ),
        )
      }))
  }

  test("takes a while, the rotation decides again, and keeps what another run has written", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const other = rotateApiKey({ store: organization.store(), grace: "1 hour" }).pipe(
        Effect.provide(organization.access()),
      )
      let isFirst = true
      const rotation = yield* rotate(
        organization,
        (step) =>
          step._tag === "Write" && isFirst
            ? Effect.suspend(() => {
              isFirst = false
              return Effect.zipRight(Effect.forkDaemon(other), Effect.sleep("5 seconds"))
            })
            : Effect.void,
      )
      expect(rotation.did).toBe("resumed")
      yield* expectGood(organization)
    }))

  test("is running when the rotation is interrupted, it is interrupted too", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const interrupted = yield* Ref.make(false)
      const warnings = yield* warningsOf(Effect.gen(function* () {
        const fiber = yield* Effect.fork(
          rotate(
            organization,
            () => Effect.onInterrupt(Effect.never, () => Ref.set(interrupted, true)),
          ),
        )
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(fiber)
        yield* Effect.sleep("1 second")
      }))
      expect(yield* Ref.get(interrupted)).toBe(true)
      expect(warnings).toEqual([])
      expect(yield* organization.emulator.requests).toEqual([])
    }))
})
