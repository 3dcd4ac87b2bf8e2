// Bun, and Cloudflare Workers: an edge worker that answers GET /keys from a cache.
//
//   GET /keys                     the newest fifty keys
//   GET /keys?serviceAccount=<id> those of one service account
//
// Bun serves what this file exports (`bun run worker.ts`). On Cloudflare Workers the flag
// `nodejs_compat` puts the secret COCKROACH_API_KEY where Credentials.layerConfig looks for it.
import {
  type ApiKeyPage,
  Credentials,
  InvalidRequest,
  type ListApiKeysError,
  listApiKeysPage,
  RetryPolicy,
  throttled,
  withRetryPolicy,
} from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Cache from "effect/Cache"
import * as Cause from "effect/Cause"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"

// Whoever calls a worker does not wait for minutes.
const policy = RetryPolicy.make({ attemptTimeout: "5 seconds", deadline: "15 seconds" })

const ask = (serviceAccountId: string | undefined) =>
  listApiKeysPage({ serviceAccountId, pageSize: 50, sortOrder: "DESC" }).pipe(
    withRetryPolicy(policy),
  )

class Newest extends Effect.Service<Newest>()("Newest", {
  effect: Effect.map(
    Cache.makeWith({
      capacity: 1000,
      lookup: ask,
      // A failure too is kept for a while: an API in trouble is not asked by every caller.
      timeToLive: (exit) => Exit.isSuccess(exit) ? "30 seconds" : "1 second",
    }),
    (cache) => ({
      /** All who ask at the same time wait for one request. */
      shared: (serviceAccountId: string | undefined) => cache.get(serviceAccountId),
      /** Who finds nothing kept sends a request, and waits for nobody else's. */
      own: (serviceAccountId: string | undefined) =>
        Effect.flatMap(
          cache.getOptionComplete(serviceAccountId),
          Option.match({
            onNone: () =>
              Effect.tap(ask(serviceAccountId), (page) => cache.set(serviceAccountId, page)),
            onSome: Effect.succeed,
          }),
        ),
    }),
  ),
  dependencies: [
    Layer.provide(throttled({ limit: 10, window: "1 second" }), FetchHttpClient.layer),
    Credentials.layerConfig,
  ],
}) {}

const runtime = ManagedRuntime.make(Newest.Default)

const onBun = (serviceAccountId: string | undefined) =>
  Effect.flatMap(Newest, (newest) => newest.shared(serviceAccountId))

// Workers ends what a request has begun when its caller leaves. So no request may depend on what
// another one is doing: its client, its credentials and its turn at both are its own.
const onWorkers = (serviceAccountId: string | undefined) =>
  Effect.flatMap(Newest, (newest) => newest.own(serviceAccountId)).pipe(
    Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)),
  )

type Exited = Exit.Exit<ApiKeyPage, ListApiKeysError | ConfigError>

const toResponse = (exit: Exited): Response => {
  if (Exit.isSuccess(exit)) return Response.json(exit.value.apiKeys)
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (error instanceof InvalidRequest) {
    return Response.json({ message: error.message }, { status: 400 })
  }
  // For whoever runs this: what went wrong, or which setting is missing. It holds no secret.
  console.error(Cause.pretty(exit.cause))
  return Response.json(
    { message: "no answer: try again later" },
    { status: 503, headers: { "retry-after": "1" } },
  )
}

export default {
  fetch: async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== "/keys") return Response.json({ message: "no such page" }, { status: 404 })
    if (request.method !== "GET") {
      return Response.json({ message: "only GET" }, { status: 405, headers: { allow: "GET" } })
    }
    const newest = "Bun" in globalThis ? onBun : onWorkers
    // Nobody's leaving interrupts it: on Bun others may wait for the same answer.
    const serviceAccountId = searchParams.get("serviceAccount") ?? undefined
    return toResponse(await runtime.runPromiseExit(newest(serviceAccountId)))
  },
}
