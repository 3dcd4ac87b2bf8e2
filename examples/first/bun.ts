// Bun: an edge worker that answers GET /keys with the newest fifty.
import { Credentials, listApiKeysPage } from "@effect-crdb/api-keys"
// On Effect 4 this is "effect/http/FetchHttpClient".
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

const newest = listApiKeysPage({ pageSize: 50, sortOrder: "DESC" }).pipe(
  Effect.map(({ apiKeys }) => Response.json(apiKeys.map(({ id, name }) => ({ id, name })))),
  Effect.catchTag(
    "RateLimited",
    ({ message }) => Effect.succeed(new Response(message, { status: 503 })),
  ),
)

const runtime = ManagedRuntime.make(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig))

export default {
  // This worker does not check who calls it. Put something in front that does, or stay on loopback.
  hostname: "127.0.0.1",
  fetch: ({ signal, url }: Request): Response | Promise<Response> =>
    new URL(url).pathname === "/keys"
      ? runtime.runPromise(newest, { signal }) // aborts the request if the caller leaves
      : new Response("not found", { status: 404 }),
}
