import { expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Redis } from "ioredis"
import * as Emulator from "../../src/emulator/mod.ts"
import { Credentials } from "../../src/mod.ts"
import { servedEmulator } from "../servedEmulator.ts"
import { expectSuccess, runTool } from "../tool.ts"
import { startRedis, whyNoRedis } from "./redisServer.ts"

const limit = 20
const callsEach = 30
const workers = ["one", "other"]

const redis = Effect.acquireRelease(
  Effect.promise(startRedis),
  ({ stop }) => Effect.promise(stop),
)

/** The instants, in milliseconds of Redis's own clock, at which it gave a token away. */
const watchTokens = (port: number) =>
  Effect.gen(function* () {
    const watcher = yield* Effect.acquireRelease(
      Effect.promise(() => new Redis(port, "127.0.0.1").monitor()),
      (watcher) => Effect.sync(() => watcher.disconnect()),
    )
    const given: Array<number> = []
    watcher.on("monitor", (time: string, [command]: ReadonlyArray<string>, source: string) => {
      if (source === "lua" && command?.toUpperCase() === "SET") given.push(Number(time) * 1000)
    })
    return given
  })

/** The most instants in any stretch of so many milliseconds. */
const mostWithin = (millis: number, instants: ReadonlyArray<number>): number =>
  Math.max(
    ...instants.map((from) => instants.filter((at) => at >= from && at < from + millis).length),
  )

const reason = await whyNoRedis()
if (reason !== undefined) console.warn(`Skipped, for lack of a Redis: ${reason}.`)

it.skipIf(reason !== undefined)(
  "two processes with one Redis keep to one limit together",
  () =>
    Effect.gen(function* () {
      const { port } = yield* redis
      const given = yield* watchTokens(port)
      const { admin, requests } = yield* Emulator.Emulator
      const { baseUrl } = yield* Credentials

      yield* Effect.forEach(workers, (name) =>
        Effect.promise(async () =>
          expectSuccess(
            await runTool("bun", ["run", "test/redis/worker.ts"], {
              env: {
                WORKER: name,
                WORKERS: String(workers.length),
                REDIS_PORT: String(port),
                LIMIT: String(limit),
                CALLS: String(callsEach),
                COCKROACH_SERVER: baseUrl,
                COCKROACH_API_KEY: Redacted.value(admin.secret),
              },
            }),
          )
        ), { concurrency: "unbounded" })

      const seen = yield* requests
      const arrivals = seen.map(({ at }) => DateTime.toEpochMillis(at))
      const by = seen.map(({ headers }) => headers["x-worker"])
      expect(workers.map((name) => by.filter((worker) => worker === name).length))
        .toEqual(workers.map(() => callsEach))
      // Each had some of the tokens while the other wanted them too.
      const firstHalf = new Set(by.slice(0, callsEach))
      expect(firstHalf).toEqual(new Set(workers))
      // Redis's clock times the tokens exactly; how long a request travels from there on depends on
      // how busy this machine is, which a quarter of a window leaves room for.
      expect(given.length).toBe(seen.length)
      expect(mostWithin(1000, given)).toBeLessThanOrEqual(limit)
      expect(mostWithin(750, arrivals)).toBeLessThanOrEqual(limit)
    }).pipe(
      Effect.provide(servedEmulator({ rateLimit: "none" })),
      Effect.scoped,
      Effect.runPromise,
    ),
)
