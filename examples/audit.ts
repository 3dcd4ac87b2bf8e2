// Deno: prints the keys older than a number of days, as a table, JSON or NDJSON.
//
//   deno run --allow-net=cockroachlabs.cloud --allow-env=COCKROACH_API_KEY,… \
//     audit.ts --older-than 90 --format json
//
// Its exit status is 0 if there are none, 1 if there are some, and 2 if it cannot tell.
import { Credentials, listApiKeys, throttled } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Order from "effect/Order"
import * as Stream from "effect/Stream"
import process from "node:process"
import { parseArgs } from "node:util"

const usage = `usage: audit.ts [--older-than <days, 90>] [--format table|json|ndjson]
                [--service-account <id>]
It calls with the key in COCKROACH_API_KEY.`

interface Row {
  readonly serviceAccount: string
  readonly key: string
  readonly name: string
  readonly created: string
  readonly days: number
}

type Print = <E, R>(rows: Stream.Stream<Row, E, R>) => Effect.Effect<number, E, R>

/** Sorts by service account. The keys of each stay oldest first. */
const collect = <E, R>(rows: Stream.Stream<Row, E, R>) =>
  Effect.map(Stream.runCollect(rows), Arr.sort(byServiceAccount))

const byServiceAccount = Order.mapInput(Order.string, (row: Row) => row.serviceAccount)

const haveSameAccount = (one: Row, other: Row) => byServiceAccount(one, other) === 0

const toAccount = (rows: Arr.NonEmptyReadonlyArray<Row>) => ({
  serviceAccount: rows[0].serviceAccount,
  keys: rows.map(({ serviceAccount: _, ...key }) => key),
})

const formats = new Map<string, Print>([
  ["table", (rows) =>
    Effect.map(collect(rows), (sorted) => {
      console.table(sorted)
      return sorted.length
    })],
  ["json", (rows) =>
    Effect.map(collect(rows), (sorted) => {
      const accounts = Arr.isNonEmptyArray(sorted) ? Arr.groupWith(sorted, haveSameAccount) : []
      console.log(JSON.stringify(accounts.map(toAccount), null, 2))
      return sorted.length
    })],
  // It prints each key as it comes, so it never holds more than a page.
  [
    "ndjson",
    (rows) => Stream.runCount(Stream.tap(rows, (row) => Console.log(JSON.stringify(row)))),
  ],
])

const audit = (print: Print, days: number, serviceAccountId: string | undefined) =>
  Effect.gen(function* () {
    const now = yield* DateTime.now
    const limit = DateTime.subtract(now, { days })
    // Oldest first: the walk can end at the first key that is young enough.
    const rows = listApiKeys({ serviceAccountId, pageSize: 500, sortOrder: "ASC" }).pipe(
      Stream.takeWhile(({ createdAt }) => DateTime.lessThan(createdAt, limit)),
      Stream.map(({ createdAt, id, name, serviceAccountId }): Row => ({
        serviceAccount: serviceAccountId,
        key: id,
        name,
        created: DateTime.formatIso(createdAt),
        days: Math.floor(Duration.toDays(DateTime.distanceDuration(createdAt, now))),
      })),
    )
    const found = yield* print(rows)
    yield* Console.error(`${found} keys older than ${days} days`)
    return found === 0 ? 0 : 1
  }).pipe(
    Effect.provide(throttled({ limit: 10, window: "1 second" })),
    Effect.provide(Layer.merge(FetchHttpClient.layer, Credentials.layerConfig)),
    // All causes: a runtime that forbids reading the environment throws.
    Effect.catchAllCause((cause) => Effect.as(Console.error(String(Cause.squash(cause))), 2)),
  )

const program = Either.try(() =>
  parseArgs({
    args: process.argv.slice(2),
    options: {
      "older-than": { type: "string", default: "90" },
      "service-account": { type: "string" },
      format: { type: "string", default: "table" },
    },
  })
).pipe(
  Either.flatMap(({ values }) => {
    const { "older-than": days, "service-account": serviceAccountId, format } = values
    const print = formats.get(format)
    return print !== undefined && /^\d{1,5}$/.test(days)
      ? Either.right(audit(print, Number(days), serviceAccountId))
      : Either.left(undefined)
  }),
  // It prints only the usage, since a wrong argument may be a secret.
  Either.getOrElse(() => Effect.as(Console.error(usage), 2)),
)

process.exitCode = await Effect.runPromise(program)
