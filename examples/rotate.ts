// Deno: rotates every key older than 90 days in a directory of files, one a key, mode 0600.
//
//   deno run --no-prompt --allow-net=cockroachlabs.cloud --allow-env=COCKROACH_API_KEY,… \
//     --allow-read=secrets --allow-write=secrets rotate.ts secrets --grace "15 minutes" --dry-run
//
// The old key is DELETED when the grace is over, counted from the making of the new one. So the
// script rotates a key only if its file holds its secret. It refuses a key without a file: its
// secret is kept elsewhere, or this is not the right directory. With --adopt it rotates such keys
// too. Use --adopt the first time, and make all users of these keys read the new secrets here
// before the grace is over.
//
// A file ends in a line break, so let those who read it trim it. A new file has mode 0600, and
// missing directories are made. An existing file keeps its owner and its group. Of its mode it
// keeps only reading and writing for the owner and reading for the group: 0755 becomes 0640. If it
// is a symbolic link, the file behind it is replaced, and the link stays. Before the script makes
// any key, it checks that it can write the files, and refuses the keys whose file it cannot write.
//
// With --once it does not wait through the grace. It does what can be done, says when to run it
// again, and ends with status 3. Run it by a CronJob, at least once between the grace's end and 90
// days.
//
// You can break it off and run it again at any time. With --adopt it may then refuse a key whose
// new key has no file, since the new secret may be in another directory. It says what to do. It
// never rotates the key that it calls with, since the environment holds that secret.
//
// Its exit status is 0 if all went well, 1 if it could not rotate a key, and 2 if it was called
// wrongly. With --once it is 3 if all went well but something waits.
import {
  type ApiKey,
  Credentials,
  fileSecretStore,
  listApiKeys,
  parseMarked,
  rotateApiKeys,
  type RotationFailed,
  type SecretStore,
  throttled,
} from "@effect-crdb/api-keys"
import type { PlatformError } from "@effect/platform/Error"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type { FileSystem } from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { readlink, realpath } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"

const usage =
  `usage: rotate.ts <directory> [--older-than "90 days"] [--grace "15 minutes"] [--adopt]
                 [--once] [--dry-run]
Makes a new key for each old one, writes its secret over the old one in <directory>, and deletes the
old key <grace> after it made the new one. It refuses an old key that has no file there. With --adopt
it replaces and deletes such a key too, and makes its file.
With --once it waits for nothing. It does what can be done, says when to run it again, and ends with
status 3 if something waits.
It calls with the key in COCKROACH_API_KEY.`

const parsed = Either.try(() =>
  parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      "older-than": { type: "string", default: "90 days" },
      grace: { type: "string", default: "15 minutes" },
      adopt: { type: "boolean", default: false },
      once: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
    },
  })
)
const { positionals: [directory, ...rest], values } = Either.getOrElse(parsed, () => ({
  positionals: [],
  values: { "older-than": "", grace: "", adopt: false, once: false, "dry-run": false },
}))

// Effect reads a negative duration as zero. Without a grace it would delete the old keys at once.
const durationIn = (text: string): Option.Option<Duration.Duration> =>
  text.startsWith("-") ? Option.none() : Duration.decodeUnknown(text)

const olderThan = durationIn(values["older-than"])
const grace = durationIn(values.grace)

// The file of a key and its successors: their names are the same without the mark.
const fileOf = ({ name, serviceAccountId }: ApiKey): string =>
  join(directory ?? "", segment(serviceAccountId), segment(parseMarked(name).name))

// The text comes from the API. It must not lead out of the directory, or be too long for a file
// name.
const segment = (text: string): string => {
  // Half of a surrogate pair cannot be encoded.
  const encoded = encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"))
    .replace(/^\.*$/, (dots) => `%${dots}`)
  return encoded.length <= 255
    ? encoded
    : `${encoded.slice(0, 180)}%${createHash("sha256").update(text).digest("hex")}`
}

// No system follows more links in a row.
const mostLinks = 40

