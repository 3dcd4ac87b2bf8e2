import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import { type ApiKey, ApiKeyId } from "../../../src/ApiKey.ts"
import {
  nextStep,
  type Plan,
  type Run,
  type Step,
  type View,
} from "../../../src/lifecycle/rotation/decide.ts"
import { account, minute, plan, start } from "./world.ts"

const now = 10_000 * minute

const key = (id: string, name = "billing", millis = 90 * minute): ApiKey => ({
  id: ApiKeyId(id),
  name,
  serviceAccountId: account,
  createdAt: DateTime.unsafeMake(now - millis),
})

const made = (
  state: Option.Option.Value<Run["made"]>["state"],
  options: { readonly before?: string | undefined; readonly sentAt?: number } = {},
): Pick<Run, "made"> => {
  const { before, sentAt = now } = { before: "old", ...options }
  return {
    made: Option.some({
      id: ApiKeyId("own"),
      before: Option.map(Option.fromNullable(before), (id) => ApiKeyId(id)),
      sentAt,
      state,
    }),
  }
}

const proven = (id: string): Pick<Run, "proven"> => ({ proven: Option.some(ApiKeyId(id)) })

interface Seen {
  /** The key that the store holds. */
  readonly held?: string
  readonly keys?: ReadonlyArray<ApiKey>
  readonly listed?: boolean
  readonly heldSince?: number
}

const decide = (
  { held, heldSince = now - minute, keys = [], listed = true }: Seen,
  run: Partial<Run> = {},
  wanted: Partial<Plan> = {},
): Step => {
  const view: View = {
    now,
    held: Option.map(Option.fromNullable(held), (id) => ApiKeyId(id)),
    heldSince,
    keys,
    listed,
  }
  return nextStep({ ...plan, ...wanted }, view, { ...start("m").run, ...run })
}

const first = Option.some({ name: "billing", serviceAccountId: account })
const make = (name: string, predecessor: string): Step => ({
  _tag: "Make",
  name,
  predecessor: Option.some(ApiKeyId(predecessor)),
  serviceAccountId: account,
})
const unmark = (id: string): Step => ({ _tag: "Unmark", id: ApiKeyId(id), name: "billing" })
const remove = (id: string): Step => ({ _tag: "Delete", id: ApiKeyId(id) })
const fail = (obstacle: Extract<Step, { _tag: "Fail" }>["obstacle"]): Step => ({
  _tag: "Fail",
  obstacle,
})

/** The store holds the successor, its secret is proven, and the predecessor is gone. */
const successor = key("new", "billing [rotates old 00000001]")
const firstborn = key("new", "billing [first 00000001]")
const withSuccessor = (others: ReadonlyArray<ApiKey>, run: Partial<Run> = {}) =>
  decide({ held: "new", keys: [successor, ...others] }, { ...proven("new"), ...run })
const withFirstborn = (others: ReadonlyArray<ApiKey>) =>
  decide({ held: "new", keys: [firstborn, ...others] }, proven("new"))

describe("after a create without an answer, a run", () => {
  const doubt = (id: string | undefined, name: string): Partial<Run> => ({
    doubtful: [{ id: Option.map(Option.fromNullable(id), (id) => ApiKeyId(id)), name }],
  })
  const name = "billing [rotates old 00000002]"

  it("deletes the key of that name at once, however young", () => {
    expect(withSuccessor([key("late", name, 0)], doubt(undefined, name))).toEqual(remove("late"))
  })
  it("deletes the key of that id, whatever its name", () => {
    expect(withSuccessor([key("late", "bil", 0)], doubt("late", name))).toEqual(remove("late"))
  })
  it("deletes no other key", () => {
    expect(withSuccessor([key("other", "bil", 0)], doubt("late", name))).toEqual(unmark("new"))
  })
})

