import * as HttpClient from "@effect/platform/HttpClient"
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
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
  it.effect("a number of keys is spread over a number of service accounts", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ serviceAccounts: 40, keys: 5000 })
      const counts = new Map<string, number>()
      for (const { serviceAccountId } of yield* emulator.apiKeys) {
        counts.set(serviceAccountId, (counts.get(serviceAccountId) ?? 0) + 1)
      }
      expect([...counts.values()]).toEqual([1, 1, 1, ...Array(40).fill(125)])
    }))

  it.effect("keys and service accounts can be listed", () =>
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

  it.effect("a seed repeats ids, secrets and page tokens, and another seed gives others", () =>
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
      const error = yield* Effect.flip(emulator.identityOf("nobody"))
      expect(Cause.isNoSuchElementException(error)).toBe(true)
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

  it.effect("are a few seconds by default", () =>
    Effect.gen(function* () {
      const ages = yield* agesOf({ keys: 50 })
      expect(Math.max(...ages.map(({ age }) => age * 86_400))).toBeLessThanOrEqual(53)
    }))

  it.effect("are spread evenly from the oldest to now, in the order of the keys", () =>
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

  it.effect("are spread over the callers' keys if there are no others", () =>
    Effect.gen(function* () {
      const ages = yield* agesOf({ oldest: Duration.days(2) })
      expect(ages.map(({ age }) => Math.round(age * 1000) / 1000)).toEqual([2, 1, 0])
    }))

  it.effect("can be set for one key, and the others keep theirs", () =>
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

describe("a wrong option is refused by its name", () => {
  const count = "must be a whole number from 0 to 1000000 or a list"
  const status = "must be a whole number from 400 to 599"
  const limit = "must be a whole number from 0 or Infinity"
  const window = 'must be a duration from "1 millis" to "36500 days"'
  const oldest = 'must be a duration from "1 second" to "36500 days"'
  const duration = 'must be a duration like "250 millis" or "2 seconds"'
  const wait = 'must be a duration of at most "24 days", like "250 millis" or "2 seconds"'
  // Effect 3 makes them zero.
  const negative = [Duration.seconds(-5), Duration.nanos(-1n), Duration.millis(-Infinity)]
    .filter((duration) => Duration.toMillis(duration) < 0)
  const noDuration = [
    ...["soon", "", -1, "-1 seconds", NaN, -1n, [-5, 0], [0, -1], [1, -2e9], [NaN, 0], [0, NaN]],
    ...[[1n, 0], {}, { seconds: -5 }, { seconds: NaN }, { minutes: 1, seconds: -61 }],
    ...[{ minute: 5, seconds: 0 }, { hours: Infinity, seconds: -Infinity }],
    ...negative,
  ]
  const ascii = "must be non-empty ASCII text"
  const token = "must be non-empty ASCII text without spaces"
  const role = 'must be "ORG_ADMIN", "CLUSTER_ADMIN", or "NONE"'
  const year = "must be a DateTime.Utc from the year 0 to 9999"
  const user = { username: "ada@example.com", role: "NONE" }
  const nobody = "1234abcd-1234-1234-abcd-12345678abcd"
  const unowned = `must be the id of a service account, and none has ${nobody}`

  /** A wrong value, the part of it that is wrong, and the message about that part. */
  type Wrong = readonly [value: unknown, within: string, problem: string]
  const wrong = (values: ReadonlyArray<unknown>, problem: string): ReadonlyArray<Wrong> =>
    values.map((value) => [value, "", problem])

  const list = wrong([-1, 1.5, NaN, 1_000_001, "3", null, {}], count)
  // The type makes the compiler find an option that has no row.
  const rows: Readonly<Record<keyof Emulator.EmulatorOptions, ReadonlyArray<Wrong>>> = {
    serviceAccounts: [
      ...list,
      [[{}, 5], "[1]", "must be an object"],
      [[{ id: "nobody" }], "[0].id", "must be a UUID"],
      [[{ name: 5 }], "[0].name", "must be a string"],
      [[{ role: "ADMIN" }], "[0].role", role],
      [
        [{ roles: "NONE" }],
        "[0].roles",
        "is not an option; the nearest is role; allowed: id, name, role",
      ],
    ],
    keys: [
      ...list,
      [["key"], "[0]", "must be an object"],
      [[{ name: null }], "[0].name", "must be a string"],
      [[{ serviceAccountId: 5 }], "[0].serviceAccountId", "must be a UUID"],
      [[{}, { serviceAccountId: nobody }], "[1].serviceAccountId", unowned],
      [[{ createdAt: new Date() }], "[0].createdAt", year],
      [[{ createdAt: DateTime.unsafeMake(Date.UTC(10_000, 0)) }], "[0].createdAt", year],
      [
        [{ serviceaccountid: "" }],
        "[0].serviceaccountid",
        "is not an option; the nearest is serviceAccountId; " +
        "allowed: name, serviceAccountId, createdAt",
      ],
    ],
    oldest: wrong(
      ["400", 400, "0 days", "36501 days", Duration.infinity, ...noDuration],
      oldest,
    ),
    jwts: [
      ...wrong([5, "token", { token: "jwt", users: [] }], "must be a list"),
      [["token"], "[0]", "must be an object"],
      [[{ token: "a b", users: [user] }], "[0].token", token],
      [[{ token: "", users: [user] }], "[0].token", token],
      [[{ users: [user] }], "[0].token", token],
      [[{ token: "jwt" }], "[0].users", "must be a list"],
      [[{ token: "jwt", users: [{ ...user, username: "" }] }], "[0].users[0].username", ascii],
      [[{ token: "jwt", users: [user, { ...user, role: "" }] }], "[0].users[1].role", role],
    ],
    vanityName: wrong(["", " emulator", "\u00fc", 5, null], ascii),
    seed: wrong([5, null, {}], "must be a string"),
    rateLimit: [
      ...wrong(["off", 10, null], 'must be an object or "none"'),
      ...[200, 399, 600, 429.5, NaN, "429", null].map((value): Wrong => [
        { status: value },
        ".status",
        status,
      ]),
      ...[-1, 2.5, NaN, "10"].map((value): Wrong => [{ limit: value }, ".limit", limit]),
      ...[0, Infinity, ...noDuration].map((value): Wrong => [{ window: value }, ".window", window]),
      [
        { algorithm: "leaky" },
        ".algorithm",
        'must be "sliding", "fixed", or "token-bucket"',
      ],
      [{ retryAfter: "date" }, ".retryAfter", 'must be "seconds", "http-date", or "none"'],
      [
        { Status: 503 },
        ".Status",
        "is not an option; the nearest is status; " +
        "allowed: limit, window, algorithm, status, retryAfter",
      ],
    ],
    latency: wrong(["25 days", 2 ** 31, Duration.days(60), ...noDuration], wait),
    faults: [["x", "", "must be a list of rules"], [
      [{}, { fault: 1 }],
      "[1].fault",
      'must be an object with "_tag"',
    ]],
    history: wrong(noDuration, duration),
    logSize: wrong([-1, 0.5, "10"], limit),
    onRequest: wrong(["log", {}, null], "must be a function"),
    defaultPageSize: wrong([0, 1.5, Infinity], "must be a whole number from 1"),
    maxPageSize: wrong([0, 0.5], "must be a whole number from 1 or Infinity"),
    overMaxPageSize: wrong(["reject", true], 'must be "clamp" or "refuse"'),
    lastPage: wrong(
      ["none", null],
      'must be "omit-pagination", "omit-next-page", or "empty-next-page"',
    ),
    listLag: wrong(noDuration, duration),
    unknownServiceAccountFilter: wrong(["refuse", 404], 'must be "empty" or "not-found"'),
    errorBodies: wrong(["json", null], 'must be "status", "empty-object", "html", or "none"'),
    ccVersion: [
      ...wrong(["2024-09-16", true], 'must be "any", "required", or a list'),
      [["2024-09-16", 5], "[1]", ascii],
    ],
  }

  const table = Object.entries(rows).flatMap(([name, wrongs]) =>
    wrongs.map(([value, within, problem]) => [`${name}${within}`, name, value, problem] as const)
  )

  it.effect.each(table)(
    "%s, where %s is %o",
    ([path, name, value, problem]) =>
      Effect.gen(function* () {
        // The type does not stop a program in JavaScript.
        const options = { [name]: value } as Emulator.EmulatorOptions
        expect(yield* refusal(Emulator.make(options))).toBe(`options.${path} ${problem}`)
      }),
  )

  it.effect.each(
    [0, "24 days", Infinity].flatMap((wait) => [
      { latency: wait } as const,
      { faults: [{ delay: wait, answerDelay: wait }] } as const,
    ]).map((options) => [options] as const),
  )(
    "a wait that a timer can wait for, or that never ends, is no mistake: %o",
    ([options]) =>
      Effect.gen(function* () {
        // The words are durations.
        expect(yield* refusal(Emulator.make(options as Emulator.EmulatorOptions))).toBe(undefined)
      }),
  )

  it.effect("history and listLag may be longer than a timer can wait: none does", () =>
    Effect.gen(function* () {
      const long = { history: "400 days", listLag: "60 days" } as const
      expect(yield* refusal(Emulator.make(long))).toBe(undefined)
    }))

  it.effect("a key may belong to any account that exists, one of the three callers' included", () =>
    Effect.gen(function* () {
      const { admin } = yield* Emulator.make()
      const keys = [{ serviceAccountId: admin.serviceAccountId }]
      const emulator = yield* Emulator.make({ keys })
      expect(yield* emulator.apiKeys).toHaveLength(4)
      expect(yield* refusal(Emulator.make({ keys, seed: "another" }))).toContain("none has")
    }))

  const names = Object.keys(rows)

  it.effect("every option accepts undefined, which means its default", () =>
    Effect.gen(function* () {
      const none = Object.fromEntries(names.map((name) => [name, undefined]))
      expect(yield* refusal(Emulator.make(none))).toBe(undefined)
    }))

  it.effect.each<readonly [name: string, nearest: string]>([
    ["kyes", "; the nearest is keys"],
    ["LogSize", "; the nearest is logSize"],
    ["ratelimits", "; the nearest is rateLimit"],
    ["port", ""],
    ["x".repeat(100_000), ""],
  ])(
    "the message about %s names all options, and the nearest one",
    ([name, nearest]) =>
      Effect.gen(function* () {
        const problem = yield* refusal(Emulator.make({ [name]: 5 }))
        expect(problem).toContain(` is not an option${nearest}; allowed: `)
        const allowed = problem?.split("; allowed: ")[1]?.split(", ") ?? []
        expect(allowed.toSorted()).toEqual(names.toSorted())
        expect(problem?.length).toBeLessThan(500)
      }),
  )

  it.effect.each([null, 5, "keys", [], () => {}])(
    "%o is refused as options",
    (options) =>
      Effect.gen(function* () {
        // As above.
        expect(yield* refusal(Emulator.make(options as Emulator.EmulatorOptions)))
          .toBe("options must be an object")
      }),
  )

  it.effect("later changes to the options have no effect", () =>
    Effect.gen(function* () {
      const jwt = { token: "jwt", users: [{ username: "ada", role: "ORG_ADMIN" }] }
      const options = { jwts: [jwt], errorBodies: "none" }
      // As above.
      const emulator = yield* Emulator.make(options as Emulator.EmulatorOptions)
      Object.assign(options, { errorBodies: "html" })
      Object.assign(jwt, { token: "another" })
      const ask = (token: string) =>
        callAnything(emulator)("GET", `${keys}/unknown`, {
          token,
          headers: { "cc-vanity-name": "emulator" },
        })
      expect(yield* ask("jwt")).toMatchObject({ status: 404, text: "" })
      expect(yield* ask("another")).toMatchObject({ status: 401, text: "" })
    }))
})

describe("the arguments of a test's later calls are checked too", () => {
  const rows = [
    ["addServiceAccount", { id: "nobody" }, "serviceAccount.id must be a UUID"],
    ["addServiceAccount", { name: 5 }, "serviceAccount.name must be a string"],
    ["addServiceAccount", { Role: "NONE" }, "serviceAccount.Role is not an option; the nearest"],
    ["addServiceAccount", null, "serviceAccount must be an object"],
    ["addApiKey", { serviceAccountId: "nobody" }, "apiKey.serviceAccountId must be a UUID"],
    [
      "addApiKey",
      { serviceAccountId: "1234abcd-1234-1234-abcd-12345678abcd" },
      "apiKey.serviceAccountId must be the id of a service account, and none has 1234abcd-1234-",
    ],
    ["addApiKey", { name: null }, "apiKey.name must be a string"],
    ["addApiKey", { createdAt: 0 }, "apiKey.createdAt must be a DateTime.Utc from the year 0"],
    [
      "addApiKey",
      { age: "1 day" },
      "apiKey.age is not an option; allowed: name, serviceAccountId",
    ],
    ["addApiKey", 5, "apiKey must be an object"],
    ["identityOf", 5, "serviceAccountId must be a string"],
  ] as const

  it.effect.each(rows)("%s of %o", ([name, input, problem]) =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const before = yield* emulator.apiKeys
      // Each of the three takes one argument, here none of its type.
      const add = emulator[name] as (input: unknown) => Effect.Effect<unknown, unknown>
      expect(yield* refusal(Effect.orDie(add(input)))).toContain(problem)
      expect(yield* emulator.apiKeys).toEqual(before)
      expect(yield* emulator.serviceAccounts).toHaveLength(3)
    }))
})

describe("the id of a service account", () => {
  const id = "1234ABCD-1234-1234-ABCD-12345678ABCD"
  const lower = id.toLowerCase()

  it.effect("is the same in upper and in lower case, wherever it is given", () =>
    Effect.gen(function* () {
      const listed = { serviceAccounts: [{ id }], keys: [{ name: "a", serviceAccountId: id }] }
      const added = (emulator: Emulator.EmulatorService) =>
        Effect.zipRight(
          emulator.addServiceAccount({ id }),
          emulator.addApiKey({ name: "a", serviceAccountId: id }),
        )
      for (const [options, prepare] of [[listed, () => Effect.void], [{}, added]] as const) {
        const emulator = yield* Emulator.make(options)
        yield* prepare(emulator)
        const api = call(emulator)
        expect((yield* emulator.serviceAccounts).map((account) => account.id)).toContain(lower)
        for (const written of [id, lower]) {
          const { json } = yield* api("GET", keys, { query: { service_account_id: written } })
          expect(json.api_keys).toMatchObject([{ name: "a", service_account_id: lower }])
          const identity = yield* emulator.identityOf(written)
          expect(identity).toMatchObject({
            serviceAccountId: lower,
            apiKeyId: json.api_keys[0]?.id,
          })
        }
        const made = yield* api("POST", keys, { body: { name: "b", service_account_id: id } })
        expect(made.json.api_key.service_account_id).toBe(lower)
      }
    }))

  it.effect("keeps its role if it is added in upper case", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      yield* emulator.addServiceAccount({ id, role: "ORG_ADMIN" })
      const { role, secret } = yield* emulator.identityOf(id)
      expect(role).toBe("ORG_ADMIN")
      expect((yield* call(emulator)("GET", keys, { token: secret })).status).toBe(200)
    }))

  it.effect("ignores case, but the id of a key does not", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const path = `${keys}/${emulator.admin.apiKeyId.toLowerCase()}`
      expect((yield* call(emulator)("GET", path)).status).toBe(404)
    }))
})

describe("options for what else the service leaves open", () => {
  it.effect("errorBodies makes an error's body a Status, an empty object, HTML or nothing", () =>
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

  it.effect("ccVersion accepts any version or none, requires one, or accepts only those listed", () =>
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
