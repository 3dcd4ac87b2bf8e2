// Node: a backend service in front of the API.
//
//   GET /keys      every key, as NDJSON, each page sent on when it has come
//   GET /keys/:id  one key, as JSON
//
// The key to call with is read from COCKROACH_API_KEY; HOST and PORT say where to listen. Traces,
// metrics and logs go to OTEL_EXPORTER_OTLP_ENDPOINT where that is set. On SIGTERM the running
// answers finish, for ten seconds at most, and what was measured is sent before the end.
import {
  type ApiKeyError,
  type ApiKeyPage,
  Credentials,
  getApiKey,
  listApiKeyPages,
  listApiKeysPage,
  throttled,
} from "@effect-crdb/api-keys"
import * as Otlp from "@effect/opentelemetry/Otlp"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createServer, type ServerResponse } from "node:http"

const json = (status: number, body: object, headers = {}) =>
  HttpServerResponse.unsafeJson(body, { status, headers })

const notSetUp = (error: ApiKeyError) =>
  Effect.as(Effect.logError(error), json(500, { message: "not set up" }))

// What a caller can do something about is told; the rest is for the log of whoever runs this.
const answerTo = (error: ApiKeyError) => {
  switch (error._tag) {
    case "InvalidRequest":
      // Of what is refused before sending the id alone is the caller's; the rest are settings.
      return error.field === "id" || error.status === 400
        ? Effect.succeed(json(400, { message: error.message }))
        : notSetUp(error)
    case "NotFound":
      return Effect.succeed(json(404, { message: error.message }))
    case "RateLimited": {
      const wait = Option.getOrElse(error.retryAfter, () => Duration.seconds(1))
      const headers = { "retry-after": String(Math.ceil(Duration.toSeconds(wait))) }
      return Effect.succeed(json(503, { message: "busy: try again later" }, headers))
    }
    case "Unauthorized":
    case "Forbidden":
      return notSetUp(error)
    default:
      return Effect.as(Effect.logError(error), json(502, { message: "no answer" }))
  }
}

const getKey = HttpRouter.params.pipe(
  Effect.flatMap(({ id = "" }) => getApiKey(id)),
  Effect.map((apiKey) => json(200, apiKey)),
  Effect.catchAll(answerTo),
)

const toNdjson = ({ apiKeys }: ApiKeyPage): string =>
  apiKeys.map((apiKey) => `${JSON.stringify(apiKey)}\n`).join("")

const listKeys = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const context = yield* Effect.context<HttpClient.HttpClient | Credentials>()
  const options = { pageSize: 500, prefetch: 1 }
  // The first page comes before the head of the answer: its failure can still become a status.
  const first = yield* listApiKeysPage(options)
  const others = Option.match(first.nextPage, {
    onNone: () => Stream.empty,
    onSome: (startPage) => listApiKeyPages({ ...options, startPage }),
  })
  // Without this a stream that fails would end like a whole one: half of a list must not look so.
  const cutOff = Effect.sync(() => NodeHttpServerRequest.toServerResponse(request).destroy())
  return HttpServerResponse.stream(
    Stream.concat(Stream.make(first), others).pipe(
      Stream.tapError((error) => Effect.zipRight(Effect.logError(error), cutOff)),
      Stream.map(toNdjson),
      Stream.encodeText,
      Stream.provideContext(context),
    ),
    { contentType: "application/x-ndjson" },
  )
}).pipe(Effect.catchAll(answerTo))

const routes = HttpRouter.empty.pipe(
  HttpRouter.get("/keys", listKeys),
  HttpRouter.get("/keys/:id", getKey),
)

const answers = new Set<ServerResponse>()

const server = createServer((_, response) => {
  // While the server closes, an answer is the last one on its connection.
  response.shouldKeepAlive = server.listening
  answers.add(response)
  response.once("close", () => answers.delete(response))
})

// A closing server waits for its connections, also for those on which nobody asks anything.
const drain = Layer.scopedDiscard(Effect.addFinalizer(() =>
  Effect.sync(() => server.close()).pipe(
    Effect.zipRight(Effect.repeat(Effect.sleep("50 millis"), {
      while: () => answers.size > 0,
      times: 200,
    })),
    Effect.zipRight(Effect.sync(() => server.closeAllConnections())),
  )
))

const telemetry = Config.option(Config.nonEmptyString("OTEL_EXPORTER_OTLP_ENDPOINT")).pipe(
  Effect.map((endpoint) =>
    Option.isNone(endpoint) ? Layer.empty : Otlp.layerJson({
      baseUrl: endpoint.value,
      resource: { serviceName: "api-keys" },
    })
  ),
  Layer.unwrapEffect,
)

// Callers of this service show no credentials: put what checks them in front, or stay on loopback.
const address = Config.all({
  host: Config.withDefault(Config.string("HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.integer("PORT"), 3000),
})

drain.pipe(
  Layer.provide(HttpServer.serve(routes)),
  HttpServer.withLogAddress,
  // Who mistakes a secret for an id would else find it in a span, as part of the URL.
  HttpMiddleware.withTracerDisabledWhen(({ url }) => /CCDB1_[^_]*_./.test(url)),
  Layer.provide(NodeHttpServer.layerConfig(() => server, address)),
  Layer.provide(throttled({ limit: 10, window: "1 second" })),
  Layer.provide(Credentials.layerConfig),
  Layer.provide(telemetry),
  Layer.provide(FetchHttpClient.layer),
  Layer.launch,
  NodeRuntime.runMain,
)
