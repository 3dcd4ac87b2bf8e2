import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { type ApiKey, ApiKeyId } from "../../../src/ApiKey.ts"
import { makeFleetBeginning } from "../../../src/lifecycle/rotation/fleetBeginning.ts"
import { account, minute } from "./world.ts"

const began = 10_000 * minute

/** A key that was made, by the API's clock, `millis` after the fleet began by the local clock. */
const key = (id: string, after: number): ApiKey => ({
  id: ApiKeyId(id),
  name: "billing",
  serviceAccountId: account,
  createdAt: DateTime.unsafeMake(began + after),
})

const beginning = Effect.zipRight(
  TestClock.setTime(began),
  makeFleetBeginning("10 minutes"),
)

describe("for a fleet a key", () => {
  it.effect("existed at its beginning if made up to a quarter of the lease later, until the fleet makes one", () =>
    Effect.gen(function* () {
      const { takesUp } = yield* beginning
      expect(yield* takesUp(key("a", 2.5 * minute))).toBe(true)
      expect(yield* takesUp(key("a", 2.5 * minute + 1))).toBe(false)
    }))

  for (const ahead of [-2 * minute, -1, 0, 7, 2 * minute]) {
    it.effect(`existed at its beginning if made up to ${ahead} ms later, once it knows that the API's clock is that far ahead`, () =>
      Effect.gen(function* () {
        const { noteMade, takesUp } = yield* beginning
        yield* TestClock.setTime(began + 5 * minute)
        yield* noteMade(key("first", 5 * minute + ahead), began + 5 * minute)
        // Somebody sets the local clock forward meanwhile.
        yield* TestClock.setTime(began + 16 * minute)
        yield* noteMade(key("second", 6 * minute + ahead), began + 15 * minute)
        expect(yield* takesUp(key("a", ahead))).toBe(true)
        expect(yield* takesUp(key("a", ahead + 1))).toBe(false)
      }))
  }

  it.effect("is new if made more than 5 seconds later, however long the first create waited", () =>
    Effect.gen(function* () {
      const { noteMade, takesUp } = yield* beginning
      yield* TestClock.setTime(began + 2 * minute)
      yield* noteMade(key("first", 2 * minute), began)
      expect(yield* takesUp(key("a", 5000))).toBe(true)
      expect(yield* takesUp(key("a", 5001))).toBe(false)
    }))

  it.effect("is new if the fleet made it, whatever the API's clock says", () =>
    Effect.gen(function* () {
      const { noteMade, takesUp } = yield* beginning
      const own = key("own", -2 * minute)
      yield* noteMade(own, began)
      expect(yield* takesUp(own)).toBe(false)
    }))

  it.effect("is new if it replaces one that the fleet has taken up", () =>
    Effect.gen(function* () {
      const { takesUp } = yield* beginning
      const successor = (of: string) => ({
        ...key("b", -1),
        name: `billing [rotates ${of} 1a2b3c4d]`,
      })
      expect(yield* takesUp(successor("a"))).toBe(true)
      expect(yield* takesUp(key("a", -1))).toBe(true)
      expect(yield* takesUp(successor("a"))).toBe(false)
      expect(yield* takesUp(successor("other"))).toBe(true)
    }))

  it.effect("existed at its beginning if made a quarter of the lease earlier, whatever the API's clock says", () =>
    Effect.gen(function* () {
      const { noteMade, takesUp } = yield* beginning
      yield* noteMade(key("from 1970", -began), began)
      expect(yield* takesUp(key("a", -2.5 * minute))).toBe(true)
    }))
})
