import * as HttpClient from "@effect/platform/HttpClient"
import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { Credentials } from "../../src/Credentials.ts"
import * as Emulator from "../../src/emulator/mod.ts"
import { call, callAnything, keys, send } from "./call.ts"
import { refusal } from "./refusal.ts"

describe("the layer", () => {
  it.effect("gives a client, the admin's credentials and the inspection side", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.Emulator
      const client = yield* HttpClient.HttpClient
      const { baseUrl, token } = yield* Credentials
      const secret = Effect.isEffect(token) ? yield* token : token
      const answer = yield* send(client, Redacted.value(secret), "GET", `${baseUrl}${keys}`)
      expect(answer.json.api_keys).toHaveLength(8)
      expect(yield* emulator.requests).toMatchObject([
        { status: 200, identity: emulator.admin.serviceAccountId },
      ])
    }).pipe(Effect.provide(Emulator.layer({ keys: 5 }))))

  it.effect("gives a fresh organization each time", () =>
    Effect.gen(function* () {
      const add = Emulator.Emulator.pipe(
        Effect.flatMap((emulator) => Effect.zipRight(emulator.addApiKey(), emulator.apiKeys)),
        Effect.provide(Emulator.layer()),
      )
      expect(yield* add).toHaveLength(4)
      expect(yield* add).toHaveLength(4)
    }))
})

describe("what an organization begins with", () => {
  it.effect("so many keys are spread over so many service accounts", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ serviceAccounts: 40, keys: 5000 })
      const counts = new Map<string, number>()
      for (const { serviceAccountId } of yield* emulator.apiKeys) {
        counts.set(serviceAccountId, (counts.get(serviceAccountId) ?? 0) + 1)
      }
      expect([...counts.values()]).toEqual([1, 1, 1, ...Array(40).fill(125)])
    }))

  it.effect("keys and service accounts may be listed", () =>
    Effect.gen(function* () {
      const id = "1234abcd-1234-1234-abcd-12345678abcd"
      const emulator = yield* Emulator.make({
        serviceAccounts: [{ id, name: "deploy", role: "ORG_ADMIN" }],
        keys: [{ name: "one", serviceAccountId: id }, { name: "two" }],
      })
      expect((yield* emulator.serviceAccounts)[3]).toEqual({
        id,
        name: "deploy",
        role: "ORG_ADMIN",
      })
      expect((yield* emulator.apiKeys).slice(3)).toMatchObject([
        { name: "one", serviceAccountId: id },
        { name: "two", serviceAccountId: id },
      ])
      expect((yield* emulator.identityOf(id)).role).toBe("ORG_ADMIN")
    }))

  it.effect("a seed repeats ids, secrets and page tokens, and another one does not", () =>
    Effect.gen(function* () {
      const run = (seed?: string) =>
        Effect.gen(function* () {
          const emulator = yield* Emulator.make({ keys: 3, serviceAccounts: 2, seed })
          const { text } = yield* call(emulator)("POST", keys, {
            body: { name: "ci", service_account_id: emulator.admin.serviceAccountId },
          })
          const page = yield* call(emulator)("GET", keys, { query: { "pagination.limit": "2" } })
          return [text, page.text]
        })
      expect(yield* run()).toEqual(yield* run("emulator"))
      const [created, page] = yield* run("other")
      expect(yield* run()).not.toContain(created)
      expect(yield* run()).not.toContain(page)
    }))

  it.effect("an unknown service account has no identity", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      expect(yield* Effect.flip(emulator.identityOf("nobody")))
        .toMatchObject({ _tag: "NoSuchElementException" })
    }))
})

describe("the ages of keys", () => {
  const days = (count: number) => Duration.toMillis(Duration.days(count))
  const birthday = days(20_000)
  /** In days, in the order of a list, with the names of the keys. */
  const agesOf = (options: Emulator.EmulatorOptions) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(birthday)
      const { apiKeys } = yield* Emulator.make(options)
      return (yield* apiKeys).map(({ createdAt, name }) => ({
        name,
        age: (birthday - DateTime.toEpochMillis(createdAt)) / days(1),
      }))
    })

  it.effect("are those of the last seconds by default", () =>
    Effect.gen(function* () {
      const ages = yield* agesOf({ keys: 50 })
      expect(Math.max(...ages.map(({ age }) => age * 86_400))).toBeLessThanOrEqual(53)
    }))

  it.effect("are spread evenly from the oldest to now, the keys in their order", () =>
    Effect.gen(function* () {
      const ages = yield* agesOf({ keys: 98, oldest: "400 days" })
      expect(ages.map(({ name }) => name)).toEqual([
        ...Array.from({ length: 98 }, (_, index) => `key ${index + 1}`),
        ...["admin key", "cluster admin key", "without role key"],
      ])
      expect(ages[0]?.age).toBe(400)
      expect(ages.map(({ age }) => Math.round(age * 1000) / 1000))
        .toEqual(Array.from({ length: 101 }, (_, index) => 400 - index * 4))
    }))

  it.effect("are spread over the callers' keys where there are no others", () =>
    Effect.gen(function* () {
      const ages = yield* agesOf({ oldest: Duration.days(2) })
      expect(ages.map(({ age }) => Math.round(age * 1000) / 1000)).toEqual([2, 1, 0])
    }))

  it.effect("may be given for each key, and the others keep theirs", () =>
    Effect.gen(function* () {
      const createdAt = DateTime.unsafeMake(birthday - days(9))
      const ages = yield* agesOf({ keys: [{}, { createdAt }, {}], oldest: "100 days" })
      expect(ages.slice(0, 3).map(({ age, name }) => [name, Math.round(age)]))
        .toEqual([["key 1", 100], ["key 3", 60], ["admin key", 40]])
      expect(ages.find(({ name }) => name === "key 2")?.age).toBe(9)
    }))

  it.effect("change no id, no secret and no token", () =>
    Effect.gen(function* () {
      const names = (options: Emulator.EmulatorOptions) =>
        Effect.gen(function* () {
          const emulator = yield* Emulator.make({ keys: 20, ...options })
          const ids = (yield* emulator.apiKeys).map(({ id, name }) => [name, id] as const)
          return { ids: new Map(ids), secret: Redacted.value(emulator.admin.secret) }
        })
      expect(yield* names({ oldest: "400 days" })).toEqual(yield* names({}))
    }))
})

