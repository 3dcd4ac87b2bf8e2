// Deno: rotates every key older than 90 days into a directory of files, one a key, mode 0600.
//
//   deno run --allow-net=cockroachlabs.cloud --allow-env=COCKROACH_API_KEY,… \
//     --allow-read=secrets --allow-write=secrets rotate.ts secrets --grace "15 minutes" --dry-run
//
// It can be broken off and run again at any time. Its exit status is 0 where all went well, 1 where
// a key could not be rotated, and 2 where it was called wrongly.
import {
  type ApiKey,
  Credentials,
  listApiKeys,
  parseMarked,
  rotateApiKeys,
  type SecretStore,
  throttled,
} from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Chunk from "effect/Chunk"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"

const usage =
  `usage: rotate.ts <directory> [--older-than "90 days"] [--grace "15 minutes"] [--dry-run]
The key to call with is read from COCKROACH_API_KEY.`

const parsed = Either.try(() =>
  parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      "older-than": { type: "string", default: "90 days" },
      grace: { type: "string", default: "15 minutes" },
      "dry-run": { type: "boolean", default: false },
    },
  })
)
const { positionals: [directory, ...rest], values } = Either.getOrElse(parsed, () => ({
  positionals: [],
  values: { "older-than": "", grace: "", "dry-run": false },
}))
const olderThan = Duration.decodeUnknown(values["older-than"])
const grace = Duration.decodeUnknown(values.grace)

// Where a key and its successors are kept: what stands in the name beside the mark stays the same.
const fileOf = ({ name, serviceAccountId }: ApiKey): string =>
  join(directory ?? "", segment(serviceAccountId), segment(parseMarked(name).name))

// Both come from the API: neither may lead out of the directory.
const segment = (text: string): string =>
  encodeURIComponent(text).replace(/^\.+$/, (dots) => `%${dots}`)

const fileStore = (file: string): SecretStore<Error> => ({
  read: Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) => error instanceof Error ? error : new Error("cannot read"),
  }).pipe(
    Effect.map((text) => Option.some(Redacted.make(text.trim()))),
    Effect.catchIf(
      (error) => "code" in error && error.code === "ENOENT",
      () => Effect.succeedNone,
    ),
  ),
  // Whole or not at all: a reader never finds half of a secret.
  write: (secret) =>
    Effect.tryPromise({
      try: async () => {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        const half = `${file}.${crypto.randomUUID()}`
        await writeFile(half, `${Redacted.value(secret)}\n`, { mode: 0o600, flag: "wx" })
        await chmod(half, 0o600)
        await rename(half, file)
      },
      catch: (error) => error instanceof Error ? error : new Error("cannot write"),
    }),
})

/** Keys that are old enough, and those whose rotation was broken off. */
const isToRotate = (apiKey: ApiKey, limit: DateTime.Utc) =>
  Option.match(parseMarked(apiKey.name).mark, {
    onNone: () => Effect.succeed(DateTime.lessThanOrEqualTo(apiKey.createdAt, limit)),
    onSome: ({ _tag }) =>
      _tag !== "Rotates" ? Effect.succeed(false) : fileStore(fileOf(apiKey)).read.pipe(
        Effect.map(Option.exists((secret) => Redacted.value(secret).startsWith(`${apiKey.id}_`))),
      ),
  })

const describe = (apiKey: ApiKey) => ({
  id: apiKey.id,
  name: apiKey.name,
  made: DateTime.formatIsoDateUtc(apiKey.createdAt),
  file: fileOf(apiKey),
})

const rotateAll = (olderThan: Duration.Duration, grace: Duration.Duration) =>
  Effect.gen(function* () {
    const limit = DateTime.subtractDuration(yield* DateTime.now, olderThan)
    const due = yield* listApiKeys({ pageSize: 500 }).pipe(
      Stream.filterEffect((apiKey) => isToRotate(apiKey, limit)),
      Stream.runCollect,
    )
    const total = Chunk.size(due)
    if (values["dry-run"]) {
      yield* Effect.sync(() => console.table(Chunk.toReadonlyArray(Chunk.map(due, describe))))
      return yield* Console.log(`${total} keys to rotate`)
    }

    const isTerminal = process.stdout.isTTY === true
    const draw = (done: number, waiting: number) =>
      Effect.sync(() => {
        const bar = "#".repeat(Math.round(30 * done / Math.max(1, total))).padEnd(30, ".")
        process.stdout.write(`\r[${bar}] ${done}/${total}, ${waiting} in their grace `)
      })
    const failed = yield* Stream.fromChunk(due).pipe(
      rotateApiKeys({
        store: (apiKey) => fileStore(fileOf(apiKey)),
        grace,
        olderThan,
        onProgress: ({ failed, succeeded, waiting }) =>
          isTerminal ? draw(succeeded + failed, waiting) : Effect.void,
      }),
      Stream.filterEffect(({ apiKey, result }) =>
        Either.match(result, {
          onLeft: (error) =>
            Effect.as(
              Console.error(`${isTerminal ? "\n" : ""}${apiKey.id} failed: ${error.message}`),
              true,
            ),
          onRight: ({ apiKey: { id }, did }) =>
            isTerminal
              ? Effect.succeed(false)
              : Effect.as(Console.log(`${apiKey.id} ${did}: ${id} in ${fileOf(apiKey)}`), false),
        })
      ),
      Stream.runCount,
    )
    yield* Console.log(`${isTerminal ? "\n" : ""}${total - failed} of ${total} keys rotated`)
    if (failed > 0) process.exitCode = 1
  }).pipe(
    Effect.provide(throttled({ limit: 10, window: "1 second" })),
    Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)),
    Effect.catchAll((error) =>
      Effect.sync(() => {
        console.error("message" in error ? error.message : String(error))
        process.exitCode = 1
      })
    ),
  )

if (
  directory === undefined || rest.length > 0 ||
  Option.isNone(olderThan) || Option.isNone(grace)
) {
  console.error(usage)
  process.exitCode = 2
} else {
  await Effect.runPromise(rotateAll(olderThan.value, grace.value))
}
