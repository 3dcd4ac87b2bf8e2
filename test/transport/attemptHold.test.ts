import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as fc from "fast-check"
import {
  activeMillis,
  begun,
  type Change,
  endsWaiting,
  toAnswered,
  toCutOff,
  toGoneOn,
  toSent,
  toWaiting,
} from "../../src/transport/attemptHold.ts"

const reset = Cause.fail("reset")
const isGivenUp = toCutOff(reset)

/** Begins an attempt at millisecond 100, and plays one change every 10 milliseconds. */
const play = (changes: ReadonlyArray<Change>) =>
  changes.reduce((hold, change, index) => change(hold, 110 + 10 * index), begun(100))

describe("an attempt", () => {
  it.each<readonly [string, ReadonlyArray<Change>, isHeldBack: boolean, counted: number]>([
    ["that never waits is not held back, and all of its time counts", [], false, 10],
    ["whose request waits is held back, and the wait does not count", [toWaiting], true, 10],
    ["whose request was sent is no longer held back, and is timed", [toWaiting, toSent], false, 20],
    ["whose request was answered is timed", [toWaiting, toSent, toAnswered], false, 30],
    ["whose wait was cut off stays held back, and is timed", [toWaiting, isGivenUp], true, 20],
    ["that went on without its wait is not held back", [toWaiting, isGivenUp, toGoneOn], false, 30],
    [
      "whose wait was cut off, and that waits again, is held back",
      [
        toWaiting,
        isGivenUp,
        toWaiting,
      ],
      true,
      20,
    ],
    [
      "that waits again after sending is not held back, and the wait does not count",
      [
        toWaiting,
        toSent,
        toAnswered,
        toWaiting,
      ],
      false,
      30,
    ],
    [
      "with one request waiting and another under way is timed",
      [
        toWaiting,
        toWaiting,
        toSent,
      ],
      false,
      20,
    ],
    [
      "with one request waiting and another answered is not timed",
      [
        toWaiting,
        toWaiting,
        toSent,
        toAnswered,
      ],
      false,
      20,
    ],
    [
      "with one request waiting and another's wait cut off is not timed",
      [
        toWaiting,
        toWaiting,
        isGivenUp,
      ],
      true,
      10,
    ],
  ])("%s", (_, changes, isHeldBack, counted) => {
    const hold = play(changes)
    expect(hold.isHeldBack).toBe(isHeldBack)
    expect(activeMillis(hold, hold.changedAt + 10)).toBe(counted)
  })

  it("is timed while no request waits, and while any request is under way", () => {
    // For each request: the time before its wait, of its wait, and until its answer.
    const request = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20))
    fc.assert(fc.property(fc.array(request, { maxLength: 6 }), fc.nat(60), (requests, end) => {
      const moments = requests.map(([before, wait, send]) => ({
        waitsAt: before,
        sentAt: before + wait,
        answeredAt: before + wait + send,
      }))
      const events = moments.flatMap(({ answeredAt, sentAt, waitsAt }) => [
        { at: waitsAt, change: toWaiting },
        { at: sentAt, change: toSent },
        { at: answeredAt, change: toAnswered },
      ]).filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
      const hold = events.reduce((hold, { at, change }) => change(hold, at), begun(0))
      const counted = Array.from({ length: end }, (_, at) => at).filter((at) =>
        !moments.some(({ sentAt, waitsAt }) => waitsAt <= at && at < sentAt) ||
        moments.some(({ answeredAt, sentAt }) => sentAt <= at && at < answeredAt)
      )
      expect(activeMillis(hold, end)).toBe(counted.length)
    }))
  })
})

describe("an attempt whose wait was cut off", () => {
  it.each<readonly [string, Exit.Exit<unknown, unknown>, boolean]>([
    ["ends with that wait if it fails with the same error", Exit.fail("reset"), true],
    ["ends with that wait if it is interrupted", Exit.interrupt(FiberId.none), true],
    ["went on after it if it fails with another error", Exit.fail("refused"), false],
    ["went on after it if it succeeds", Exit.succeed("reset"), false],
  ])("%s", (_, exit, expected) => {
    expect(endsWaiting(play([toWaiting, isGivenUp]), exit)).toBe(expected)
  })
})
