import { describe, expect, it } from "@effect/vitest"
import { makeBuckets } from "../../src/transport/buckets.ts"

describe("buckets", () => {
  const make = () => ({ idleAt: 0 })

  it("keep a key's bucket until it is idle", () => {
    const buckets = makeBuckets(make)
    const mine = buckets.of("mine", 0)
    mine.idleAt = 100
    for (let now = 0; now < 100; now++) buckets.of(`other ${now}`, now).idleAt = now + 1
    expect(buckets.of("mine", 99)).toBe(mine)
  })

  it("forget an idle bucket, even if nobody asks for it", () => {
    const buckets = makeBuckets(make)
    const mine = buckets.of("mine", 0)
    mine.idleAt = 100
    buckets.of("other", 100)
    expect(buckets.count()).toBe(1)
    expect(buckets.of("mine", 100)).not.toBe(mine)
  })

  it("keep only the latest of a million keys", () => {
    const buckets = makeBuckets(make)
    for (let now = 0; now < 1_000_000; now++) buckets.of(String(now), now).idleAt = now + 1000
    expect(buckets.count()).toBeLessThanOrEqual(2000)
  })

  it("forget idle buckets behind one that stays in use", () => {
    const buckets = makeBuckets(make)
    buckets.of("long", 0).idleAt = Infinity
    for (let now = 0; now < 1000; now++) buckets.of(String(now), now).idleAt = now + 10
    expect(buckets.count()).toBeLessThanOrEqual(21)
  })
})
