/**
 * Answer to model or failure.
 *
 * @module
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import {
  type Answer,
  type CallState,
  describeMismatch,
  failedStatus,
  mismatched,
} from "./failure.ts"
import { holdsSecret } from "./redact.ts"
import type { Call } from "./request.ts"
import type { FailedAttempt } from "./RetryPolicy.ts"

const MaxResponseBytesReference: Context.ReferenceClass<
  MaxResponseBytes,
  "@effect-crdb/MaxResponseBytes",
  number
> = Context.Reference<MaxResponseBytes>()("@effect-crdb/MaxResponseBytes", {
  defaultValue: () => 8 * 1024 * 1024,
})

/**
 * The most bytes that are read of one answer, 8 MiB by default. Of a longer one nothing is used: a
 * success becomes `UnexpectedResponse`, and any other status keeps its tag.
 *
 * @example
 * ```ts
 * import { listApiKeysPage, MaxResponseBytes } from "@effect-crdb/api-keys"
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.provideService(listApiKeysPage(), MaxResponseBytes, 64 * 1024)
 * ```
 */
export class MaxResponseBytes extends MaxResponseBytesReference {}

/** Decides what an answer whose body was read means. */
export const interpret = <A>(
  state: CallState,
  answer: Answer,
  { decode, forUrls = () => [] }: Call<A>,
  token: string,
  now: number,
): Either.Either<A, FailedAttempt> => {
  const { body, headers, status } = answer
  if (status < 200 || status > 299) return Either.left(failedStatus(state, answer, token, now))
  const unexpected = (what: string) => Either.left(mismatched(state, status, what))
  if (!isJson(headers["content-type"])) return unexpected("its Content-Type is not JSON")
  if (body === "") return unexpected("its body is empty")
  const json = parseJson(body)
  if (Either.isLeft(json)) return unexpected("its body is not JSON")
  const decoded = decode(json.right)
  if (Either.isLeft(decoded)) return unexpected(describeMismatch(decoded.left))
  return forUrls(decoded.right).some((text) => holdsSecret(text, token))
    ? unexpected("a page token in its body holds a secret")
    : Either.right(decoded.right)
}

// An absent type is no ground to throw away an answer whose secret is shown only once.
const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^\s*[\w.-]+\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType)

const parseJson = (body: string): Either.Either<unknown, unknown> =>
  Either.try(() => JSON.parse(body))

/** Reads a body of at most `maxBytes`; a longer one is cut off, thrown away, and None. */
export const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
): Effect.Effect<Option.Option<string>, HttpClientError.ResponseError> => {
  // With a length and no compression the HTTP client itself stops reading where it should.
  const { headers } = response
  const length = headers["content-length"]
  if (
    length !== undefined && /^\d+$/.test(length) && Number(length) <= maxBytes &&
    headers["content-encoding"] === undefined &&
    // Where a server sends both, Deno and Bun believe the chunks.
    headers["transfer-encoding"] === undefined
  ) {
    return Effect.map(response.text, Option.some)
  }
  return Effect.scoped(Effect.flatMap(Stream.toPull(response.stream), (pull) => {
    const decoder = new TextDecoder()
    let read = 0
    let text = ""
    const readOn: Effect.Effect<
      Option.Option<string>,
      Option.Option<HttpClientError.ResponseError>
    > = Effect.flatMap(pull, (chunks) => {
      for (const chunk of chunks) {
        read += chunk.length
        if (read > maxBytes) return Effect.succeedNone
        text += decoder.decode(chunk, { stream: true })
      }
      return readOn
    })
    return Effect.catchAll(
      readOn,
      Option.match({
        onNone: () => Effect.succeedSome(text + decoder.decode()),
        onSome: (error) =>
          error.reason === "EmptyBody" ? Effect.succeedSome("") : Effect.fail(error),
      }),
    )
  }))
}
