import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { makeLine } from "../../src/waiting/line.ts"

describe("a line", () => {
  it("is free again after a fiber that is interrupted in the tick in which it enters", async () => {
    const { turn } = makeLine()
    const fiber = Effect.runFork(turn(Effect.never))
    await Effect.runPromise(Fiber.interrupt(fiber))
    await Effect.runPromise(turn(Effect.void))
  })

  it.each([1, 2, 5])(
    "for %i at once is free again whenever the fibers in it are interrupted",
    async (atOnce) => {
      for (let ticks = 0; ticks < 12; ticks++) {
        const { turn, waiting } = makeLine(atOnce)
        const fibers = Array.from({ length: 8 }, () => Effect.runFork(turn(Effect.sleep(1))))
        for (let i = 0; i < ticks; i++) await Promise.resolve()
        await Effect.runPromise(Fiber.interruptAll(fibers))
        expect(waiting()).toBe(0)
        const all = Effect.all(Array.from({ length: atOnce }, () => turn(Effect.void)))
        expect(Exit.isSuccess(await Effect.runPromiseExit(all))).toBe(true)
      }
    },
  )

  it.effect("never lets in more than its number at the same time", () =>
    Effect.gen(function* () {
      const { turn } = makeLine(3)
      let inside = 0
      let most = 0
      const visit = turn(
        Effect.acquireUseRelease(
          Effect.sync(() => (most = Math.max(most, ++inside))),
          () => Effect.sleep("1 second"),
          () => Effect.sync(() => inside--),
        ),
      )
      const fiber = yield* Effect.fork(Effect.replicateEffect(visit, 10, { concurrency: 10 }))
      yield* TestClock.adjust("4 seconds")
      yield* Fiber.join(fiber)
      expect(most).toBe(3)
    }))
})
