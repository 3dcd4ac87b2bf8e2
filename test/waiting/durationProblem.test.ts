import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { durationProblem } from "../../src/waiting/durationProblem.ts"

const any = { zero: true, infinite: true }
const aboveZero = { zero: false, infinite: true }
const finite = { zero: true, infinite: false }

const problem = (input: unknown, allowed = any) =>
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
