/**
 * The emulator against a naive model: random operations, with walks through pages in between.
 * EMULATOR_MODEL_RUNS sets how many sequences there are.
 */
import type * as HttpMethod from "@effect/platform/HttpMethod"
import { expect, it } from "vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Emulator from "../../src/emulator/mod.ts"
import { type Answer, call, type KeyJson, keys, type RequestOptions } from "./call.ts"

interface Snapshot {
  readonly micros: number
  readonly keys: ReadonlyArray<KeyJson>
}

interface Query {
  readonly account: number | undefined
  readonly order: "ASC" | "DESC"
  readonly limit: number
  /** How many snapshots back the list looks. */
  readonly ago: number | undefined
}

/** A page that was read. The next walk continues from it. */
interface Place {
  readonly query: Query
  readonly asOf: number | undefined
  readonly first: KeyJson
  readonly last: KeyJson
  readonly next: string | undefined
  readonly previous: string | undefined
}

/** An emulator's options, in milliseconds: how far lists lag, and how much of the past it keeps. */
interface Made {
  readonly listLag: number
  readonly history: number
}

/** Every state there ever was: copied whole at each change, and searched from end to end. */
class Model {
  readonly time: { millis: number }
  micros = Number.MIN_SAFE_INTEGER
  readonly snapshots: Array<Snapshot>
  readonly places: Array<Place> = []
  readonly accounts: ReadonlyArray<string>
  readonly made: Made

  constructor(
    made: Made,
    time: { millis: number },
    accounts: ReadonlyArray<string>,
    keys: ReadonlyArray<KeyJson>,
  ) {
    this.made = made
    this.time = time
    this.accounts = accounts
    this.snapshots = [{ micros: this.micros, keys }]
  }

  get keys() {
    return this.snapshots.at(-1)?.keys ?? []
  }

  change(keys: ReadonlyArray<KeyJson>) {
    this.micros = Math.max(this.micros + 1, this.time.millis * 1000)
    this.snapshots.push({ micros: this.micros, keys })
  }

  account(index: number) {
    return this.accounts[index % this.accounts.length] ?? ""
  }

  asOf(ago: number | undefined) {
    // Not the first snapshot, which is older than any date that can be written.
    return ago === undefined ? undefined : this.snapshots.slice(1).at(-1 - ago)?.micros
  }

  /** Whether the past is kept up to an instant. */
  keeps(asOf: number | undefined) {
    const kept = Math.max(this.made.history, this.made.listLag)
    return asOf === undefined || asOf >= (this.time.millis - kept) * 1000
  }

  /** The keys of a query in the order of the walk. */
  list({ account, order }: Query, asOf: number | undefined) {
    const { listLag } = this.made
    const shown = asOf ?? (listLag === 0 ? Infinity : (this.time.millis - listLag) * 1000)
    const at = (this.snapshots.findLast(({ micros }) => micros <= shown) ?? this.snapshots[0])
      ?.keys ?? []
    const found = at
      .filter((key) => account === undefined || key.service_account_id === this.account(account))
      .toSorted((a, b) => before(a, b) ? -1 : 1)
    return order === "ASC" ? found : found.reverse()
  }
}

const before = (a: KeyJson, b: KeyJson) =>
  a.created_at === b.created_at ? a.id < b.id : a.created_at < b.created_at

/** Whether a key comes after another in the order of a walk. */
const follows = (query: Query, key: KeyJson, other: KeyJson) =>
  query.order === "ASC" ? before(other, key) : before(key, other)

interface Real {
  readonly api: (
    method: HttpMethod.HttpMethod,
    path: string,
    options?: RequestOptions,
  ) => Promise<Answer>
}

type Command = fc.AsyncCommand<Model, Real>

const command = (text: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => text,
})

const timeText = (micros: number) => {
  const millis = Math.floor(micros / 1000)
  const rest = String(micros - millis * 1000).padStart(3, "0")
  return new Date(millis).toISOString().replace("Z", `${rest}Z`)
}