/** Follows all symbolic links to where the file is, or would be. */
const targetOf = async (file: string, links = 0): Promise<string> => {
  const link = links < mostLinks ? await readlink(file).catch(() => undefined) : undefined
  if (link !== undefined) return targetOf(resolve(await realpath(dirname(file)), link), links + 1)
  return join(await realpath(dirname(file)), basename(file))
}

/** Keys with the same place are kept in one file. */
const placeOf = async (apiKey: ApiKey): Promise<string> => {
  const file = fileOf(apiKey)
  // If it cannot be followed, reading the file fails later.
  const target = await targetOf(file).catch(() => file)
  // For some file systems "Billing" and "billing" are the same.
  return target.toLowerCase()
}

const readSecret = (file: string) => Effect.flatMap(fileSecretStore(file), ({ read }) => read)

class NoFile extends Data.TaggedError("NoFile")<{ readonly message: string }> {}

type Failed = RotationFailed<PlatformError | NoFile>

/** The store in a file. Without --adopt, a missing file is a mistake. */
const storeOf = (file: string): SecretStore<PlatformError | NoFile, FileSystem> => ({
  read: Effect.filterOrFail(
    readSecret(file),
    (secret) => Option.isSome(secret) || values.adopt,
    () =>
      new NoFile({
        message:
          `${file} does not exist: is this the right directory? --adopt makes it, with a new key`,
      }),
  ),
  write: (secret) => Effect.flatMap(fileSecretStore(file), ({ write }) => write(secret)),
  check: Effect.flatMap(fileSecretStore(file), ({ check = Effect.void }) => check),
})

/** Whether a key is old enough, or its rotation was broken off. */
const isToRotate = (apiKey: ApiKey, limit: DateTime.Utc) =>
  Option.match(parseMarked(apiKey.name).mark, {
    onNone: () => Effect.succeed(DateTime.lessThanOrEqualTo(apiKey.createdAt, limit)),
    onSome: ({ _tag }) =>
      _tag !== "Rotates" ? Effect.succeed(false) : readSecret(fileOf(apiKey)).pipe(
        Effect.map(Option.exists((secret) => Redacted.value(secret).startsWith(`${apiKey.id}_`))),
        // A file that cannot be read is refused later, and holds up no other key.
        Effect.orElseSucceed(() => true),
      ),
  })

/** If a rotation was broken off, the script finds the new key, whose mark names the old one. */
const oldIdOf = ({ id, name }: ApiKey): string => {
  const mark = Option.getOrUndefined(parseMarked(name).mark)
  return mark?._tag === "Rotates" ? mark.predecessor : id
}

interface Plan {
  readonly due: ReadonlyArray<ApiKey>
  /** Lines that say why keys that are due are not rotated. */
  readonly refused: ReadonlyArray<string>
  readonly skipped: ReadonlyArray<string>
}

/** Takes out keys that share a file, and the key that the script calls with. */
const planFor = (
  found: ReadonlyArray<ApiKey>,
  places: ReadonlyMap<string, string>,
  token: string,
): Plan => {
  const own = found.filter(({ id }) => token.startsWith(`${id}_`))
  // The files hold the successors of these keys already, and the successors are due too: each pair
  // is one rotation.
  const replaced = new Set(found.flatMap(({ name }) => {
    const mark = Option.getOrUndefined(parseMarked(name).mark)
    return mark?._tag === "Rotates" ? [mark.predecessor] : []
  }))
  const others = found.filter((apiKey) => !own.includes(apiKey) && !replaced.has(apiKey.id))
  const placeOf = ({ id }: ApiKey) => places.get(id) ?? ""
  const byPlace = Arr.groupBy(others, placeOf)
  const isAlone = (apiKey: ApiKey) => byPlace[placeOf(apiKey)]?.length === 1
  return {
    due: others.filter(isAlone),
    refused: others.filter((apiKey) => !isAlone(apiKey)).map(({ id, name }) =>
      `${id} failed: ${
        JSON.stringify(name)
      } and another key would be kept in one file: rename one ` +
      "of them, or change the link that leads to the other's file"
    ),
    skipped: own.map(({ id }) =>
      `${id} skipped: it is the key that this script calls with, which is kept elsewhere`
    ),
  }
}

