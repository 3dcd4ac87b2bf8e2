import { describe, expect, it } from "@effect/vitest"
import {
  ApiKeyId,
  listApiKeyPages,
  listApiKeys,
  type ListApiKeysOptions,
} from "@effect-crdb/api-keys"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { anyone, callOnce, json, recordingClient, type Sent } from "../recordingClient.ts"

const key = (id: string) => ({
  id,
  name: `name of ${id}`,
  service_account_id: "1234abcd-1234-1234-abcd-12345678abcd",
  created_at: "2022-03-22T20:23:11.285067Z",
})

/** A list of pages with two keys each. Page `n` has the token `n`. */
const pages = (count: number) => (sent: Sent): Response => {
  const page = Number(sent.url.searchParams.get("pagination.page") ?? "0")
  return json({
    api_keys: [key(`${page}a`), key(`${page}b`)],
    pagination: page + 1 < count ? { next_page: `${page + 1}` } : {},
  })
}

const idsOf = (options?: ListApiKeysOptions) =>
  Stream.runCollect(Stream.map(listApiKeys(options), (apiKey) => `${apiKey.id}`)).pipe(
    Effect.map((keys) => [...keys]),
  )

const tokensOf = (sent: ReadonlyArray<{ readonly url: URL }>) =>
  sent.map((one) => one.url.searchParams.get("pagination.page"))

describe("the walk", () => {
  it.effect("sends the options with each page", () =>
    Effect.gen(function* () {
      const options = {
        serviceAccountId: "account",
        pageSize: 2,
        sortOrder: "DESC",
        asOfTime: new Date(0),
      } as const
      const { sent } = yield* callOnce(idsOf(options), pages(3))
      const query = {
        service_account_id: "account",
        "pagination.limit": "2",
        "pagination.sort_order": "DESC",
        "pagination.as_of_time": "1970-01-01T00:00:00.000Z",
      }
      expect(sent.map((one) => Object.fromEntries(one.url.searchParams))).toEqual([
        query,
        { ...query, "pagination.page": "1" },
        { ...query, "pagination.page": "2" },
      ])
    }))

  const last: ReadonlyArray<readonly [string, object]> = [
    ["no pagination", {}],
    ["no next_page", { pagination: {} }],
    ["an empty next_page", { pagination: { next_page: "" } }],
    ["an empty next_page beside a previous_page", {
      pagination: { next_page: "", previous_page: "p" },
    }],
  ]
  it.effect.each(last)("ends at %s", ([, pagination]) =>
    Effect.gen(function* () {
      const { result, sent } = yield* callOnce(
        idsOf(),
        (_, index) =>
          json({
            api_keys: [key(`${index}`)],
            ...(index === 0 ? { pagination: { next_page: "t" } } : pagination),
          }),
      )
      expect(result).toEqual(Either.right(["0", "1"]))
      expect(tokensOf(sent)).toEqual([null, "t"])
    }))

  it.effect("goes on after empty pages with a next token, in front, between and at the end", () =>
    Effect.gen(function* () {
      const filled = [2, 5]
      const { result, sent } = yield* callOnce(idsOf(), (_, index) =>
        json({
          api_keys: filled.includes(index) ? [key(`${index}`)] : [],
          pagination: { next_page: index === 8 ? "" : `${index + 1}` },
        }))
      expect(result).toEqual(Either.right(["2", "5"]))
      expect(sent.length).toBe(9)
    }))

  const repeats: ReadonlyArray<
    readonly [string, ReadonlyArray<string>, ReadonlyArray<string | null>, ListApiKeysOptions]
  > = [
    ["the token that it came with", ["a", "a"], [null, "a"], {}],
    ["a token from before the last", ["a", "b", "a"], [null, "a", "b"], {}],
    ["the token that the walk began with", ["b", "s"], ["s", "b"], { startPage: "s" }],
    ["its own token, with pages ahead", ["a", "a"], [null, "a"], { prefetch: 3 }],
  ]
  it.effect.each(repeats)(
    "ends in an error at %s",
    ([, next, asked, options]) =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const walk = Stream.runForEach(
          listApiKeys(options),
          (apiKey) => Effect.sync(() => seen.push(apiKey.id)),
        )
        const { result, sent } = yield* callOnce(walk, (_, index) =>
          json({
            api_keys: [key(`${index}`)],
            pagination: { next_page: next[Math.min(index, next.length - 1)] },
          }))
        expect(result).toMatchObject(Either.left({
          _tag: "UnexpectedResponse",
          operation: "listApiKeys",
          status: 200,
          attempts: 1,
          mayHaveApplied: false,
          message: "listApiKeys: the API answered 200, but its next page is one that this walk " +
            "has seen: it would never end",
        }))
        expect(tokensOf(sent)).toEqual(asked)
        // The keys of earlier pages are not lost.
        expect(seen).toEqual(asked.map((_, index) => `${index}`))
      }),
  )

  it.effect("yields the keys that came before an error", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const walk = Stream.runForEach(
        listApiKeys(),
        (apiKey) => Effect.sync(() => seen.push(apiKey.id)),
      )
      const { result } = yield* callOnce(
        walk,
        (sent, index) => index === 1 ? json({ message: "no" }, { status: 403 }) : pages(3)(sent),
      )
      expect(seen).toEqual([ApiKeyId("0a"), ApiKeyId("0b")])
      expect(result).toMatchObject(Either.left({ _tag: "Forbidden" }))
    }))

  it.effect("can be run again, from the beginning", () =>
    Effect.gen(function* () {
      const walk = idsOf()
      const { result, sent } = yield* callOnce(Effect.all([walk, walk]), pages(2))
      expect(result).toEqual(Either.right([["0a", "0b", "1a", "1b"], ["0a", "0b", "1a", "1b"]]))
      expect(sent.length).toBe(4)
    }))

  it.effect("page by page, yields the tokens of the next and the previous page", () =>
    Effect.gen(function* () {
      const { result } = yield* callOnce(Stream.runCollect(listApiKeyPages()), pages(3))
      const next = [...Either.getOrThrow(result)].map((page) => Option.getOrNull(page.nextPage))
      expect(next).toEqual(["1", "2", null])
    }))
})

