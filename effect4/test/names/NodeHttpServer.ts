// Replaces the server of `@effect/platform-node`, whose version for Effect 4 cannot be installed
// here.
import * as Effect from "effect4/Effect"
import * as FetchHttpClient from "effect4/http/FetchHttpClient"
import type * as HttpClient from "effect4/http/HttpClient"
import * as HttpEffect from "effect4/http/HttpEffect"
import * as HttpServer from "effect4/http/HttpServer"
import * as HttpServerRequest from "effect4/http/HttpServerRequest"
import type * as HttpServerResponse from "effect4/http/HttpServerResponse"
import * as Layer from "effect4/Layer"
import * as NetAddress from "effect4/net/NetAddress"
import type * as Scope from "effect4/Scope"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"

interface Options {
  readonly port: number
  readonly host?: string
}

export const make = (
  evaluate: () => http.Server,
  { host = "127.0.0.1", port }: Options,
): Effect.Effect<HttpServer.HttpServer["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = evaluate()
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen({ host, port }, resolve))),
      () => Effect.promise(() => new Promise<void>((resolve) => server.close(() => resolve()))),
    )
    const bound = server.address() as AddressInfo
    return HttpServer.make({
      address: NetAddress.inetAddressFromIpStringUnsafe(host, bound.port),
      serve: (app) =>
        Effect.gen(function* () {
          const context = yield* Effect.context<Scope.Scope>()
          const handlerOf = HttpEffect.toWebHandlerWith<
            Scope.Scope,
            HttpServerRequest.HttpServerRequest | Scope.Scope
          >(context)
          const listener: http.RequestListener = (request, response) => {
            void pass(request, response, handlerOf(asOfNode(app, request)))
          }
          server.on("request", listener)
          yield* Effect.addFinalizer(() => Effect.sync(() => server.off("request", listener)))
        }),
    })
  })

/** Gives an app the request as `@effect/platform-node` does: with Node's own request and target. */
const asOfNode = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  source: http.IncomingMessage,
) =>
  Effect.updateService(
    app,
    HttpServerRequest.HttpServerRequest,
    (request): HttpServerRequest.HttpServerRequest =>
      Object.create(request, { source: { value: source }, url: { value: source.url } }),
  )

const pass = async (
  request: http.IncomingMessage,
  response: http.ServerResponse,
  answer: (request: Request) => Promise<Response>,
): Promise<void> => {
  const { headers, method = "GET" } = request
  const gone = new AbortController()
  response.once("close", () => gone.abort())
  const asked = new Request("http://localhost", {
    method,
    headers: Object.entries(headers).map(([name, value = ""]) => [name, String(value)]),
    signal: gone.signal,
  })
  const { body, headers: said, status } = await answer(asked)
  response.writeHead(status, [...said].flat())
  if (body === null) return void response.end()
  // Node and the DOM declare the same class twice.
  Readable.fromWeb(body as unknown as ReadableStream)
    .on("error", () => response.destroy())
    .pipe(response)
}

export const layer = (
  evaluate: () => http.Server,
  options: Options,
): Layer.Layer<HttpServer.HttpServer> =>
  Layer.effect(HttpServer.HttpServer, make(evaluate, options))

export const layerTest: Layer.Layer<HttpServer.HttpServer | HttpClient.HttpClient> = HttpServer
  .layerTestClient.pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provideMerge(Layer.suspend(() => layer(http.createServer, { port: 0 }))),
  )
