import { describe, expect, it } from "@effect/vitest"
import {
  createApiKey,
  getApiKey,
  listApiKeyPages,
  listApiKeys,
  type ListApiKeysOptions,
  listApiKeysPage,
  updateApiKey,
} from "@effect-crdb/api-keys"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import { operations } from "../../src/operation.ts"
import {
  type ApiCall,
  everyOperation,
  id,
  operationNames,
  secret,
  serviceAccountId,
} from "../everyOperation.ts"
import { callOnce, json } from "../recordingClient.ts"

const byId = everyOperation.filter(({ takesId }) => takesId)

// A caller without types can pass anything, for example from JSON.
const untyped = <A>(value: unknown) => value as A

describe("an id reaches the server as one path segment", () => {
  const ids: ReadonlyArray<readonly [string, string]> = [
    ["a/b", "a%2Fb"],
    ["../secrets", "..%2Fsecrets"],
    ["a?b=c", "a%3Fb%3Dc"],
    ["a#b", "a%23b"],
    ["100%", "100%25"],
    ["%2e%2e", "%252e%252e"],
    ["a b", "a%20b"],
    ["a+b", "a%2Bb"],
    ["ключ", "%D0%BA%D0%BB%D1%8E%D1%87"],
    ["🔑", "%F0%9F%94%91"],
    ["a\\b", "a%5Cb"],
    ["a\nb", "a%0Ab"],
    ["a:b@c", "a%3Ab%40c"],
    ["...", "..."],
    ["$&", "%24%26"],
    ["{id}", "%7Bid%7D"],
    // It begins and ends like a secret, but is none.
    ["CCDB1_a_", "CCDB1_a_"],
    ["x-CCDB1_a_b", "x-CCDB1_a_b"],
  ]
  const rows = byId.flatMap((row) => ids.map(([id, segment]) => ({ ...row, id, segment })))

  it.effect.each(rows)(
    "$operation $id",
    ({ answer, callOn, id, operation, segment }) =>
      Effect.gen(function* () {
        const call = callOn({ id, serviceAccountId })
        const { result, sent } = yield* callOnce(call, () => json(answer))
        const path = operations[operation].path.replace("{id}", () => segment)
        expect(sent.map((one) => one.url.pathname)).toEqual([path])
        expect(sent.map((one) => [one.url.search, one.url.hash])).toEqual([["", ""]])
        expect(Either.isRight(result)).toBe(true)
      }),
  )
})

describe("wrong input is refused before sending", () => {
  const isSecret = "is a secret, not an id: the id is its part before the second underscore"
  const badIds: ReadonlyArray<readonly [id: string, reason: string]> = [
    ["", "is empty: an empty id would address the whole list"],
    [".", "must not be a dot segment of a path"],
    ["..", "must not be a dot segment of a path"],
    ["\ud800", "holds half of a surrogate pair, which no URL can carry"],
    [secret, isSecret],
    ["CCDB1_abc_d", isSecret],
    ["CCDB1__d", isSecret],
    [`x${secret}`, "holds a secret, which URLs and logs would show"],
    [untyped<string>(undefined), "must be a string"],
    [untyped<string>(7), "must be a string"],
  ]
  type Row = readonly [name: string, field: string, reason: string, call: ApiCall]
  const noText = "must be a string that is not empty"
  const inputs: ReadonlyArray<Row> = [
    ...byId.flatMap(({ callOn, operation }) =>
      badIds.map(([id, reason]): Row => [
        `${operation} id ${JSON.stringify(id)}`,
        "id",
        reason,
        callOn({ id, serviceAccountId }),
      ])
    ),
    ["createApiKey name", "name", noText, createApiKey({ name: "", serviceAccountId })],
    ["createApiKey name", "name", noText, createApiKey({ name: untyped(null), serviceAccountId })],
    [
      "createApiKey id",
      "serviceAccountId",
      noText,
      createApiKey({ name: "n", serviceAccountId: "" }),
    ],
    ["createApiKey id", "serviceAccountId", noText, createApiKey(untyped({ name: "n" }))],
    ["updateApiKey name", "name", noText, updateApiKey(id, { name: "" })],
    ["updateApiKey name", "name", noText, updateApiKey(id, { name: untyped(null) })],
  ]
  const noDate = "must be a valid date in the years 0 to 9999"
  const options: ReadonlyArray<
    readonly [field: string, reason: string, given: ListApiKeysOptions]
  > = [
    ["serviceAccountId", noText, { serviceAccountId: "" }],
    ["startPage", noText, { startPage: "" }],
    ...[0, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53, untyped<number>("10")].map((pageSize) =>
      ["pageSize", "must be a whole number from 1 to 2147483647", { pageSize }] as const
    ),
    ["sortOrder", "must be ASC or DESC", { sortOrder: untyped("asc") }],
    ["sortOrder", "must be ASC or DESC", { sortOrder: untyped("") }],
    ["asOfTime", noDate, { asOfTime: new Date(NaN) }],
    ["asOfTime", noDate, { asOfTime: new Date("-000001-12-31T23:59:59.999Z") }],
    ["asOfTime", noDate, { asOfTime: new Date("+010000-01-01T00:00:00Z") }],
    ["asOfTime", noDate, { asOfTime: untyped("2024-02-29T00:00:00Z") }],
  ]
  const lists = options.flatMap(([field, reason, given]): ReadonlyArray<Row> => {
    const name = `${field} ${String(Object.values(given)[0])}`
    return [
      [`listApiKeysPage ${name}`, field, reason, listApiKeysPage(given)],
      [`listApiKeyPages ${name}`, field, reason, Stream.runDrain(listApiKeyPages(given))],
      [`listApiKeys ${name}`, field, reason, Stream.runDrain(listApiKeys(given))],
    ]
  })
  const prefetches = [-1, 0.5, NaN, Infinity].map((prefetch): Row => [
    `listApiKeys prefetch ${prefetch}`,
    "prefetch",
    "must be a whole number of pages, 0 or more",
    Stream.runDrain(listApiKeys({ prefetch })),
  ])

  const rows = [...inputs, ...lists, ...prefetches]

  it.each(operationNames)("%s is among them", (operation) => {
    expect(rows.map(([name]) => name.split(" ")[0])).toContain(operation)
  })

  it.effect.each(rows)(
    "%s",
    ([name, field, reason, call]) =>
      Effect.gen(function* () {
        const { result, sent } = yield* callOnce(call, () => json({}))
        expect(sent).toEqual([])
        expect(result).toMatchObject(Either.left({
          _tag: "InvalidRequest",
          field,
          status: undefined,
          attempts: 0,
          mayHaveApplied: false,
          message: `${
            name.startsWith("list") ? "listApiKeys" : name.split(" ")[0]
          }: ${field} ${reason}`,
        }))
      }),
  )

  it.effect("a secret in the place of an id does not appear in the message", () =>
    Effect.gen(function* () {
      const { result } = yield* callOnce(getApiKey(secret), () => json({}))
      expect(JSON.stringify(result)).not.toContain("NkdXLI9d81Mn")
    }))
})
