import { describe, expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import { isRecord } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as Model from "../../src/ApiKey.ts"
import { decodeApiKey, decodeApiKeyPage, decodeCreatedApiKey } from "../../src/transport/decode.ts"
import { everyOperation } from "../everyOperation.ts"
import { callOnce, json } from "../recordingClient.ts"

const key = {
  id: "CCDB1_12345abcdefGHIJKLMnopq",
  name: "example name",
  service_account_id: "1234abcd-1234-1234-abcd-12345678abcd",
  created_at: "2022-03-22T20:23:11.285067Z",
}
const secret = "CCDB1_12345abcdefGHIJKLMnopq_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K"

const mismatches: ReadonlyArray<
  readonly [string, (body: unknown) => Either.Either<unknown, unknown>, unknown, object]
> = [
  ["a body that is null", decodeApiKey, null, { path: "", expected: "an object", actual: "null" }],
  ["a new key that is null", decodeCreatedApiKey, null, {
    path: "",
    expected: "an object",
    actual: "null",
  }],
  ["a page that is an array", decodeApiKeyPage, [key], {
    path: "",
    expected: "an object",
    actual: "an array",
  }],
  ["an array", decodeApiKey, [], { path: "", expected: "an object", actual: "an array" }],
  ["a missing id", decodeApiKey, { ...key, id: undefined }, {
    path: "id",
    expected: "a string",
    actual: "nothing",
  }],
  ["an absent name", decodeApiKey, { id: "x", service_account_id: "x", created_at: "x" }, {
    path: "name",
    expected: "a string",
    actual: "nothing",
  }],
  ["a service account that is a number", decodeApiKey, { ...key, service_account_id: 7 }, {
    path: "service_account_id",
    expected: "a string",
    actual: "a number",
  }],
  ["a date in another form", decodeApiKey, { ...key, created_at: "22 March 2022" }, {
    path: "created_at",
    expected: "an RFC 3339 date-time",
    actual: "a string",
  }],
  ["a name that is an object", decodeApiKey, { ...key, name: {} }, {
    path: "name",
    expected: "a string",
    actual: "an object",
  }],
  ["a date in an array", decodeApiKey, { ...key, created_at: [key.created_at] }, {
    path: "created_at",
    expected: "a string",
    actual: "an array",
  }],
  ["a secret that is a number", decodeCreatedApiKey, { api_key: key, secret: 7 }, {
    path: "secret",
    expected: "a string",
    actual: "a number",
  }],
  ["a pagination that is a string", decodeApiKeyPage, { api_keys: [], pagination: "next" }, {
    path: "pagination",
    expected: "an object",
    actual: "a string",
  }],
  [
    "a token of the previous page that is a number",
    decodeApiKeyPage,
    { api_keys: [], pagination: { next_page: "n", previous_page: 7 } },
    { path: "pagination.previous_page", expected: "a string", actual: "a number" },
  ],
  ["a list of keys that is null", decodeApiKeyPage, { api_keys: null }, {
    path: "api_keys",
    expected: "an array",
    actual: "null",
  }],
  ["a new key without its secret", decodeCreatedApiKey, { api_key: key }, {
    path: "secret",
    expected: "a string",
    actual: "nothing",
  }],
  ["a broken new key", decodeCreatedApiKey, { api_key: { ...key, name: true }, secret }, {
    path: "api_key.name",
    expected: "a string",
    actual: "a boolean",
  }],
  ["a page without keys", decodeApiKeyPage, {}, {
    path: "api_keys",
    expected: "an array",
    actual: "nothing",
  }],
  ["one broken key in a page", decodeApiKeyPage, { api_keys: [key, { ...key, id: null }] }, {
    path: "api_keys[1].id",
    expected: "a string",
    actual: "null",
  }],
  [
    "a page token that is a number",
    decodeApiKeyPage,
    { api_keys: [], pagination: { next_page: 2 } },
    { path: "pagination.next_page", expected: "a string", actual: "a number" },
  ],
]

describe("decode", () => {
  it.each(mismatches)("says where the body is wrong: %s", (_, decode, body, mismatch) => {
    expect(decode(body)).toStrictEqual(Either.left(mismatch))
  })

  it("ignores unknown fields", () => {
    expect(Either.isRight(decodeApiKey({ ...key, scopes: ["all"] }))).toBe(true)
  })

  it("never shows the wrong value itself", () => {
    const body = { api_key: { ...key, created_at: secret }, secret: { secret } }
    expect(JSON.stringify(decodeCreatedApiKey(body))).not.toContain("NkdXLI9d81Mn")
  })

  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(key.created_at, "2022-02-30T00:00:00Z", "2022-03-22T20:23:11+05:30", "x"),
    fc.constantFrom(null, 7, true, [], {}),
  )
  /** Answers that are nearly right: each member may be absent, mistyped or right. */
  const nearMisses = (answer: unknown): fc.Arbitrary<unknown> => {
    if (Array.isArray(answer)) {
      return fc.oneof(fc.array(nearMisses(answer[0]), { maxLength: 3 }), text)
    }
    if (!isRecord(answer)) return text
    const members = Object.entries(answer).map(([name, value]) => [name, nearMisses(value)])
    const record = fc.record(
      { ...Object.fromEntries(members), extra: fc.anything() },
      { requiredKeys: [] },
    )
    return fc.oneof(record, text)
  }

  it.each(everyOperation)(
    "accepts as the answer to $operation exactly what its Schema accepts, and finds the first " +
      "mistake in the same place",
    ({ answer, decode, model }) => {
      const bySchema = Schema.decodeUnknownEither(model)
      fc.assert(
        fc.property(fc.oneof(nearMisses(answer), fc.anything()), (body) => {
          const fast = decode(body)
          const slow = bySchema(body)
          expect(Either.isRight(fast)).toBe(Either.isRight(slow))
          if (Either.isLeft(fast) && Either.isLeft(slow)) {
            const error = Either.getOrThrow(Either.flip(slow))
            const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
            const path = issue?.path.map((key) =>
              typeof key === "number" ? `[${key}]` : `.${String(key)}`
            )
            expect(`.${Either.getOrThrow(Either.flip(fast)).path}`).toBe(path?.join("") || ".")
          }
          if (Either.isRight(fast) && Either.isRight(slow)) {
            expect(JSON.stringify(Either.getOrThrow(fast)))
              .toBe(JSON.stringify(Either.getOrThrow(slow)))
          }
        }),
        { numRuns: 2000 },
      )
    },
  )

  it.effect.each(everyOperation)(
    "gives $operation the model that its Schema gives",
    ({ answer, call, model }) =>
      Effect.gen(function* () {
        const { result } = yield* callOnce(call, () => json(answer))
        expect(result).toEqual(Schema.decodeUnknownEither(model)(answer))
      }),
  )

  it("reads the same time as the Schema", () => {
    const bySchema = Schema.decodeUnknownSync(Model.ApiKey)
    const fast = Either.getOrThrow(decodeApiKey(key))
    expect(Equal.equals(fast.createdAt, bySchema(key).createdAt)).toBe(true)
    expect(DateTime.toEpochMillis(fast.createdAt)).toBe(Date.UTC(2022, 2, 22, 20, 23, 11, 285))
  })

  it("reads the tokens of the next and the previous page", () => {
    const pagination = { next_page: "n", previous_page: "p" }
    const page = Either.getOrThrow(decodeApiKeyPage({ api_keys: [], pagination }))
    expect([page.nextPage, page.previousPage]).toEqual([Option.some("n"), Option.some("p")])
  })

  it("reads the secret of a new key", () => {
    const created = Either.getOrThrow(decodeCreatedApiKey({ api_key: key, secret }))
    expect(Redacted.value(created.secret)).toBe(secret)
  })

  it.each([
    ["no pagination", undefined],
    ["a pagination that is null", null],
    ["a pagination without tokens", {}],
    ["empty tokens", { next_page: "", previous_page: "" }],
    ["tokens that are null", { next_page: null, previous_page: null }],
  ])("takes %s as the end of the list", (_, pagination) => {
    const body = { api_keys: [key], pagination }
    const page = Either.getOrThrow(decodeApiKeyPage(body))
    expect([page.nextPage._tag, page.previousPage._tag]).toEqual(["None", "None"])
    expect(page).toEqual(Schema.decodeUnknownSync(Model.ApiKeyPage)(body))
  })

  it("reads the next page's token beside a previous one that is null", () => {
    const pagination = { next_page: "n", previous_page: null }
    const page = Either.getOrThrow(decodeApiKeyPage({ api_keys: [], pagination }))
    expect([page.nextPage, page.previousPage]).toEqual([Option.some("n"), Option.none()])
  })
})

describe("the Schema", () => {
  const inMillis = { ...key, created_at: "2022-03-22T20:23:11.285Z" }
  it.each<readonly [string, Schema.Schema.AnyNoContext, unknown]>([
    ["a key", Model.ApiKey, inMillis],
    ["a new key", Model.CreatedApiKey, { api_key: inMillis, secret }],
    ["a page", Model.ApiKeyPage, {
      api_keys: [inMillis],
      pagination: { next_page: "n", previous_page: "p" },
    }],
    ["the last page", Model.ApiKeyPage, {
      api_keys: [],
      pagination: { next_page: undefined, previous_page: undefined },
    }],
  ])("of %s writes what it reads", (_, schema, body) => {
    const model = Schema.decodeUnknownSync(schema)(body)
    expect(Schema.encodeSync(schema)(model)).toEqual(body)
  })

  it("says what form a time should have", () => {
    const decode = Schema.decodeUnknownEither(Model.ApiKey)
    const failed = Either.flip(decode({ ...key, created_at: "yesterday" }))
    expect(String(Either.getOrThrow(failed))).toContain("Expected an RFC 3339 date-time")
  })
})
