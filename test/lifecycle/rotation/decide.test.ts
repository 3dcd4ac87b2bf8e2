import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { type ApiKey, ApiKeyId, ServiceAccountId } from "../../../src/ApiKey.ts"
import { parseMarked } from "../../../src/lifecycle/mark.ts"
import { listLag, nextStep, type Plan } from "../../../src/lifecycle/rotation/decide.ts"
import {
  account,
  arrive,
  makeKey,
  minute,
  plan,
  type Runner,
  show,
  start,
  tick,
  type World,
} from "./world.ts"

const beginning = 10_000 * minute

// The columns: the key in the store, the keys with their ages in minutes (`~old` is marked and in
// no store), the caller's options, and every step to the end.
type Row = readonly [holds: string, keys: string, says: string, steps: string]

const first = { name: "billing", serviceAccountId: account }

const rows: ReadonlyArray<Row> = [
  ["nothing", "", "", "Fail NothingHeld"],
  ["nothing", "old", "", "Fail NothingHeld"],
  [
    "nothing",
    "",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "",
    "first",
    "Make for nothing, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old",
    "first",
    "Make for nothing, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old, ~old 3",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old, ~old 12",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old, ~old 3, ~old 12",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Delete o1, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old, ~old 3, ~old 12, ~old 20",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Delete o1, Delete o2, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "first 3",
    "first",
    "Make for nothing, Prove m1, Write, Wait OtherRun 7, Look, Unmark m1, Done left o0",
  ],
  [
    "nothing",
    "first 12",
    "first",
    "Make for nothing, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left o0",
  ],
  [
    "nothing",
    "first 3, first 12",
    "first",
    "Make for nothing, Prove m1, Write, Wait OtherRun 7, Look, Unmark m1, Done left o0 o1",
  ],
  [
    "nothing",
    "first 3, first 12, first 20",
    "first",
    "Make for nothing, Prove m1, Write, Wait OtherRun 7, Look, Unmark m1, Done left o0 o1 o2",
  ],
  [
    "old",
    "old",
    "",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 3",
    "",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 12",
    "",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 3, ~old 12",
    "",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Delete o1, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 3, ~old 12, ~old 20",
    "",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Delete o1, Delete o2, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old",
    "olderThan",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 3",
    "olderThan",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 12",
    "olderThan",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 3, ~old 12",
    "olderThan",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Delete o1, Unmark m1, Done left nothing",
  ],
  [
    "old",
    "old, ~old 3, ~old 12, ~old 20",
    "olderThan",
    "Look, Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete o0, Delete o1, Delete o2, Unmark m1, Done left nothing",
  ],
  [
    "new",
    "old, new 20",
    "",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 20, ~old 3",
    "",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 20, ~old 12",
    "",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 20, ~old 3, ~old 12",
    "",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Delete o0, Delete o1, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 20, ~old 3, ~old 12, ~old 20",
    "",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Delete o0, Delete o1, Delete o2, Unmark new, Done left nothing",
  ],
  ["new", "new 20", "", "Look, Prove new, Look, Unmark new, Done left nothing"],
  [
    "new",
    "new 20, ~old 3",
    "",
    "Look, Prove new, Look, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  ["new", "new 20, ~old 12", "", "Look, Prove new, Look, Delete o0, Unmark new, Done left nothing"],
  [
    "new",
    "new 20, ~old 3, ~old 12",
    "",
    "Look, Prove new, Look, Delete o1, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "new 20, ~old 3, ~old 12, ~old 20",
    "",
    "Look, Prove new, Look, Delete o1, Delete o2, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  ["new", "old, new 30", "", "Look, Prove new, Look, Delete old, Unmark new, Done left nothing"],
  [
    "new",
    "old, new 30, ~old 3",
    "",
    "Look, Prove new, Look, Delete old, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 30, ~old 12",
    "",
    "Look, Prove new, Look, Delete old, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 30, ~old 3, ~old 12",
    "",
    "Look, Prove new, Look, Delete old, Delete o1, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 30, ~old 3, ~old 12, ~old 20",
    "",
    "Look, Prove new, Look, Delete old, Delete o1, Delete o2, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  ["new", "new 30", "", "Look, Prove new, Look, Unmark new, Done left nothing"],
  [
    "new",
    "new 30, ~old 3",
    "",
    "Look, Prove new, Look, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  ["new", "new 30, ~old 12", "", "Look, Prove new, Look, Delete o0, Unmark new, Done left nothing"],
  [
    "new",
    "new 30, ~old 3, ~old 12",
    "",
    "Look, Prove new, Look, Delete o1, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "new 30, ~old 3, ~old 12, ~old 20",
    "",
    "Look, Prove new, Look, Delete o1, Delete o2, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "renamed 20",
    "",
    "Look, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Unmark m1, Done left nothing",
  ],
  [
    "new",
    "renamed 20, ~new 3",
    "",
    "Look, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "new",
    "renamed 20, ~new 12",
    "",
    "Look, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "new",
    "renamed 20, ~new 3, ~new 12",
    "",
    "Look, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Delete o0, Delete o1, Unmark m1, Done left nothing",
  ],
  [
    "new",
    "renamed 20, ~new 3, ~new 12, ~new 20",
    "",
    "Look, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Delete o0, Delete o1, Delete o2, Unmark m1, Done left nothing",
  ],
  ["new", "renamed 20", "olderThan", "Look, Look, Done left nothing"],
  ["new", "renamed 20, ~new 3", "olderThan", "Look, Look, Done left o0"],
  ["new", "renamed 20, ~new 12", "olderThan", "Look, Look, Delete o0, Done left nothing"],
  ["new", "renamed 20, ~new 3, ~new 12", "olderThan", "Look, Look, Delete o1, Done left o0"],
  [
    "new",
    "renamed 20, ~new 3, ~new 12, ~new 20",
    "olderThan",
    "Look, Look, Delete o1, Delete o2, Done left o0",
  ],
  ["new", "renamed 20", "apiKey", "Look, Look, Done left nothing"],
  ["new", "old, renamed 20", "apiKey", "Look, Look, Fail StoreHoldsAnother"],
  [
    "new",
    "old, new 20",
    "apiKey",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Unmark new, Done left nothing",
  ],
  [
    "new",
    "new 70",
    "olderThan",
    "Look, Prove new, Look, Unmark new, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Unmark m1, Done left nothing",
  ],
  ["new", "new 20", "olderThan", "Look, Prove new, Look, Unmark new, Done left nothing"],
  [
    "new",
    "firstborn 5",
    "",
    "Look, Prove new, Wait OtherRun 0.1, Look, Unmark new, Done left nothing",
  ],
  [
    "new",
    "firstborn 5, first 3",
    "",
    "Look, Prove new, Wait OtherRun 7, Look, Unmark new, Done left o0",
  ],
  [
    "new",
    "firstborn 5, first 12",
    "",
    "Look, Prove new, Wait OtherRun 0.1, Look, Unmark new, Done left o0",
  ],
  [
    "new",
    "firstborn 5, first 3, first 12",
    "",
    "Look, Prove new, Wait OtherRun 7, Look, Unmark new, Done left o0 o1",
  ],
  [
    "new",
    "firstborn 5, first 3, first 12, first 20",
    "",
    "Look, Prove new, Wait OtherRun 7, Look, Unmark new, Done left o0 o1 o2",
  ],
  ["stranger", "old", "", "Look, Fail HeldKeyGone"],
  ["stranger", "", "", "Look, Fail HeldKeyGone"],
  [
    "stranger",
    "old",
    "apiKey",
    "Look, Make for old, Prove m1, Write, Wait OtherRun 0.1, Look, Wait Grace 29.9, Look, Delete old, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "",
    "apiKey",
    "Look, Make for old, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "old",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "~stranger 3",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 7, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "~stranger 12",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 0.1, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "~stranger 3, ~stranger 12",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 0.1, Look, Delete o1, Wait OtherRun 6.9, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "~stranger 3, ~stranger 12, ~stranger 20",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 0.1, Look, Delete o1, Delete o2, Wait OtherRun 6.9, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  ["nothing", "~old 3", "", "Fail NothingHeld"],
  ["nothing", "old, ~old 3, ~old 12", "", "Fail NothingHeld"],
  [
    "nothing",
    "~old 3",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "~old 12",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "~old 3, ~old 12",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete o0, Delete o1, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "~old 3, ~old 12, ~old 20",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete o0, Delete o1, Delete o2, Unmark m1, Done left nothing",
  ],
  [
    "nothing",
    "old, new 20",
    "apiKey",
    "Make for old, Prove m1, Write, Wait Grace 30, Look, Delete old, Delete new, Unmark m1, Done left nothing",
  ],
  ["new", "renamed 20, ~old 3", "olderThan", "Look, Look, Done left nothing"],
  ["new", "renamed 20, ~old 12", "olderThan", "Look, Look, Done left o0"],
  ["new", "old, renamed 20, ~old 12", "olderThan", "Look, Look, Done left nothing"],
  ["new", "renamed 20, first 3, first 12", "olderThan", "Look, Look, Done left o1"],
  [
    "new",
    "renamed 70, ~old 12, ~new 12",
    "olderThan",
    "Look, Make for new, Prove m1, Write, Wait Grace 30, Look, Delete new, Delete o1, Unmark m1, Done left o0",
  ],
  [
    "new",
    "old, new 20, ~old 3",
    "apiKey",
    "Look, Prove new, Look, Wait Grace 10, Look, Delete old, Delete o0, Unmark new, Done left nothing",
  ],
  [
    "new",
    "old, new 30, ~old 3, ~old 12",
    "apiKey",
    "Look, Prove new, Look, Delete old, Delete o1, Wait OtherRun 7, Look, Delete o0, Unmark new, Done left nothing",
  ],
  ["new", "old, renamed 20, ~new 12", "apiKey", "Look, Look, Fail StoreHoldsAnother"],
  ["new", "renamed 20, ~new 12", "apiKey", "Look, Look, Delete o0, Done left nothing"],
  [
    "new",
    "old, firstborn 5, first 12",
    "",
    "Look, Prove new, Wait OtherRun 0.1, Look, Unmark new, Done left o0",
  ],
  ["stranger", "~stranger 3", "", "Look, Fail HeldKeyGone"],
  ["stranger", "~stranger 12, ~stranger 20", "", "Look, Fail HeldKeyGone"],
  [
    "stranger",
    "old, ~old 3",
    "apiKey",
    "Look, Make for old, Prove m1, Write, Wait OtherRun 0.1, Look, Wait Grace 29.9, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "old, ~old 12",
    "apiKey",
    "Look, Make for old, Prove m1, Write, Wait OtherRun 0.1, Look, Wait Grace 29.9, Look, Delete old, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "~old 3, ~old 12",
    "apiKey",
    "Look, Make for old, Prove m1, Write, Wait OtherRun 0.1, Look, Delete o1, Wait OtherRun 6.9, Look, Delete o0, Unmark m1, Done left nothing",
  ],
  [
    "stranger",
    "old, ~stranger 12",
    "apiKey",
    "Look, Make for old, Prove m1, Write, Wait OtherRun 0.1, Look, Wait Grace 29.9, Look, Delete old, Unmark m1, Done left o0",
  ],
  [
    "stranger",
    "first 3, first 12",
    "first",
    "Look, Make for stranger, Prove m1, Write, Wait OtherRun 0.1, Look, Unmark m1, Done left o1",
  ],
]

const situation = ([holds, keys, says]: Row): { world: World; runner: Runner } => {
  const world: World = {
    now: beginning,
    held: Option.none(),
    keys: [],
    made: 0,
    everHeld: new Set(),
  }
  makeKey(world, "bystander", "billing", 50 * minute)
  makeKey(world, "elsewhere", "payments [rotates another 00000009]", 50 * minute)
  let others = 0
  for (const text of keys === "" ? [] : keys.split(", ")) {
    const [what = "", ...minutes] = text.split(" ")
    const age = Number(minutes.at(-1)) * minute
    if (what === "old") makeKey(world, "old", "billing", 90 * minute)
    else if (what === "new") makeKey(world, "new", "billing [rotates old 00000008]", age)
    else if (what === "renamed") makeKey(world, "new", "billing", age)
    else if (what === "firstborn") makeKey(world, "new", "billing [first 00000008]", age)
    else if (what === "first") makeKey(world, `o${others++}`, "billing [first 00000007]", age)
    else {
      makeKey(world, `o${others++}`, `billing [rotates ${what.slice(1)} 0000000${others}]`, age)
    }
  }
  world.held = holds === "nothing" ? Option.none() : Option.some(ApiKeyId(holds))
  const old = { ...makeKey(world, "old", "billing", 90 * minute) }
  world.keys = world.keys.slice(0, -1)
  const wanted: Plan = {
    ...plan,
    grace: 30 * minute,
    target: says.includes("apiKey") ? Option.some(old) : Option.none(),
    first: says.includes("first") ? Option.some(first) : Option.none(),
    olderThan: says.includes("olderThan") ? 60 * minute : undefined,
  }
  return { world, runner: start("m", wanted) }
}

const run = (row: Row): string => {
  const { runner, world } = situation(row)
  const steps: Array<string> = []
  for (let n = 0; n < 200 && runner.ended === undefined; n += 1) {
    const step = tick(world, runner)
    if (step === undefined) continue
    steps.push(show(world, step))
    if (step._tag === "Wait") {
      world.now = step.until
      tick(world, runner)
    }
  }
  const all = steps.join(", ")
  // A wait for another run has many steps. Only its whole length matters here.
  return all.replace(/(?:Wait OtherRun [\d.]+, Look, )+/g, (waits) => {
    const lengths = [...waits.matchAll(/Run ([\d.]+)/g)].map(([, length]) => Number(length))
    return `Wait OtherRun ${lengths.reduce((sum, length) => sum + length, 0)}, Look, `
  })
}

describe("a rotation", () => {
  it.each(rows)("whose store holds %s, with the keys %j and the options %j", (...row) => {
    expect(run(row)).toBe(row[3])
  })
})

describe("a rotation whose store does not hold the given key", () => {
  const key = (id: string, serviceAccountId = account): ApiKey => ({
    id: ApiKeyId(id),
    name: "billing",
    serviceAccountId,
    createdAt: DateTime.unsafeMake(beginning - 50 * minute),
  })
  const step = (target: ApiKey) =>
    nextStep(
      { ...plan, target: Option.some(target) },
      {
        now: beginning,
        held: Option.some(ApiKeyId("held")),
        heldSince: beginning,
        keys: [key("held")],
        listed: true,
      },
      start("m").run,
    )

  it("takes the held key as the successor if the given key is gone", () => {
    expect(step(key("old"))).toEqual({ _tag: "Done", apiKey: key("held"), leftBehind: [] })
  })

  it("fails if the two keys belong to different service accounts", () => {
    expect(step(key("old", ServiceAccountId("other"))))
      .toEqual({ _tag: "Fail", obstacle: "StoreHoldsAnother" })
  })
})

interface History {
  readonly violations: ReadonlyArray<string>
  readonly steps: number
}

/** Runs the runners in the order that `choices` gives, and checks the world after every step. */
const interleave = (
  world: World,
  runners: ReadonlyArray<Runner>,
  choices: () => number,
  killAt: ReadonlyMap<number, number> = new Map(),
): History => {
  const violations: Array<string> = []
  let steps = 0
  for (; steps < 3000; steps += 1) {
    const kill = runners[killAt.get(steps) ?? -1]
    if (kill !== undefined) kill.ended ??= "Killed"
    const active = runners.filter(({ ended }) => ended === undefined)
    const waiting = active.filter(({ pending }) =>
      pending?._tag === "Wait" && pending.until > world.now
    )
    const ready = active.filter((runner) => !waiting.includes(runner))
    if (active.length === 0) break
    if (ready.length === 0) {
      world.now = Math.min(
        ...waiting.map(({ pending }) => pending?._tag === "Wait" ? pending.until : Infinity),
      )
      continue
    }
    // No operation takes as long as a lease.
    world.now += choices() % 4000
    const runner = ready[choices() % ready.length]
    if (choices() % 8 === 0) arrive(world)
    const before = world.keys
    const step = runner === undefined ? undefined : tick(world, runner)
    for (const id of Option.toArray(world.held)) {
      world.everHeld.add(id)
      if (!world.keys.some((key) => key.id === id)) violations.push(`the store holds dead ${id}`)
    }
    for (const gone of before.filter((key) => !world.keys.some(({ id }) => id === key.id))) {
      const isMarked = Option.isSome(parseMarked(gone.name).mark)
      if (!isMarked && !world.everHeld.has(gone.id)) violations.push(`deleted unmarked ${gone.id}`)
    }
    if (runner !== undefined && runner.writes > 1) violations.push(`${runner.name} wrote twice`)
    if (step?._tag === "Fail") violations.push(`${runner?.name} failed: ${step.obstacle}`)
  }
  return { violations, steps }
}

const organization = (lag = 0): World => {
  const world: World = {
    now: beginning,
    held: Option.some(ApiKeyId("old")),
    keys: [],
    made: 0,
    everHeld: new Set(),
    lists: { lag, past: [] },
  }
  makeKey(world, "bystander", "billing", 50 * minute)
  makeKey(world, "elsewhere", "payments [rotates another 00000009]", 50 * minute)
  makeKey(world, "old", "billing", 90 * minute)
  world.everHeld.add("old")
  return world
}

const drawn = (numbers: ReadonlyArray<number>): () => number => {
  let next = 0
  return () => numbers[next++ % numbers.length] ?? 0
}

const choices = fc.array(fc.nat(1_000_000), { minLength: 50, maxLength: 400 })
const grace = fc.constantFrom(0, 0, 2000, 30 * minute)
/** By how much lists lag. */
const lag = fc.constantFrom(0, 2000, listLag(plan))

const others = (world: World) =>
  world.keys.filter(({ id }) => id !== "bystander" && id !== "elsewhere")

describe("any number of rotations at the same time", () => {
  it("end with one live key, unmarked and in the store, and touch nothing else", () => {
    fc.assert(
      fc.property(
        choices,
        fc.integer({ min: 1, max: 5 }),
        grace,
        lag,
        (numbers, count, grace, lag) => {
          const world = organization(lag)
          const runners = Array.from(
            { length: count },
            (_, n) => start("abcde"[n] ?? "", { ...plan, grace }),
          )
          const { steps, violations } = interleave(world, runners, drawn(numbers))
          expect(violations).toEqual([])
          expect(steps).toBeLessThan(3000)
          expect(others(world).map(({ id, name }) => ({ id, name }))).toEqual([
            { id: Option.getOrThrow(world.held), name: "billing" },
          ])
          expect(world.keys.length).toBe(3)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it("of a live key end so, whatever their options", () => {
    const told = fc.array(fc.constantFrom("", "first", "apiKey"), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(choices, told, grace, lag, (numbers, told, grace, lag) => {
        const world = organization(lag)
        const old = Option.fromNullable(world.keys.find(({ id }) => id === "old"))
        const runners = told.map((told, n) =>
          start("abcde"[n] ?? "", {
            ...plan,
            grace,
            first: told === "first" ? Option.some({ ...first, name: "another" }) : Option.none(),
            target: told === "apiKey" ? old : Option.none(),
          })
        )
        const { steps, violations } = interleave(world, runners, drawn(numbers))
        expect(violations).toEqual([])
        expect(steps).toBeLessThan(3000)
        expect(others(world).map(({ id, name }) => ({ id, name }))).toEqual([
          { id: Option.getOrThrow(world.held), name: "billing" },
        ])
      }),
      { numRuns: 1000 },
    )
  })

  it("of an empty store or a dead key end so if all have the same options", () => {
    const told = fc.constantFrom("first", "apiKey", "first and apiKey")
    fc.assert(
      fc.property(
        choices,
        fc.integer({ min: 1, max: 5 }),
        grace,
        fc.constantFrom(undefined, "gone"),
        told,
        lag,
        (numbers, count, grace, holds, told, lag) => {
          const world = {
            ...organization(lag),
            held: Option.map(Option.fromNullable(holds), ApiKeyId),
          }
          const old = world.keys.find(({ id }) => id === "old")
          const wanted = {
            ...plan,
            grace,
            first: told.includes("first") ? Option.some(first) : Option.none(),
            target: told.includes("apiKey") ? Option.fromNullable(old) : Option.none(),
          }
          const runners = Array.from({ length: count }, (_, n) => start("abcde"[n] ?? "", wanted))
          const { steps, violations } = interleave(world, runners, drawn(numbers))
          expect(violations.filter((violation) => violation !== "the store holds dead gone"))
            .toEqual([])
          expect(steps).toBeLessThan(3000)
          const kept = told.includes("apiKey") ? [] : [{ id: "old", name: "billing" }]
          expect(others(world).map(({ id, name }) => ({ id, name }))).toEqual([
            ...kept,
            { id: Option.getOrThrow(world.held), name: "billing" },
          ])
        },
      ),
      { numRuns: 2000 },
    )
  })

  it("with creates that are lost and arrive late delete each such key, or name it", () => {
    fc.assert(
      fc.property(
        choices,
        fc.integer({ min: 1, max: 4 }),
        grace,
        lag,
        (numbers, count, grace, lag) => {
          const next = drawn(numbers)
          const world: World = { ...organization(lag), loses: () => next() % 2 === 0 }
          const runners = Array.from(
            { length: count },
            (_, n) => start("abcde"[n] ?? "", { ...plan, grace }),
          )
          const { steps, violations } = interleave(world, runners, next)
          expect(violations).toEqual([])
          expect(steps).toBeLessThan(3000)
          const told = runners.flatMap(({ run }) => run.doubtful.map(({ name }) => name))
          const left = others(world).map(({ id, name }) => ({ id: Option.some(id), name }))
          expect(left.filter(({ name }) => !told.includes(name))).toEqual([
            { id: world.held, name: "billing" },
          ])
        },
      ),
      { numRuns: 2000 },
    )
  })

  it("some of them killed, never leave a dead key in the store, and a later run cleans up", () => {
    const kills = fc.array(fc.tuple(fc.nat(60), fc.nat(4)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        choices,
        fc.integer({ min: 1, max: 5 }),
        grace,
        kills,
        lag,
        (numbers, count, grace, kills, lag) => {
          const world = organization(lag)
          const wanted = { ...plan, grace }
          const runners = Array.from({ length: count }, (_, n) => start("abcde"[n] ?? "", wanted))
          const { violations } = interleave(world, runners, drawn(numbers), new Map(kills))
          expect(violations).toEqual([])

          world.now += plan.lease
          const last = start("z", wanted)
          const after = interleave(world, [last], drawn(numbers))
          expect(after.violations).toEqual([])
          expect(last.ended).toBe("Done")
          // A run may decide to make a successor, send its create only after the others have ended,
          // and be killed then. It leaves a marked key that no later run can find.
          const strays = runners.flatMap(({ ended, madeLate }) =>
            ended === "Killed" ? madeLate : []
          )
          const left = others(world).filter(({ id }) => !strays.includes(id))
          expect(left.map(({ id, name }) => ({ id, name }))).toEqual([
            { id: Option.getOrThrow(world.held), name: "billing" },
          ])
        },
      ),
      { numRuns: 3000 },
    )
  })

  it("one after the other, each broken off, leave nothing behind once the lease is over", () => {
    fc.assert(
      fc.property(
        choices,
        grace,
        fc.array(fc.nat(25), { minLength: 1, maxLength: 5 }),
        lag,
        (numbers, grace, kills, lag) => {
          const world = organization(lag)
          const wanted = { ...plan, grace }
          for (const [n, kill] of kills.entries()) {
            const runner = start("abcde"[n] ?? "", wanted)
            const { violations } = interleave(world, [runner], drawn(numbers), new Map([[kill, 0]]))
            expect(violations).toEqual([])
          }
          world.now += plan.lease
          const { violations } = interleave(world, [start("z", wanted)], drawn(numbers))
          expect(violations).toEqual([])
          expect(others(world).map(({ id, name }) => ({ id, name }))).toEqual([
            { id: Option.getOrThrow(world.held), name: "billing" },
          ])
        },
      ),
      { numRuns: 2000 },
    )
  })
})
