// Node: a service that answers GET /keys/:id, and tells its own callers what went wrong.
import { Credentials, getApiKey } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

const answer = (status: number) => (body: object) => HttpServerResponse.json(body, { status })

const routes = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/keys/:id",
    HttpRouter.params.pipe(
      Effect.flatMap(({ id = "" }) => getApiKey(id)),
      Effect.flatMap(({ id, name, createdAt }) => answer(200)({ id, name, createdAt })),
      Effect.catchTags({
        InvalidRequest: (error) =>
          error.field === "id" || error.status === 400
            ? answer(400)({ message: error.message })
            : Effect.fail(error),
        NotFound: ({ message }) => answer(404)({ message }),
        RateLimited: ({ message }) => answer(503)({ message }),
      }),
      // Anything else, wrong settings too, is the operator's business: logged, and answered by a 500.
      Effect.tapError((error) => Effect.logError(error)),
    ),
  ),
)

// Callers show no credentials: put what checks them in front, or stay on loopback.
const listen = Config.all({
  host: Config.withDefault(Config.string("HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.integer("PORT"), 3000),
})

HttpServer.serve(routes).pipe(
  HttpServer.withLogAddress,
  Layer.provide(NodeHttpServer.layerConfig(() => createServer(), listen)),
  Layer.provide(FetchHttpClient.layer),
  Layer.provide(Credentials.layerConfig), // reads COCKROACH_API_KEY
  Layer.launch,
  NodeRuntime.runMain,
)