/** The keys that were made to replace this one. */
const successorsOf = ({ id }: ApiKey, live: ReadonlyArray<ApiKey>): ReadonlyArray<ApiKey> =>
  live.filter(({ name }) =>
    Option.exists(
      parseMarked(name).mark,
      (mark) => mark._tag === "Rotates" && mark.predecessor === id,
    )
  )

const idsOf = (apiKeys: ReadonlyArray<ApiKey>) => apiKeys.map(({ id }) => id).join(" and ")

/**
 * Fails if the file may not be the place where a key's secret is kept. A rotation would then take
 * the key away from those who read its secret elsewhere. It also fails if the file cannot be
 * written. A new key would then be live although nobody has its secret.
 */
const checkFile = (apiKey: ApiKey, live: ReadonlyArray<ApiKey>, limit: DateTime.Utc) => {
  const file = fileOf(apiKey)
  const successors = successorsOf(apiKey, live)
  const store = storeOf(file)
  const refuse = (why: string) => Effect.fail(`${apiKey.id} failed: ${why}`)
  const refuseFor = (error: PlatformError | NoFile) =>
    refuse(error._tag === "NoFile" ? error.message : `${file}: ${error.message}`)
  // The check makes missing directories, and a dry run makes nothing.
  const checkWrite = values["dry-run"] || store.check === undefined
    ? Effect.void
    : Effect.catchAll(store.check, refuseFor)
  return Effect.matchEffect(store.read, {
    onFailure: refuseFor,
    onSuccess: Option.match({
      onNone: () =>
        successors.length === 0 ? checkWrite : refuse(
          `${idsOf(successors)} was made to replace it, and ${file} does not exist. If another ` +
            "directory holds that secret, run this with that directory. If none does, delete " +
            `${idsOf(successors)} (in the Cloud Console, or with DELETE /api/v1/api-keys/<id>), ` +
            "and run this again",
        ),
      onSome: (secret) => {
        const held = [apiKey, ...successors].find(({ id }) =>
          Redacted.value(secret).startsWith(`${id}_`)
        )
        if (held === undefined) {
          return refuse(
            `${file} holds the secret of neither it nor its successor: check whose it is`,
          )
        }
        // If the file holds a successor that is not due itself, only deletions are left, which write
        // nothing.
        const isSuccessor = Option.isSome(parseMarked(held.name).mark)
        return isSuccessor && DateTime.greaterThan(held.createdAt, limit) ? Effect.void : checkWrite
      },
    }),
  })
}

/** The lines that say why a rotation failed, and what to do if a file was not written. */
const linesFor = (apiKey: ApiKey, { cause, leftBehind, message, reason }: Failed) => [
  `${apiKey.id} failed: ${message}`,
  // The store's error holds no secret. The message holds that of a call already.
  ...(reason === "Store" && cause !== undefined ? [`  The store: ${cause.message}`] : []),
  // Without --adopt there is a file, and the next run goes on.
  ...(values.adopt ? leftBehind.flatMap(({ id }) => Option.toArray(id)) : []).map((id) =>
    `  If ${fileOf(apiKey)} does not exist, delete ${id} before you run this again`
  ),
]

const describe = (apiKey: ApiKey) => ({
  id: apiKey.id,
  name: apiKey.name,
  made: DateTime.formatIsoDateUtc(apiKey.createdAt),
  file: fileOf(apiKey),
})

