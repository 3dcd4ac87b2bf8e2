import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { createApiKey, RetryPolicy, withRetryPolicy } from "../../src/mod.ts"
import { servedEmulator } from "../servedEmulator.ts"

/** Creates a key for an account of the emulator. */
const create = Effect.flatMap(
  Emulator.Emulator,
  ({ withoutRole: { serviceAccountId } }) => createApiKey({ name: "ci", serviceAccountId }),
)

/** What the server knows: how many requests it got, and what it did to keys. */
const inspect = Effect.gen(function* () {
  const { history, requests } = yield* Emulator.Emulator
  return { asked: (yield* requests).length, made: (yield* history).map(({ _tag }) => _tag) }
})

const answered = (status: number): Emulator.FaultRule => ({
  fault: { _tag: "Respond", status, acted: true },
})

/** Ways in which the answer is lost after the key is made. */
const lost: ReadonlyArray<readonly [how: string, rule: Emulator.FaultRule, tag: string]> = [
  ["in a dropped connection", { fault: { _tag: "DropAfter" } }, "TransportError"],
  ["in a connection that drops within it", { fault: { _tag: "TruncateBody" } }, "TransportError"],
  ["in a timeout", { answerDelay: "1 hour" }, "TransportError"],
  ["behind a 500", answered(500), "ServerError"],
  ["behind a 502", answered(502), "ServerError"],
  ["behind a 503", answered(503), "ServerError"],
  [
    "behind a 503 that says when to come back",
    { fault: { _tag: "Respond", status: 503, acted: true, retryAfter: { seconds: 0 } } },
    "ServerError",
  ],
  ["behind a 504", answered(504), "ServerError"],
  ["in a body that is not JSON", { fault: { _tag: "MalformedJson" } }, "UnexpectedResponse"],
]

const refusedThrice: Emulator.FaultPlan = [
  { calls: { from: 1, to: 3 }, fault: { _tag: "Respond", status: 429 } },
]

describe("a create makes exactly one key in memory", () => {
  for (const [how, rule, tag] of lost) {
    it.effect(`when its answer is lost ${how}, and says that it may have made one`, () =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.flip(create))
        yield* TestClock.adjust("1 day")
        const error = yield* Fiber.join(fiber)
        expect(error).toMatchObject({ _tag: tag, attempts: 1, mayHaveApplied: true })
        expect(yield* inspect).toEqual({ asked: 1, made: ["Created"] })
      }).pipe(Effect.provide(Emulator.layer({ faults: [rule] }))))
  }

  it.effect("after three refusals with 429", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(create)
      yield* TestClock.adjust("1 day")
      yield* Fiber.join(fiber)
      expect(yield* inspect).toEqual({ asked: 4, made: ["Created"] })
    }).pipe(Effect.provide(Emulator.layer({ faults: refusedThrice }))))
})

describe.concurrent("a create makes exactly one key over real sockets", () => {
  for (const [how, rule, tag] of lost) {
    it.live(`when its answer is lost ${how}, and says that it may have made one`, ({ expect }) =>
      Effect.gen(function* () {
        const attemptTimeout = rule.answerDelay === undefined ? "30 seconds" : "1 second"
        const error = yield* create.pipe(
          withRetryPolicy(RetryPolicy.make({ attemptTimeout })),
          Effect.flip,
        )
        expect(error).toMatchObject({ _tag: tag, attempts: 1, mayHaveApplied: true })
        expect(yield* inspect).toEqual({ asked: 1, made: ["Created"] })
      }).pipe(Effect.provide(servedEmulator({ faults: [rule] }))))
  }

  it.live("after three refusals with 429", ({ expect }) =>
    Effect.gen(function* () {
      yield* create.pipe(withRetryPolicy(RetryPolicy.make({
        schedule: RetryPolicy.backoff({ base: "1 millis" }),
      })))
      expect(yield* inspect).toEqual({ asked: 4, made: ["Created"] })
    }).pipe(Effect.provide(servedEmulator({ faults: refusedThrice }))))
})