describe("while its own key is not in the store, a run", () => {
  it.each([[0, 250], [3, 2000], [5, 8000]])(
    "reads again if the store has lost its key: after %i reads in %i ms",
    (rereads, after) => {
      const step = decide({}, { ...made("unwritten"), ...proven("own"), rereads })
      expect(step).toEqual({ _tag: "Reread", after })
    },
  )
  it("reads again if the store does not show the write", () => {
    expect(decide({ held: "old", keys: [key("old")] }, { ...made("written"), ...proven("own") }))
      .toEqual({ _tag: "Reread", after: 250 })
  })
  it("gives up after six times", () => {
    expect(decide({}, { ...made("written"), rereads: 6 })).toEqual(fail("NotStored"))
  })
  it("keeps its own key for the grace once the store has shown it, since others may have read it", () => {
    const other = key("new", "billing [rotates old 00000002]", 0)
    const grace = 30 * minute
    const see = (sentAt: number, wanted = grace) =>
      decide(
        { held: "new", keys: [other, key("old")] },
        { ...made("written", { sentAt }), ...proven("new") },
        { grace: wanted },
      )
    expect(see(now - grace + 1)).toMatchObject({ _tag: "Wait", reason: "Grace" })
    expect(see(now - grace)).toEqual(remove("own"))
    expect(see(now, 0)).toEqual(remove("own"))
  })
  it("keeps it likewise if the store was empty and the caller names the key to replace", () => {
    const other = key("new", "billing [rotates old 00000002]", 0)
    const see = (target: Plan["target"]) =>
      decide(
        { held: "new", keys: [other, key("old")] },
        { ...made("written", { before: undefined }), ...proven("new") },
        { grace: 30 * minute, target },
      )
    expect(see(Option.some(key("old")))).toMatchObject({ _tag: "Wait", reason: "Grace" })
    // A key that replaces none has a mark by which no later run could delete it.
    expect(see(Option.none())).toEqual(remove("own"))
  })
  it("deletes its own key if the store holds another run's", () => {
    expect(decide({ held: "other" }, made("unwritten"))).toEqual(remove("own"))
  })

  const unwritten = (run: Partial<Run>) =>
    decide({ held: "old", keys: [key("old")] }, { ...made("unwritten"), ...run })

  it.each([[0, 0], [1, 250], [3, 1000], [5, 4000]])(
    "proves its secret, after %i refusals in %i ms",
    (refusals, after) => {
      expect(unwritten({ refusals })).toEqual({ _tag: "Prove", id: "own", after })
    },
  )
  it("gives up after six refusals", () => {
    expect(unwritten({ refusals: 6 })).toEqual(fail("SecretRefused"))
  })
  it("writes it until half of the lease is over", () => {
    const sentAt = now - plan.lease / 2
    expect(unwritten({ ...proven("own"), ...made("unwritten", { sentAt: sentAt + 1 }) }))
      .toEqual({ _tag: "Write" })
    expect(unwritten({ ...proven("own"), ...made("unwritten", { sentAt }) }))
      .toEqual(fail("LeaseOver"))
  })
  it("makes no second key", () => {
    expect(decide({}, made("abandoned"), { first })).toEqual(fail("NothingHeld"))
    expect(decide({ held: "gone" }, made("deleted"), { first })).toEqual(fail("HeldKeyGone"))
  })
})

describe("the key to replace", () => {
  const target = (apiKey: ApiKey, olderThan?: number) =>
    decide({}, {}, { target: Option.some(apiKey), olderThan })

  it.each<readonly [string, ApiKey]>([
    ["is too young", key("old", "billing", 60 * minute - 1)],
    ["is lent", key("old", "billing [expires 2027-01-01T00:00:00Z 00000001]")],
    ["is not finished", key("old", "billing [once 00000001]")],
  ])("is kept if it %s", (_, apiKey) => {
    const done = { _tag: "Done", apiKey, leftBehind: [] }
    expect(target(apiKey, 60 * minute)).toEqual(done)
    expect(decide({ held: "old", keys: [apiKey] }, {}, { olderThan: 60 * minute })).toEqual(done)
  })
  it("is kept if it is lent, whatever its age", () => {
    const lent = key("old", "billing [expires 2027-01-01T00:00:00Z 00000001]")
    expect(target(lent)).toEqual({ _tag: "Done", apiKey: lent, leftBehind: [] })
    expect(decide({ held: "old", keys: [lent] }))
      .toEqual({ _tag: "Done", apiKey: lent, leftBehind: [] })
  })
  it("is due at the very moment at which it is old enough", () => {
    const apiKey = key("old", "billing", 60 * minute)
    expect(target(apiKey, 60 * minute)).toEqual(make("billing", "old"))
    expect(decide({ held: "old", keys: [apiKey] }, {}, { olderThan: 60 * minute }))
      .toEqual(make("billing", "old"))
  })
  it.each(["billing [rotates older 00000001]", "billing [first 00000001]"])(
    "is kept if it is another rotation's successor: %j",
    (name) => {
      const apiKey = key("old", name)
      expect(target(apiKey)).toEqual({ _tag: "Done", apiKey, leftBehind: [] })
    },
  )
  it.each([
    ["is too young", key("old", "billing", 60 * minute - 1)],
    ["is another rotation's successor", key("old", "billing [first 00000001]")],
    ["is lent", key("old", "billing [expires 2027-01-01T00:00:00Z 00000001]")],
  ])("does not hide that the store holds a dead key, even if it %s", (_, apiKey) => {
    const wanted = { target: Option.some(apiKey), olderThan: 60 * minute }
    expect(decide({ held: "gone" }, {}, wanted)).toEqual(fail("HeldKeyGone"))
  })
  it("gets a successor of the same name", () => {
    expect(target(key("old", " [first]"))).toEqual(make(" [first]", "old"))
  })
  it("is looked for in a whole list before the rotation fails with StoreHoldsAnother", () => {
    const seen = { held: "held", keys: [key("held"), key("old")] }
    const wanted = { target: Option.some(key("old")) }
    expect(decide({ ...seen, listed: false }, {}, wanted)).toEqual({ _tag: "Look" })
    expect(decide(seen, {}, wanted)).toEqual(fail("StoreHoldsAnother"))
  })
  it.each(["old [rotates gone 00000001]", "old [expires 2027-01-01T00:00:00Z 00000001]"])(
    "is kept if it is marked and not in the store: %s",
    (name) => {
      const wanted = { target: Option.some(key("old", name)) }
      const keys = [key("held"), key("old", name)]
      expect(decide({ held: "held", keys }, {}, wanted))
        .toMatchObject({ _tag: "Done", apiKey: { id: "held" } })
    },
  )
})

