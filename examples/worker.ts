// Bun and Cloudflare Workers: an edge worker that answers GET /keys from a cache.
//
//   GET /keys                     the newest fifty keys
//   GET /keys?serviceAccount=<id> the newest fifty of one service account
//
// Everyone can reach a worker. So its callers must send `authorization: Bearer <text>`, with the
// long random text that is in WORKER_TOKEN. If that is not set, nobody gets an answer.
//
// On Bun, run `bun run worker.ts`: Bun serves what this file exports. On Cloudflare Workers, set
// the flag `nodejs_compat`: Config then finds the secrets COCKROACH_API_KEY and WORKER_TOKEN.
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
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

// A worker's callers do not wait for minutes.
const policy = RetryPolicy.make({ attemptTimeout: "5 seconds", deadline: "15 seconds" })

const ask = (serviceAccountId: string | undefined) =>
  listApiKeysPage({ serviceAccountId, pageSize: 50, sortOrder: "DESC" }).pipe(
    withRetryPolicy(policy),
  )

class Newest extends Effect.Service<Newest>()("Newest", {
  effect: Effect.map(
    Cache.makeWith({
      capacity: 1000,
      // It keeps a failure for a while too: if the API is in trouble, not every caller should ask
      // it.
      lookup: (serviceAccountId: string | undefined) => Effect.either(ask(serviceAccountId)),
      timeToLive: Exit.match({
        onFailure: () => "1 second",
        onSuccess: (answer) => Either.isRight(answer) ? "30 seconds" : "1 second",
      }),
    }),
    (cache) => ({
      /** All callers at the same time wait for one request. */
      shared: (serviceAccountId: string | undefined) => Effect.flatten(cache.get(serviceAccountId)),
      /** A caller that finds nothing in the cache sends its own request, and waits for no other. */
      own: (serviceAccountId: string | undefined) =>
        Effect.flatMap(
          cache.getOptionComplete(serviceAccountId),
          Option.match({
            onNone: () =>
              Effect.tap(
                Effect.either(ask(serviceAccountId)),
                (answer) => cache.set(serviceAccountId, answer),
              ),
            onSome: Effect.succeed,
          }),
        ).pipe(Effect.flatten),
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

// When a caller leaves, Workers ends all that its request has begun. So no request may wait for
// another: each has its own client and its own credentials.
const onWorkers = (serviceAccountId: string | undefined) =>
  Effect.flatMap(Newest, (newest) => newest.own(serviceAccountId)).pipe(
    Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)),
  )

const digest = (text: string) =>
  Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).pipe(
    Effect.map((bytes) => new Uint8Array(bytes).join()),
  )

// It compares digests: how long that takes tells nothing about the token.
const isAllowed = ({ headers }: Request) =>
  Config.redacted(Config.nonEmptyString("WORKER_TOKEN")).pipe(
    Effect.flatMap((token) => digest(`Bearer ${Redacted.value(token)}`)),
    Effect.zipWith(digest(headers.get("authorization") ?? ""), (wanted, shown) => wanted === shown),
  )

const refuse = (status: number, message: string, headers = {}): Response =>
  Response.json({ message }, { status, headers })

const noAnswer = (cause: Cause.Cause<ListApiKeysError | ConfigError>): Response => {
  // Tells the operator what went wrong, or which setting is missing. It holds no secret.
  console.error(Cause.pretty(cause))
  return refuse(503, "no answer: try again later", { "retry-after": "1" })
}

const toResponse = (exit: Exit.Exit<ApiKeyPage, ListApiKeysError | ConfigError>): Response => {
  if (Exit.isSuccess(exit)) return Response.json(exit.value.apiKeys)
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  // If the call was refused before sending, it has no status, and a setting is wrong.
  return error instanceof InvalidRequest && error.status === 400
    ? refuse(400, error.message)
    : noAnswer(exit.cause)
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export default {
  fetch: async (request: Request): Promise<Response> => {
    const allowed = await Effect.runPromiseExit(isAllowed(request))
    if (Exit.isFailure(allowed)) return noAnswer(allowed.cause)
    if (!allowed.value) return refuse(401, "show a token", { "www-authenticate": "Bearer" })
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== "/keys") return refuse(404, "no such page")
    if (request.method !== "GET") return refuse(405, "only GET", { allow: "GET" })
    const serviceAccountId = searchParams.get("serviceAccount") ?? undefined
    if (serviceAccountId !== undefined && !uuid.test(serviceAccountId)) {
      return refuse(400, "serviceAccount must be a UUID")
    }
    const newest = "Bun" in globalThis ? onBun : onWorkers
    // A caller that leaves must not interrupt it: on Bun others may wait for the same answer.
    return toResponse(await runtime.runPromiseExit(newest(serviceAccountId)))
  },
}
