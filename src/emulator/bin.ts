#!/usr/bin/env node
/**
 * The command that serves the emulator on a loopback port. It runs on Node only. It is bundled with
 * everything that it imports, and `mod.ts` does not export it.
 *
 * @module
 */
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { readFileSync, realpathSync } from "node:fs"
import { createServer } from "node:http"
import { dirname, join } from "node:path"
import { version } from "../version.ts"
import * as Check from "./check.ts"
import * as FaultPlan from "./FaultPlan.ts"
import * as Emulator from "./mod.ts"
import { InitialCount, Oldest } from "./Options.ts"
import { printable } from "./printable.ts"
import { RefusalStatus } from "./RateLimit.ts"

/** An option that takes a whole number. It refuses any other text and names the schema's bounds. */
const number = (name: string, byDefault: number, schema: Schema.Schema<number>, about: string) =>
  Options.text(name).pipe(
    Options.withPseudoName("number"),
    Options.withDescription(`${about} Takes ${schema.ast}; ${byDefault} by default.`),
    Options.filterMap(
      Schema.decodeUnknownOption(Schema.compose(Schema.NumberFromString, schema)),
      `--${name} must be ${schema.ast}`,
    ),
    Options.withDefault(byDefault),
  )

/** An option that takes a duration. It refuses any other text and names the schema's bounds. */
const duration = (
  name: string,
  schema: Schema.Schema<Duration.DurationInput>,
  about: string,
) =>
  Options.text(name).pipe(
    Options.withPseudoName("duration"),
    Options.withDescription(`${about} Takes ${schema.ast}.`),
    Options.filterMap(Schema.decodeUnknownOption(schema), `--${name} must be ${schema.ast}`),
    Options.optional,
  )

const port = number(
  "port",
  8080,
  Check.wholeNumber(0, 65535),
  "The loopback port to serve on; 0 picks a free one.",
)

const keys = number(
  "keys",
  100,
  InitialCount,
  "How many keys to begin with, besides the callers' three.",
)

const oldest = duration(
  "oldest",
  Oldest,
  "The age of the first key. The ages of all keys are spread evenly from there to now. " +
    "By default keys are a second apart, up to now.",
)

const serviceAccounts = number(
  "service-accounts",
  5,
  InitialCount,
  "How many service accounts the keys are spread over.",
)

const limit = number(
  "limit",
  10,
  Check.wholeNumber(0),
  "How many requests a second each identity may send; 0 sets no limit.",
)

const limitStatus = number(
  "limit-status",
  429,
  RefusalStatus,
  "The HTTP status of the answer to a request over the limit.",
)

const latency = duration(
  "latency",
  Check.anyWait,
  "A wait before every answer; none by default.",
)

const listLag = duration(
  "list-lag",
  Check.anyDuration,
  "How far lists lag behind; not at all by default.",
)

const history = duration(
  "history",
  Check.anyDuration,
  "How long deleted keys and former names are kept for lists as of an earlier time; " +
    '"1 hour" by default. Lists as of a time before that are refused.',
).pipe(Options.map(Option.getOrElse((): Duration.DurationInput => "1 hour")))

const seed = Options.text("seed").pipe(
  Options.withDescription(
    "The same seed repeats ids, secrets, page tokens and the chances of faults; " +
      '"emulator" by default.',
  ),
  Options.withDefault("emulator"),
)

const parse = (text: string): Either.Either<unknown, string> =>
  Either.try({
    try: (): unknown => JSON.parse(text),
    // The error may quote the file, line breaks included.
    catch: (error) => `must be JSON: ${printable(String(error), 200)}`,
  })

const faults = Options.fileText("faults").pipe(
  Options.mapEffect(([path, text]) =>
    Either.mapLeft(
      Either.flatMap(parse(text), FaultPlan.check),
      (problem) => ValidationError.invalidValue(HelpDoc.p(`--faults ${path}: ${problem}`)),
    )
  ),
  Options.withDescription(
    'A JSON file with a fault plan, like [{ "operation": "createApiKey", "calls": 1, ' +
      '"fault": { "_tag": "DropAfter" } }]. A rule has operation, calls, chance, delay, ' +
      "answerDelay and fault; a fault's _tag is Respond, DropBefore, DropAfter, TruncateBody, " +
      "MalformedJson, DripBody, RepeatPageToken or EmptyPage.",
  ),
  Options.withDefault<Emulator.FaultPlan>([]),
)

