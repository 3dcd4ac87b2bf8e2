/**
 * Turns an answer into a model or a failure.
 *
 * @module
 */
import type * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import * as Stream from "effect/Stream"
import {
  type Answer,
  type CallState,
  describeMismatch,
  failedStatus,
  mismatched,
} from "./failure.ts"
import { isOfEmptyBody } from "./clientErrors.ts"
import { parseJson } from "./json.ts"
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
 * The most bytes of one answer that a call reads; 8 MiB by default. Nothing of a longer answer is
 * used: a success becomes `UnexpectedResponse`, and any other status keeps its tag.
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

/** Decides what an answer means, once its body is read. */
export const interpret = <A>(
  state: CallState,
  answer: Answer,
  { decode, forUrls = () => [] }: Call<A>,
  tokens: ReadonlyArray<string>,
  now: number,
): Either.Either<A, FailedAttempt> => {
  const { body, headers, status } = answer
  if (status < 200 || status > 299) return Either.left(failedStatus(state, answer, tokens, now))
  const unexpected = (what: string) => Either.left(mismatched(state, status, what))
  if (!isJson(headers["content-type"])) return unexpected("its Content-Type is not JSON")
  if (body === "") return unexpected("its body is empty")
  const json = parseJson(body)
  if (Option.isNone(json)) return unexpected("its body is not JSON")
  return Either.match(decode(json.value), {
    onLeft: (mismatch) => unexpected(describeMismatch(mismatch)),
    onRight: (model) =>
      forUrls(model).some((text) => tokens.some((token) => holdsSecret(text, token)))
        ? unexpected("a page token in its body holds a secret")
        : Either.right(model),
  })
}

// A missing type is no reason to throw away an answer whose secret is shown only once.
const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^\s*[\w.-]+\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType)

/** Reads a body of at most `maxBytes`. It stops reading a longer one, and gives None. */
export const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
): Effect.Effect<Option.Option<string>, HttpClientError.HttpClientError> => {
  const source = platformResponse(response)
  // A user's client may have read the body already, and still has it.
  const wasRead = source?.bodyUsed === true
  if (source === undefined && !isLengthKept(response.headers, maxBytes)) {
    return readStream(response, maxBytes)
  }
  if (source !== undefined && !wasRead) boundBody(source, maxBytes)
  const bounded = (text: string) => isLonger(text, maxBytes) ? Option.none() : Option.some(text)
  return Effect.matchEffect(response.text, {
    onSuccess: (text) => Effect.succeed(bounded(text)),
    onFailure: (error) =>
      wasRead
        ? Effect.map(response.arrayBuffer, (bytes) => bounded(new TextDecoder().decode(bytes)))
        : error.cause instanceof TooLong
        ? Effect.succeedNone
        : Effect.fail(error),
  })
}

// With a length and no compression, the HTTP client itself stops reading in time. If a server sends
// both a length and chunks, some clients believe the chunks.
const isLengthKept = (headers: Headers.Headers, maxBytes: number): boolean => {
  const length = headers["content-length"]
  return length !== undefined && /^\d+$/.test(length) && Number(length) <= maxBytes &&
    headers["content-encoding"] === undefined && headers["transfer-encoding"] === undefined
}

// A user's client need not keep to the length in the header.
const isLonger = (text: string, maxBytes: number): boolean =>
  text.length > maxBytes ||
  // A character has at most three bytes.
  text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes

/**
 * The platform's own Response, which `FetchHttpClient` keeps inside its answer. Undefined if
 * another client has none, or keeps it elsewhere.
 */
export const platformResponse = (
  response: HttpClientResponse.HttpClientResponse,
): Response | undefined => {
  let holder: unknown = response
  while (within(holder, "original") !== undefined) holder = within(holder, "original")
  const source = within(holder, "source")
  return source instanceof Response ? source : undefined
}

// Own properties only: an object that has an answer as its prototype may have another body.
const within = (holder: unknown, key: string): unknown =>
  isRecord(holder) && Object.hasOwn(holder, key) ? holder[key] : undefined

class TooLong extends Error {}

// This takes a tenth of the time of reading its Stream, and lets the HttpClient abort it.
const boundBody = (source: Response, maxBytes: number): void => {
  const bytes = () => readBytes(source, maxBytes)
  Object.defineProperties(source, {
    arrayBuffer: asMethod(bytes),
    text: asMethod(async () => new TextDecoder().decode(await bytes())),
  })
}

// Configurable and writable, so that a Proxy around the object may answer differently.
const asMethod = (value: unknown) => ({ value, configurable: true, writable: true })

const readBytes = async ({ body }: Response, maxBytes: number): Promise<ArrayBuffer> => {
  const pieces = makePieces(maxBytes)
  if (body === null) return pieces.whole()
  const reader = body.getReader()
  while (true) {
    const { done, value } = await reader.read()
    if (done) return pieces.whole()
    if (pieces.isWithin(value)) continue
    // It does not matter if this fails.
    reader.cancel().catch(() => {})
    throw new TooLong()
  }
}

const readStream = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
): Effect.Effect<Option.Option<string>, HttpClientError.HttpClientError> => {
  const pieces = makePieces(maxBytes)
  return Stream.runForEachChunk(response.stream, (chunk) => {
    for (const piece of chunk) if (!pieces.isWithin(piece)) return Effect.fail(new TooLong())
    return Effect.void
  }).pipe(
    Effect.map(() => Option.some(new TextDecoder().decode(pieces.whole()))),
    Effect.catchAll((error) =>
      error instanceof TooLong
        ? Effect.succeedNone
        : isOfEmptyBody(error)
        ? Effect.succeedSome("")
        : Effect.fail(error)
    ),
  )
}

// Collects a body that comes in pieces.
const makePieces = (maxBytes: number) => {
  const pieces: Array<Uint8Array> = []
  let length = 0
  return {
    /** Adds a piece. False if the body is now too long. */
    isWithin: (piece: Uint8Array): boolean => {
      length += piece.length
      if (length > maxBytes) return false
      pieces.push(piece)
      return true
    },
    whole: (): ArrayBuffer => {
      const whole = new Uint8Array(length)
      let at = 0
      for (const piece of pieces) {
        whole.set(piece, at)
        at += piece.length
      }
      return whole.buffer
    },
  }
}
