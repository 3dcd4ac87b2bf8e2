import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Emulator from "../../src/emulator/mod.ts"
import { type Answer, call, callAnything, type Json, keys } from "./call.ts"

type Query = Readonly<Record<string, string>>

const setUp = (options?: Emulator.EmulatorOptions) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.make({ rateLimit: "none", ...options })
    const all = (yield* emulator.apiKeys).map(({ id }): string => id)
    const api = call(emulator)
    return { emulator, all, api, list: (query: Query) => api("GET", keys, { query }) }
  })

const ids = ({ json }: Answer) => json.api_keys.map(({ id }) => id)

const next = ({ json }: Pick<Answer, "json">): string => json.pagination?.next_page ?? ""

const walk = <E>(
  list: (query: Query) => Effect.Effect<Answer, E>,
  query: Query,
  between: (page: Answer, number: number) => Effect.Effect<unknown, E> = () => Effect.void,
) =>
  Effect.gen(function* () {
    const pages: Array<Answer> = []
    let token = ""
    do {
      const page = yield* list(token === "" ? query : { ...query, "pagination.page": token })
      pages.push(page)
      yield* between(page, pages.length)
      token = next(page)
    } while (token !== "")
    return pages
  })

describe("pagination", () => {
  for (const order of ["ASC", "DESC"] as const) {
    it.effect(`a walk ${order} gives every key once, in order, on full pages`, () =>
      Effect.gen(function* () {
        const { all, list } = yield* setUp({ keys: 20 })
        const pages = yield* walk(list, {
          "pagination.limit": "7",
          "pagination.sort_order": order,
        })
        expect(pages.flatMap(ids)).toEqual(order === "ASC" ? all : all.toReversed())
        expect(pages.map((page) => ids(page).length)).toEqual([7, 7, 7, 2])
      }))
  }

  it.effect("no empty page follows a last page that is exactly full", () =>
    Effect.gen(function* () {
      const { list } = yield* setUp({ keys: 11 })
      expect(yield* walk(list, { "pagination.limit": "7" })).toHaveLength(2)
    }))

  it.effect("a filter by service account gives only that account's keys, page by page", () =>
    Effect.gen(function* () {
      const { emulator, list } = yield* setUp({ keys: 12, serviceAccounts: 3 })
      const serviceAccountId = (yield* emulator.serviceAccounts)[4]?.id ?? ""
      const wanted = (yield* emulator.apiKeys)
        .filter((key) => key.serviceAccountId === serviceAccountId).map(({ id }) => id)
      expect(wanted).toHaveLength(4)
      const pages = yield* walk(list, {
        "service_account_id": serviceAccountId,
        "pagination.limit": "3",
      })
      expect(pages.flatMap(ids)).toEqual(wanted)
      expect(pages).toHaveLength(2)
    }))

  it.effect("previous_page leads back to the page before, and the first page has none", () =>
    Effect.gen(function* () {
      const { list } = yield* setUp({ keys: 7 })
      for (const order of ["ASC", "DESC"]) {
        const query = { "pagination.limit": "4", "pagination.sort_order": order }
        const [first, second, third] = yield* walk(list, query)
        const back = (page: Answer | undefined) =>
          list({ ...query, "pagination.page": page?.json.pagination.previous_page ?? "" })
        expect(yield* back(third)).toEqual(second)
        expect(yield* back(second)).toEqual(first)
        expect(first?.json.pagination.previous_page).toBeUndefined()
      }
    }))

  it.effect("a walk repeats and misses no key while keys are made and deleted between pages", () =>
    Effect.gen(function* () {
      const { all, api, emulator, list } = yield* setUp({ keys: 17 })
      const body = { name: "late", service_account_id: emulator.admin.serviceAccountId }
      const seen = (yield* walk(list, { "pagination.limit": "5" }, (page, number) =>
        Effect.gen(function* () {
          if (number > 3) {
            return
          }
          // The key at which the next page begins, one already seen, and one still to come.
          const at = all.indexOf(ids(page).at(-1) ?? "")
          yield* api("DELETE", `${keys}/${all[at]}`)
          yield* api("DELETE", `${keys}/${all[at - 3]}`)
          yield* api("DELETE", `${keys}/${all[at + 2]}`)
          yield* api("POST", keys, { body })
        }))).flatMap(ids)
      const late = (yield* emulator.history).filter(({ _tag }) =>
        _tag === "Created"
      )
        .map((event): string => event.apiKeyId)
      // Pages end at 4, 10 and 16, because a key after each is deleted before the walk reaches it.
      const unseen = [all[6], all[12], all[18]]
      expect(seen).toEqual([...all.filter((id) => !unseen.includes(id)), ...late])
    }))

  it.effect("a token works with its own query only", () =>
    Effect.gen(function* () {
      const { emulator, list } = yield* setUp({ keys: 9 })
      const token = next(yield* list({ "pagination.limit": "2" }))
      const { serviceAccountId } = emulator.withoutRole
      for (
        const other of [
          { "service_account_id": serviceAccountId },
          { "pagination.sort_order": "DESC" },
          { "pagination.as_of_time": "2030-01-01T00:00:00Z" },
        ]
      ) {
        expect(yield* list({ ...other, "pagination.page": token }))
          .toMatchObject({ status: 400, json: { code: 3 } })
      }
      expect((yield* list({ "pagination.page": token, "pagination.limit": "3" })).status).toBe(200)
    }))

  it.effect("a token that no list gave is refused", () =>
    Effect.gen(function* () {
      const { list } = yield* setUp({ keys: 9 })
      const other = yield* setUp({ keys: 9, seed: "another" })
      const token = next(yield* list({ "pagination.limit": "2" }))
      const foreign = next(yield* other.list({ "pagination.limit": "2" }))
      for (const wrong of ["nonsense", token.slice(1), `${token.slice(0, -4)}AAAA`, foreign]) {
        expect(yield* list({ "pagination.page": wrong }))
          .toMatchObject({ status: 400, json: { code: 3 } })
      }
    }))

  for (
    const [name, value] of [
      ["pagination.limit", "0"],
      ["pagination.limit", "-1"],
      ["pagination.limit", "1.5"],
      ["pagination.limit", "2147483648"],
      ["pagination.limit", "many"],
      ["pagination.sort_order", "asc"],
      ["pagination.as_of_time", "yesterday"],
      ["pagination.as_of_time", "2026-01-02T00:00:00"],
      ["pagination.as_of_time", "2026-02-30T00:00:00Z"],
      ["pagination.as_of_time", "2026-13-01T00:00:00Z"],
    ] as const
  ) {
    it.effect(`${name}=${value} is refused and named`, () =>
      Effect.gen(function* () {
        const { list } = yield* setUp()
        const answer = yield* list({ [name]: value })
        expect(answer).toMatchObject({ status: 400, json: { code: 3 } })
        expect(answer.json.message).toMatch(new RegExp(`^${name}: `))
      }))
  }
})