const quiet = Options.boolean("quiet").pipe(
  Options.withDescription("Logs no requests."),
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
      `The emulator of the CockroachDB Cloud API Keys API serves on ${url}`,
      "",
      "The admin's token, which is no secret and works on this emulator only:",
      `  export COCKROACH_SERVER=${url}`,
      `  export COCKROACH_API_KEY=${Redacted.value(emulator.admin.secret)}`,
      "",
      "Two more tokens: the first may list and get, the second may do nothing:",
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

/** Says why the command cannot serve on a port, and what to do. */
const portProblem = (port: number, cause: unknown): string => {
  const code = Predicate.hasProperty(cause, "code") ? cause.code : undefined
  const reason = code === "EADDRINUSE"
    ? "it is in use"
    : code === "EACCES"
    ? "the system does not let you use it"
    : printable(String(cause), 200)
  return `Cannot serve on port ${port}: ${reason}. Choose another with --port; 0 picks a free one.`
}

const serverLayer = (port: number) =>
  Layer.unwrapEffect(Effect.sync(() => {
    const server = createServer()
    // A client that still waits for an answer must not delay the end.
    const closing = Layer.scopedDiscard(
      Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())),
    )
    return Layer.provideMerge(closing, NodeHttpServer.layer(() => server, { port, host: loopback }))
  }))

const command = Command.make(
  "api-keys-emulator",
  {
    faults,
    history,
    keys,
    latency,
    limit,
    limitStatus,
    listLag,
    oldest,
    port,
    quiet,
    seed,
    serviceAccounts,
  },
  ({ latency, limit, limitStatus, listLag, oldest, port, quiet, ...same }) =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({
        ...same,
        latency: Option.getOrUndefined(latency),
        listLag: Option.getOrUndefined(listLag),
        oldest: Option.getOrUndefined(oldest),
        rateLimit: limit === 0 ? "none" : { limit, status: limitStatus },
        // Nobody can read the log here.
        logSize: 0,
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
      Effect.catchTag(
        "ServeError",
        ({ cause }) => Effect.zipRight(Console.error(portProblem(port, cause)), failed),
      ),
    ),
).pipe(Command.withDescription(
  "Serves the CockroachDB Cloud API Keys API from memory on a loopback port, to develop and test " +
    "against. It needs no account and no network.",
))

// Command ends its message about wrong arguments with an empty line, which says nothing.
const withoutEmptyLines = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) =>
    Console.withConsole(effect, {
      ...console,
      error: (...texts) =>
        console.error(...texts.map((text) => Predicate.isString(text) ? text.trimEnd() : text)),
    })
  )

const Manifest = Schema.parseJson(
  Schema.Struct({
    name: Schema.Literal("@effect-crdb/api-keys"),
    version: Schema.String.pipe(Schema.pattern(/^\d+\.\d+\.\d+[\w.+-]*$/)),
  }),
)

// Both packages have this file, so it says the version of the package that it is in. A copy outside
// of them says its own.
const ownVersion: Effect.Effect<string> = Effect.try(() =>
  readFileSync(join(dirname(realpathSync(process.argv[1] ?? "")), "../../package.json"), "utf8")
).pipe(
  Effect.flatMap(Schema.decode(Manifest)),
  Effect.map((manifest) => manifest.version),
  Effect.orElseSucceed(() => version),
)

Effect.flatMap(
  ownVersion,
  (version) => Command.run(command, { name: "API Keys emulator", version })(process.argv),
).pipe(
  // Command has already said what is wrong with the arguments.
  Effect.catchIf(ValidationError.isValidationError, () => failed),
  withoutEmptyLines,
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain,
)
