/**
 * The opaque tokens of keyset pagination. A token says where a page begins, and fits one query.
 *
 * @module
 */
import * as Encoding from "effect/Encoding"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SortOrder } from "./definition.ts"
import type { Identifiers } from "./Identifiers.ts"
import type { Microseconds } from "./microseconds.ts"

/** A key's place in the order of (created_at, id). */
export interface Position {
  readonly createdAt: Microseconds
  readonly id: string
}

/** Where a page begins. */
export type Cursor =
  | { readonly _tag: "Start" }
  /** The keys that follow a position, in the order of the walk. */
  | { readonly _tag: "After"; readonly position: Position }
  /** The keys that precede a position, in the order of the walk. */
  | { readonly _tag: "Before"; readonly position: Position }

/** The query that a token is bound to. With another query the token is refused. */
export interface BoundQuery {
  readonly serviceAccountId: string | undefined
  readonly asOfTime: Microseconds | undefined
  readonly sortOrder: SortOrder
}

const boundTo = (query: BoundQuery): string =>
  JSON.stringify([query.serviceAccountId ?? null, query.asOfTime ?? null, query.sortOrder])

/** Writes a token. Its seal proves which query it is for, and that this organization made it. */
export const encode = (identifiers: Identifiers, query: BoundQuery, cursor: Cursor): string => {
  const text = JSON.stringify(
    cursor._tag === "Start"
      ? [cursor._tag]
      : [cursor._tag, cursor.position.createdAt, cursor.position.id],
  )
  return Encoding.encodeBase64Url(`${identifiers.seal(text + boundTo(query))}${text}`)
}

const sealLength = 8

const Parts = Schema.parseJson(Schema.Union(
  Schema.Tuple(Schema.Literal("Start")),
  Schema.Tuple(Schema.Literal("After", "Before"), Schema.Int, Schema.String),
))

const decodeParts = Schema.decodeUnknownOption(Parts)

/** Reads a token. Gives none if it is for another query or if this organization did not make it. */
export const decode = (
  identifiers: Identifiers,
  query: BoundQuery,
  token: string,
): Option.Option<Cursor> =>
  Option.gen(function* () {
    const sealed = yield* Either.getRight(Encoding.decodeBase64UrlString(token))
    const text = sealed.slice(sealLength)
    if (sealed.slice(0, sealLength) !== identifiers.seal(text + boundTo(query))) {
      return yield* Option.none()
    }
    const parts = yield* decodeParts(text)
    return parts[0] === "Start"
      ? { _tag: parts[0] }
      : { _tag: parts[0], position: { createdAt: parts[1], id: parts[2] } }
  })
