// Node: a service that keeps every key of an organization younger than 90 days, with Effect's
// workflow engine, on one machine or on many.
//
// SCHEDULE, a cron expression, says when to look for old keys. The service starts a workflow for
// each old key. The workflow replaces the key, sleeps through the grace without holding anything,
// and deletes the old key. A workflow that fails tries again a few times, and then ends. As long as
// its rotation is not finished, the next look starts another. The service calls with the key in
// COCKROACH_API_KEY, and leaves that key alone.
//
// SECRETS is a directory that all machines share. It has a file for each key's secret, named
// <service account>.<name> and encoded as in a URL. A key whose secret is not in its file is kept
// elsewhere, so the service leaves it alone.
//
// With no other setting it runs on one machine, and keeps its workflows in memory. After a crash
// the next look continues them, since the API and the store show how far each rotation is.
//
// With DATABASE_URL it is one machine of a cluster that keeps its workflows in PostgreSQL. The
// other machines reach it at HOST and PORT. ShardingConfig of @effect/cluster lists more settings.
// Start the first machine alone, since it makes the tables. With REDIS_URL all machines share the
// API's limit.
import {
  type ApiKey,
  apiKeyIdOf,
  Credentials,
  fileSecretStore,
  listApiKeys,
  parseMarked,
  rotateApiKey,
  throttled,
  throttledByStore,
  ThrottleStore,
} from "@effect-crdb/api-keys"
import * as ClusterCron from "@effect/cluster/ClusterCron"
import { PersistenceError } from "@effect/cluster/ClusterError"
import * as ClusterWorkflowEngine from "@effect/cluster/ClusterWorkflowEngine"
import * as RateLimiter from "@effect/experimental/RateLimiter"
import * as RedisRateLimiter from "@effect/experimental/RateLimiter/Redis"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Activity from "@effect/workflow/Activity"
import * as DurableClock from "@effect/workflow/DurableClock"
import * as Workflow from "@effect/workflow/Workflow"
import * as WorkflowEngine from "@effect/workflow/WorkflowEngine"
import * as Arr from "effect/Array"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Cron from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import process from "node:process"

// Effect reads a negative duration as zero. Without a grace it would delete the old keys at once.
const duration = (name: string, byDefault: Duration.DurationInput) =>
  Config.duration(name).pipe(
    Config.validate({
      message: 'must be a duration of more than zero, like "15 minutes"',
      validation: Duration.greaterThan(Duration.zero),
    }),
    Config.withDefault(Duration.decode(byDefault)),
  )

const settings = Config.all({
  secrets: Config.nonEmptyString("SECRETS"),
  schedule: Config.nonEmptyString("SCHEDULE").pipe(
    Config.withDefault("0 3 * * *"),
    Config.mapOrFail((text) =>
      Cron.parse(text).pipe(
        // The 30th of February never comes.
        Either.flatMap((cron) =>
          Either.try({
            try: () => {
              Cron.next(cron)
              return cron
            },
            catch: () => ({ message: `${JSON.stringify(text)} has no next date` }),
          })
        ),
        Either.mapLeft(({ message }) => ConfigError.InvalidData(["SCHEDULE"], message)),
      )
    ),
  ),
  olderThan: duration("OLDER_THAN", "90 days"),
  grace: duration("GRACE", "1 day"),
  lease: duration("LEASE", "10 minutes"),
  // How long to wait after a failure.
  retryAfter: duration("RETRY_AFTER", "5 minutes"),
  // How many rotations a machine runs at once. A new key must be written within half a lease, so
  // its requests must not wait long for the API's limit.
  atOnce: Config.withDefault(Config.integer("AT_ONCE"), 3),
})

class Settings extends Context.Tag("Settings")<Settings, Config.Config.Success<typeof settings>>() {
  static readonly layer = Layer.effect(this, settings)
}

/** Identifies a key and its successors. */
const Place = Schema.Struct({ name: Schema.String, serviceAccountId: Schema.String })
type Place = typeof Place.Type

