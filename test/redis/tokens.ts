import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis } from "ioredis"

/** When Redis gave tokens away, in milliseconds of its own clock. */
export const watchTokens = (
  port: number,
): Effect.Effect<ReadonlyArray<number>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Redis(port, "127.0.0.1")),
      (redis) => Effect.sync(() => redis.disconnect()),
    )
    const watcher = yield* Effect.acquireRelease(
      Effect.promise(() => redis.monitor()),
      (watcher) => Effect.sync(() => watcher.disconnect()),
    )
    const given: Array<number> = []
    watcher.on("monitor", (time: string, [command]: ReadonlyArray<string>, source: string) => {
      if (source === "lua" && command?.toUpperCase() === "SET") given.push(Number(time) * 1000)
    })
    return given
  })

/** The greatest number of instants within any `millis` milliseconds. */
export const mostWithin = (millis: number, instants: ReadonlyArray<number>): number =>
  Math.max(
    ...instants.map((from) => instants.filter((at) => at >= from && at < from + millis).length),
  )
