/**
 * Reads the body of a request: never past a limit, and only if the app asks for it.
 *
 * @module
 */
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { ConnectionDropped } from "./Delivery.ts"

/** How many bytes a body may have: 1 MiB. */
export const limit = 1_048_576

// If a server closes while bytes are unread, the client can lose the answer. So it reads this many
// more and drops them.
const passedOver = 8 * limit

/** The body of one request. */
export interface Body {
  /** Reads all of it as text. Undefined if it is over the limit: the rest then stays unread. */
  readonly read: Effect.Effect<string | undefined, ConnectionDropped>
  /** Closes the connection after the answer if too much of the body is still unread. */
  readonly closing: (
    response: HttpServerResponse.HttpServerResponse,
  ) => HttpServerResponse.HttpServerResponse
}

/** The source of a body's bytes. */
interface Source {
  /** The next bytes; undefined at the end. */
  readonly next: () => Promise<Uint8Array | undefined>
  /** Tells the sender to stop. */
  readonly cancel: () => Promise<void>
  /** Whether the next request on the connection must wait until this body is read to its end. */
  readonly inTheWay: boolean
}

/** Finds the body of a request. */
export const of = (request: HttpServerRequest.HttpServerRequest): Body => {
  const source = sourceOf(request)
  const next = Effect.tryPromise({ try: source.next, catch: () => new ConnectionDropped() })
  const announced = Number(request.headers["content-length"] ?? 0)
  const bounded = announced <= limit && request.headers["transfer-encoding"] === undefined
  let whole = false

  /** Reads to the end, or until it has more than `most` bytes. Tells whether it came to the end. */
  const take = (most: number, each: (bytes: Uint8Array) => void) =>
    Effect.gen(function* () {
      for (let length = 0;;) {
        const bytes = yield* next
        if (bytes === undefined) return true
        length += bytes.length
        if (length > most) return false
        each(bytes)
      }
    })

  return {
    read: Effect.gen(function* () {
      const decoder = new TextDecoder()
      let text = ""
      whole = announced <= limit && (yield* take(limit, (bytes) => {
        text += decoder.decode(bytes, { stream: true })
      }))
      if (whole) return text + decoder.decode()
      yield* Effect.promise(source.cancel)
      return undefined
    }),
    closing: (response) => {
      // A server skips a short unread body by itself.
      if (whole || bounded || !source.inTheWay) return response
      const { body } = response
      const closed = HttpServerResponse.setHeader(response, "connection", "close")
      if (body._tag !== "Uint8Array") return closed
      const behind = Stream.drain(Stream.fromEffect(Effect.ignore(take(passedOver, () => {}))))
      return HttpServerResponse.setBody(
        closed,
        HttpBody.stream(
          Stream.concat(Stream.make(body.body), behind),
          body.contentType,
          body.contentLength,
        ),
      )
    },
  }
}

const sourceOf = ({ source }: HttpServerRequest.HttpServerRequest): Source => {
  if (source instanceof Request) {
    const reader = source.body?.getReader()
    return {
      next: () => reader?.read().then(({ value }) => value) ?? Promise.resolve(undefined),
      cancel: () => reader?.cancel() ?? Promise.resolve(),
      inTheWay: false,
    }
  }
  // Node closes the connection if its stream is told to stop early, so `cancel` does nothing.
  const chunks = isAsyncIterable(source) ? source[Symbol.asyncIterator]() : undefined
  return {
    next: async () => {
      const { done, value } = await chunks?.next() ?? { done: true, value: undefined }
      return done !== true && Predicate.isUint8Array(value) ? value : undefined
    },
    cancel: () => Promise.resolve(),
    inTheWay: true,
  }
}

const isAsyncIterable = (source: unknown): source is AsyncIterable<unknown> =>
  Predicate.hasProperty(source, Symbol.asyncIterator)