// You can use a secret manager instead of these files.
const storeOf = ({ name, serviceAccountId }: Place) =>
  Effect.flatMap(Settings, ({ secrets }) => {
    // Half of a surrogate pair cannot be encoded.
    const text = `${serviceAccountId}.${name}`.replace(/\p{Surrogate}/gu, "\ufffd")
    return fileSecretStore(join(secrets, encodeURIComponent(text)))
  })

type State = "at work" | "waiting" | "done" | "left to the next look"

/** Shows on the terminal what happens to the keys of this machine. */
class Progress extends Context.Tag("Progress")<Progress, {
  readonly say: (line: string) => Effect.Effect<void>
  readonly tell: (place: Place, state: State, what: string) => Effect.Effect<void>
}>() {
  static readonly layer = Layer.sync(this, () => {
    const keys = new Map<string, { readonly state: State; readonly what: string }>()
    const isTerminal = process.stdout.isTTY === true
    const draw = Effect.sync(() => {
      if (!isTerminal) return
      const are = (state: State) => [...keys].filter(([, key]) => key.state === state)
      const steps = are("at work").map(([key, { what }]) => `${key}: ${what}`)
      const counts = `${steps.length} at work, ${are("waiting").length} waiting, ` +
        `${are("done").length} done, ${are("left to the next look").length} left to the next ` +
        `look. ${steps.join(", ")}`
      process.stdout.write(`\r\x1b[K${counts.slice(0, process.stdout.columns - 1)}`)
    })
    const say = (line: string) =>
      Effect.zipRight(Console.log(isTerminal ? `\r\x1b[K${line}` : line), draw)
    return {
      say,
      tell: ({ name, serviceAccountId }, state, what) =>
        Effect.suspend(() => {
          const key = JSON.stringify(name)
          keys.set(key, { state, what })
          return state === "at work"
            ? draw
            : say(`${key} of ${serviceAccountId} is ${state}: ${what}`)
        }),
    }
  })
}

/**
 * Replaces a key. Returns when it ended. The executions for one key are numbered. Each begins after
 * the one before it has ended, so looks on several machines start the same execution.
 */
const RotateKey = Workflow.make({
  name: "RotateKey",
  payload: { place: Place, replaced: Schema.String, execution: Schema.Number },
  success: Schema.DateTimeUtc,
  idempotencyKey: ({ execution, replaced }) => `${replaced} ${execution}`,
})

// A timer cannot wait for longer than 24.8 days. Whoever wakes too early sleeps again.
const upToLongest = (millis: number) => Math.min(Math.max(0, millis), 24 * 86_400_000)

// After each sleep, the engine replays all that an execution has done. So an execution must not go
// on for ever.
const maxRuns = 10

/** Does what can be done now. Returns when to go on, if this execution has more to do. */
const rotateNow = (place: Place, replaced: string, run: number) =>
  Effect.gen(function* () {
    const { tell } = yield* Progress
    const { grace, lease, olderThan, retryAfter } = yield* Settings
    const end = (state: "done" | "left to the next look", what: ReadonlyArray<string>) =>
      Effect.as(tell(place, state, what.join(", ")), Option.none())
    const wait = (until: DateTime.Utc, what: ReadonlyArray<string>) =>
      run === maxRuns ? end("left to the next look", what) : Effect.as(
        tell(place, "waiting", [...what, `goes on at ${DateTime.formatIso(until)}`].join(", ")),
        Option.some(until),
      )
    return yield* rotateApiKey({
      store: yield* storeOf(place),
      grace,
      lease,
      olderThan,
      onWait: "return",
      onStep: ({ _tag }) => tell(place, "at work", _tag),
    }).pipe(
      Effect.matchEffect({
        onSuccess: ({ apiKey, deleted, leftBehind, until }) => {
          const what = [
            `its file holds ${apiKey.id}`,
            ...deleted.map((id) => `deleted ${id}`),
            ...leftBehind.map(({ name }) => `may have left ${JSON.stringify(name)} behind`),
          ]
          if (Option.isSome(until)) return wait(until.value, what)
          // By this machine's clock, a key that is not replaced is still too young.
          return end(apiKey.id === replaced ? "left to the next look" : "done", what)
        },
        onFailure: ({ cause, message }) =>
          Effect.flatMap(DateTime.now, (now) =>
            wait(
              DateTime.addDuration(now, retryAfter),
              [message, ...cause === undefined ? [] : [cause.message]],
            )),
      }),
    )
  })

