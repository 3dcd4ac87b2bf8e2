import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { type AllowedDurations, durationProblem } from "../../src/waiting/durationProblem.ts"

const any = { zero: true, infinite: true }
const aboveZero = { zero: false, infinite: true }
const finite = { zero: true, infinite: false }
const timed = { ...any, timed: true }

const isSecondLine = Duration.toMillis(Duration.seconds(-5)) < 0

const problem = (input: unknown, allowed: AllowedDurations = any) =>
  Option.getOrUndefined(durationProblem(input, allowed))

describe("a user's duration", () => {
  const none: ReadonlyArray<unknown> = [
    -1,
    -0.5,
    -Infinity,
    NaN,
    -5n,
    "-5 minutes",
    "-0.5 millis",
    "-90 days",
    [-1, 0],
    [-2, 1e9],
    [0, -1],
    [NaN, 0],
    [0, NaN],
    [-Infinity, Infinity],
    [1],
    ["1", "2"],
    "",
    "soon",
    "5",
    "5 fortnights",
    "NaN millis",
    "Infinity days",
    undefined,
    null,
    true,
    {},
    { seconds: NaN },
    { seconds: "x" },
    { minutes: 5, seconds: NaN },
    { seconds: -5 },
    { minute: 5, seconds: 0 },
    { minutes: 5, secs: 30 },
    { hours: Infinity, seconds: -Infinity },
    new Date(),
    () => 1,
  ]
  it.each(none.map((input) => [input]))("is refused: %s", (input) => {
    expect(problem(input)).toBe('must be a duration of zero or more, like "5 minutes"')
  })

  const all: ReadonlyArray<unknown> = [
    0,
    0.3,
    5000,
    5n,
    "5 minutes",
    "1 milli",
    "0 days",
    [1, 500],
    [1, -500],
    Infinity,
    Duration.zero,
    Duration.infinity,
    Duration.days(1),
  ]
  it.each(all.map((input) => [input]))("is accepted: %s", (input) => {
    expect(problem(input)).toBeUndefined()
  })

  it.each(
    [{ minutes: 5 }, { weeks: 1, days: 1, hours: 1, minutes: 1, seconds: 0 }, { nanoseconds: 1 }, {
      seconds: 5,
      minutes: undefined,
    }, {
      milliseconds: 1,
      microseconds: 1,
    }].map((input) => [input]),
  )("is accepted as an object by Effect 4 alone: %o", (input) => {
    expect(problem(input) === undefined).toBe(isSecondLine)
  })

  it.each([[Duration.seconds(-5)], [Duration.nanos(-1n)], [Duration.millis(-Infinity)]])(
    "is refused if Effect has made it negative: %s",
    (input) => {
      // Effect 3 makes it zero.
      expect(problem(input) === undefined).toBe(!isSecondLine)
    },
  )

  it.each(
    [
      "24.1 days",
      "25 days",
      2 ** 31 - 1,
      2 ** 31,
      Number.MAX_VALUE,
      [2073600, 1e6],
      Duration.days(60),
    ]
      .map((input) => [input]),
  )("is refused if a timer must wait for all of it, and cannot: %s", (input) => {
    expect(problem(input, timed)).toBe(
      'must be a duration of zero or more and at most 24 days, or Infinity, like "5 minutes"',
    )
    expect(problem(input, { ...aboveZero, infinite: false, timed: true })).toBe(
      'must be a finite duration above zero and at most 24 days, like "5 minutes"',
    )
    expect(problem(input)).toBeUndefined()
    expect(problem(input, finite)).toBeUndefined()
  })

  it.each([["24 days"], [24 * 86_400_000], [[2073600, 0]], [Infinity], [Duration.infinity], [0]])(
    "is accepted if a timer can wait for all of it, or none needs to: %s",
    (input) => {
      expect(problem(input, timed)).toBeUndefined()
    },
  )

  it.each([[0], [0n], ["0 seconds"], [[0, 0]], [Duration.zero]])(
    "is refused if it must be above zero: %s",
    (input) => {
      expect(problem(input, aboveZero)).toBe('must be a duration above zero, like "5 minutes"')
    },
  )

  it.each([[Infinity], [[Infinity, 0]], [Duration.infinity]])(
    "is refused if it must be finite: %s",
    (input) => {
      expect(problem(input, finite))
        .toBe('must be a finite duration of zero or more, like "5 minutes"')
    },
  )

  it("is refused if it is negative, however it is written", () => {
    const units = fc.constantFrom("nanos", "micros", "millis", "seconds", "hours", "days", "weeks")
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e9 }), units, (value, unit) => {
      expect(problem(`-${value} ${unit}`)).toBeDefined()
      expect(problem(`${value} ${unit}`)).toBeUndefined()
      expect(problem(-value)).toBeDefined()
      expect(problem(BigInt(-value))).toBeDefined()
    }))
  })
})