const parameters = (model: Model, query: Query, asOf: number | undefined) => ({
  "pagination.limit": String(query.limit),
  "pagination.sort_order": query.order,
  ...(query.account === undefined ? {} : { service_account_id: model.account(query.account) }),
  ...(asOf === undefined ? {} : { "pagination.as_of_time": timeText(asOf) }),
})

/** Compares a page with the keys that it should hold and the neighbours that it should have. */
const checkPage = (
  model: Model,
  query: Query,
  asOf: number | undefined,
  answer: Answer,
  expected: ReadonlyArray<KeyJson>,
) => {
  if (!model.keeps(asOf)) return expect(answer.status).toBe(400)
  expect(answer.status).toBe(200)
  expect(answer.json.api_keys).toEqual(expected)
  const [first] = expected
  const last = expected.at(-1)
  if (first === undefined || last === undefined) return
  const all = model.list(query, asOf)
  const { next_page: next, previous_page: previous } = answer.json.pagination
  expect(next !== undefined).toBe(all.some((key) => follows(query, key, last)))
  expect(previous !== undefined).toBe(all.some((key) => follows(query, first, key)))
  model.places.push({ query, asOf, first, last, next, previous })
}

const create = (account: number, name: string) =>
  command(`create ${name} for ${account}`, async (model, { api }) => {
    const service_account_id = model.account(account)
    const { json, status } = await api("POST", keys, { body: { name, service_account_id } })
    expect(status).toBe(200)
    model.change([...model.keys, json.api_key])
    expect(json.api_key).toEqual({
      id: json.api_key.id,
      name,
      service_account_id,
      created_at: timeText(model.micros),
    })
  })

/** Picks a live key or a deleted one. */
const pick = (model: Model, index: number) => {
  const all = model.snapshots.flatMap((snapshot) => snapshot.keys)
  // The test itself calls with the first key.
  const id = all[1 + index % (all.length - 1)]?.id ?? ""
  return { id, key: model.keys.find((key) => key.id === id) }
}

const get = (index: number) =>
  command(`get ${index}`, async (model, { api }) => {
    const { id, key } = pick(model, index)
    const answer = await api("GET", `${keys}/${id}`)
    if (key === undefined) expect(answer.status).toBe(404)
    else expect(answer.json).toEqual(key)
  })

const rename = (index: number, name: string) =>
  command(`rename ${index} to ${name}`, async (model, { api }) => {
    const { id, key } = pick(model, index)
    const answer = await api("PATCH", `${keys}/${id}`, { body: { name } })
    if (key === undefined) return expect(answer.status).toBe(404)
    const renamed = { ...key, name }
    expect(answer.json).toEqual(renamed)
    model.change(model.keys.map((other) => other.id === id ? renamed : other))
  })

const remove = (index: number) =>
  command(`delete ${index}`, async (model, { api }) => {
    const { id, key } = pick(model, index)
    if (id === model.keys[0]?.id) return
    const answer = await api("DELETE", `${keys}/${id}`)
    if (key === undefined) return expect(answer.status).toBe(404)
    expect(answer.json).toEqual(key)
    model.change(model.keys.filter((other) => other.id !== id))
  })

const pass = (millis: number) =>
  command(`pass ${millis} ms`, (model) => {
    model.time.millis += millis
    return Promise.resolve()
  })

const list = (query: Query) =>
  command(`list ${JSON.stringify(query)}`, async (model, { api }) => {
    const asOf = model.asOf(query.ago)
    const answer = await api("GET", keys, { query: parameters(model, query, asOf) })
    checkPage(model, query, asOf, answer, model.list(query, asOf).slice(0, query.limit))
  })

