/**
 * The query and the bodies that the operations take, and their schemas. Methods and paths are in
 * `operation.ts`.
 *
 * @module
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Microseconds from "./microseconds.ts"

/** The order of a list. */
export type SortOrder = "ASC" | "DESC"

/** The query of a list. */
export interface ListQuery {
  readonly service_account_id?: string | undefined
  readonly "pagination.page"?: string | undefined
  /** A number as text, because a query holds nothing else. */
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

/** The tokens of the pages before and after a page of a list. */
export interface PaginationAnswer {
  readonly next_page?: string | undefined
  readonly previous_page?: string | undefined
}

const Text = Schema.String.pipe(Schema.annotations({ title: "a string" }))

const Name = Schema.String.pipe(
  Schema.filter((text) => text !== "", { description: "a string that is not empty" }),
)

/** Matches the id of a service account, in upper or lower case. */
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

/** The schema of {@link CreateBody}. */
export const CreateBody: Schema.Schema<CreateBody> = Schema.Struct({
  name: Name,
  service_account_id: Uuid,
}).pipe(Schema.annotations(anObject))

/** The schema of {@link UpdateBody}. */
export const UpdateBody: Schema.Schema<UpdateBody> = Schema.Struct({
  name: Schema.optional(Name),
}).pipe(Schema.annotations(anObject))

/** The schema of {@link ListQuery}. */
export const ListQuery: Schema.Schema<ListQuery> = Schema.Struct({
  service_account_id: Schema.optional(Text),
  "pagination.page": Schema.optional(Text),
  "pagination.limit": Schema.optional(Limit),
  "pagination.as_of_time": Schema.optional(Timestamp),
  "pagination.sort_order": Schema.optional(Schema.Literal("ASC", "DESC")),
})