describe("an option out of its bounds is refused by its name", () => {
  const count = "a whole number from 0 to 1000000 or a list"
  const status = "a whole number from 400 to 599"
  const window = 'a duration from "1 millis" to "36500 days"'
  const oldest = 'a duration from "1 second" to "36500 days"'
  const latency = 'a duration like "250 millis" or "2 seconds"'
  // JavaScript gives what the types do not permit.
  const rows: ReadonlyArray<readonly [path: string, options: unknown, problem: string]> = [
    ...[-1, 1.5, NaN, 1_000_001, "3", null].flatMap((wrong) => [
      ["keys", { keys: wrong }, `must be ${count}`] as const,
      ["serviceAccounts", { serviceAccounts: wrong }, `must be ${count}`] as const,
    ]),
    ...[200, 399, 600, 429.5, NaN, "429", null].map((wrong) =>
      ["rateLimit.status", { rateLimit: { status: wrong } }, `must be ${status}`] as const
    ),
    ...[-1, 2.5, NaN, "10"].map((wrong) =>
      [
        "rateLimit.limit",
        { rateLimit: { limit: wrong } },
        "must be a whole number from 0 or Infinity",
      ] as const
    ),
    ...[0, -1, "soon", Infinity].map((wrong) =>
      ["rateLimit.window", { rateLimit: { window: wrong } }, `must be ${window}`] as const
    ),
    [
      "rateLimit.algorithm",
      { rateLimit: { algorithm: "leaky" } },
      'must be "sliding", "fixed", or "token-bucket"',
    ],
    [
      "rateLimit.retryAfter",
      { rateLimit: { retryAfter: "date" } },
      'must be "seconds", "http-date", or "none"',
    ],
    [
      "rateLimit.Status",
      { rateLimit: { Status: 503 } },
      "is no such option, the nearest is status; allowed: limit, window, algorithm, status, retryAfter",
    ],
    ["rateLimit", { rateLimit: "off" }, 'must be an object or "none"'],
    ...["400", 400, "0 days", "-1 days", "36501 days", Duration.infinity].map((wrong) =>
      ["oldest", { oldest: wrong }, `must be ${oldest}`] as const
    ),
    ...["soon", -1, "-1 seconds", NaN].map((wrong) =>
      ["latency", { latency: wrong }, `must be ${latency}`] as const
    ),
    ...["soon", -1, NaN].map((wrong) =>
      ["listLag", { listLag: wrong }, `must be ${latency}`] as const
    ),
    ["logSize", { logSize: -1 }, "must be a whole number from 0 or Infinity"],
    ["defaultPageSize", { defaultPageSize: 0 }, "must be a whole number from 1"],
    ["maxPageSize", { maxPageSize: 0.5 }, "must be a whole number from 1 or Infinity"],
    ["faults[1].fault", { faults: [{}, { fault: 1 }] }, 'must be an object with "_tag"'],
  ]

  it.effect.each(rows)("%s: %o", ([path, options, problem]) =>
    Effect.gen(function* () {
      // A program in JavaScript is not held back by the type.
      expect(yield* refusal(Emulator.make(options as Emulator.EmulatorOptions)))
        .toBe(`options.${path} ${problem}`)
    }))
})

describe("what else the service leaves open", () => {
  it.effect("the body of an error is a Status, an empty object, HTML or nothing, as told", () =>
    Effect.gen(function* () {
      const ask = (errorBodies?: Emulator.ErrorBodies) =>
        Effect.flatMap(
          Emulator.make({ errorBodies }),
          (emulator) => callAnything(emulator)("GET", `${keys}/unknown`),
        )
      expect((yield* ask()).text).toContain('"code":5')
      expect(yield* ask("empty-object")).toMatchObject({ status: 404, text: "{}" })
      expect(yield* ask("none")).toMatchObject({ status: 404, text: "" })
      expect(yield* ask("html"))
        .toMatchObject({ status: 404, headers: { "content-type": "text/html" } })
    }))

  it.effect("Cc-Version may be anything, must be there, or must be one of these, as told", () =>
    Effect.gen(function* () {
      const statuses = (ccVersion?: Emulator.EmulatorOptions["ccVersion"]) =>
        Effect.gen(function* () {
          const api = call(yield* Emulator.make({ ccVersion }))
          const ask = (headers: Record<string, string>) =>
            Effect.map(api("GET", keys, { headers }), ({ status }) => status)
          return [
            yield* ask({}),
            yield* ask({ "Cc-Version": "1999-01-01" }),
            yield* ask({ "Cc-Version": "2024-09-16" }),
          ]
        })
      expect(yield* statuses()).toEqual([200, 200, 200])
      expect(yield* statuses("required")).toEqual([400, 200, 200])
      expect(yield* statuses(["2024-09-16"])).toEqual([400, 400, 200])
    }))
})