const turn = (index: number, to: "next" | "previous") =>
  command(`${to} page from ${index}`, async (model, { api }) => {
    const place = model.places[index % model.places.length]
    const token = place?.[to]
    if (place === undefined || token === undefined) return
    const { asOf, first, last, query } = place
    const answer = await api("GET", keys, {
      query: { ...parameters(model, query, asOf), "pagination.page": token },
    })
    const all = model.list(query, asOf)
    const expected = to === "next"
      ? all.filter((key) => follows(query, key, last)).slice(0, query.limit)
      : all.filter((key) => follows(query, first, key)).slice(-query.limit)
    checkPage(model, query, asOf, answer, expected)
  })

const misuse = (index: number, query: Query) =>
  command(`the token from ${index} with ${JSON.stringify(query)}`, async (model, { api }) => {
    const place = model.places[index % model.places.length]
    if (place?.next === undefined) return
    const asOf = model.asOf(query.ago)
    const same = place.asOf === asOf && place.query.order === query.order &&
      (place.query.account === undefined) === (query.account === undefined) &&
      model.account(place.query.account ?? 0) === model.account(query.account ?? 0)
    const answer = await api("GET", keys, {
      query: { ...parameters(model, query, asOf), "pagination.page": place.next },
    })
    expect(answer.status).toBe(same && model.keeps(asOf) ? 200 : 400)
  })

const name = fc.string({ minLength: 1, maxLength: 5, unit: "grapheme" })
const index = fc.nat(1000)
const query: fc.Arbitrary<Query> = fc.record({
  account: fc.option(fc.nat(2), { nil: undefined }),
  order: fc.constantFrom("ASC", "DESC"),
  limit: fc.integer({ min: 1, max: 4 }),
  ago: fc.option(fc.nat(5), { nil: undefined, freq: 3 }),
})

const commands = [
  fc.tuple(index, name).map(([account, name]) => create(account, name)),
  fc.tuple(index, name).map(([account, name]) => create(account, name)),
  fc.tuple(index, name).map(([key, name]) => rename(key, name)),
  index.map(remove),
  index.map(get),
  fc.nat(2000).map(pass),
  query.map(list),
  query.map(list),
  index.map((place) => turn(place, "next")),
  index.map((place) => turn(place, "next")),
  index.map((place) => turn(place, "previous")),
  fc.tuple(index, query).map(([place, query]) => misuse(place, query)),
]

// TestClock takes a while for each step. Nothing sleeps here, so a plain number will do.
const clockOf = (time: { readonly millis: number }): Clock.Clock => {
  const system = Clock.make()
  const millis = () => time.millis
  const nanos = () => BigInt(millis()) * 1_000_000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) => system.sleep(duration),
  }
}

const setUp = async (made: Made) => {
  const time = { millis: 0 }
  const clock = clockOf(time)
  const run = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.runPromise(Effect.withClock(effect, clock))
  const emulator = await run(
    Emulator.make({ keys: 6, serviceAccounts: 2, rateLimit: "none", ...made }),
  )
  const api = call(emulator)
  const { json } = await run(api("GET", keys))
  const accounts = [...new Set(json.api_keys.map((key) => key.service_account_id))].slice(-3)
  const model = new Model(made, time, accounts, json.api_keys)
  const real: Real = { api: (method, path, options) => run(api(method, path, options)) }
  return { model, real, requests: () => run(emulator.requests) }
}

it("agrees with a naive model over random operations and walks between them", async () => {
  let operationCount = 0
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        listLag: fc.constantFrom(0, 0, 1500),
        history: fc.constantFrom(Infinity, Infinity, 3000),
      }),
      fc.commands(commands, { maxCommands: 60, size: "max" }),
      async (made, drawn) => {
        const { model, real, requests } = await setUp(made)
        await fc.asyncModelRun(() => ({ model, real }), drawn)
        operationCount += (await requests()).length
      },
    ),
    { numRuns: Number(process.env["EMULATOR_MODEL_RUNS"] ?? 300) },
  )
  console.log(`${operationCount} random operations agreed with the model`)
}, 600_000)
