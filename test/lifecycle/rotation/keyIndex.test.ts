import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { type ApiKey, ApiKeyId } from "../../../src/ApiKey.ts"
import { indexKeys, keysAbout, unseenBy } from "../../../src/lifecycle/rotation/keyIndex.ts"
import { nextStep, type Step } from "../../../src/lifecycle/rotation/decide.ts"
import { account, minute, plan, start } from "./world.ts"

const now = 10_000 * minute

const key = (id: string, name: string, age = 90 * minute): ApiKey => ({
  id: ApiKeyId(id),
  name,
  serviceAccountId: account,
  createdAt: DateTime.unsafeMake(now - age),
})

const ids = fc.constantFrom("a", "b", "c", "d", "e", "gone")
const nonce = fc.constantFrom("00000001", "00000002")
const name = fc.constantFrom("billing", "ledger")
const firsts = fc.tuple(name, nonce).map(([name, nonce]) => `${name} [first ${nonce}]`)
const successors = fc.tuple(name, ids, nonce).map(([name, id, nonce]) =>
  `${name} [rotates ${id} ${nonce}]`
)
const others = fc.tuple(name, nonce).map(([name, nonce]) => `${name} [once ${nonce}]`)
const names = fc.oneof(name, firsts, successors, successors, successors, others)
const keys = fc.uniqueArray(
  fc.tuple(ids, names, fc.integer({ min: 0, max: 20 })).map(([id, name, age]) =>
    key(id, name, age * minute)
  ),
  { selector: ({ id }) => id, minLength: 1, maxLength: 5 },
)
const doubtful = fc.array(
  fc.record({
    id: fc.option(ids.map((id) => ApiKeyId(id))).map(Option.fromNullable),
    // A rotation asks only for marked keys.
    name: fc.oneof(firsts, successors),
  }),
  { maxLength: 2 },
)

/** Makes decisions comparable: the keys of a deletion and those left behind are in no order. */
const comparable = (step: Step): unknown =>
  step._tag === "Done"
    ? { ...step, leftBehind: step.leftBehind.map(({ id }) => id).toSorted() }
    : step._tag === "Delete"
    ? "Delete"
    : step

describe("the keys that a rotation decides by", () => {
  it("lead to the same decision as all keys in the list", () => {
    fc.assert(
      fc.property(
        keys,
        fc.nat(4),
        fc.option(keys.map(([target]) => target)),
        fc.option(ids.map((id) => ApiKeyId(id))).map(Option.fromNullable),
        doubtful,
        fc.boolean(),
        fc.constantFrom(undefined, 30 * minute),
        fc.constantFrom(0, 30 * minute),
        (keys, at, target, own, doubtful, isProven, olderThan, grace) => {
          const held = keys[at % keys.length]
          if (held === undefined) return
          const wanted = { ...plan, target: Option.fromNullable(target), olderThan, grace }
          const made = Option.map(own, (id) => ({
            id,
            before: Option.some(ApiKeyId("gone")),
            sentAt: now - minute,
            state: "written" as const,
          }))
          const run = {
            ...start("m").run,
            made,
            doubtful,
            proven: isProven ? Option.some(held.id) : Option.none(),
          }
          const decide = (keys: ReadonlyArray<ApiKey>) =>
            nextStep(
              wanted,
              { now, held: Option.some(held.id), heldSince: 0, keys, listed: true },
              run,
            )
          const index = indexKeys(keys)
          const viewpoint = { held, target: wanted.target, own: made, doubtful }
          const about = keysAbout(index, viewpoint)
          const got = unseenBy(index, viewpoint).flatMap((id) => index.byId.get(id) ?? [])
          expect(comparable(decide([...new Set([...about, ...got])])))
            .toEqual(comparable(decide(keys)))
          expect(keys).toEqual(expect.arrayContaining([...about]))
        },
      ),
      { numRuns: 5000 },
    )
  })

  it("are only its own, however many others there are", () => {
    const others = Array.from(
      { length: 1000 },
      (_, n) => key(`new${n}`, `service ${n} [rotates old${n} 00000001]`),
    )
    const predecessors = others.map((_, n) => key(`old${n}`, `service ${n}`))
    const index = indexKeys([...predecessors, ...others])
    const [held] = others
    const about = held && keysAbout(index, {
      held,
      target: Option.none(),
      doubtful: [],
    })
    expect(about?.map(({ id }) => id)).toEqual(["new0", "old0"])
  })

  it("include only a hundred of a thousand strays of its name, so that many rotations can wait", () => {
    const held = key("held", "billing")
    const strays = Array.from(
      { length: 1000 },
      (_, n) => key(`stray${n}`, "billing [rotates gone 00000001]"),
    )
    const about = keysAbout(indexKeys([held, ...strays]), {
      held,
      target: Option.none(),
      doubtful: [],
    })
    expect(about).toEqual([held, ...strays.slice(0, 100)])
  })
})
