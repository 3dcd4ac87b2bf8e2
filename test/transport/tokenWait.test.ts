import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { getApiKey, RetryPolicy, throttledByStore, withRetryPolicy } from "../../src/mod.ts"
import { type Taken, ThrottleStore } from "../../src/transport/ThrottleStore.ts"
import { makeTokenWait } from "../../src/transport/tokenWait.ts"
import { makeGate } from "../../src/waiting/gate.ts"
import { id } from "../everyOperation.ts"
import { credentials, ok, scripted } from "./scripted.ts"

describe("the wait for a token", () => {
  /** Seconds until a call gets its token, at a gate shut until second 25, then 50, then 75. */
  const shutThrice = (maxRetryAfter: Duration.DurationInput) =>
    Effect.gen(function* () {
      const gate = makeGate(Infinity)
      const shut = gate.shut(Duration.seconds(25))
      let asked = 0
      // Twice, a call that has passed the gate finds no token, and the gate is shut again.
      const store = ThrottleStore.of({
        take: () =>
          Effect.map(
            asked++ < 2 ? shut : Effect.void,
            (): Taken =>
              asked <= 2
                ? { _tag: "Empty", retryAfter: Duration.seconds(1) }
                : { _tag: "Taken", answered: () => Effect.void },
          ),
      })
      const wait = makeTokenWait(
        store,
        { key: "k", limit: 1, window: Duration.seconds(1) },
        gate,
      )
      yield* shut
      const fiber = yield* wait(false, () => {}).pipe(
        Effect.timed,
        withRetryPolicy(RetryPolicy.make({ maxRetryAfter })),
        Effect.fork,
      )
      yield* TestClock.adjust("5 minutes")
      const [took] = yield* Fiber.join(fiber)
      return Duration.toSeconds(took)
    })

  it.effect("at a gate that is shut again and again adds up to what the policy allows", () =>
    Effect.gen(function* () {
      // At second 51 it has waited 49 seconds at the gate, and would wait 24 more.
      expect(yield* shutThrice("73 seconds")).toBe(75)
      expect(yield* shutThrice("72 seconds")).toBe(51)
    }))

  it.effect("gives back the token if it is interrupted while a slow store takes one", () =>
    Effect.gen(function* () {
      let out = 0
      const store = ThrottleStore.of({
        take: () =>
          Effect.sync(() => out++).pipe(
            // A store on a server has taken the token before its answer arrives.
            Effect.zipRight(Effect.sleep("1 second")),
            Effect.as({ _tag: "Taken", answered: () => Effect.sync(() => out--) }),
          ),
      })
      const script = scripted(ok)
      const fiber = yield* getApiKey(id).pipe(
        Effect.provide(Layer.provide(
          throttledByStore({ limit: 1, window: "1 second" }),
          Layer.merge(script.client, Layer.succeed(ThrottleStore, store)),
        )),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("500 millis")
      expect(out).toBe(1)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 second")
      expect(Exit.isInterrupted(yield* Fiber.join(interrupted))).toBe(true)
      expect([out, script.sent.length]).toEqual([0, 0])
    }))
})
