import { describe, expect, it } from "@effect/vitest"
import {
  createApiKey,
  deleteApiKey,
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
import { answers, type Call, id, serviceAccountId } from "../calls.ts"
import { callOnce, json } from "../recordingClient.ts"

const byId: ReadonlyArray<readonly [string, (id: string) => Call]> = [
  ["getApiKey", getApiKey],
  ["updateApiKey", (id) => updateApiKey(id, { name: "new name" })],
  ["deleteApiKey", deleteApiKey],
]

// What a caller without types can pass, such as one that has read it from JSON.
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
  ]
  const rows = byId.flatMap(([name, call]) =>
    ids.map(([id, segment]) => ({ name, call, id, segment }))
  )

  it.effect.each(rows)("$name $id", ({ call, id, segment }) =>
    Effect.gen(function* () {
      const { result, sent } = yield* callOnce(call(id), () => json(answers.getApiKey))
      expect(sent.map((one) => one.url.pathname)).toEqual([`/api/v1/api-keys/${segment}`])
      expect(sent.map((one) => [one.url.search, one.url.hash])).toEqual([["", ""]])
      expect(Either.isRight(result)).toBe(true)
    }))
})

describe("what cannot be right is refused before sending", () => {
  const secret = `${id}_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K`
  const badIds = ["", ".", "..", "\ud800", secret, untyped<string>(undefined), untyped<string>(7)]
  const inputs: ReadonlyArray<readonly [string, string, Call]> = [
    ...byId.flatMap(([name, call]) =>
      badIds.map((id) => [`${name} id ${JSON.stringify(id)}`, "id", call(id)] as const)
    ),
    ["createApiKey name", "name", createApiKey({ name: "", serviceAccountId })],
    ["createApiKey name", "name", createApiKey({ name: untyped(null), serviceAccountId })],
    ["createApiKey id", "serviceAccountId", createApiKey({ name: "n", serviceAccountId: "" })],
    ["createApiKey id", "serviceAccountId", createApiKey(untyped({ name: "n" }))],
    ["updateApiKey name", "name", updateApiKey(id, { name: "" })],
    ["updateApiKey name", "name", updateApiKey(id, { name: untyped(null) })],
  ]
  const options: ReadonlyArray<readonly [string, ListApiKeysOptions]> = [
    ["serviceAccountId", { serviceAccountId: "" }],
    ["startPage", { startPage: "" }],
    ...[0, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53, untyped<number>("10")].map((pageSize) =>
      ["pageSize", { pageSize }] as const
    ),
    ["sortOrder", { sortOrder: untyped("asc") }],
    ["sortOrder", { sortOrder: untyped("") }],
    ["asOfTime", { asOfTime: new Date(NaN) }],
    ["asOfTime", { asOfTime: new Date(Date.UTC(12_000, 1)) }],
    ["asOfTime", { asOfTime: untyped("2024-02-29T00:00:00Z") }],
  ]
  const lists = options.flatMap(([field, given]) => {
    const name = `${field} ${String(Object.values(given)[0])}`
    return [
      [`listApiKeysPage ${name}`, field, listApiKeysPage(given)] as const,
      [`listApiKeyPages ${name}`, field, Stream.runDrain(listApiKeyPages(given))] as const,
      [`listApiKeys ${name}`, field, Stream.runDrain(listApiKeys(given))] as const,
    ]
  })
  const prefetches = [-1, 0.5, NaN, Infinity].map((prefetch) =>
    [
      `listApiKeys prefetch ${prefetch}`,
      "prefetch",
      Stream.runDrain(listApiKeys({ prefetch })),
    ] as const
  )

  it.effect.each([...inputs, ...lists, ...prefetches])(
    "%s",
    ([, field, call]) =>
      Effect.gen(function* () {
        const { result, sent } = yield* callOnce(call, () => json({}))
        expect(sent).toEqual([])
        expect(Either.flip(result)).toMatchObject({
          right: {
            _tag: "InvalidRequest",
            field,
            status: undefined,
            attempts: 0,
            mayHaveApplied: false,
            message: expect.stringContaining(field),
          },
        })
      }),
  )

  it.effect("and a secret in the place of an id is not in the message", () =>
    Effect.gen(function* () {
      const { result } = yield* callOnce(getApiKey(secret), () => json({}))
      expect(JSON.stringify(result)).not.toContain("NkdXLI9d81Mn")
    }))
})