describe("the grace", () => {
  const withGrace = (young: ApiKey, run: Partial<Run>, listed = true) =>
    decide(
      { held: young.id, keys: [key("old"), young], listed },
      { ...proven(young.id), ...run },
      { grace: 20 * minute },
    )
  const young = (id: string, minutes: number) =>
    key(id, "billing [rotates old 00000001]", minutes * minute)
  const wait = (apiKey: ApiKey, minutes: number): Step => ({
    _tag: "Wait",
    reason: "Grace",
    until: now + minutes * minute,
    apiKey,
  })

  it("counts from the successor's making", () => {
    expect(withGrace(young("new", 5), {})).toEqual(wait(young("new", 5), 15))
  })
  it("counts from the run's own create by the local clock, if that is later", () => {
    expect(withGrace(young("own", 5), made("written", { sentAt: now - 3 * minute })))
      .toEqual(wait(young("own", 5), 17))
    expect(withGrace(young("own", 5), made("written", { sentAt: now - 7 * minute })))
      .toEqual(wait(young("own", 5), 15))
  })
  it("does not count from a create whose key another run has pushed out", () => {
    expect(withGrace(young("new", 5), made("deleted", { sentAt: now - minute })))
      .toEqual(wait(young("new", 5), 15))
  })
  it("is over at its very end, after one more look", () => {
    expect(withGrace(young("new", 20), {}, false)).toEqual({ _tag: "Look" })
    expect(withGrace(young("new", 20), {})).toEqual(remove("old"))
  })
})

describe("the mark is removed from", () => {
  it.each<readonly [string, ApiKey]>([
    ["an unmarked key of its name", key("x", "billing", 0)],
    ["a key marked for another", key("x", "billing [rotates another 00000002]", 0)],
    ["a first key", key("x", "billing [first 00000002]", 0)],
  ])("a successor although there is %s", (_, other) => {
    expect(withSuccessor([other])).toEqual(unmark("new"))
  })
  it.each<readonly [string, ApiKey]>([
    ["an unmarked key of its name", key("x", "billing", 0)],
    ["a first key of another name", key("x", "ledger [first 00000002]", 0)],
    ["an unfinished key of its name", key("x", "billing [once 00000002]", 0)],
    ["a first key as old as the lease", key("x", "billing [first 00000002]", plan.lease)],
  ])("a first key although there is %s", (_, other) => {
    expect(withFirstborn([other])).toEqual(unmark("new"))
  })
})

describe("what a list may not show yet", () => {
  const seen = (heldSince: number, key: ApiKey, listed = true) =>
    decide({ held: key.id, keys: [key], heldSince, listed }, proven(key.id))
  const wait = (apiKey: ApiKey, until: number): Step => ({
    _tag: "Wait",
    reason: "OtherRun",
    until,
    apiKey,
  })
  const young = (millis: number) => key("new", "billing [rotates old 00000001]", millis)

  it.each([0, 4999])("is waited for if the store has shown the key for %i ms", (millis) => {
    const expected = wait(young(0), now - millis + 5000)
    expect(seen(now - millis, young(0))).toEqual(expected)
    expect(seen(now - millis, young(0), false)).toEqual(expected)
  })
  it("is in a list that starts 5 seconds after the store has shown the key", () => {
    expect(seen(now - 5000, young(5000), false)).toEqual({ _tag: "Look" })
    expect(seen(now - 5000, young(5000))).toEqual(unmark("new"))
  })
  it("does not matter for a key two leases old", () => {
    const almost = young(2 * plan.lease - 1)
    expect(seen(now, almost)).toEqual(wait(almost, now + 1))
    expect(seen(now, young(2 * plan.lease))).toEqual(unmark("new"))
  })
})

