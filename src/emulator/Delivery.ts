/**
 * How an answer travels: whole, cut off, in drips, or not at all.
 *
 * @module
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Data from "effect/Data"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Fault } from "./FaultPlan.ts"
import * as RateLimit from "./RateLimit.ts"
import type { Reply } from "./Reply.ts"

const ConnectionDroppedBase: new (fields: void) => Cause.YieldableError & {
  readonly _tag: "ConnectionDropped"
} = Data.TaggedError("ConnectionDropped")

/** The connection must break. The code that carries the request knows how to break it. */
export class ConnectionDropped extends ConnectionDroppedBase {}

/** An answer and how it travels. */
export type Delivery =
  | { readonly _tag: "Dropped" }
  | { readonly _tag: "Whole"; readonly reply: Reply }
  | { readonly _tag: "Truncated"; readonly reply: Reply; readonly bytes: number | undefined }
  | {
    readonly _tag: "Dripped"
    readonly reply: Reply
    readonly bytes: number
    readonly every: Duration.Duration
  }

/** Tells whether the server carries out the operation under a fault. */
export const acts = (fault: Fault | undefined): boolean =>
  fault?._tag === "Respond" ? fault.acted === true : fault?._tag !== "DropBefore"

/** Applies a fault to an answer. */
export const deliver = (
  reply: Reply,
  fault: Fault | undefined,
  nowMillis: number,
): Delivery => {
  switch (fault?._tag) {
    case "DropBefore":
    case "DropAfter":
      return { _tag: "Dropped" }
    case "Respond":
      return { _tag: "Whole", reply: ordered(fault, nowMillis) }
    case "MalformedJson":
      return { _tag: "Whole", reply: { ...reply, body: reply.body.slice(0, -1) } }
    case "TruncateBody":
      return { _tag: "Truncated", reply, bytes: fault.bytes }
    case "DripBody":
      return {
        _tag: "Dripped",
        reply,
        bytes: fault.bytes ?? 16,
        every: Duration.decode(fault.every ?? 100),
      }
    default:
      return { _tag: "Whole", reply }
  }
}

/** Makes the answer that a fault plan orders instead of the real one. */
const ordered = (fault: Extract<Fault, { _tag: "Respond" }>, nowMillis: number): Reply => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(fault.headers ?? {})) {
    headers[name.toLowerCase()] = value
  }
  const { "content-type": contentType = "application/json", ...others } = headers
  return {
    status: fault.status,
    headers: fault.retryAfter === undefined ? others : {
      ...RateLimit.retryAfter(
        fault.retryAfter.form ?? "seconds",
        fault.retryAfter.seconds * 1000,
        nowMillis,
      ),
      ...others,
    },
    contentType,
    body: fault.body ?? "",
  }
}

// Responses with these statuses have no body, and the platforms refuse to give them one.
const bodiless: ReadonlyArray<number> = [204, 205, 304]

/** Makes a response of an answer. Its stream fails where the connection must break. */
export const toResponse = (
  delivery: Delivery,
): Effect.Effect<HttpServerResponse.HttpServerResponse, ConnectionDropped> => {
  if (delivery._tag === "Dropped") return Effect.fail(new ConnectionDropped())
  const { body, contentType, headers, status } = delivery.reply
  if (bodiless.includes(status)) {
    return Effect.succeed(HttpServerResponse.empty({ status, headers }))
  }
  if (delivery._tag === "Whole") {
    return Effect.succeed(HttpServerResponse.text(body, { status, headers, contentType }))
  }
  const bytes = new TextEncoder().encode(body)
  const stream = delivery._tag === "Truncated"
    ? truncated(bytes, delivery.bytes ?? Math.floor(bytes.length / 2))
    : dripped(bytes, delivery.bytes, delivery.every)
  return Effect.succeed(
    HttpServerResponse.stream(stream, {
      status,
      headers,
      contentType,
      contentLength: bytes.length,
    }),
  )
}

const truncated = (
  bytes: Uint8Array,
  length: number,
): Stream.Stream<Uint8Array, ConnectionDropped> =>
  Stream.concat(
    Stream.make(bytes.slice(0, length)),
    Stream.fail(new ConnectionDropped()),
  )

const dripped = (
  bytes: Uint8Array,
  length: number,
  every: Duration.Duration,
): Stream.Stream<Uint8Array> =>
  Stream.iterate(0, (start) => start + length).pipe(
    Stream.takeWhile((start) => start < bytes.length),
    Stream.mapEffect((start) => Effect.as(Effect.sleep(every), bytes.slice(start, start + length))),
  )
