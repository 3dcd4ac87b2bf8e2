// Bun, and Cloudflare Workers: an edge worker that answers GET /keys from a cache.
//
//   GET /keys                     the newest fifty keys
//   GET /keys?serviceAccount=<id> those of one service account
//
// Everyone can reach a worker. So its callers show what is in WORKER_TOKEN, a long random text, as
// `authorization: Bearer <text>`; where that is not set nobody gets an answer.
//
// Bun serves what this file exports (`bun run worker.ts`). On Cloudflare Workers the flag
// `nodejs_compat` puts the secrets COCKROACH_API_KEY and WORKER_TOKEN where Config looks for them.
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
      // A failure too is kept for a while: an API in trouble is not asked by every caller.
      lookup: (serviceAccountId: string | undefined) => Effect.either(ask(serviceAccountId)),
      timeToLive: Exit.match({
        onFailure: () => "1 second",
        onSuccess: (answer) => Either.isRight(answer) ? "30 seconds" : "1 second",
      }),
    }),
    (cache) => ({
      /** All who ask at the same time wait for one request. */
      shared: (serviceAccountId: string | undefined) => Effect.flatten(cache.get(serviceAccountId)),
      /** Who finds nothing kept sends a request, and waits for nobody else's. */
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

// Workers ends what a request has begun when its caller leaves. So no request may depend on what
// another one is doing: its client, its credentials and its turn at both are its own.
const onWorkers = (serviceAccountId: string | undefined) =>
  Effect.flatMap(Newest, (newest) => newest.own(serviceAccountId)).pipe(
    Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)),
  )

const digest = (text: string) =>
  Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).pipe(
    Effect.map((bytes) => new Uint8Array(bytes).join()),
  )

// How long it takes to compare two digests tells nothing of what they were made from.
const isAllowed = ({ headers }: Request) =>
  Config.redacted(Config.nonEmptyString("WORKER_TOKEN")).pipe(
    Effect.flatMap((token) => digest(`Bearer ${Redacted.value(token)}`)),
    Effect.zipWith(digest(headers.get("authorization") ?? ""), (wanted, shown) => wanted === shown),
  )

const refuse = (status: number, message: string, headers = {}): Response =>
  Response.json({ message }, { status, headers })

const noAnswer = (cause: Cause.Cause<ListApiKeysError | ConfigError>): Response => {
  // For whoever runs this: what went wrong, or which setting is missing. It holds no secret.
  console.error(Cause.pretty(cause))
  return refuse(503, "no answer: try again later", { "retry-after": "1" })
}

const toResponse = (exit: Exit.Exit<ApiKeyPage, ListApiKeysError | ConfigError>): Response => {
  if (Exit.isSuccess(exit)) return Response.json(exit.value.apiKeys)
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  // What is refused before sending, and so has no status, is a setting: the token, for instance.
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
    // Nobody's leaving interrupts it: on Bun others may wait for the same answer.
    return toResponse(await runtime.runPromiseExit(newest(serviceAccountId)))
  },
}
