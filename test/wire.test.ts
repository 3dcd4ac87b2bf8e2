import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parseDateTime } from "../src/wire.ts"

const rows: ReadonlyArray<readonly [string, string | undefined]> = [
  ["2022-03-22T20:23:11.285067Z", "2022-03-22T20:23:11.285Z"],
  ["2022-03-22T20:23:11Z", "2022-03-22T20:23:11.000Z"],
  ["2022-03-22T20:23:11.2Z", "2022-03-22T20:23:11.200Z"],
  ["2022-03-22T20:23:11.29Z", "2022-03-22T20:23:11.290Z"],
  ["2022-03-22T20:23:11.999999999Z", "2022-03-22T20:23:11.999Z"],
  ["2022-03-22T20:23:11+05:30", "2022-03-22T14:53:11.000Z"],
  ["2022-03-22T20:23:11.5-08:00", "2022-03-23T04:23:11.500Z"],
  ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
  ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
  ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
  ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ["2023-02-29T00:00:00Z", undefined],
  ["1900-02-29T00:00:00Z", undefined],
  ["2022-02-30T00:00:00Z", undefined],
  ["2022-04-31T00:00:00Z", undefined],
  ["2022-00-01T00:00:00Z", undefined],
  ["2022-13-01T00:00:00Z", undefined],
  ["2022-01-00T00:00:00Z", undefined],
  ["2022-01-32T00:00:00Z", undefined],
  ["2022-01-01T24:00:00Z", undefined],
  ["2022-01-01T00:60:00Z", undefined],
  ["2022-01-01T00:00:60Z", undefined],
  ["2022-01-01T00:00:00", undefined],
  ["2022-01-01 00:00:00Z", undefined],
  ["2022-01-01", undefined],
  ["2022-01-01T00:00:00.Z", undefined],
  ["2022-01-01T00:00:00+24:00", undefined],
  ["+02022-01-01T00:00:00Z", undefined],
  ["2022-01-01T00:00:00Z+01:00", undefined],
  ["Tue, 22 Mar 2022 20:23:11 GMT", undefined],
  ["", undefined],
]

describe("a date-time on the wire", () => {
  it.each(rows)("%j is %s", (text, expected) => {
    const millis = parseDateTime(text)
    expect(millis === undefined ? undefined : new Date(millis).toISOString()).toBe(expected)
  })

  it("reads as by Date, to the millisecond, at every offset", () => {
    const dates = fc.date({
      min: new Date("0000-01-02T00:00:00Z"),
      max: new Date("9999-12-30T00:00:00Z"),
      noInvalidDate: true,
    })
    const offsets = fc.tuple(fc.constantFrom("+", "-"), fc.nat(23), fc.nat(59)).map(
      ([sign, hours, minutes]) =>
        sign + [hours, minutes].map((part) => String(part).padStart(2, "0")).join(":"),
    )
    fc.assert(fc.property(dates, offsets, fc.stringMatching(/^\d{0,6}$/), (date, offset, finer) => {
      const text = date.toISOString().replace("Z", `${finer}${offset}`)
      return parseDateTime(text) === Date.parse(date.toISOString().replace("Z", offset))
    }))
  })
})
