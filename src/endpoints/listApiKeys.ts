/**
 * List keys: one page, page by page, or key by key.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ApiKey, ApiKeyPage } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import * as Operation from "../operation.ts"
import { decodeApiKeyPage } from "../transport/decode.ts"
import { execute } from "../transport/execute.ts"
import { mismatched } from "../transport/failure.ts"
import { type Call, checkNonEmpty, type Refusal, refuse } from "../transport/request.ts"

/** The errors of the lists. The API's description has every one of these statuses. */
export type ListApiKeysError = ApiKeyError

/** Options of {@link listApiKeysPage}: which list, and which of its pages. */
export interface ListApiKeysPageOptions {
  /** Only the keys of this service account. */
  readonly serviceAccountId?: string | undefined
  /**
   * Keys per page, from 1 to 2,147,483,647. The API does not document its default and its maximum.
   */
  readonly pageSize?: number | undefined
  /** Sorts by `createdAt`. The API's default is `"ASC"`, oldest first. */
  readonly sortOrder?: "ASC" | "DESC" | undefined
  /** Lists the keys as they were at this time. */
  readonly asOfTime?: DateTime.Utc | Date | undefined
  /** An opaque token from an earlier page. By default the list starts at its first page. */
  readonly startPage?: string | undefined
}

/** Options of {@link listApiKeyPages} and {@link listApiKeys}: which list, and how to walk it. */
export interface ListApiKeysOptions extends ListApiKeysPageOptions {
  /**
   * How many pages to fetch ahead of a slow consumer. By default 0: each page is fetched when you
   * ask for it.
   */
  readonly prefetch?: number | undefined
}

/**
 * Gets one page of keys, sorted by `createdAt`, and the tokens of the pages next to it.
 *
 * Needs the role ORG_ADMIN or CLUSTER_ADMIN. Sent again after the rate limit, 500, 502, 503, 504,
 * lost connections and timeouts.
 *
 * @example
 * ```ts
 * import { listApiKeysPage } from "@effect-crdb/api-keys"
 *
 * const newest = listApiKeysPage({ pageSize: 10, sortOrder: "DESC" })
 * ```
 */
export const listApiKeysPage = (
  options: ListApiKeysPageOptions = {},
): Effect.Effect<ApiKeyPage, ListApiKeysError, HttpClient | Credentials> =>
  execute(Operation.listApiKeys, toCall(options))

/**
 * Walks a list page by page, lazily. To checkpoint a long walk, keep a page's `nextPage`. Pass it
 * as `startPage` to go on from there.
 *
 * A repeated page token ends the walk with `UnexpectedResponse`, after the page that holds it. If a
 * server leads the walk back to its first page, that page comes twice before the walk can tell.
 * Otherwise like {@link listApiKeysPage}.
 *
 * @example
 * ```ts
 * import { listApiKeyPages } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const walk = listApiKeyPages({ pageSize: 500, prefetch: 2 }).pipe(
 *   Stream.runForEach((page) => Effect.log(page.apiKeys.length, page.nextPage)),
 * )
 * ```
 */
export const listApiKeyPages = (
  options: ListApiKeysOptions = {},
): Stream.Stream<ApiKeyPage, ListApiKeysError, HttpClient | Credentials> => {
  const prefetch = options.prefetch ?? 0
  if (!Number.isSafeInteger(prefetch) || prefetch < 0) {
    return Stream.fromEffect(
      execute(
        Operation.listApiKeys,
        refuse("prefetch", "must be a whole number of pages, 0 or more"),
      ),
    )
  }
  return prefetch === 0 ? walk(options, Effect.void) : Stream.unwrap(
    Effect.map(Effect.makeSemaphore(prefetch), (ahead) =>
      // If the stream ends early, this wait must end too, even in an uninterruptible region like a
      // finalizer.
      walk(options, Effect.interruptible(ahead.take(1))).pipe(
        Stream.buffer({ capacity: "unbounded" }),
        Stream.tap(() => ahead.release(1)),
      )),
  )
}