const rotate = Layer.unwrapEffect(Effect.gen(function* () {
  const { atOnce } = yield* Settings
  const turn = yield* Effect.makeSemaphore(atOnce)
  return RotateKey.toLayer(({ place, replaced }) =>
    Effect.gen(function* () {
      for (let run = 1; run <= maxRuns; run += 1) {
        const until = yield* Activity.make({
          name: `rotate ${run}`,
          success: Schema.Option(Schema.DateTimeUtc),
          execute: turn.withPermits(1)(rotateNow(place, replaced, run)),
        })
        if (Option.isNone(until)) break
        yield* DurableClock.sleep({
          name: `until ${run}`,
          duration: upToLongest(DateTime.distance(yield* DateTime.now, until.value)),
          // By default a sleep of up to a minute is only in memory, and starts again after a crash.
          inMemoryThreshold: "1 milli",
        })
      }
      return yield* DateTime.now
    })
  )
}))

interface Due {
  readonly apiKey: ApiKey
  readonly place: Place
  readonly replaced: string
}

/** A key that is old, or whose rotation is not finished. */
const dueOf = (apiKey: ApiKey, limit: DateTime.Utc): Option.Option<Due> => {
  const { mark, name } = parseMarked(apiKey.name)
  const place = { name, serviceAccountId: apiKey.serviceAccountId }
  return Option.match(mark, {
    onNone: () =>
      DateTime.lessThan(apiKey.createdAt, limit) ? Option.some(apiKey.id) : Option.none(),
    onSome: (mark) => mark._tag === "Rotates" ? Option.some(mark.predecessor) : Option.none(),
  }).pipe(Option.map((replaced) => ({ apiKey, place, replaced })))
}

const checkFile = (due: Due) =>
  storeOf(due.place).pipe(
    Effect.flatMap(({ read }) => read),
    Effect.mapError(({ message }) => message),
    Effect.filterOrFail(
      (secret) => Option.contains(Option.flatMap(secret, apiKeyIdOf), due.apiKey.id),
      () => "its secret is not in its file",
    ),
    Effect.mapBoth({ onFailure: (why) => ({ ...due, why }), onSuccess: () => due }),
  )

/** Starts an execution for a key that was due at a time, unless one was under way then. */
const startRotation = ({ place, replaced }: Due, at: DateTime.Utc) =>
  Effect.gen(function* () {
    // One that has ended since may have finished the rotation.
    const hasEnded = (execution: number) =>
      RotateKey.executionId({ place, replaced, execution }).pipe(
        Effect.flatMap(RotateKey.poll),
        Effect.map((result) =>
          result?._tag === "Complete" &&
          !Exit.exists(result.exit, DateTime.greaterThan(at))
        ),
        // An execution that no machine could run has ended with a defect. A database that is out of
        // reach tells nothing.
        Effect.catchAllDefect((defect) =>
          defect instanceof PersistenceError ? Effect.die(defect) : Effect.succeed(true)
        ),
      )
    // A key that cannot be rotated may have had thousands of executions, one for each look. So the
    // search for the last one doubles its steps, and then halves them.
    let ended = 0
    let execution = 1
    while (yield* hasEnded(execution)) {
      ended = execution
      execution *= 2
    }
    while (execution - ended > 1) {
      const middle = Math.floor((ended + execution) / 2)
      if (yield* hasEnded(middle)) ended = middle
      else execution = middle
    }
    yield* RotateKey.execute({ place, replaced, execution }, { discard: true })
  })

