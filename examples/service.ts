// Node: a backend service in front of the API.
//
//   GET /keys      every key, as NDJSON, page by page as they come
//   GET /keys/:id  one key, as JSON
//
// It calls with the key in COCKROACH_API_KEY, and listens on HOST and PORT. It sends traces,
// metrics and logs to OTEL_EXPORTER_OTLP_ENDPOINT, if that is set. On SIGTERM it finishes the
// running answers, for ten seconds at most, and sends the last of its telemetry.
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

// It tells its callers only what they can do something about. The rest is for the operator's log.
const answerTo = (error: ApiKeyError) => {
  switch (error._tag) {
    case "InvalidRequest":
      // If the call was refused before sending, only the id is the caller's. The rest are settings.
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
  // The head of the answer waits for the first page, so its failure can still become a status.
  const first = yield* listApiKeysPage(options)
  const others = Option.match(first.nextPage, {
    onNone: () => Stream.empty,
    onSome: (startPage) => listApiKeyPages({ ...options, startPage }),
  })
  // Otherwise a stream that fails would end like a whole one, and half of a list would look whole.
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
  // While the server closes, each answer must be the last one on its connection.
  response.shouldKeepAlive = server.listening
  answers.add(response)
  response.once("close", () => answers.delete(response))
})

// A closing server waits for all its connections, even for idle ones.
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

// This service does not check who calls it. Put something in front that does, or stay on loopback.
const address = Config.all({
  host: Config.withDefault(Config.string("HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.integer("PORT"), 3000),
})

drain.pipe(
  Layer.provide(HttpServer.serve(routes)),
  HttpServer.withLogAddress,
  // If a caller mistakes a secret for an id, a span would otherwise hold it, as part of the URL.
  HttpMiddleware.withTracerDisabledWhen(({ url }) => /CCDB1_[^_]*_./.test(url)),
  Layer.provide(NodeHttpServer.layerConfig(() => server, address)),
  Layer.provide(throttled({ limit: 10, window: "1 second" })),
  Layer.provide(Credentials.layerConfig),
  Layer.provide(telemetry),
  Layer.provide(FetchHttpClient.layer),
  Layer.launch,
  NodeRuntime.runMain,
)
