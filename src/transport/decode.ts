/**
 * JSON to model: checked by hand, which is fast, and explained by the Schema where it does not fit.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import { isRecord } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Model from "../ApiKey.ts"

/** Where a body is not what the API promises. It never holds what stood there. */
export interface Mismatch {
  /** As in `api_keys[3].created_at`; empty for the body as a whole. */
  readonly path: string
  readonly expected: string
  /** The kind of what was there, such as `a number`, or `nothing`. */
  readonly actual: string
}

/** A body to a model. */
export type Decode<A> = (body: unknown) => Either.Either<A, Mismatch>

/** Decodes one key. */
export const decodeApiKey: Decode<Model.ApiKey> = (body) =>
  orExplain(apiKey(body), Model.ApiKey, body)

/** Decodes the answer to a create. */
export const decodeCreatedApiKey: Decode<Model.CreatedApiKey> = (body) =>
  orExplain(createdApiKey(body), Model.CreatedApiKey, body)

/** Decodes a page of a list. */
export const decodeApiKeyPage: Decode<Model.ApiKeyPage> = (body) =>
  orExplain(apiKeyPage(body), Model.ApiKeyPage, body)

const apiKey = (body: unknown): Model.ApiKey | undefined => {
  if (!isRecord(body)) return undefined
  const { created_at, id, name, service_account_id } = body
  if (
    typeof id !== "string" || typeof name !== "string" ||
    typeof service_account_id !== "string" || typeof created_at !== "string" ||
    !Model.rfc3339.test(created_at)
  ) {
    return undefined
  }
  const millis = Date.parse(created_at)
  if (Number.isNaN(millis)) return undefined
  return {
    id: Model.ApiKeyId(id),
    name,
    serviceAccountId: Model.ServiceAccountId(service_account_id),
    createdAt: DateTime.unsafeMake(millis),
  }
}

const createdApiKey = (body: unknown): Model.CreatedApiKey | undefined => {
  if (!isRecord(body) || typeof body["secret"] !== "string") return undefined
  const key = apiKey(body["api_key"])
  return key && { apiKey: key, secret: Redacted.make(body["secret"]) }
}

const apiKeyPage = (body: unknown): Model.ApiKeyPage | undefined => {
  if (!isRecord(body) || !Array.isArray(body["api_keys"])) return undefined
  const apiKeys: Array<Model.ApiKey> = []
  for (const item of body["api_keys"]) {
    const key = apiKey(item)
    if (key === undefined) return undefined
    apiKeys.push(key)
  }
  const { pagination = {} } = body
  if (!isRecord(pagination)) return undefined
  const { next_page, previous_page } = pagination
  if (!isStringOrUndefined(next_page) || !isStringOrUndefined(previous_page)) return undefined
  return {
    apiKeys,
    nextPage: Model.pageToken(next_page),
    previousPage: Model.pageToken(previous_page),
  }
}

const isStringOrUndefined = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === "string"

const orExplain = <A, I>(
  decoded: A | undefined,
  schema: Schema.Schema<A, I>,
  body: unknown,
): Either.Either<A, Mismatch> =>
  decoded === undefined
    ? Either.mapLeft(
      ParseResult.decodeUnknownEither(schema)(body),
      (error) => explain(error, []),
    )
    : Either.right(decoded)

const explain = (issue: ParseResult.ParseIssue, path: ReadonlyArray<PropertyKey>): Mismatch => {
  switch (issue._tag) {
    case "Pointer":
      return explain(issue.issue, path.concat(issue.path))
    case "Composite":
      return explain("_tag" in issue.issues ? issue.issues : issue.issues[0], path)
    case "Refinement":
      return issue.kind === "From"
        ? explain(issue.issue, path)
        : mismatch(path, String(issue.ast), kindOf(issue.actual))
    case "Transformation":
      return explain(issue.issue, path)
    case "Missing":
      return mismatch(path, describe(issue.ast.type), "nothing")
    case "Type":
    case "Forbidden":
      return mismatch(path, describe(issue.ast), kindOf(issue.actual))
    case "Unexpected":
      return mismatch(path, "nothing", kindOf(issue.actual))
  }
}

const mismatch = (
  path: ReadonlyArray<PropertyKey>,
  expected: string,
  actual: string,
): Mismatch => ({
  path: path.reduce<string>(
    (text, key) => typeof key === "number" ? `${text}[${key}]` : `${text}.${String(key)}`,
    "",
  ).replace(/^\./, ""),
  expected,
  actual,
})

const describe = (ast: SchemaAST.AST): string => {
  const expected = SchemaAST.encodedAST(ast)
  switch (expected._tag) {
    case "TypeLiteral":
      return "an object"
    case "TupleType":
      return "an array"
    case "StringKeyword":
      return "a string"
    default:
      return String(expected)
  }
}

const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : value === undefined
    ? "nothing"
    : Array.isArray(value)
    ? "an array"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`