/** Starts a workflow for each key to rotate. One that is under way stays as it is. */
const look = Effect.gen(function* () {
  const { say } = yield* Progress
  const { olderThan } = yield* Settings
  const now = yield* DateTime.now
  const limit = DateTime.subtractDuration(now, olderThan)
  const { token } = yield* Credentials
  const own = apiKeyIdOf(Effect.isEffect(token) ? yield* token : token)
  const apiKeys = yield* Stream.runCollect(listApiKeys({ pageSize: 500 }))
  const due = Arr.filterMap(apiKeys, (apiKey) => dueOf(apiKey, limit))
    .filter(({ apiKey }) => !Option.contains(own, apiKey.id))
  const [others, toRotate] = yield* Effect.partition(due, checkFile)
  yield* Effect.forEach(toRotate, (due) => startRotation(due, now), {
    concurrency: 10,
    discard: true,
  })
  // During a rotation, one of its two keys is not in the file.
  const rotated = new Set(toRotate.map(({ replaced }) => replaced))
  yield* Effect.forEach(
    others.filter(({ replaced }) => !rotated.has(replaced)),
    ({ apiKey, why }) => say(`${apiKey.id} is due and left alone: ${why}`),
  )
  yield* say(`${apiKeys.length} keys, ${toRotate.length} of them to rotate`)
}).pipe(
  Effect.catchAll(({ message }) => Effect.logError(`the next look may do better: ${message}`)),
  // Otherwise nothing would look again, and nobody would hear of it.
  Effect.catchAllDefect((defect) => Effect.logError("the next look may do better", defect)),
)

const secretUrl = (name: string) => Config.option(Config.redacted(Config.nonEmptyString(name)))

const limit = { limit: 10, window: "1 second", key: "rotator" } as const

// Machines with the same Redis share the limit. Without Redis each machine has its own.
const client = secretUrl("REDIS_URL").pipe(
  Effect.map(Option.match({
    onNone: () => throttled(limit),
    onSome: (url) => {
      const { hostname, password, port, protocol, username } = new URL(Redacted.value(url))
      const redis = RedisRateLimiter.layerStore({
        host: hostname,
        port: Number(port || 6379),
        username: decodeURIComponent(username),
        password: decodeURIComponent(password),
        ...protocol === "rediss:" ? { tls: {} } : {},
      })
      return throttledByStore(limit).pipe(
        Layer.provide(
          Layer.unwrapEffect(Effect.map(RateLimiter.RateLimiter, ThrottleStore.layerRateLimiter)),
        ),
        Layer.provide(RateLimiter.layer),
        Layer.provide(redis),
      )
    },
  })),
  Layer.unwrapEffect,
  Layer.provide(FetchHttpClient.layer),
)

const untilNextLook = (schedule: Cron.Cron) =>
  Effect.gen(function* () {
    const next = Cron.next(schedule, yield* DateTime.now).getTime()
    const left = Effect.map(DateTime.now, (now) => next - DateTime.toEpochMillis(now))
    for (let wait = yield* left; wait > 0; wait = yield* left) {
      yield* Effect.sleep(upToLongest(wait))
    }
  })

const inMemory = Effect.map(
  Settings,
  ({ schedule }) =>
    Layer.scopedDiscard(
      Effect.forkScoped(Effect.forever(Effect.zipRight(look, untilNextLook(schedule)))),
    ).pipe(
      Layer.merge(rotate),
      Layer.provide(WorkflowEngine.layerMemory),
    ),
)

// The messages of finished workflows stay in the database: delete old ones from time to time.
const onCluster = (url: Redacted.Redacted) =>
  Effect.map(
    Settings,
    ({ schedule }) =>
      ClusterCron.make({ name: "look", cron: schedule, execute: look }).pipe(
        Layer.merge(rotate),
        Layer.provide(ClusterWorkflowEngine.layer),
        Layer.provide(NodeClusterSocket.layer({ storage: "sql" })),
        Layer.provide(PgClient.layer({ url })),
      ),
  )

secretUrl("DATABASE_URL").pipe(
  Effect.flatMap(Option.match({ onNone: () => inMemory, onSome: onCluster })),
  Layer.unwrapEffect,
  Layer.provide(Layer.mergeAll(Settings.layer, Progress.layer, NodeFileSystem.layer)),
  Layer.provide(Layer.merge(client, Credentials.layerConfig)),
  Layer.launch,
  NodeRuntime.runMain,
)
