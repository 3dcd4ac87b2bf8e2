/**
 * The two ways to reach the app: in memory through an HttpClient, and over a server's connections.
 * Each has its own way to break a connection.
 *
 * @module
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { broken } from "./broken.ts"
import { ConnectionDropped } from "./Delivery.ts"

/** Makes an HttpClient whose requests the app answers without a socket, whatever their host. */
export const inMemory = (
  app: HttpApp.Default<ConnectionDropped>,
): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) =>
    Effect.gen(function* () {
      const runtime = yield* Effect.runtime<never>()
      const served = HttpServerRequest.fromWeb(
        new Request(url, {
          method: request.method,
          headers: request.headers,
          body: yield* bodyOf(request),
          // It lets a request send a stream. Every runtime knows it, but no type declares it.
          ...(request.body._tag === "Stream" ? { duplex: "half" } : {}),
          signal,
        }),
      )
      const response = yield* Effect.mapError(
        Effect.provideService(app, HttpServerRequest.HttpServerRequest, served),
        (cause) => broken(request, cause),
      )
      return HttpClientResponse.fromWeb(
        request,
        HttpServerResponse.toWeb(response, {
          runtime,
          withoutBody: request.method === "HEAD",
        }),
      )
    })
  )

const bodyOf = (
  request: HttpClientRequest.HttpClientRequest,
): Effect.Effect<BodyInit | null> => {
  switch (request.body._tag) {
    case "Raw":
    case "Uint8Array":
      // Effect's own clients pass this body to fetch in the same way.
      return Effect.succeed(request.body.body as BodyInit)
    case "FormData":
      return Effect.succeed(request.body.formData)
    case "Stream":
      return Stream.toReadableStreamEffect(request.body.stream)
    case "Empty":
      return Effect.succeed(null)
  }
}

/** Makes the app of a server: it breaks the connection where the app fails. */
export const served = (app: HttpApp.Default<ConnectionDropped>): HttpApp.Default =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    app.pipe(
      Effect.map((response) => {
        const { body } = response
        if (body._tag !== "Stream") return response
        const breaking = Stream.catchAll(
          body.stream,
          () => Stream.fromEffect(Effect.zipRight(nextTurn, breakOff(request))),
        )
        return HttpServerResponse.setBody(
          response,
          HttpBody.stream(breaking, body.contentType, body.contentLength),
        )
      }),
      Effect.catchTag(
        "ConnectionDropped",
        () =>
          Effect.catchTag(
            breakOff(request),
            "ConnectionDropped",
            (dropped) => Effect.succeed(HttpServerResponse.stream(Stream.fail(dropped))),
          ),
      ),
    ))

// Lets a server send what it has. It does not wait by Effect's Clock, which a test may stop.
const nextTurn: Effect.Effect<void> = Effect.async((resume) => {
  setTimeout(() => resume(Effect.void), 0)
})

/**
 * Breaks the connection of a request. Node gives access to its socket: this closes it, and the
 * server then interrupts the request. The web platform gives no access. There a server breaks the
 * connection only if a body fails.
 */
const breakOff = (
  request: HttpServerRequest.HttpServerRequest,
): Effect.Effect<never, ConnectionDropped> =>
  Effect.suspend(() =>
    closeSocket(request.source)
      ? Effect.interruptible(Effect.never)
      : Effect.fail(new ConnectionDropped())
  )

const closeSocket = (source: unknown): boolean => {
  if (!Predicate.hasProperty(source, "socket")) return false
  const { socket } = source
  if (!Predicate.hasProperty(socket, "destroySoon")) return false
  if (!Predicate.isFunction(socket.destroySoon)) return false
  // `destroySoon` still sends what has been written: a truncated body needs its first half.
  socket.destroySoon()
  return true
}
