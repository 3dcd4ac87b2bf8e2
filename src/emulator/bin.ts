#!/usr/bin/env node
/**
 * Serves the emulator on a loopback port. Node only, and bundled with all that it imports: no part
 * of what `mod.ts` exports.
 *
 * @module
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import { version } from "../version.ts"
import * as Emulator from "./mod.ts"

const port = Options.integer("port").pipe(
  Options.withDescription("The loopback port to serve on, by default 8080; 0 takes a free one."),
  Options.withDefault(8080),
)

const keys = Options.integer("keys").pipe(
  Options.withDescription(
    "How many keys there are to begin with, by default 100, besides the three of callers.",
  ),
  Options.withDefault(100),
)

const serviceAccounts = Options.integer("service-accounts").pipe(
  Options.withDescription("How many service accounts the keys are spread over, by default 5."),
  Options.withDefault(5),
)

const limit = Options.integer("limit").pipe(
  Options.withDescription(
    "Requests a second that each identity may send, by default 10; 0 for no limit.",
  ),
  Options.withDefault(10),
)

const latency = Options.text("latency").pipe(
  Options.withDescription(
    'A wait before every answer, like "250 millis" or "2 seconds"; by default none.',
  ),
  Options.filterMap(
    Duration.decodeUnknown,
    'Expected a duration like "250 millis" or "2 seconds" for --latency',
  ),
  Options.withDefault(Duration.zero),
)

const seed = Options.text("seed").pipe(
  Options.withDescription(
    'Repeats ids, secrets, page tokens and the chances of faults; "emulator" by default.',
  ),
  Options.withDefault("emulator"),
)

const faults = Options.fileSchema("faults", Emulator.FaultPlan, "json").pipe(
  Options.withDescription(
    'A JSON file of faults to order, like [{ "operation": "createApiKey", "calls": 1, ' +
      '"fault": { "_tag": "DropAfter" } }]. A rule has operation, calls, chance, delay, ' +
      "answerDelay and fault; a fault's _tag is Respond, DropBefore, DropAfter, TruncateBody, " +
      "MalformedJson, DripBody, RepeatPageToken or EmptyPage.",
  ),
  Options.withDefault<Emulator.FaultPlan>([]),
)

const quiet = Options.boolean("quiet").pipe(
  Options.withDescription("Does not log requests."),
)

const logLine = (request: Emulator.SeenRequest): string => {
  const query = new URLSearchParams(
    Object.entries(request.query).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, one])
    ),
  )
  return [
    DateTime.formatIso(request.at),
    request.method,
    query.size === 0 ? request.path : `${request.path}?${query}`,
    request.status ?? request.outcome.toLowerCase(),
    request.identity ?? "-",
    ...(request.fault === undefined ? [] : [JSON.stringify(request.fault)]),
  ].join(" ")
}

const introduction = (emulator: Emulator.EmulatorService, url: string) =>
  Effect.gen(function* () {
    const accounts = yield* emulator.serviceAccounts
    return [
      `The CockroachDB Cloud API Keys API, emulated on ${url}`,
      "",
      "The token of its admin, which is no secret outside of this emulator:",
      `  export COCKROACH_SERVER=${url}`,
      `  export COCKROACH_API_KEY=${Redacted.value(emulator.admin.secret)}`,
      "",
      "Others: may list and get, and may do nothing:",
      `  ${Redacted.value(emulator.clusterAdmin.secret)}`,
      `  ${Redacted.value(emulator.withoutRole.secret)}`,
      "",
      "Service accounts:",
      ...accounts.slice(0, 8).map(({ id, name, role }) => `  ${id}  ${role}  ${name}`),
      ...(accounts.length > 8 ? [`  and ${accounts.length - 8} more`] : []),
      "",
      `  curl -H "Authorization: Bearer $COCKROACH_API_KEY" ${url}/api/v1/api-keys`,
      "",
      "Ctrl-C stops it.",
      "",
    ].join("\n")
  })

const failed = Effect.sync(() => {
  process.exitCode = 1
})

const loopback = "127.0.0.1"

const serverLayer = (port: number) =>
  Layer.unwrapEffect(Effect.sync(() => {
    const server = createServer()
    // Whoever is still waiting for an answer does not hold up the end.
    const closing = Layer.scopedDiscard(
      Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())),
    )
    return Layer.provideMerge(closing, NodeHttpServer.layer(() => server, { port, host: loopback }))
  }))

const command = Command.make(
  "api-keys-emulator",
  { faults, keys, latency, limit, port, quiet, seed, serviceAccounts },
  ({ faults, keys, latency, limit, port, quiet, seed, serviceAccounts }) =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({
        faults,
        keys,
        latency,
        seed,
        serviceAccounts,
        rateLimit: limit === 0 ? "none" : { limit },
        logSize: 1000,
        ...(quiet ? {} : { onRequest: (request) => Console.log(logLine(request)) }),
      })
      // Nobody reads the spans, and each costs as much as a request's own work.
      yield* Effect.withTracerEnabled(HttpServer.serveEffect(emulator.httpApp), false)
      const { address } = yield* HttpServer.HttpServer
      const served = address._tag === "TcpAddress" ? address.port : port
      yield* Console.log(yield* introduction(emulator, `http://${loopback}:${served}`))
      return yield* Effect.never
    }).pipe(
      Effect.scoped,
      Effect.provide(serverLayer(port)),
      Effect.catchTag("ServeError", () =>
        Effect.zipRight(
          Console.error(
            `Port ${port} cannot be served on: is it in use? --port 0 takes a free one.`,
          ),
          failed,
        )),
    ),
).pipe(Command.withDescription(
  "Serves the CockroachDB Cloud API Keys API from memory, on a loopback port, with no account and " +
    "no network: to develop and test against.",
))

const main = Command.run(command, { name: "API Keys emulator", version })

main(process.argv).pipe(
  // Command has said by now what is wrong with the arguments.
  Effect.catchIf(ValidationError.isValidationError, () => failed),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain,
)
