/**
 * Turns JSON into models. It checks by hand: the models' Schemas accept the same bodies, but take
 * several times as long.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import { isRecord } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Model from "../ApiKey.ts"
import { ApiKeyId, ServiceAccountId } from "../ApiKeyId.ts"
import { pageToken, parseDateTime } from "../wire.ts"

/** A place where a body is not what the API promises. It never holds the value there. */
export interface Mismatch {
  /** Like `api_keys[3].created_at`; empty for the body as a whole. */
  readonly path: string
  readonly expected: string
  /** The kind of the value there, such as `a number`, or `nothing`. */
  readonly actual: string
}

/** Turns a body into a model. */
export type Decode<A> = (body: unknown) => Either.Either<A, Mismatch>

/** Decodes one key. */
export const decodeApiKey: Decode<Model.ApiKey> = (body) =>
  Either.fromNullable(apiKey(body), () => explainApiKey(body, ""))

/** Decodes the answer to a create. */
export const decodeCreatedApiKey: Decode<Model.CreatedApiKey> = (body) =>
  Either.fromNullable(createdApiKey(body), () => explainCreatedApiKey(body))

/** Decodes a page of a list. */
export const decodeApiKeyPage: Decode<Model.ApiKeyPage> = (body) =>
  Either.fromNullable(apiKeyPage(body), () => explainApiKeyPage(body))

const apiKey = (body: unknown): Model.ApiKey | undefined => {
  if (!isRecord(body)) return undefined
  const { created_at, id, name, service_account_id } = body
  if (
    typeof id !== "string" || typeof name !== "string" ||
    typeof service_account_id !== "string" || typeof created_at !== "string"
  ) {
    return undefined
  }
  const millis = parseDateTime(created_at)
  if (millis === undefined) return undefined
  return {
    id: ApiKeyId(id),
    name,
    serviceAccountId: ServiceAccountId(service_account_id),
    createdAt: DateTime.unsafeFromDate(new Date(millis)),
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
  // protobuf's JSON may write an unset field as null.
  const pagination = body["pagination"] ?? {}
  if (!isRecord(pagination)) return undefined
  const { next_page, previous_page } = pagination
  if (!isStringOrAbsent(next_page) || !isStringOrAbsent(previous_page)) return undefined
  return {
    apiKeys,
    nextPage: pageToken(next_page),
    previousPage: pageToken(previous_page),
  }
}

const isStringOrAbsent = (value: unknown): value is string | null | undefined =>
  value === undefined || value === null || typeof value === "string"

// The functions below run only for a body that does not fit, and find the first place where it does
// not.

const explainApiKey = (body: unknown, at: string): Mismatch => {
  if (!isRecord(body)) return mismatch(at, "an object", body)
  const prefix = at === "" ? "" : `${at}.`
  for (const field of ["id", "name", "service_account_id", "created_at"]) {
    if (typeof body[field] !== "string") return mismatch(prefix + field, "a string", body[field])
  }
  return mismatch(`${prefix}created_at`, "an RFC 3339 date-time", body["created_at"])
}

const explainCreatedApiKey = (body: unknown): Mismatch =>
  !isRecord(body)
    ? mismatch("", "an object", body)
    : apiKey(body["api_key"]) === undefined
    ? explainApiKey(body["api_key"], "api_key")
    : mismatch("secret", "a string", body["secret"])

const explainApiKeyPage = (body: unknown): Mismatch => {
  if (!isRecord(body)) return mismatch("", "an object", body)
  const { api_keys, pagination } = body
  if (!Array.isArray(api_keys)) return mismatch("api_keys", "an array", api_keys)
  const index = api_keys.findIndex((item) => apiKey(item) === undefined)
  if (index >= 0) return explainApiKey(api_keys[index], `api_keys[${index}]`)
  if (!isRecord(pagination)) return mismatch("pagination", "an object", pagination)
  const field = isStringOrAbsent(pagination["next_page"]) ? "previous_page" : "next_page"
  return mismatch(`pagination.${field}`, "a string", pagination[field])
}

const mismatch = (path: string, expected: string, value: unknown): Mismatch => ({
  path,
  expected,
  actual: kindOf(value),
})

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
