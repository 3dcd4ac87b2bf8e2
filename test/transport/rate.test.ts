import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { getApiKey, throttled } from "../../src/mod.ts"

const tenASecond = throttled({ limit: 10, window: "1 second" })

/** Makes 300 calls from 50 fibers, six each. Returns how long they took and how they ended. */
const threeHundred = Effect.gen(function* () {
  const emulator = yield* Emulator.Emulator
  const id = emulator.withoutRole.apiKeyId
  const start = yield* Clock.currentTimeMillis
  const sixEach = Effect.replicateEffect(getApiKey(id), 6)
  const fiber = yield* Effect.fork(
    Effect.zip(
      Effect.exit(Effect.replicateEffect(sixEach, 50, { concurrency: 50, discard: true })),
      Clock.currentTimeMillis,
    ),
  )
  yield* TestClock.adjust("10 minutes")
  const [exit, end] = yield* Fiber.join(fiber)
  const refused = yield* emulator.refused
  return { exit, seconds: (end - start) / 1000, refused, sent: (yield* emulator.requests).length }
})

const algorithms = ["sliding", "fixed", "token-bucket"] as const

describe("300 calls of 50 fibers", () => {
  for (const algorithm of algorithms) {
    for (const latency of [0, 80]) {
      it.effect(
        `throttled, reach 95 % of a ${algorithm} limit at a latency of ${latency} ms, 1 % refused at most`,
        () =>
          Effect.gen(function* () {
            const { exit, refused, seconds, sent } = yield* threeHundred
            expect(Exit.isSuccess(exit)).toBe(true)
            expect(300 / seconds).toBeGreaterThanOrEqual(9.5)
            expect(refused / sent).toBeLessThanOrEqual(0.01)
          }).pipe(
            Effect.provide(
              Layer.provideMerge(
                tenASecond,
                Emulator.layer({ rateLimit: { algorithm }, latency: Duration.millis(latency) }),
              ),
            ),
          ),
      )
    }
  }

  it.effect("not throttled, all succeed, a quarter refused at most", () =>
    Effect.gen(function* () {
      const { exit, refused, sent } = yield* threeHundred
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(refused / sent).toBeLessThanOrEqual(0.25)
    }).pipe(Effect.provide(Emulator.layer())))
})
