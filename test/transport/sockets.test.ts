import { describe, expect, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Emulator from "../../src/emulator/mod.ts"
import { Credentials, getApiKey, RetryPolicy, throttled, withRetryPolicy } from "../../src/mod.ts"
import { callsOn, mutations, operationNames } from "../everyOperation.ts"
import { servedEmulator } from "../servedEmulator.ts"
import { beneathRows, expectedOf } from "./clientsBeneath.ts"
import { type Row, rows } from "./retryTable.ts"
import type { Step } from "./scripted.ts"

// A thousandth of the default policy's times. Only the timeout is longer, so that a busy machine
// does not take a slow answer for none.
const policy = (step: Step) =>
  RetryPolicy.make({
    schedule: RetryPolicy.backoff({ base: "1 millis", cap: "10 millis" }),
    attemptTimeout: step === "Hang" ? "700 millis" : "30 seconds",
    maxRetryAfter: "60 millis",
  })

/** The emulator's rule for a step of the table, at a thousandth of its times. */
const ruleOf = (step: Step): Emulator.FaultRule => {
  if (step === "Connection") return { fault: { _tag: "DropBefore" } }
  if (step === "Hang") return { delay: "1 hour" }
  const { body = "{}", headers = {}, status } = step
  const asked = Number(headers["retry-after"])
  return {
    fault: {
      _tag: "Respond",
      status,
      body,
      headers: asked > 0 && asked < Infinity
        ? { ...headers, "retry-after": String(asked / 1000) }
        : headers,
    },
  }
}

/** Connections that break as only a socket can. They end like the table's lost connection. */
const broken: ReadonlyArray<readonly [failure: string, rule: Emulator.FaultRule]> = [
  ["a connection lost after the server acted", { fault: { _tag: "DropAfter" } }],
  ["a connection lost within the answer", { fault: { _tag: "TruncateBody" } }],
]
const lostConnection = rows.filter(({ step }) => step === "Connection")

const socketRows: ReadonlyArray<Row & { readonly rule: Emulator.FaultRule }> = [
  ...rows.map((row) => ({ ...row, rule: ruleOf(row.step) })),
  ...broken.flatMap(([failure, rule]) => lostConnection.map((row) => ({ ...row, failure, rule }))),
]

/** The calls, for the key of the account without a role. */
const callsHere = Effect.map(
  Emulator.Emulator,
  ({ withoutRole: { apiKeyId, serviceAccountId } }) => callsOn({ id: apiKeyId, serviceAccountId }),
)

const untilSeen = (isSeen: (requests: ReadonlyArray<Emulator.SeenRequest>) => boolean) =>
  Effect.gen(function* () {
    const { requests } = yield* Emulator.Emulator
    let seen = yield* requests
    while (!isSeen(seen)) {
      yield* Effect.sleep("1 millis")
      seen = yield* requests
    }
    return seen
  })

describe.concurrent("over real sockets", () => {
  for (const operation of operationNames) {
    for (const { createWaits, failure, open, rule, step, tag, waits } of socketRows) {
      // The first delete acts, so the second meets a 404, which is clear without a body.
      const isGone = operation === "deleteApiKey" && failure.endsWith("within the answer")
      const times = isGone ? 2 : (operation === "createApiKey" ? createWaits : waits).length + 1
      it.live(`${operation} after ${failure}: the server sees ${times} in all`, ({ expect }) =>
        Effect.gen(function* () {
          const calls = yield* callsHere
          const outcome = yield* calls[operation].pipe(
            withRetryPolicy(policy(step)),
            Effect.either,
          )
          const emulator = yield* Emulator.Emulator
          const seen = yield* emulator.requests
          expect(seen.map((request) => request.operation)).toEqual(Array(times).fill(operation))
          expect(outcome).toMatchObject(Either.left({
            _tag: isGone ? "NotFound" : tag,
            operation,
            attempts: times,
            mayHaveApplied: open && mutations.includes(operation),
          }))
        }).pipe(Effect.provide(servedEmulator({ faults: [rule], rateLimit: "none" }))))
    }

    for (const row of beneathRows("http://127.0.0.1")) {
      const { sent } = expectedOf(row, operation)
      it.live(`${operation} through ${row.client} after ${row.failure}: ${sent} in all`, ({ expect }) =>
        Effect.gen(function* () {
          const calls = yield* callsHere
          const { baseUrl } = yield* Credentials
          // The same row, for this server's base URL.
          const { breaks, fault, wrap } = beneathRows(baseUrl).find(({ client, failure }) =>
            client === row.client && failure === row.failure
          ) ?? row
          const emulator = yield* Emulator.Emulator
          yield* emulator.setFaults([{ fault }])
          const before = (yield* emulator.apiKeys).length
          const error = yield* calls[operation].pipe(
            withRetryPolicy(RetryPolicy.none),
            Effect.updateService(HttpClient.HttpClient, wrap),
            Effect.flip,
          )
          const { open, tag } = expectedOf(row, operation)
          expect([error.attempts, error.mayHaveApplied]).toEqual([sent, open])
          expect(error._tag).toBe(tag)
          const seen = (yield* emulator.requests).length
          if (breaks === undefined || operation === "createApiKey") {
            expect(seen).toBe(sent)
          }
          const made = (yield* emulator.apiKeys).length - before
          expect(made).toBeLessThanOrEqual(operation === "createApiKey" ? 1 : 0)
        }).pipe(Effect.provide(servedEmulator({ rateLimit: "none" }))))
    }

    it.live(`${operation} succeeds when the fifth request does`, ({ expect }) =>
      Effect.gen(function* () {
        const calls = yield* callsHere
        yield* calls[operation].pipe(withRetryPolicy(policy("Connection")))
        const emulator = yield* Emulator.Emulator
        const statuses = (yield* emulator.requests).map(({ status }) => status)
        expect(statuses).toEqual([429, 429, 429, 429, 200])
      }).pipe(
        Effect.provide(servedEmulator({
          rateLimit: "none",
          faults: [{ calls: { from: 1, to: 4 }, fault: { _tag: "Respond", status: 429 } }],
        })),
      ))

    it.live(`${operation} is not sent again after an interruption, which aborts its request`, ({ expect }) =>
      Effect.gen(function* () {
        const calls = yield* callsHere
        const fiber = yield* Effect.fork(calls[operation])
        yield* untilSeen((requests) => requests.length === 1)
        yield* Fiber.interrupt(fiber)
        const seen = yield* untilSeen(([first]) => first?.outcome !== "Pending")
        expect(seen.map(({ outcome }) => outcome)).toEqual(["Aborted"])
      }).pipe(Effect.provide(servedEmulator({ latency: "1 hour" }))))
  }
})

// test/bench/limits.ts measures the rate and the refusals. Over sockets both depend on how busy the
// machine is.
describe("over real sockets", () => {
  const served = servedEmulator({ rateLimit: { limit: 200 } })
  const ways = {
    throttled: Layer.provideMerge(throttled({ limit: 200, window: "1 second" }), served),
    "not throttled": served,
  }
  for (const [how, services] of Object.entries(ways)) {
    it.live(`300 calls of 50 fibers, ${how}, all succeed at a limit of 200 a second`, () =>
      Effect.gen(function* () {
        const { refused, requests, withoutRole } = yield* Emulator.Emulator
        const six = Effect.replicateEffect(getApiKey(withoutRole.apiKeyId), 6)
        yield* Effect.replicateEffect(six, 50, { concurrency: 50 })
        const statuses = (yield* requests).map(({ status }) => status)
        expect(statuses.filter((status) => status === 200).length).toBe(300)
        expect(statuses.length - (yield* refused)).toBe(300)
        expect((yield* refused) / statuses.length).toBeLessThanOrEqual(0.25)
      }).pipe(Effect.provide(services)))
  }
})

describe.concurrent("over real sockets, past the limit", () => {
  for (const status of [400, 403, 429, 500, 503]) {
    for (const operation of operationNames) {
      it.live(`${operation} under ${status} is RateLimited, and succeeds when the limit allows it`, ({ expect }) =>
        Effect.gen(function* () {
          const calls = yield* callsHere
          const emulator = yield* Emulator.Emulator
          const before = (yield* emulator.apiKeys).length
          yield* calls.getApiKey
          const error = yield* Effect.flip(withRetryPolicy(RetryPolicy.none)(calls[operation]))
          expect(error).toMatchObject({ _tag: "RateLimited", status, mayHaveApplied: false })
          yield* calls[operation]
          const made = (yield* emulator.apiKeys).length - before
          expect(made).toBe(
            operation === "createApiKey" ? 1 : operation === "deleteApiKey" ? -1 : 0,
          )
        }).pipe(
          Effect.provide(servedEmulator({ rateLimit: { limit: 1, window: "2 seconds", status } })),
        ))
    }
  }
})
