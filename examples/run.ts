/**
 * `npm run example -- service`: runs an example with its own emulator, without an account or a
 * network. Arguments after the example's name go to the example.
 */
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as Command from "@effect/platform/Command"
import * as FileSystem from "@effect/platform/FileSystem"
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

/** What an example runs with. */
interface Stage {
  readonly host: string
  /** A directory with a file for each key's secret, as examples/rotator.ts needs it. */
  readonly secrets: string
}

const node = (file: string) =>
  Command.make(process.execPath, fileURLToPath(new URL(`${file}.mjs`, import.meta.url)), ...args)

const commands: Readonly<Record<string, (stage: Stage) => Command.Command>> = {
  service: () => node("service"),
  audit: ({ host }) => deno("audit.ts", host),
  // The first argument is the directory for secrets.
  rotate: ({ host }) =>
    deno("rotate.ts", host, `--allow-read=${args[0]}`, `--allow-write=${args[0]}`),
  // Seconds in place of days, and no database from the environment.
  rotator: ({ secrets }) =>
    node("rotator").pipe(
      Command.env({
        SCHEDULE: "*/10 * * * * *",
        GRACE: "5 seconds",
        LEASE: "12 seconds",
        RETRY_AFTER: "5 seconds",
        SECRETS: secrets,
        DATABASE_URL: "",
        REDIS_URL: "",
      }),
    ),
  worker: () =>
    Command.make("bun", "run", "examples/worker.ts", ...args).pipe(
      Command.env({ WORKER_TOKEN: "example" }),
    ),
}

/** An emulator with forty keys, from ten to 400 days old, and their secrets in a directory. */
const makeStage = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const secrets = yield* files.makeTempDirectoryScoped()
  const emulator = yield* Emulator.make()
  const accounts = yield* Effect.replicateEffect(emulator.addServiceAccount(), 4)
  const now = yield* DateTime.now
  for (let n = 1; n <= 40; n += 1) {
    const serviceAccountId = accounts[n % accounts.length]?.id
    const name = `key ${n}`
    const { secret } = yield* emulator.addApiKey({
      name,
      serviceAccountId,
      createdAt: DateTime.subtract(now, { days: 410 - 10 * n }),
    })
    const file = `${secrets}/${encodeURIComponent(`${serviceAccountId}.${name}`)}`
    yield* files.writeFileString(file, Redacted.value(secret), { mode: 0o600 })
  }
  return { emulator, secrets }
})

const run = (toCommand: (stage: Stage) => Command.Command) =>
  Effect.gen(function* () {
    const { emulator, secrets } = yield* makeStage
    const http = createServer()
    const server = yield* NodeHttpServer.make(() => http, { host: "127.0.0.1", port: 0 })
    yield* Effect.addFinalizer(() => Effect.sync(() => http.closeAllConnections()))
    yield* HttpServer.serveEffect(emulator.httpApp).pipe(
      Effect.provideService(HttpServer.HttpServer, server),
    )
    const url = HttpServer.formatAddress(server.address)
    const exitCode = yield* toCommand({ host: new URL(url).host, secrets }).pipe(
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
