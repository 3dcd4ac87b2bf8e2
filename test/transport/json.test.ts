import { describe, expect, it } from "vitest"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { parseJson } from "../../src/transport/json.ts"

const nested = (depth: number, inside = "1"): string =>
  "[".repeat(depth) + inside + "]".repeat(depth)

/** Enough spaces to make a text so long that its depth is checked. */
const long = " ".repeat(70_000)

describe("JSON from outside", () => {
  it("is parsed as by JSON.parse, whatever its length", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      const parsed = Option.some(JSON.parse(text) as unknown)
      expect(parseJson(text)).toEqual(parsed)
      expect(parseJson(text + long)).toEqual(parsed)
    }))
  })

  it.each(["", "{", "x", '{"a":1}}', "\u0000"])("is nothing if it is not JSON: %j", (text) => {
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
  ])("is not parsed if it has more than 10,000 levels of %s", (_, deep, deeper) => {
    expect(Option.isSome(parseJson(deep + long))).toBe(true)
    expect(Option.isSome(parseJson(deeper + long))).toBe(false)
  })

  it.each([
    ["in strings", JSON.stringify("[{".repeat(40_000))],
    ["in strings with quotes", JSON.stringify(`"[\\`.repeat(40_000))],
    ["one after the other", `[${Array(20_000).fill("[{}]").join()}]`],
  ])("is parsed, whatever brackets it has %s", (_, text) => {
    expect(Option.isSome(parseJson(text + long))).toBe(true)
  })
})
