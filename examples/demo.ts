/**
 * `npm run demo`: shows on the terminal what the module does, over real HTTP.
 *
 * It calls an emulator on a loopback port, and needs no account and no network. If
 * COCKROACH_API_KEY is set, it calls the real service (or COCKROACH_SERVER) instead, and only
 * reads.
 */
import {
  createApiKey,
  Credentials,
  deleteApiKey,
  getApiKey,
  listApiKeyPages,
  RetryPolicy,
  updateApiKey,
  withRetryPolicy,
} from "@effect-crdb/api-keys"
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"

const say = (line: string) => Console.log(`  ${line}`)

const chapter = (title: string) =>
  Console.log(process.stdout.isTTY ? `\n\x1b[1m${title}\x1b[0m` : `\n${title}`)

const listAll = Effect.gen(function* () {
  yield* chapter("List them, ten to a page, each page fetched when it is asked for")
  return yield* Stream.runFoldEffect(
    // A real organization may have many keys: three pages are enough for a demo.
    Stream.take(listApiKeyPages({ pageSize: 10 }), 3),
    Option.none<string>(),
    (first, page) =>
      Effect.gen(function* () {
        const [oldest] = page.apiKeys
        if (oldest === undefined) return first
        const created = DateTime.formatIsoDateUtc(oldest.createdAt)
        yield* say(`${page.apiKeys.length} keys, the first "${oldest.name}", created ${created}`)
        return Option.orElseSome(first, () => oldest.id)
      }),
  )
})

const getOne = (id: string) =>
  Effect.gen(function* () {
    yield* chapter("Get one by its id")
    const apiKey = yield* getApiKey(id)
    yield* say(`${apiKey.id} is "${apiKey.name}" of service account ${apiKey.serviceAccountId}`)
  })

const missOne = Effect.gen(function* () {
  yield* chapter("Every failure has a tag, and a message that says what to do")
  yield* getApiKey("CCDB1_0000000000000000000000").pipe(
    Effect.catchTag("NotFound", (error) => say(`NotFound: ${error.message}`)),
  )
})

/** The demo for the real service. It only reads. */
const readOnly = Effect.gen(function* () {
  const { baseUrl } = yield* Credentials
  yield* Console.log(`The API Keys API of ${baseUrl}, read only.`)
  const first = yield* listAll
  if (Option.isSome(first)) yield* getOne(first.value)
  yield* missOne
})

/** The whole demo, for the emulator. */
const tour = (emulator: Emulator.EmulatorService, baseUrl: string) =>
  Effect.gen(function* () {
    yield* Console.log(`The API Keys API of an emulator on ${baseUrl}: no account, no network.`)
    const powerless = emulator.withoutRole

    yield* chapter("Create two keys for a service account")
    const { serviceAccountId } = powerless
    const billing = yield* createApiKey({ name: "billing", serviceAccountId })
    const reports = yield* createApiKey({ name: "reports", serviceAccountId })
    for (const { apiKey, secret } of [billing, reports]) {
      yield* say(`${apiKey.id} "${apiKey.name}", its secret prints as ${secret}`)
    }

    yield* listAll
    yield* getOne(billing.apiKey.id)

    yield* chapter("Rename it")
    const renamed = yield* updateApiKey(billing.apiKey.id, { name: "billing, production" })
    yield* say(`${renamed.id} is now "${renamed.name}"`)

    yield* chapter("Delete the other")
    const deleted = yield* deleteApiKey(reports.apiKey.id)
    yield* say(`${deleted.id} "${deleted.name}" is gone`)

    yield* missOne
    yield* createApiKey({ name: "mine", serviceAccountId }).pipe(
      Effect.provide(Credentials.layerApiKey(powerless.secret, { baseUrl })),
      Effect.catchTag("Forbidden", (error) => say(`Forbidden: ${error.message}`)),
    )
    const twenty = Effect.all(Effect.replicate(getApiKey(renamed.id), 20), {
      concurrency: "unbounded",
    })
    yield* withRetryPolicy(RetryPolicy.none)(twenty).pipe(
      Effect.catchTag("RateLimited", (error) => say(`RateLimited: ${error.message}`)),
    )

    yield* chapter(
      "By default a refused call waits as long as the API asks, and is sent again",
    )
    const [taken] = yield* Effect.timed(twenty)
    const seconds = Duration.toSeconds(taken).toFixed(1)
    yield* say(`20 calls at once, 10 a second allowed: all succeeded, in ${seconds} seconds`)
  })

const serveEmulator = Effect.gen(function* () {
  const emulator = yield* Emulator.make({ keys: 20, serviceAccounts: 4 })
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
  yield* Effect.provideService(
    HttpServer.serveEffect(emulator.httpApp),
    HttpServer.HttpServer,
    server,
  )
  return { emulator, baseUrl: HttpServer.formatAddress(server.address) }
})

const demo = Effect.gen(function* () {
  const real = yield* Config.option(Config.string("COCKROACH_API_KEY"))
  if (Option.isSome(real)) return yield* Effect.provide(readOnly, Credentials.layerConfig)
  const { baseUrl, emulator } = yield* serveEmulator
  const admin = Credentials.layerApiKey(emulator.admin.secret, { baseUrl })
  return yield* Effect.provide(tour(emulator, baseUrl), admin)
})

NodeRuntime.runMain(
  demo.pipe(
    Effect.provide(FetchHttpClient.layer),
    Effect.scoped,
    // The error's message is enough: its stack is of no use here.
    Effect.tapError((error) => Console.error(`\n${error}`)),
  ),
  { disableErrorReporting: true },
)
