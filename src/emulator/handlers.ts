/**
 * What each operation does to the organization, and what it answers.
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Operation } from "../operation.ts"
import * as Definition from "./definition.ts"
import type { Fault } from "./FaultPlan.ts"
import type { Identifiers } from "./Identifiers.ts"
import * as Microseconds from "./microseconds.ts"
import type { EmulatorOptions } from "./Options.ts"
import type { Organization, StoredKey } from "./Organization.ts"
import * as PageToken from "./PageToken.ts"
import * as Reply from "./Reply.ts"
import * as RequestParts from "./requestParts.ts"

/** A request that has passed the checks of its token, the rate limit and its role. */
export interface AdmittedRequest {
  readonly path: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly by: string
  readonly now: Microseconds.Microseconds
  readonly fault: Fault | undefined
}

/** Carries out an operation. */
export type Handler = (request: AdmittedRequest) => Reply.Reply

/** A key as an answer shows it. */
export interface KeyAnswer {
  readonly id: string
  readonly name: string
  readonly service_account_id: string
  readonly created_at: string
}

const encode = (key: StoredKey): KeyAnswer => ({
  id: key.id,
  name: key.name,
  service_account_id: key.serviceAccountId,
  created_at: key.createdAtText,
})

// The path of every operation on one key has an id, so the default is never used.
const idIn = ({ id = "" }: Readonly<Record<string, string>>): string => id

const notFound = (what: string) => () => Reply.failure(404, `${what} not found`)

// CockroachDB's own words when it reads data that its garbage collection may have removed.
const tooLongAgo = (asked: Microseconds.Microseconds, known: Microseconds.Microseconds) =>
  Reply.failure(
    400,
    `batch timestamp ${Microseconds.format(asked)} must be after replica GC threshold ` +
      Microseconds.format(known),
  )

const replyWith = <A>(
  result: Either.Either<A, Reply.Reply>,
  body: (value: A) => unknown,
): Reply.Reply => Either.merge(Either.map(result, (value) => Reply.json(body(value))))

/** Makes the handlers of all operations. `began` is the instant at which the organization began. */
export const make = (
  organization: Organization,
  identifiers: Identifiers,
  options: EmulatorOptions,
  began: Microseconds.Microseconds,
): Readonly<Record<Operation, Handler>> => {
  const listQuery = RequestParts.query(Definition.ListQuery)
  const createBody = RequestParts.jsonBody(Definition.CreateBody)
  const updateBody = RequestParts.jsonBody(Definition.UpdateBody)
  const shownAt = lagging(options.listLag ?? 0, began)

  return {
    createApiKey: ({ body, by, headers, now }) =>
      replyWith(
        Either.gen(function* () {
          const { name, service_account_id } = yield* createBody(headers, body)
          const { id } = yield* Either.fromOption(
            organization.serviceAccount(service_account_id),
            notFound("service account"),
          )
          return organization.create({ name, serviceAccountId: id, now, by: Option.some(by) })
        }),
        (key) => ({ api_key: encode(key), secret: identifiers.secretOf(key.id) }),
      ),

    getApiKey: ({ path }) =>
      replyWith(
        Either.fromOption(organization.find(idIn(path)), notFound("API key")),
        encode,
      ),

    updateApiKey: ({ body, by, headers, now, path }) =>
      replyWith(
        Either.gen(function* () {
          const id = idIn(path)
          const { name } = yield* updateBody(headers, body)
          return yield* Either.fromOption(
            name === undefined ? organization.find(id) : organization.rename(id, name, now, by),
            notFound("API key"),
          )
        }),
        encode,
      ),

    deleteApiKey: ({ by, now, path }) =>
      replyWith(
        Either.fromOption(organization.delete(idIn(path), now, by), notFound("API key")),
        encode,
      ),

    listApiKeys: ({ fault, now, query }) =>
      replyWith(
        Either.gen(function* () {
          const asked = yield* listQuery(query)
          const bound: PageToken.BoundQuery = {
            // A token fits its account's id in upper and in lower case.
            serviceAccountId: asked.service_account_id?.toLowerCase(),
            asOfTime: Option.getOrUndefined(
              Option.flatMap(
                Option.fromNullable(asked["pagination.as_of_time"]),
                Microseconds.parse,
              ),
            ),
            sortOrder: asked["pagination.sort_order"] ?? "ASC",
          }
          const cursor = yield* cursorOf(identifiers, bound, asked["pagination.page"])
          const limit = yield* pageSize(asked["pagination.limit"], options)
          if (
            options.unknownServiceAccountFilter === "not-found" &&
            bound.serviceAccountId !== undefined &&
            Option.isNone(organization.serviceAccount(bound.serviceAccountId))
          ) {
            return yield* Either.left(notFound("service account")())
          }
          const known = organization.historyFrom(now)
          if (bound.asOfTime !== undefined && bound.asOfTime < known) {
            return yield* Either.left(tooLongAgo(bound.asOfTime, known))
          }
          const token = (cursor: PageToken.Cursor) => PageToken.encode(identifiers, bound, cursor)
          if (fault?._tag === "EmptyPage") {
            return { api_keys: [], pagination: { next_page: token(cursor) } }
          }
          const page = organization.list(
            { ...bound, asOfTime: bound.asOfTime ?? shownAt(now) },
            cursor,
            limit,
          )
          return {
            api_keys: page.items.map(encode),
            pagination: pagination(
              options.lastPage ?? "omit-next-page",
              Option.map(
                Option.fromNullable(fault?._tag === "RepeatPageToken" ? cursor : page.next),
                token,
              ),
              Option.map(Option.fromNullable(page.previous), token),
            ),
          }
        }),
        (answer) => answer,
      ),
  }
}

/** The instant that a list without an `as_of_time` shows; undefined for the present. */
const lagging = (
  lag: Duration.DurationInput,
  began: Microseconds.Microseconds,
): (now: Microseconds.Microseconds) => Microseconds.Microseconds | undefined => {
  const micros = Duration.toMillis(lag) * 1000
  if (micros === 0) return () => undefined
  // The first change may happen at the very instant at which the organization began.
  return (now) => Math.max(now - micros, began - 1)
}

const cursorOf = (
  identifiers: Identifiers,
  bound: PageToken.BoundQuery,
  token: string | undefined,
): Either.Either<PageToken.Cursor, Reply.Reply> =>
  token === undefined || token === "" ? Either.right({ _tag: "Start" }) : Either.fromOption(
    PageToken.decode(identifiers, bound, token),
    () => Reply.failure(400, "pagination.page: is not a token of this query"),
  )

const pageSize = (
  asked: string | undefined,
  { defaultPageSize = 100, maxPageSize = 500, overMaxPageSize = "clamp" }: EmulatorOptions,
): Either.Either<number, Reply.Reply> => {
  const size = Number(asked ?? defaultPageSize)
  return asked !== undefined && size > maxPageSize && overMaxPageSize === "refuse"
    ? Either.left(Reply.failure(400, `pagination.limit: must be at most ${maxPageSize}`))
    : Either.right(Math.min(size, maxPageSize))
}

const pagination = (
  lastPage: "omit-pagination" | "omit-next-page" | "empty-next-page",
  next: Option.Option<string>,
  previous: Option.Option<string>,
): Definition.PaginationAnswer | undefined => {
  if (Option.isNone(next) && lastPage === "omit-pagination") return undefined
  return {
    next_page: Option.getOrElse(next, () => lastPage === "empty-next-page" ? "" : undefined),
    previous_page: Option.getOrUndefined(previous),
  }
}
