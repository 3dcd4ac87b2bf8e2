import { describe, expect, it } from "@effect/vitest"
import { HttpClient, make as makeClient } from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type { Around } from "../../../src/lifecycle/rotation/Around.ts"
import { indexKeys } from "../../../src/lifecycle/rotation/keyIndex.ts"
import { makeSharedLists, type SharedLists } from "../../../src/lifecycle/rotation/sharedLists.ts"
import { Credentials } from "../../../src/mod.ts"
import { listApiKeys } from "../../../src/operation.ts"
import * as Emulator from "../../../src/emulator/mod.ts"
import { makeLine } from "../../../src/waiting/line.ts"
import { mismatched } from "../../../src/transport/failure.ts"

const failure = mismatched(
  { operation: listApiKeys, attempts: 1, mayHaveApplied: false },
  200,
  "broken",
).error

/** Lists of `pages` pages that each take a second, and the accounts of those that have started. */
const makeLists = (
  { fails = false, pages = 1, turn = makeLine(100).turn }: {
    readonly fails?: boolean
    readonly pages?: number
    readonly turn?: Around
  } = {},
) => {
  const begun: Array<string> = []
  const lists = makeSharedLists((id) =>
    Effect.suspend(() => {
      begun.push(id)
      return fails
        ? Effect.delay(Effect.fail(failure), "1 second")
        : Effect.delay(Effect.succeed({ index: indexKeys([]), pages }), "1 second")
    }), turn)
  return { begun, lists }
}

// These lists send nothing, so they need neither service.
const context = Effect.map(
  Emulator.make(),
  ({ admin }) =>
    Context.make(HttpClient, makeClient(() => Effect.never)).pipe(
      Context.add(Credentials, admin.credentials),
    ),
)

/** Asks for a list `times` times at once, each for a rotation that has not ended. */
const ask = (lists: SharedLists, times = 1, account = "a") =>
  Effect.flatMap(context, (context) =>
    Effect.fork(Effect.provide(
      Effect.replicateEffect(lists.expecting(account)(lists.list(account)), times, {
        concurrency: "unbounded",
        discard: true,
      }),
      context,
    )))

const isDone = (fiber: Fiber.RuntimeFiber<unknown, unknown>) =>
  Effect.map(Fiber.poll(fiber), Option.isSome)

describe("a shared list", () => {
  it.effect("starts at once for a single rotation", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists()
      const one = yield* ask(lists)
      yield* TestClock.adjust(0)
      expect(begun).toEqual(["a"])
      yield* TestClock.adjust("1 second")
      expect(yield* isDone(one)).toBe(true)
    }))

  it.effect("serves only rotations that asked before it started, and the next list serves the others", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists()
      yield* ask(lists)
      yield* TestClock.adjust("500 millis")
      const later = yield* ask(lists, 50)
      yield* TestClock.adjust("500 millis")
      expect(begun.length).toBe(2)
      expect(yield* isDone(later)).toBe(false)
      yield* TestClock.adjust("1 second")
      expect(yield* isDone(later)).toBe(true)
      expect(begun.length).toBe(2)
    }))

  it.effect("belongs to one service account", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists()
      yield* ask(lists, 1, "a")
      yield* ask(lists, 1, "b")
      yield* TestClock.adjust(0)
      expect(begun).toEqual(["a", "b"])
    }))

  it.effect("starts when as many rotations wait as the list before had pages", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ pages: 20 })
      yield* ask(lists)
      yield* TestClock.adjust("1 second")
      yield* ask(lists, 19)
      yield* TestClock.adjust("30 seconds")
      expect(begun.length).toBe(1)
      yield* ask(lists)
      yield* TestClock.adjust(0)
      expect(begun.length).toBe(2)
    }))

  it.effect("counts rotations that came during the list before too", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ pages: 20 })
      yield* ask(lists)
      yield* TestClock.adjust("500 millis")
      yield* ask(lists, 10)
      yield* TestClock.adjust("500 millis")
      expect(begun.length).toBe(1)
      yield* ask(lists, 10)
      yield* TestClock.adjust(0)
      expect(begun.length).toBe(2)
    }))

  it.effect("starts after a minute even if fewer wait", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ pages: 20 })
      yield* ask(lists)
      yield* TestClock.adjust("1 second")
      yield* ask(lists, 2)
      yield* TestClock.adjust("59 seconds")
      expect(begun.length).toBe(1)
      yield* TestClock.adjust("1 second")
      expect(begun.length).toBe(2)
    }))

  it.effect("starts at once if no other rotation can come", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ pages: 20 })
      yield* ask(lists)
      yield* TestClock.adjust("1 second")
      const other = yield* Effect.fork(lists.expecting("a")(Effect.sleep("5 seconds")))
      yield* ask(lists, 2)
      yield* lists.expectNoMore
      yield* TestClock.adjust("4 seconds")
      expect(begun.length).toBe(1)
      yield* TestClock.adjust("1 second")
      expect(yield* isDone(other)).toBe(true)
      expect(begun.length).toBe(2)
    }))

  it.effect("waits for no one once no rotation starts any more", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ pages: 20 })
      yield* ask(lists)
      yield* TestClock.adjust("1 second")
      yield* ask(lists, 2)
      yield* TestClock.adjust("1 second")
      expect(begun.length).toBe(1)
      yield* lists.expectNoMore
      yield* TestClock.adjust(0)
      expect(begun.length).toBe(2)
    }))

  it.effect("takes in rotations that come while it waits for its turn", () =>
    Effect.gen(function* () {
      const line = makeLine()
      const { begun, lists } = makeLists({ turn: line.turn })
      yield* Effect.fork(line.turn(Effect.sleep("10 seconds")))
      const one = yield* ask(lists)
      yield* TestClock.adjust("5 seconds")
      const other = yield* ask(lists)
      yield* TestClock.adjust("6 seconds")
      expect([yield* isDone(one), yield* isDone(other)]).toEqual([true, true])
      expect(begun.length).toBe(1)
    }))

  it.effect("fails for all rotations that wait for it, and the next one is made", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ fails: true })
      const waiting = yield* Effect.forEach([1, 2, 3], () => ask(lists))
      yield* TestClock.adjust("3 seconds")
      const exits = yield* Effect.forEach(waiting, Fiber.await)
      expect(exits).toEqual([1, 2, 3].map(() => Exit.fail(failure)))
      const before = begun.length
      yield* ask(lists)
      yield* TestClock.adjust(0)
      expect(begun.length).toBe(before + 1)
    }))

  it.effect("leaves no rotation waiting if its maker is interrupted before it starts", () =>
    Effect.gen(function* () {
      const { begun, lists } = makeLists({ pages: 20 })
      yield* ask(lists)
      yield* TestClock.adjust("1 second")
      const maker = yield* ask(lists)
      const other = yield* ask(lists)
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(maker)
      yield* TestClock.adjust(0)
      expect(yield* isDone(other)).toBe(true)
      yield* ask(lists, 20)
      yield* TestClock.adjust("1 second")
      expect(begun.length).toBe(2)
    }))
})
