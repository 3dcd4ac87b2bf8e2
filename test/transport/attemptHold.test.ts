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

/** Plays changes from millisecond 100 on, one every 10 milliseconds. */
const play = (changes: ReadonlyArray<Change>) =>
  changes.reduce((hold, change, index) => change(hold, 110 + 10 * index), begun(100))

describe("an attempt", () => {
  it.each<readonly [string, ReadonlyArray<Change>, isHeldBack: boolean, counted: number]>([
    ["that asks for no wait is not held back, and all of its time counts", [], false, 10],
    ["whose request waits is held back, and that time does not count", [toWaiting], true, 10],
    ["whose request was sent is held back no longer, and is timed", [toWaiting, toSent], false, 20],
    ["whose request was answered is timed", [toWaiting, toSent, toAnswered], false, 30],
    ["whose wait was cut off stays held back, and is timed", [toWaiting, isGivenUp], true, 20],
    ["that went on without its wait is not held back", [toWaiting, isGivenUp, toGoneOn], false, 30],
    [
      "that waits again after a wait that was cut off is held back",
      [
        toWaiting,
        isGivenUp,
        toWaiting,
      ],
      true,
      20,
    ],
    [
      "that waits again after it was sent is not held back, and that time does not count",
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
      "of which one request waits and another is under way is timed",
      [
        toWaiting,
        toWaiting,
        toSent,
      ],
      false,
      20,
    ],
    [
      "of which one request waits and another was answered is not timed",
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
      "of which one request still waits and another's wait was cut off is not timed",
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

  it("is timed in each millisecond in which no request waits, or one is under way", () => {
    // Of each request: how long until it waits, is sent, and is answered.
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
    ["ends with that wait, where it fails as that did", Exit.fail("reset"), true],
    ["ends with that wait, where it is interrupted", Exit.interrupt(FiberId.none), true],
    ["has gone on, where it fails otherwise", Exit.fail("refused"), false],
    ["has gone on, where it succeeds", Exit.succeed("reset"), false],
  ])("%s", (_, exit, expected) => {
    expect(endsWaiting(play([toWaiting, isGivenUp]), exit)).toBe(expected)
  })
})
