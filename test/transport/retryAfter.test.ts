import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { parseHttpDate, parseRetryAfter } from "../../src/transport/retryAfter.ts"

const now = Date.UTC(1994, 10, 6, 8, 49, 7)

const millis = (retryAfter: string | undefined, date?: string): number | undefined =>
  Option.getOrUndefined(
    Option.map(parseRetryAfter({ "retry-after": retryAfter, date }, now), Duration.toMillis),
  )

const rows: ReadonlyArray<readonly [string | undefined, number | undefined]> = [
  [undefined, undefined],
  ["", undefined],
  ["0", 0],
  ["1", 1000],
  [" 120 ", 120_000],
  ["1.5", 1500],
  ["0.0001", 1],
  ["007", 7000],
  ["-1", undefined],
  ["+1", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
  ["1, 2", undefined],
  ["one", undefined],
  ["9".repeat(400), Infinity],
  ["Sun, 06 Nov 1994 08:49:37 GMT", 30_000],
  ["Sunday, 06-Nov-94 08:49:37 GMT", 30_000],
  ["Sun Nov  6 08:49:37 1994", 30_000],
  ["Wed Nov 16 08:49:07 1994", 864_000_000],
  ["Sun, 06 Nov 1994 08:49:07 GMT", 0],
  ["Sun, 06 Nov 1993 08:49:37 GMT", 0],
  ["Sun, 06 Nov 1994 08:49:37", undefined],
  ["Sun, 06 Nov 1994 08:49:37 UTC", undefined],
  ["Sun, 6 Nov 1994 08:49:37 GMT", undefined],
  ["Sun, 31 Feb 1995 08:49:37 GMT", undefined],
  ["Sun, 00 Nov 1994 08:49:37 GMT", undefined],
  ["Sun, 06 Nov 1994 24:49:37 GMT", undefined],
  ["Sun, 06 Nov 1994 99:49:37 GMT", undefined],
  ["Sun, 06 Nov 1994 08:60:37 GMT", undefined],
  ["Sun, 06 Nov 1994 08:49:61 GMT", undefined],
  ["Sun, 06 Nov 1994 08:49:60 GMT", 53_000],
  ["Sun, 06 Nvo 1994 08:49:37 GMT", undefined],
  ["Sun, 06 ovD 1994 08:49:37 GMT", undefined],
  ["1994-11-06T08:49:37Z", undefined],
  ["on Sun, 06 Nov 1994 08:49:37 GMT", undefined],
  ["Sun, 06 Nov 1994 08:49:37 GMT+1", undefined],
  ["on Sunday, 06-Nov-94 08:49:37 GMT", undefined],
  ["Sunday, 06-Nov-94 08:49:37 GMT+1", undefined],
  ["on Sun Nov  6 08:49:37 1994", undefined],
  ["Sun Nov  6 08:49:37 1994 GMT", undefined],
]

describe("Retry-After", () => {
  it.each(rows)("of %j asks for %s milliseconds", (value, expected) => {
    expect(millis(value)).toBe(expected)
  })

  it("counts a date from the answer's Date header, so that a wrong local clock does no harm", () => {
    expect(millis("Tue, 01 Jan 2030 00:00:09 GMT", " Tue, 01 Jan 2030 00:00:05 GMT ")).toBe(4000)
  })

  it("counts from the local clock if the answer's Date header cannot be read", () => {
    expect(millis("Sun, 06 Nov 1994 08:49:37 GMT", "yesterday")).toBe(30_000)
  })

  it("takes a two-digit year that is more than 50 years ahead as past", () => {
    const in2026 = Date.UTC(2026, 0, 1)
    const year = (digits: string) =>
      Option.getOrUndefined(
        Option.map(
          parseHttpDate(`Sunday, 06-Nov-${digits} 08:49:37 GMT`, in2026),
          (millis) => new Date(millis).getUTCFullYear(),
        ),
      )
    expect([year("26"), year("76"), year("77"), year("99")]).toEqual([2026, 2076, 1977, 1999])
  })

  it("reads every date that a server can write, to the second", () => {
    const dates = fc.date({
      min: new Date("1970-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    })
    fc.assert(fc.property(dates, (date) => {
      const parsed = parseHttpDate(date.toUTCString(), now)
      return Option.getOrNull(parsed) === Math.floor(date.getTime() / 1000) * 1000
    }))
  })

  it("never throws, and never asks for a negative wait", () => {
    const values = fc.oneof(fc.string(), fc.stringMatching(/^[0-9A-Za-z:, -]*$/))
    fc.assert(
      fc.property(values, values, (retryAfter, date) => (millis(retryAfter, date) ?? 0) >= 0),
    )
  })
})
