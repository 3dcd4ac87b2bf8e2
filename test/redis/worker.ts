/** A program that makes calls under a limit that it shares with others through Redis. */
import * as RateLimiter from "@effect/experimental/RateLimiter"
import * as RedisRateLimiter from "@effect/experimental/RateLimiter/Redis"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Redis } from "ioredis"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Credentials, listApiKeysPage, throttledByStore, ThrottleStore } from "../../src/mod.ts"

/** Waits at a place until all workers have come there. */
const untilAllAreAt = (place: string, port: number, workers: number) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Redis(port, "127.0.0.1")),
    (redis) =>
      Effect.gen(function* () {
        let here = yield* Effect.promise(() => redis.incr(place))
        while (here < workers) {
          yield* Effect.sleep("5 millis")
          here = Number(yield* Effect.promise(() => redis.get(place)))
        }
      }),
    (redis) => Effect.promise(() => redis.quit()),
  )

const program = Effect.gen(function* () {
  const name = yield* Config.string("WORKER")
  const port = yield* Config.integer("REDIS_PORT")
  const limit = yield* Config.integer("LIMIT")
  const calls = yield* Config.integer("CALLS")
  const workers = yield* Config.integer("WORKERS")

  const named = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.mapRequest(HttpClientRequest.setHeader("x-worker", name)),
    ),
  )
  const store = Layer.unwrapEffect(
    Effect.map(RateLimiter.RateLimiter, ThrottleStore.layerRateLimiter),
  ).pipe(
    Layer.provide(RateLimiter.layer),
    Layer.provide(RedisRateLimiter.layerStore({ host: "127.0.0.1", port })),
  )
  const client = throttledByStore({ limit, window: "1 second", key: "crdb" }).pipe(
    Layer.provide(store),
    Layer.provide(named),
    Layer.provide(FetchHttpClient.layer),
  )

  // The workers meet halfway, so that none makes all its calls before another makes any.
  yield* Effect.forEach(["start", "halfway"], (place) =>
    Effect.zipRight(
      untilAllAreAt(place, port, workers),
      Effect.replicateEffect(listApiKeysPage(), calls / 2, {
        concurrency: "unbounded",
        discard: true,
      }),
    )).pipe(Effect.provide(Layer.merge(client, Credentials.layerConfig)))
})

await Effect.runPromise(program)
