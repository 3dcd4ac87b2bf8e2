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

class Newest extends Effect.Service<Newest>()("Newest", {
  effect: Effect.map(
    // All who ask at the same time wait for one request.
    Cache.makeWith({
      capacity: 1000,
      lookup: (serviceAccountId: string | undefined) =>
        listApiKeysPage({ serviceAccountId, pageSize: 50, sortOrder: "DESC" }).pipe(
          withRetryPolicy(policy),
        ),
      // A failure too is kept for a while: an API in trouble is not asked by every caller.
      timeToLive: (exit) => Exit.isSuccess(exit) ? "30 seconds" : "1 second",
    }),
    (cache) => ({ of: (serviceAccountId: string | undefined) => cache.get(serviceAccountId) }),
  ),
  dependencies: [
    Layer.provide(throttled({ limit: 10, window: "1 second" }), FetchHttpClient.layer),
    Credentials.layerConfig,
  ],
}) {}

const newest = (serviceAccountId: string | undefined) =>
  Effect.flatMap(Newest, (newest) => newest.of(serviceAccountId))

const runtime = ManagedRuntime.make(Newest.Default)

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

interface ExecutionContext {
  readonly waitUntil: (promise: Promise<unknown>) => void
}

export default {
  // Bun gives its server as the second argument, and no third one.
  fetch: async (request: Request, _: unknown, context?: ExecutionContext): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== "/keys") return Response.json({ message: "no such page" }, { status: 404 })
    if (request.method !== "GET") {
      return Response.json({ message: "only GET" }, { status: 405, headers: { allow: "GET" } })
    }
    // A caller who leaves ends nothing: others may wait for the same answer.
    const exit = runtime.runPromiseExit(newest(searchParams.get("serviceAccount") ?? undefined))
    context?.waitUntil(exit)
    return toResponse(await exit)
  },
}
