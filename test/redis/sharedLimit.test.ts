import { expect, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Emulator from "../../src/emulator/mod.ts"
import { Credentials } from "../../src/mod.ts"
import { servedEmulator } from "../servedEmulator.ts"
import { expectSuccess, runTool } from "../tool.ts"
import { startRedis, whyNoRedis } from "./redisServer.ts"
import { mostWithin, watchTokens } from "./tokens.ts"

const limit = 20
const callsEach = 30
const workers = ["one", "other"]

const redis = Effect.acquireRelease(
  Effect.promise(startRedis),
  ({ stop }) => Effect.promise(stop),
)

const reason = await whyNoRedis()
if (reason !== undefined) console.warn(`Skipped for want of a Redis: ${reason}.`)

it.skipIf(reason !== undefined)(
  "two processes that share a Redis keep to one limit together",
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
      // Neither worker starts its second half before the other ends its first.
      const firstHalf = by.slice(0, callsEach)
      expect(workers.map((name) => firstHalf.filter((worker) => worker === name).length))
        .toEqual(workers.map(() => callsEach / 2))
      // Redis's clock times the tokens exactly. On a busy machine a request arrives later, for
      // which a quarter of a window leaves room.
      expect(given.length).toBe(seen.length)
      expect(mostWithin(1000, given)).toBeLessThanOrEqual(limit)
      expect(mostWithin(750, arrivals)).toBeLessThanOrEqual(limit)
    }).pipe(
      Effect.provide(servedEmulator({ rateLimit: "none" })),
      Effect.scoped,
      Effect.runPromise,
    ),
)