/**
 * Walks a list key by key, lazily: without `prefetch`, `Stream.take(1)` costs one request.
 *
 * The API lists each key once, in order. Otherwise like {@link listApiKeyPages}.
 *
 * @example
 * ```ts
 * import { listApiKeys } from "@effect-crdb/api-keys"
 * import * as DateTime from "effect/DateTime"
 * import * as Stream from "effect/Stream"
 *
 * const before2025 = listApiKeys({ pageSize: 500 }).pipe(
 *   Stream.takeWhile(({ createdAt }) => DateTime.toEpochMillis(createdAt) < Date.UTC(2025, 0)),
 *   Stream.runCount,
 * )
 * ```
 */
export const listApiKeys = (
  options: ListApiKeysOptions = {},
): Stream.Stream<ApiKey, ListApiKeysError, HttpClient | Credentials> =>
  Stream.mapConcat(listApiKeyPages(options), (page) => page.apiKeys)

const walk = (
  options: ListApiKeysPageOptions,
  beforeEach: Effect.Effect<unknown>,
): Stream.Stream<ApiKeyPage, ListApiKeysError, HttpClient | Credentials> =>
  Stream.suspend(() => {
    const seen = new Set<string | undefined>()
    return Stream.paginateEffect(Option.fromNullable(options.startPage), (token) => {
      const startPage = Option.getOrUndefined(token)
      if (seen.has(startPage)) return Effect.fail(repeatedToken())
      seen.add(startPage)
      return beforeEach.pipe(
        Effect.zipRight(listApiKeysPage({ ...options, startPage })),
        Effect.map((page) => [page, Option.map(page.nextPage, Option.some)] as const),
      )
    })
  })

const repeatedToken = (): ListApiKeysError =>
  mismatched(
    { operation: Operation.listApiKeys, attempts: 1, mayHaveApplied: false },
    200,
    "its next page is one that this walk has seen: it would never end",
  ).error

const toCall = (options: ListApiKeysPageOptions): Either.Either<Call<ApiKeyPage>, Refusal> =>
  Either.map(
    Either.all({
      service_account_id: absentOr(
        options.serviceAccountId,
        (id) => checkNonEmpty("serviceAccountId", id),
      ),
      "pagination.page": absentOr(
        options.startPage,
        (token) => checkNonEmpty("startPage", token),
      ),
      "pagination.limit": absentOr(options.pageSize, checkPageSize),
      "pagination.as_of_time": absentOr(options.asOfTime, checkAsOfTime),
      "pagination.sort_order": absentOr(options.sortOrder, checkSortOrder),
    }),
    (query) => ({
      query,
      decode: decodeApiKeyPage,
      forUrls: ({ nextPage, previousPage }) => Arr.getSomes([nextPage, previousPage]),
    }),
  )

const absentOr = <A>(
  value: A | undefined,
  check: (value: A) => Either.Either<string, Refusal>,
): Either.Either<string | undefined, Refusal> =>
  value === undefined ? Either.right(undefined) : check(value)

const checkPageSize = (pageSize: number): Either.Either<string, Refusal> =>
  Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 0x7fffffff
    ? Either.right(String(pageSize))
    : refuse("pageSize", "must be a whole number from 1 to 2147483647")

const checkSortOrder = (sortOrder: string): Either.Either<string, Refusal> =>
  sortOrder === "ASC" || sortOrder === "DESC"
    ? Either.right(sortOrder)
    : refuse("sortOrder", "must be ASC or DESC")

const checkAsOfTime = (time: DateTime.Utc | Date): Either.Either<string, Refusal> => {
  const date = DateTime.isDateTime(time) ? DateTime.toDateUtc(time) : time
  const year = date instanceof Date ? date.getUTCFullYear() : NaN
  return year >= 0 && year <= 9999
    ? Either.right(date.toISOString())
    : refuse("asOfTime", "must be a valid date in the years 0 to 9999")
}