describe("a run that comes back later instead of sleeping", () => {
  const successor = (minutes: number) =>
    key("new", "billing [rotates old 00000001]", minutes * minute)
  const see = (keys: readonly [ApiKey, ...Array<ApiKey>], run: Partial<Run> = {}) =>
    decide(
      { held: keys[0].id, keys, heldSince: now, listed: false },
      run,
      { onWait: "return", grace: 15 * minute },
    )
  const wait = (apiKey: ApiKey, reason: "Grace" | "OtherRun", minutes: number): Step => ({
    _tag: "Wait",
    reason,
    until: now + minutes * minute,
    apiKey,
  })
  const prove: Step = { _tag: "Prove", id: ApiKeyId("new"), after: 0 }

  it("gets only the two keys before the grace is over", () => {
    expect(see([successor(5), key("old")])).toEqual(wait(successor(5), "Grace", 10))
  })
  it("deletes the predecessor at the end of the grace, once the secret is proven", () => {
    expect(see([successor(15), key("old")])).toEqual(prove)
    expect(see([successor(15), key("old")], proven("new"))).toEqual(remove("old"))
  })
  it("lists when the key is two leases old, since it cannot know when the store got it", () => {
    expect(see([successor(15)])).toEqual(wait(successor(15), "OtherRun", 5))
    expect(see([successor(20)])).toEqual(prove)
    expect(see([successor(20)], proven("new"))).toEqual({ _tag: "Look" })
  })
  it("waits for no grace if the predecessor is gone", () => {
    expect(see([successor(5)])).toEqual(wait(successor(5), "OtherRun", 15))
  })
  it("has nothing to do before another run's key is as old as the lease", () => {
    const other = (id: string, minutes: number) =>
      key(id, "billing [rotates old 00000002]", minutes * minute)
    const keys = [successor(20), other("x", 3), other("y", 4)]
    expect(decide({ held: "new", keys }, proven("new"), { onWait: "return" }))
      .toEqual(wait(successor(20), "OtherRun", 6))
  })
})

describe("another run's key", () => {
  const other = (id: string, seconds: number) =>
    key(id, "billing [rotates old 00000002]", seconds * 1000)

  it.each<readonly [ReadonlyArray<number>, number]>([
    [[0.2], 1],
    [[5], 5],
    [[180], 30],
    [[5, 180], 5],
    [[598], 2],
    [[5, 598], 2],
  ])("of these ages in seconds is looked at again: %j, after %i", (ages, seconds) => {
    expect(withSuccessor(ages.map((age, n) => other(`x${n}`, age))))
      .toEqual({
        _tag: "Wait",
        reason: "OtherRun",
        until: now + seconds * 1000,
        apiKey: successor,
      })
  })
  it("is deleted at the very moment at which the lease is over", () => {
    expect(withSuccessor([other("x", 600)])).toEqual(remove("x"))
  })
})

describe("leftBehind", () => {
  it("names the run's own key, if somebody has put a key without a mark in its place", () => {
    const own = key("own", "billing [rotates old 00000002]", minute)
    const step = decide(
      { held: "held", keys: [key("held"), own] },
      { ...made("written"), finished: true },
      { grace: 30 * minute },
    )
    expect(step).toEqual({ _tag: "Done", apiKey: key("held"), leftBehind: [own] })
  })

  it.each<readonly [string, boolean]>([
    ["billing [first 00000002]", true],
    ["billing [rotates gone 00000002]", true],
    ["billing [rotates live 00000002]", false],
    ["billing [once 00000002]", false],
    ["ledger [first 00000002]", false],
    ["billing", false],
  ])("names an overdue %j: %s", (name, isTold) => {
    const other = key("x", name)
    const step = decide(
      { held: "held", keys: [key("held"), key("live"), other] },
      { finished: true },
    )
    expect(step).toEqual({ _tag: "Done", apiKey: key("held"), leftBehind: isTold ? [other] : [] })
  })
})
