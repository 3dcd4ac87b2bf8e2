import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Emulator from "../../src/emulator/mod.ts"
import { operations } from "../../src/operation.ts"
import { callAnything, keys } from "./call.ts"
import { refusal } from "./refusal.ts"

const under = (...faults: Emulator.FaultPlan) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ faults, rateLimit: "none", keys: 10 })
    const api = callAnything(emulator)
    return {
      emulator,
      api,
      list: api("GET", keys),
      create: api("POST", keys, {
        body: { name: "ci", service_account_id: emulator.admin.serviceAccountId },
      }),
    }
  })

const transportError = { message: expect.stringContaining("Transport error") }

describe("faults", () => {
  it.effect("an ordered answer replaces the operation", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* under({
        fault: {
          _tag: "Respond",
          status: 502,
          headers: { "Content-Type": "text/html", "X-Proxy": "yes" },
          body: "<html>",
        },
      })
      expect(yield* create).toMatchObject({
        status: 502,
        headers: { "content-type": "text/html", "x-proxy": "yes" },
        text: "<html>",
      })
      expect(yield* emulator.history).toEqual([])
    }))

  it.effect("an ordered answer can also follow the operation", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* under({
        fault: { _tag: "Respond", status: 500, acted: true },
      })
      expect((yield* create).status).toBe(500)
      expect(yield* emulator.history).toMatchObject([{ _tag: "Created" }])
    }))

  it.effect("a plan can order any status, even one without a body", () =>
    Effect.gen(function* () {
      for (const status of [200, 204, 302, 304, 418, 599]) {
        const { list } = yield* under({ fault: { _tag: "Respond", status } })
        expect((yield* list).status).toBe(status)
      }
    }))

  it.effect("a plan can order Retry-After in seconds, as a date by the clock, or as any text", () =>
    Effect.gen(function* () {
      const ask = (fault: Omit<Extract<Emulator.Fault, { _tag: "Respond" }>, "_tag" | "status">) =>
        Effect.gen(function* () {
          const { list } = yield* under({ fault: { _tag: "Respond", status: 503, ...fault } })
          return (yield* list).headers["retry-after"]
        })
      expect(yield* ask({ retryAfter: { seconds: 7 } })).toBe("7")
      expect(yield* ask({ retryAfter: { seconds: 7, form: "http-date" } }))
        .toBe("Thu, 01 Jan 1970 00:00:07 GMT")
      expect(yield* ask({ headers: { "Retry-After": "soon" } })).toBe("soon")
      expect(yield* ask({})).toBeUndefined()
    }))

  it.effect("a drop before the server acts changes nothing", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* under({ fault: { _tag: "DropBefore" } })
      expect(yield* Effect.flip(create)).toMatchObject(transportError)
      expect(yield* emulator.history).toEqual([])
      expect(yield* emulator.requests).toMatchObject([{ outcome: "Dropped", status: undefined }])
    }))

  it.effect("a drop after the server acts makes the change and gives no answer", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* under({ fault: { _tag: "DropAfter" } })
      expect(yield* Effect.flip(create)).toMatchObject(transportError)
      expect(yield* emulator.history).toMatchObject([{ _tag: "Created" }])
      expect(yield* emulator.requests).toMatchObject([{ outcome: "Dropped", status: undefined }])
    }))

  it.effect("a truncated body comes with its status, and breaks off", () =>
    Effect.gen(function* () {
      const { emulator } = yield* under({ fault: { _tag: "TruncateBody" } })
      const response = yield* emulator.httpClient.get(`https://emulator.invalid${keys}`)
      expect(response.status).toBe(401)
      expect(yield* Effect.flip(response.text)).toMatchObject({
        message: expect.stringContaining("Decode error"),
      })
    }))

  it.effect("malformed JSON ends normally", () =>
    Effect.gen(function* () {
      const { list } = yield* under({ fault: { _tag: "MalformedJson" } })
      const { headers, status, text } = yield* list
      expect({ status, length: Number(headers["content-length"]) })
        .toEqual({ status: 200, length: text.length })
      expect(() => JSON.parse(text)).toThrow()
      expect(JSON.parse(`${text}}`)).toHaveProperty("api_keys.length", 13)
    }))

  it.effect("a dripped body takes its time, and arrives whole", () =>
    Effect.gen(function* () {
      const { create } = yield* under({
        fault: { _tag: "DripBody", bytes: 50, every: "1 seconds" },
      })
      const fiber = yield* Effect.fork(create)
      yield* TestClock.adjust("4 seconds")
      expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
      yield* TestClock.adjust("1 seconds")
      expect(JSON.parse((yield* Fiber.join(fiber)).text)).toHaveProperty("secret")
    }))

  it.effect("a repeated page token leads back to its own page", () =>
    Effect.gen(function* () {
      const { api } = yield* under({ operation: "listApiKeys", fault: { _tag: "RepeatPageToken" } })
      const page = (token: string) =>
        api("GET", keys, { query: { "pagination.limit": "2", "pagination.page": token } })
      const first = yield* page("")
      const again = yield* page(first.json.pagination.next_page ?? "")
      expect(again.json.api_keys).toEqual(first.json.api_keys)
      expect(again.json.pagination.next_page).toBe(first.json.pagination.next_page)
    }))

  it.effect("an empty page leads to the keys that it left out", () =>
    Effect.gen(function* () {
      const { api, list } = yield* under({ calls: [1, 3], fault: { _tag: "EmptyPage" } })
      const page = (token: string | undefined) =>
        api("GET", keys, {
          query: { "pagination.limit": "7", "pagination.page": token ?? "none" },
        })
      const pages = [yield* api("GET", keys, { query: { "pagination.limit": "7" } })]
      for (let count = 0; count < 3; count += 1) {
        pages.push(yield* page(pages.at(-1)?.json.pagination.next_page))
      }
      expect(pages.map(({ json }) => json.api_keys.length)).toEqual([0, 7, 0, 6])
      expect(pages.flatMap(({ json }) => json.api_keys)).toEqual((yield* list).json.api_keys)
    }))

  it.effect("a delay holds back the operation, an answer delay only the answer", () =>
    Effect.gen(function* () {
      const { create, emulator } = yield* under({ delay: "2 seconds", answerDelay: 3000 })
      const fiber = yield* Effect.fork(create)
      yield* TestClock.adjust("1999 millis")
      expect(yield* emulator.history).toHaveLength(0)
      yield* TestClock.adjust("1 millis")
      expect(yield* emulator.history).toHaveLength(1)
      yield* TestClock.adjust("2999 millis")
      expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
      yield* TestClock.adjust("1 millis")
      expect((yield* Fiber.join(fiber)).status).toBe(200)
    }))
})