describe("laziness", () => {
  it.effect("nothing is sent before the stream is run", () =>
    Effect.gen(function* () {
      const { sent } = yield* callOnce(Effect.sync(() => listApiKeys({ prefetch: 9 })), pages(9))
      expect(sent).toEqual([])
    }))

  it.effect.each([1, 2])(
    "Stream.take(%i) of pages of two sends one request",
    (count) =>
      Effect.gen(function* () {
        const taken = Stream.runCount(Stream.take(listApiKeys(), count))
        const { result, sent } = yield* callOnce(taken, pages(1000))
        expect(result).toEqual(Either.right(count))
        expect(sent.length).toBe(1)
      }),
  )

  it.effect("Stream.take(3) of pages of two sends two", () =>
    Effect.gen(function* () {
      const { sent } = yield* callOnce(
        Stream.runDrain(Stream.take(listApiKeys(), 3)),
        pages(1000),
      )
      expect(sent.length).toBe(2)
    }))
})

describe("prefetch", () => {
  /** Walks with a consumer that takes `n` pages, and then holds on to the next one. */
  const requestsWhileHolding = (options: ListApiKeysOptions, nth: number) =>
    Effect.gen(function* () {
      const answer = pages(1000)
      const { layer, sent } = recordingClient((one) =>
        Effect.delay(Effect.sync(() => answer(one)), 10)
      )
      const held = yield* Deferred.make<void>()
      let count = 0
      const walk = Stream.runForEach(
        listApiKeyPages(options),
        () =>
          ++count === nth
            ? Effect.zipRight(Deferred.succeed(held, void 0), Effect.never)
            : Effect.void,
      )
      const fiber = yield* Effect.fork(Effect.provide(walk, Layer.merge(layer, anyone)))
      // Enough time for far more pages than may be fetched.
      yield* TestClock.adjust("1 hour")
      yield* Deferred.await(held)
      yield* Fiber.interrupt(fiber)
      return sent.length
    })

  const rows = [0, 1, 2, 5].flatMap((prefetch) => [1, 2, 7].map((nth) => ({ prefetch, nth })))

  it.effect.each(rows)(
    "$prefetch, while page $nth is worked on",
    ({ nth, prefetch }) =>
      Effect.gen(function* () {
        expect(yield* requestsWhileHolding({ prefetch }, nth)).toBe(nth + prefetch)
      }),
  )

  it.effect.each([0, 1, 3])(
    "%i yields the same keys in the same order",
    (prefetch) =>
      Effect.gen(function* () {
        const plain = yield* callOnce(idsOf(), pages(20))
        const ahead = yield* callOnce(idsOf({ prefetch }), pages(20))
        expect(ahead.result).toEqual(plain.result)
        expect(ahead.sent.length).toBe(20)
      }),
  )
})

describe("interruption", () => {
  const mid: ReadonlyArray<ListApiKeysOptions> = [{}, { prefetch: 2 }]

  it.effect.each(mid)(
    "mid-walk aborts the request in flight: %j",
    (options) =>
      Effect.gen(function* () {
        const inFlight = yield* Queue.unbounded<number>()
        const answer = pages(1000)
        const { layer, sent } = recordingClient((one, index) =>
          index === 3 ? Effect.zipRight(Queue.offer(inFlight, index), Effect.never) : answer(one)
        )
        const walk = Stream.runDrain(listApiKeys(options))
        const fiber = yield* Effect.fork(Effect.provide(walk, Layer.merge(layer, anyone)))
        yield* Queue.take(inFlight)
        expect(sent[3]?.signal.aborted).toBe(false)
        yield* Fiber.interrupt(fiber)
        expect(sent[3]?.signal.aborted).toBe(true)
        expect(sent.length).toBe(4)
      }),
  )
})
