import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Emulator from "../../../src/emulator/mod.ts"
import { makeListAccount } from "../../../src/lifecycle/rotation/listAccount.ts"

/** The requests and the answers of an account's lists, in order. */
const list = (
  { concurrency = 1, times = 1, ...options }: Emulator.EmulatorOptions & {
    readonly times?: number
    readonly concurrency?: number
  },
) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    const listAccount = makeListAccount()
    const listed = yield* Effect.replicateEffect(
      listAccount(emulator.withoutRole.serviceAccountId),
      times,
      { concurrency },
    )
    const requests = (yield* emulator.requests).map(({ query, status }) => [
      query["pagination.limit"],
      status,
    ])
    return {
      listed: listed.map(({ index, pages }) => ({ keys: index.byId.size, pages })),
      requests,
    }
  }).pipe(Effect.provide(Emulator.layer({ rateLimit: "none", keys: 1099, ...options })))

describe("a list of an account's keys", () => {
  it.effect("asks for pages of 500", () =>
    Effect.gen(function* () {
      const { listed, requests } = yield* list({})
      expect(listed).toEqual([{ keys: 1100, pages: 3 }])
      expect(requests).toEqual([["500", 200], ["500", 200], ["500", 200]])
    }))

  it.effect("accepts smaller pages", () =>
    Effect.gen(function* () {
      const { listed } = yield* list({ maxPageSize: 110 })
      expect(listed).toEqual([{ keys: 1100, pages: 10 }])
    }))

  it.effect("asks for no size once the API has refused it", () =>
    Effect.gen(function* () {
      const { listed, requests } = yield* list({
        times: 2,
        defaultPageSize: 400,
        maxPageSize: 400,
        overMaxPageSize: "refuse",
      })
      expect(listed).toEqual([{ keys: 1100, pages: 3 }, { keys: 1100, pages: 3 }])
      expect(requests).toEqual([["500", 400], ...Array(6).fill([undefined, 200])])
    }))

  it.effect("asks for no size after several lists are refused at the same time", () =>
    Effect.gen(function* () {
      const { listed } = yield* list({
        times: 3,
        concurrency: 3,
        defaultPageSize: 400,
        maxPageSize: 400,
        overMaxPageSize: "refuse",
      })
      expect(listed).toEqual(Array(3).fill({ keys: 1100, pages: 3 }))
    }))

  it.effect("fails with any other refusal", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(list({
        faults: [{ operation: "listApiKeys", fault: { _tag: "Respond", status: 400 } }],
      }))
      expect(error).toMatchObject({ _tag: "InvalidRequest", status: 400 })
    }))
})
