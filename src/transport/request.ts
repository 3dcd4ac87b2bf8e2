/**
 * Turns input into a request, or refuses it before anything is sent.
 *
 * @module
 */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import {
  type CredentialsService,
  isHeaderText,
  isLimit,
  notHeaderText,
  parseBaseUrl,
} from "../Credentials.ts"
import { apiVersion, type OperationFacts } from "../operation.ts"
import { version } from "../version.ts"
import type { Decode } from "./decode.ts"
import { holdsSecret } from "./redact.ts"

/** One call, as its endpoint describes it. */
export interface Call<A> {
  /** Takes the place of `{id}` in the operation's path, encoded as one path segment. */
  readonly id?: string
  /** Query parameters. Undefined ones are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: HttpBody.HttpBody
  readonly decode: Decode<A>
  /** The strings of an answer that will go into a URL. No secret may be in them. */
  readonly forUrls?: (model: A) => ReadonlyArray<string>
}

/** A call of an operation. It has an id if the operation's path has `{id}`. */
export type CallOf<Path extends string, A> =
  & Call<A>
  & (Path extends `${string}{id}${string}` ? { readonly id: string } : unknown)

/** An input that cannot be right. It never holds the input's value. */
export interface Refusal {
  readonly field: string
  /** What is wrong and what to do, in words that follow the field's name. */
  readonly reason: string
}

/** Refuses an input, and names its field. */
export const refuse = (field: string, reason: string): Either.Either<never, Refusal> =>
  Either.left({ field, reason })

const secretStart = /^CCDB1_[^_]*_./

/** Accepts an id that fits into one path segment. */
export const checkId = (id: unknown): Either.Either<string, Refusal> => {
  if (typeof id !== "string") return refuse("id", "must be a string")
  if (id === "") return refuse("id", "is empty: an empty id would address the whole list")
  if (id === "." || id === "..") return refuse("id", "must not be a dot segment of a path")
  if (secretStart.test(id)) {
    return refuse("id", "is a secret, not an id: the id is its part before the second underscore")
  }
  return /\p{Surrogate}/u.test(id)
    ? refuse("id", "holds half of a surrogate pair, which no URL can carry")
    : Either.right(id)
}

/** Accepts any string that is not empty. */
export const checkNonEmpty = (
  field: string,
  value: unknown,
): Either.Either<string, Refusal> =>
  typeof value === "string" && value !== ""
    ? Either.right(value)
    : refuse(field, "must be a string that is not empty")

const userAgent = `effect-crdb-api-keys/${version} (@effect-crdb/api-keys)`

/** Builds the request, or refuses credentials and input that must not be sent. */
export const makeRequest = <A>(
  { method, path }: OperationFacts,
  call: Call<A>,
  credentials: CredentialsService,
  token: string,
): Either.Either<HttpClientRequest.HttpClientRequest, Refusal> => {
  if (!isHeaderText(token)) return refuse("token", notHeaderText)
  if (credentials.limit !== undefined && !isLimit(credentials.limit)) {
    return refuse("limit", "must be a number of requests a second above 0")
  }
  const shown = [
    ["id", call.id],
    ["serviceAccountId", call.query?.["service_account_id"]],
    ["startPage", call.query?.["pagination.page"]],
    ["vanityName", Option.getOrUndefined(credentials.vanityName)],
    ["username", Option.getOrUndefined(credentials.username)],
  ] as const
  for (const [field, value] of shown) {
    if (value !== undefined && holdsSecret(value, token)) {
      return refuse(field, "holds a secret, which URLs and logs would show")
    }
  }
  const headers: Record<string, string> = {
    accept: "application/json",
    authorization: bearer(token),
    "cc-version": apiVersion,
    "user-agent": userAgent,
  }
  for (
    const [field, name] of [["vanityName", "cc-vanity-name"], ["username", "cc-username"]] as const
  ) {
    const value = credentials[field]
    if (Option.isNone(value)) continue
    if (!isHeaderText(value.value)) return refuse(field, notHeaderText)
    headers[name] = value.value
  }
  const pathname = path.replace("{id}", () => encodeURIComponent(call.id ?? ""))
  return Either.match(parseBaseUrl(credentials.baseUrl), {
    onLeft: (reason) => refuse("baseUrl", reason),
    onRight: (baseUrl) =>
      Either.right(
        HttpClientRequest.make(method)(baseUrl + pathname, {
          headers,
          urlParams: call.query,
          body: call.body,
        }),
      ),
  })
}

/** Replaces the token of a request. */
export const withToken = (
  request: HttpClientRequest.HttpClientRequest,
  token: string,
): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.setHeader(request, "authorization", bearer(token))

/**
 * Whether a request belongs to the call: it has this module's user agent, or one of the tokens. A
 * client that follows a redirect to another origin may leave the token out.
 */
export const isOwnRequest = (
  { headers }: HttpClientRequest.HttpClientRequest,
  tokens: ReadonlyArray<string>,
): boolean =>
  headers["user-agent"] === userAgent ||
  tokens.some((token) => headers["authorization"] === bearer(token))

const bearer = (token: string): string => `Bearer ${token}`
