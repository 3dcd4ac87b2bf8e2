/**
 * What each operation takes: the parameters and bodies, and what they must be. Methods and paths are
 * those of `operation.ts`.
 *
 * @module
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Microseconds from "./microseconds.ts"

/** In which order a list is walked. */
export type SortOrder = "ASC" | "DESC"

/** What a list may be asked for. */
export interface ListQuery {
  readonly service_account_id?: string | undefined
  readonly "pagination.page"?: string | undefined
  /** No query holds more than text: the number is read from it. */
  readonly "pagination.limit"?: string | undefined
  readonly "pagination.as_of_time"?: string | undefined
  readonly "pagination.sort_order"?: SortOrder | undefined
}

/** The body of a create. */
export interface CreateBody {
  readonly name: string
  readonly service_account_id: string
}

/** The body of an update. */
export interface UpdateBody {
  readonly name?: string | undefined
}

/** The neighbours of a page of a list. */
export interface PaginationAnswer {
  readonly next_page?: string | undefined
  readonly previous_page?: string | undefined
}

const Text = Schema.String.pipe(Schema.annotations({ title: "a string" }))

const Name = Schema.String.pipe(
  Schema.filter((text) => text !== "", { description: "a string that is not empty" }),
)

/** What the id of a service account looks like, in upper or lower case. */
export const uuid: RegExp = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const Uuid = Schema.String.pipe(
  Schema.filter((text) => uuid.test(text), { description: "a UUID" }),
)

const Timestamp = Schema.String.pipe(
  Schema.filter((text) => Option.isSome(Microseconds.parse(text)), {
    description: "an RFC 3339 date-time",
  }),
)

const Limit = Schema.String.pipe(
  Schema.filter((text) => /^[1-9]\d*$/.test(text) && Number(text) <= 2_147_483_647, {
    description: "a positive int32",
  }),
)

const anObject = { description: "an object" }

/** What a {@link CreateBody} must be. */
export const CreateBody: Schema.Schema<CreateBody> = Schema.Struct({
  name: Name,
  service_account_id: Uuid,
}).pipe(Schema.annotations(anObject))

/** What an {@link UpdateBody} must be. */
export const UpdateBody: Schema.Schema<UpdateBody> = Schema.Struct({
  name: Schema.optional(Name),
}).pipe(Schema.annotations(anObject))

/** What a {@link ListQuery} must be. */
export const ListQuery: Schema.Schema<ListQuery> = Schema.Struct({
  service_account_id: Schema.optional(Text),
  "pagination.page": Schema.optional(Text),
  "pagination.limit": Schema.optional(Limit),
  "pagination.as_of_time": Schema.optional(Timestamp),
  "pagination.sort_order": Schema.optional(Schema.Literal("ASC", "DESC")),
})