describe("a fault plan", () => {
  const met = (calls: number, ...plan: Emulator.FaultPlan) =>
    Effect.gen(function* () {
      const { list } = yield* under(...plan)
      const answers = yield* Effect.replicateEffect(list, calls)
      return answers.flatMap(({ status }, index) => status === 200 ? [] : [index + 1])
    })
  const fault: Emulator.Fault = { _tag: "Respond", status: 503 }

  it.effect("picks calls by number, from 1", () =>
    Effect.gen(function* () {
      expect(yield* met(5, { fault })).toEqual([1, 2, 3, 4, 5])
      expect(yield* met(5, { calls: 2, fault })).toEqual([2])
      expect(yield* met(5, { calls: [1, 4], fault })).toEqual([1, 4])
      expect(yield* met(5, { calls: { from: 4 }, fault })).toEqual([4, 5])
      expect(yield* met(5, { calls: { from: 2, to: 3 }, fault })).toEqual([2, 3])
    }))

  it.effect("counts only the calls of a rule's own operations", () =>
    Effect.gen(function* () {
      const { create, list } = yield* under(
        { operation: ["createApiKey", "deleteApiKey"], calls: 2, fault },
      )
      const statuses = [yield* list, yield* create, yield* list, yield* create, yield* list]
        .map(({ status }) => status)
      expect(statuses).toEqual([200, 200, 200, 503, 200])
    }))

  it.effect("draws chances from the seed, so a run can be repeated", () =>
    Effect.gen(function* () {
      const once = yield* met(100, { chance: 0.3, fault })
      expect(once.length).toBeGreaterThan(15)
      expect(once.length).toBeLessThan(45)
      expect(yield* met(100, { chance: 0.3, fault })).toEqual(once)
      expect(yield* met(20, { chance: 0, fault })).toEqual([])
    }))

  it.effect("applies the first rule that matches a request", () =>
    Effect.gen(function* () {
      const { list } = yield* under({ calls: 2, fault }, {
        fault: { _tag: "Respond", status: 500 },
      })
      expect([(yield* list).status, (yield* list).status]).toEqual([500, 503])
    }))

  it.effect("is logged with each request that it applies to", () =>
    Effect.gen(function* () {
      const rule: Emulator.FaultRule = { calls: 2, fault }
      const { emulator, list } = yield* under(rule)
      yield* Effect.replicateEffect(list, 2)
      expect((yield* emulator.requests).map(({ fault }) => fault)).toEqual([undefined, rule])
    }))

  it.effect("can be replaced while the emulator runs", () =>
    Effect.gen(function* () {
      const { emulator, list } = yield* under({ fault })
      expect((yield* list).status).toBe(503)
      yield* emulator.setFaults([])
      expect((yield* list).status).toBe(200)
    }))

  it("survives a round trip through JSON", () => {
    const plan: Emulator.FaultPlan = [
      { operation: "createApiKey", calls: { from: 2 }, chance: 0.5, delay: "250 millis", fault },
      { operation: ["listApiKeys"], calls: [1, 2], fault: { _tag: "EmptyPage" } },
      { calls: 3, answerDelay: 10, fault: { _tag: "DripBody", bytes: 1, every: "1 seconds" } },
    ]
    expect(Schema.decodeUnknownSync(Emulator.FaultPlan)(JSON.parse(JSON.stringify(plan))))
      .toEqual(plan)
  })
})

