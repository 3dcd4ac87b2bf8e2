// Node: a service that answers GET /keys/:id, and tells its callers what went wrong.
import { Credentials, getApiKey } from "@effect-crdb/api-keys"
// On Effect 4 this is "effect/http/FetchHttpClient".
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { createServer } from "node:http"
import process from "node:process"

const answer = (status: number) => ({ message }: { readonly message: string }) =>
  Effect.succeed({ status, body: { message } })

const find = (id: string) =>
  getApiKey(id).pipe(
    Effect.map(({ createdAt, id, name }) => ({ status: 200, body: { id, name, createdAt } })),
    Effect.catchTags({
      InvalidRequest: (error) =>
        error.field === "id" || error.status === 400 ? answer(400)(error) : Effect.fail(error),
      NotFound: answer(404),
      RateLimited: answer(503),
    }),
  )

const runtime = ManagedRuntime.make(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig))

// This service does not check who calls it. Put something in front that does, or stay on loopback.
const server = createServer(async ({ url = "" }, response) => {
  const [, id] = /^\/keys\/([^/?]+)$/.exec(url) ?? []
  try {
    const { body, status } = id === undefined
      ? { status: 404, body: { message: "not found" } }
      : await runtime.runPromise(find(decodeURIComponent(id)))
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  } catch (error) {
    // All other errors, such as a wrong setting, are for the operator.
    console.error(error)
    response.writeHead(500).end()
  }
})
server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  console.log("Listening on", server.address())
})