const rotateAll = (olderThan: Duration.Duration, grace: Duration.Duration) =>
  Effect.gen(function* () {
    const limit = DateTime.subtractDuration(yield* DateTime.now, olderThan)
    const live = Chunk.toReadonlyArray(yield* Stream.runCollect(listApiKeys()))
    const { token } = yield* Credentials
    const found = yield* Effect.filter(live, (apiKey) => isToRotate(apiKey, limit))
    const places = yield* Effect.promise(() =>
      Promise.all(found.map(async (apiKey) => [apiKey.id, await placeOf(apiKey)] as const))
    )
    const plan = planFor(
      found,
      new Map(places),
      Redacted.value(Effect.isEffect(token) ? yield* token : token),
    )
    const [misplaced, due] = yield* Effect.partition(
      plan.due,
      (apiKey) => Effect.as(checkFile(apiKey, live, limit), apiKey),
    )
    const refused = [...plan.refused, ...misplaced]
    yield* Effect.forEach([...plan.skipped, ...refused], (line) => Console.error(line))
    if (refused.length > 0) process.exitCode = 1
    if (values["dry-run"]) {
      yield* Effect.sync(() => console.table(due.map(describe)))
      return yield* Console.log(
        `${due.length} keys to rotate: each old key is deleted ${values.grace} after its new one ` +
          "is made",
      )
    }

    const total = due.length
    const isTerminal = process.stdout.isTTY === true
    const eraseBar = Effect.sync(() => isTerminal && process.stdout.write("\r\x1b[K"))
    const say = (line: string) => Effect.zipRight(eraseBar, Console.log(line))
    const complain = (line: string) => Effect.zipRight(eraseBar, Console.error(line))
    const draw = (done: number, waiting: number) =>
      Effect.sync(() => {
        const bar = "#".repeat(Math.round(30 * done / Math.max(1, total))).padEnd(30, ".")
        process.stdout.write(`\r[${bar}] ${done}/${total}, ${waiting} in their grace `)
      })
    const waiting: Array<DateTime.Utc> = []
    const failed = yield* Stream.fromIterable(due).pipe(
      rotateApiKeys({
        store: (apiKey) => storeOf(fileOf(apiKey)),
        grace,
        olderThan,
        onWait: values.once ? "return" : "sleep",
        onProgress: ({ failed, succeeded, waiting }) =>
          isTerminal ? draw(succeeded + failed, waiting) : Effect.void,
      }),
      Stream.filterEffect(({ apiKey, result }) =>
        Either.match(result, {
          onLeft: (error) => Effect.as(complain(linesFor(apiKey, error).join("\n")), true),
          onRight: ({ apiKey: { id }, did, leftBehind, until }) => {
            waiting.push(...Option.toArray(until))
            const what = Option.match(until, {
              onNone: () => did,
              onSome: (until) => `waiting until ${DateTime.formatIso(until)}`,
            })
            return Effect.forEach(leftBehind, (left) =>
              complain(
                `${apiKey.id} may have left a key behind. Delete it if a later run does not: ${
                  Option.getOrElse(left.id, () => JSON.stringify(left.name))
                }`,
              )).pipe(
                Effect.zipRight(say(`${oldIdOf(apiKey)} -> ${id} in ${fileOf(apiKey)} (${what})`)),
                Effect.as(false),
              )
          },
        })
      ),
      Stream.runCount,
    )
    yield* say(`${total - failed - waiting.length} of ${total} keys rotated`)
    if (Arr.isNonEmptyArray(waiting)) {
      const next = DateTime.formatIso(Arr.min(waiting, DateTime.Order))
      yield* say(`${waiting.length} of ${total} keys wait: run it again at ${next} or later`)
      process.exitCode ??= 3
    }
    if (failed > 0) process.exitCode = 1
  }).pipe(
    Effect.provide(throttled({ limit: 10, window: "1 second" })),
    Effect.provide(
      Layer.mergeAll(FetchHttpClient.layer, NodeFileSystem.layer, Credentials.layerConfig),
    ),
    Effect.catchAll((error) =>
      Effect.sync(() => {
        console.error("message" in error ? error.message : String(error))
        process.exitCode = 1
      })
    ),
  )

const flags = { "--older-than": olderThan, "--grace": grace }
if (
  directory === undefined || rest.length > 0 ||
  Option.isNone(olderThan) || Option.isNone(grace)
) {
  console.error(usage)
  // If the arguments cannot be parsed at all, these values say nothing.
  const wrong = Object.entries(flags).filter(([, value]) => Option.isNone(value))
  for (const [flag] of Either.isRight(parsed) ? wrong : []) {
    console.error(`${flag} must be a duration of zero or more, like "15 minutes"`)
  }
  process.exitCode = 2
} else {
  await Effect.runPromise(rotateAll(olderThan.value, grace.value))
}
