import { describe, expect, it } from "vitest"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { parseJson } from "../../src/transport/json.ts"

const nested = (depth: number, inside = "1"): string =>
  "[".repeat(depth) + inside + "]".repeat(depth)

/** Spaces that make a text so long that its depth is looked at. */
const long = " ".repeat(70_000)

describe("JSON from outside", () => {
  it("is parsed as JSON.parse does it, whatever its length", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      const parsed = Option.some(JSON.parse(text) as unknown)
      expect(parseJson(text)).toEqual(parsed)
      expect(parseJson(text + long)).toEqual(parsed)
    }))
  })

  it.each(["", "{", "x", '{"a":1}}', "\u0000"])("that is none is none: %j", (text) => {
    expect(parseJson(text)).toEqual(Option.none())
    expect(parseJson(text + long)).toEqual(Option.none())
  })

  it.each([
    ["arrays", nested(10_000), nested(10_001)],
    [
      "objects",
      `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
      `${'{"a":'.repeat(10_001)}1${"}".repeat(10_001)}`,
    ],
  ])("is not parsed where it has more than 10,000 levels of %s", (_, deep, deeper) => {
    expect(Option.isSome(parseJson(deep + long))).toBe(true)
    expect(Option.isSome(parseJson(deeper + long))).toBe(false)
  })

  it.each([
    ["in strings", JSON.stringify("[{".repeat(40_000))],
    ["in strings with quotes", JSON.stringify(`"[\\`.repeat(40_000))],
    ["one after the other", `[${Array(20_000).fill("[{}]").join()}]`],
  ])("has no depth %s", (_, text) => {
    expect(Option.isSome(parseJson(text + long))).toBe(true)
  })
})
