import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { rotateApiKey, type SecretStore } from "../../../src/mod.ts"
import { makeOrganization, type Organization } from "../organization.ts"
import { drawing, inVirtualTime } from "../virtualTime.ts"

type Held = Option.Option<Redacted.Redacted<string>>

/** What a secret manager has held since when. */
const makeHistory = ({ secret }: Organization) =>
  Effect.map(Ref.get(secret), (held): Array<readonly [since: number, Held]> => [[0, held]])

/**
 * A run's store whose reads lag by `lag` milliseconds. With check-and-set a write has no effect if
 * another write came since the run's last read.
 */
const makeLagging = (
  { store }: Organization,
  history: Array<readonly [since: number, Held]>,
  lag: () => number,
  checksAndSets: boolean,
): SecretStore => {
  let version = 0
  return {
    read: Effect.map(Clock.currentTimeMillis, (now) => {
      const seen = now - lag()
      version = history.findLastIndex(([since]) => since <= seen)
      return history[version]?.[1] ?? Option.none()
    }),
    write: (secret) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (checksAndSets && version !== history.length - 1) return Effect.void
        history.push([now, Option.some(secret)])
        return store().write(secret)
      }),
  }
}

/** Makes two runs. The second one starts up to 20 seconds later. Returns what they leave. */
const race = (grace: number, checksAndSets: boolean, seed: number) => {
  const draw = drawing(seed)
  return inVirtualTime(
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const history = yield* makeHistory(organization)
      const run = Effect.suspend(() =>
        rotateApiKey({
          store: makeLagging(organization, history, () => draw(10_001), checksAndSets),
          grace,
        })
      ).pipe(Effect.provide(organization.access()), Effect.either)
      const second = Effect.zipRight(Effect.sleep(draw(20_000)), run)
      const results = yield* Effect.all([run, second], { concurrency: "unbounded" })
      const held = yield* organization.heldId
      return {
        failed: results.flatMap((result) =>
          Either.match(result, { onLeft: ({ reason }) => [reason], onRight: () => [] })
        ),
        others: (yield* organization.keys).filter(({ id }) => !Option.contains(held, id)).length,
        outages: (yield* Ref.get(organization.outages)).length,
      }
    }),
    draw,
  )
}

const seeds = Array.from({ length: 15 }, (_, seed) => seed)

describe("a store whose reads lag behind its writes", () => {
  it.live("by a minute, like a cache's, fails a rotation after 16 seconds of reading", () =>
    inVirtualTime(Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const history = yield* makeHistory(organization)
      const store = makeLagging(organization, history, () => 60_000, false)
      const begun = yield* Clock.currentTimeMillis
      const error = yield* Effect.flip(
        rotateApiKey({ store, grace: "1 hour" }).pipe(Effect.provide(organization.access())),
      )
      expect(error.reason).toBe("NotStored")
      expect(Math.round(((yield* Clock.currentTimeMillis) - begun) / 1000)).toBe(16)
      expect(yield* organization.keys).toHaveLength(2)
    })))

  it.live("by up to 10 seconds may hold a dead key after two runs at once without a grace", () =>
    Effect.gen(function* () {
      let outages = 0
      for (let seed = 0; outages === 0; seed += 1) {
        expect(seed).toBeLessThan(200)
        outages = (yield* race(0, false, seed)).outages
      }
    }))

  for (const [what, grace] of [["no", 0], ["a", 300_000]] as const) {
    it.live(`by up to 10 seconds ends in the one good state with check-and-set and ${what} grace`, () =>
      Effect.gen(function* () {
        const outcomes = yield* Effect.forEach(seeds, (seed) => race(grace, true, seed))
        expect(outcomes).toEqual(seeds.map(() => ({ failed: [], others: 0, outages: 0 })))
      }))
  }
})
