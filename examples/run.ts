/**
 * `npm run example -- service`: an example and an emulator of its own, with no account and no
 * network. What follows the example's name is given to it.
 */
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as Command from "@effect/platform/Command"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"

const [name = "", ...args] = process.argv.slice(2)

const variables = ["API_KEY", "API_JWT", "VANITY_NAME", "USERNAME", "SERVER"]
  .map((name) => `COCKROACH_${name}`)

const deno = (file: string, host: string, ...permissions: ReadonlyArray<string>) =>
  Command.make(
    "deno",
    ...["run", "--no-prompt", `--allow-net=${host}`, `--allow-env=${variables.join()}`],
    ...permissions,
    `examples/${file}`,
    ...args,
  )

const commands: Readonly<Record<string, (host: string) => Command.Command>> = {
  service: () =>
    Command.make(process.execPath, fileURLToPath(new URL("service.mjs", import.meta.url)), ...args),
  audit: (host) => deno("audit.ts", host),
  // Its first argument is the directory where it keeps secrets.
  rotate: (host) => deno("rotate.ts", host, `--allow-read=${args[0]}`, `--allow-write=${args[0]}`),
  worker: () =>
    Command.make("bun", "run", "examples/worker.ts", ...args).pipe(
      Command.env({ WORKER_TOKEN: "example" }),
    ),
}

/** Forty keys, from ten days to more than a year old. */
const makeEmulator = Effect.flatMap(DateTime.now, (now) =>
  Emulator.make({
    serviceAccounts: 4,
    keys: Array.from({ length: 40 }, (_, index) => ({
      name: `key ${index + 1}`,
      createdAt: DateTime.subtract(now, { days: 400 - 10 * index }),
    })),
  }))

const run = (toCommand: (host: string) => Command.Command) =>
  Effect.gen(function* () {
    const emulator = yield* makeEmulator
    const http = createServer()
    const server = yield* NodeHttpServer.make(() => http, { host: "127.0.0.1", port: 0 })
    yield* Effect.addFinalizer(() => Effect.sync(() => http.closeAllConnections()))
    yield* HttpServer.serveEffect(emulator.httpApp).pipe(
      Effect.provideService(HttpServer.HttpServer, server),
    )
    const url = HttpServer.formatAddress(server.address)
    const exitCode = yield* toCommand(new URL(url).host).pipe(
      Command.env({
        COCKROACH_SERVER: url,
        COCKROACH_API_KEY: Redacted.value(emulator.admin.secret),
      }),
      Command.stdout("inherit"),
      Command.stderr("inherit"),
      Command.exitCode,
    )
    process.exitCode = exitCode
  }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

const command = commands[name]

NodeRuntime.runMain(
  command === undefined
    ? Effect.zipRight(
      Console.error(`usage: npm run example -- <${Object.keys(commands).join("|")}> [arguments]`),
      Effect.sync(() => {
        process.exitCode = 2
      }),
    )
    : run(command),
)
