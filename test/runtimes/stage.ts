/**
 * The emulator on a loopback port, with a side door for the story: it sets faults and lists
 * requests.
 */
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { Setting } from "./story.ts"

const jwt = { token: "ey.story.jwt", username: "story@example.com", vanityName: "story" }

/** Serves an emulator with 1,234 keys until the scope ends. */
export const serve: Effect.Effect<Setting, unknown, Scope.Scope> = Effect.gen(function* () {
  const emulator = yield* Emulator.make({
    serviceAccounts: 20,
    // The emulator's own callers have three more.
    keys: 1231,
    rateLimit: "none",
    vanityName: jwt.vanityName,
    jwts: [{ token: jwt.token, users: [{ username: jwt.username, role: "ORG_ADMIN" }] }],
  })

  const backstage = HttpRouter.empty.pipe(
    HttpRouter.post(
      "/backstage/faults",
      Effect.gen(function* () {
        yield* emulator.setFaults(yield* HttpServerRequest.schemaBodyJson(Emulator.FaultPlan))
        // A step that sets faults looks at the requests after them.
        yield* emulator.clear
        return yield* HttpServerResponse.json(null)
      }),
    ),
    HttpRouter.post(
      "/backstage/requests",
      Effect.flatMap(emulator.requests, (requests) => HttpServerResponse.json(requests)),
    ),
    HttpRouter.mountApp("/api", emulator.httpApp, { includePrefix: true }),
  )

  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* HttpServer.serveEffect(backstage).pipe(
    Effect.provideService(HttpServer.HttpServer, server),
  )
  const { address } = server
  if (address._tag !== "TcpAddress") return yield* Effect.die("a TCP port was asked for")

  return {
    baseUrl: `http://127.0.0.1:${address.port}`,
    tokens: {
      admin: Redacted.value(emulator.admin.secret),
      withoutRole: Redacted.value(emulator.withoutRole.secret),
      jwt: jwt.token,
    },
    vanityName: jwt.vanityName,
    username: jwt.username,
    serviceAccountId: emulator.withoutRole.serviceAccountId,
    keyIds: (yield* emulator.apiKeys).map((apiKey) => apiKey.id),
  }
})