describe("options for what the service leaves open about lists", () => {
  const last = (options: Emulator.EmulatorOptions) =>
    Effect.gen(function* () {
      const { emulator } = yield* setUp({ keys: 1, ...options })
      const answer = yield* callAnything(emulator)("GET", keys)
      const pagination: Json["pagination"] | undefined = answer.json.pagination
      return { pagination, count: answer.json.api_keys.length }
    })

  it.effect("lastPage leaves out pagination or next_page, or makes next_page empty", () =>
    Effect.gen(function* () {
      const { pagination: none } = yield* last({ lastPage: "omit-pagination" })
      expect(none).toBeUndefined()
      const { pagination: absent } = yield* last({ lastPage: "omit-next-page" })
      expect(absent).toEqual({})
      const { pagination: empty } = yield* last({ lastPage: "empty-next-page" })
      expect(empty).toEqual({ next_page: "" })
    }))

  it.effect("defaultPageSize sets how many keys a page has if the query does not say", () =>
    Effect.gen(function* () {
      expect((yield* last({ keys: 300 })).count).toBe(100)
      expect((yield* last({ keys: 300, defaultPageSize: 20 })).count).toBe(20)
    }))

  it.effect("overMaxPageSize lowers or refuses a limit over the maximum", () =>
    Effect.gen(function* () {
      const query = { "pagination.limit": "8" }
      const cut = yield* setUp({ keys: 9, maxPageSize: 5 })
      expect(ids(yield* cut.list(query))).toHaveLength(5)
      const refusing = yield* setUp({ keys: 9, maxPageSize: 5, overMaxPageSize: "refuse" })
      expect(yield* refusing.list(query)).toMatchObject({ status: 400 })
    }))

  it.effect("unknownServiceAccountFilter gives an empty list, or a 404", () =>
    Effect.gen(function* () {
      const query = { "service_account_id": "00000000-0000-4000-8000-000000000000" }
      const empty = yield* setUp()
      expect((yield* empty.list(query)).json).toEqual({ api_keys: [], pagination: {} })
      const strict = yield* setUp({ unknownServiceAccountFilter: "not-found" })
      expect(yield* strict.list(query)).toMatchObject({ status: 404, json: { code: 5 } })
    }))
})
