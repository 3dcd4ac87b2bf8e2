import { describe, expect, it } from "@effect/vitest"
import { makeBuckets } from "../../src/transport/buckets.ts"

describe("buckets", () => {
  const make = () => ({ idleAt: 0 })

  it("keep what belongs to a key for as long as it is not idle", () => {
    const buckets = makeBuckets(make)
    const mine = buckets.of("mine", 0)
    mine.idleAt = 100
    for (let now = 0; now < 100; now++) buckets.of(`other ${now}`, now).idleAt = now + 1
    expect(buckets.of("mine", 99)).toBe(mine)
  })

  it("forget what is idle, though no one asks for it", () => {
    const buckets = makeBuckets(make)
    const mine = buckets.of("mine", 0)
    mine.idleAt = 100
    buckets.of("other", 100)
    expect(buckets.count()).toBe(1)
    expect(buckets.of("mine", 100)).not.toBe(mine)
  })

  it("that are asked for a million keys keep those of late alone", () => {
    const buckets = makeBuckets(make)
    for (let now = 0; now < 1_000_000; now++) buckets.of(String(now), now).idleAt = now + 1000
    expect(buckets.count()).toBeLessThanOrEqual(2000)
  })

  it("forget what is idle behind one that is in use for long", () => {
    const buckets = makeBuckets(make)
    buckets.of("long", 0).idleAt = Infinity
    for (let now = 0; now < 1000; now++) buckets.of(String(now), now).idleAt = now + 10
    expect(buckets.count()).toBeLessThanOrEqual(21)
  })
})