describe("a wrong plan", () => {
  const count = "a whole number from 1"
  const calls =
    `${count}, a list of such numbers, or an object with "from" and an optional "to" that is not below it`
  const names = Object.keys(operations).map((name) => `"${name}"`)
  const delay =
    'milliseconds from 0 or a string like "250 millis" or "5 seconds", at most "24 days"'
  const tags =
    '"Respond", "DropBefore", "DropAfter", "TruncateBody", "MalformedJson", "DripBody", ' +
    '"RepeatPageToken", or "EmptyPage"'
  const header = "a name and a value that HTTP allows in a header, but not one that frames the body"
  const step = (name: string) =>
    /^\w+$/.test(name)
      ? `.${name}`
      : `["${name.replace("\n", "\\u000a").replace("\u00fc", "\\u00fc")}"]`
  const known = "operation, calls, chance, delay, answerDelay, fault"
  const respond = (more: object) => ({ fault: { _tag: "Respond", status: 503, ...more } })

  const rules: ReadonlyArray<readonly [rule: unknown, problem: string]> = [
    [5, " must be an object"],
    [null, " must be an object"],
    [[], " must be an object"],
    [{ call: 1 }, `.call is not an option; the nearest is calls; allowed: ${known}`],
    [
      { ["call\n".repeat(50)]: 1 },
      `["${"call\\u000a".repeat(8)}…"] is not an option; allowed: ${known}`,
    ],
    [{ operation: "listKeys" }, `.operation must be ${names.join(", ")}, or a list of these`],
    [
      { operation: ["getApiKey", 5] },
      `.operation[1] must be ${names.slice(0, -1).join(", ")}, or ${names.at(-1)}`,
    ],
    [{ calls: 0 }, `.calls must be ${calls}`],
    [{ calls: 1.5 }, `.calls must be ${calls}`],
    [{ calls: "1" }, `.calls must be ${calls}`],
    [{ calls: null }, `.calls must be ${calls}`],
    [{ calls: [1, 0] }, `.calls[1] must be ${count}`],
    [{ calls: { first: 1 } }, ".calls.first is not an option; allowed: from, to"],
    [{ calls: { from: 1, until: 2 } }, ".calls.until is not an option; allowed: from, to"],
    [{ calls: {} }, `.calls.from must be ${count}`],
    [{ calls: { from: "1" } }, `.calls.from must be ${count}`],
    [{ calls: { from: 1, to: 0 } }, `.calls.to must be ${count}`],
    [{ calls: { from: 3, to: 2 } }, `.calls must be ${calls}`],
    [{ chance: 2 }, ".chance must be a number from 0 to 1"],
    [{ chance: NaN }, ".chance must be a number from 0 to 1"],
    [{ delay: "a while" }, `.delay must be ${delay}`],
    [{ delay: "-1 seconds" }, `.delay must be ${delay}`],
    [{ answerDelay: -1 }, `.answerDelay must be ${delay}`],
    [{ answerDelay: [1, 2] }, `.answerDelay must be ${delay}`],
    [{ delay: "25 days" }, `.delay must be ${delay}`],
    [{ answerDelay: 2 ** 31 }, `.answerDelay must be ${delay}`],
    [{ fault: { _tag: "DripBody", every: "60 days" } }, `.fault.every must be ${delay}`],
    [{ fault: "DropAfter" }, '.fault must be an object with "_tag"'],
    [{ fault: {} }, `.fault._tag must be ${tags}`],
    [{ fault: { _tag: "Explode" } }, `.fault._tag must be ${tags}`],
    [{ fault: { _tag: "DropBefore", bytes: 1 } }, ".fault.bytes is not an option; allowed: _tag"],
    [{ fault: { _tag: "TruncateBody", bytes: -1 } }, ".fault.bytes must be a whole number from 0"],
    [{ fault: { _tag: "DripBody", bytes: 0 } }, `.fault.bytes must be ${count}`],
    [{ fault: { _tag: "DripBody", every: "often" } }, `.fault.every must be ${delay}`],
    [{ fault: { _tag: "Respond" } }, ".fault.status must be a whole number from 200 to 599"],
    [respond({ status: 99 }), ".fault.status must be a whole number from 200 to 599"],
    [respond({ body: {} }), ".fault.body must be a string"],
    [respond({ acted: "yes" }), ".fault.acted must be true or false"],
    [respond({ headers: { "x-a": 1 } }), '.fault.headers["x-a"] must be a string'],
    [respond({ headers: "x-a: 1" }), ".fault.headers must be an object of names and values"],
    ...["", "x a", "x:", "x\n", "\u00fc", "Trailer", "transfer-encoding", "content-length"].map(
      (name) =>
        [
          respond({ headers: { "x-a": "1", [name]: "1" } }),
          `.fault.headers${step(name)} must be ${header}`,
        ] as const,
    ),
    ...["1\r\nx-b: 2", "\u0000", "\u0100"].map((value) =>
      [respond({ headers: { "x-a": value } }), `.fault.headers["x-a"] must be ${header}`] as const
    ),
    [
      respond({ retryAfter: 5 }),
      '.fault.retryAfter must be an object with "seconds" and an optional "form"',
    ],
    [
      respond({ retryAfter: { second: 1 } }),
      ".fault.retryAfter.second is not an option; the nearest is seconds; allowed: seconds, form",
    ],
    [
      respond({ retryAfter: { seconds: -1 } }),
      ".fault.retryAfter.seconds must be a number from 0 to 1000000000",
    ],
    [
      respond({ retryAfter: { seconds: 1, form: "date" } }),
      '.fault.retryAfter.form must be "seconds" or "http-date"',
    ],
  ]
  const plans: ReadonlyArray<readonly [plan: unknown, problem: string]> = [
    ...[undefined, null, 5, "none", {}, { calls: 1 }].map((plan) =>
      [plan, "faults must be a list of rules"] as const
    ),
    ...rules.map(([rule, problem]) => [[{ calls: 9 }, rule], `faults[1]${problem}`] as const),
  ]

  it.effect.each(plans)(
    "%o is refused, and no part of it takes effect: %s",
    ([plan, problem]) =>
      Effect.gen(function* () {
        const { emulator, list } = yield* under({ fault: { _tag: "Respond", status: 502 } })
        // The type does not stop a program in JavaScript.
        expect(yield* refusal(emulator.setFaults(plan as Emulator.FaultPlan))).toBe(problem)
        expect((yield* list).status).toBe(502)
        expect(Schema.is(Emulator.FaultPlan)(plan)).toBe(false)
      }),
  )

  it.effect("a plan is copied when it is set: later changes to it have no effect", () =>
    Effect.gen(function* () {
      const rule = { calls: [1], fault: { _tag: "Respond", status: 502 } } as const
      const { emulator, list } = yield* under()
      yield* emulator.setFaults([rule])
      Object.assign(rule, { calls: { first: 1 } })
      expect([(yield* list).status, (yield* list).status]).toEqual([502, 200])
    }))

  it.effect("a plan in the options is copied too", () =>
    Effect.gen(function* () {
      const rule = { calls: [1], fault: { _tag: "Respond", status: 502 } } as const
      const { list } = yield* under(rule)
      Object.assign(rule.fault, { status: 9999 })
      expect([(yield* list).status, (yield* list).status]).toEqual([502, 200])
    }))
})
