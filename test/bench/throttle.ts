/**
 * The documented limit: a server that allows 10 requests a second, in any second.
 *
 * @module
 */
import { getApiKey, throttled } from "@effect-crdb/api-keys"
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { servedEmulator } from "../servedEmulator.ts"
import { figure, type Row } from "./row.ts"

const limit = 10
const calls = 50
const fibers = 20
const rounds = 3
const resolution = 5

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const round = Effect.gen(function* () {
  const emulator = yield* Emulator.Emulator
  const get = Effect.either(getApiKey(emulator.withoutRole.apiKeyId))
  // What the first calls of a process find cold is not the throttle's doing; then the limit recovers.
  yield* Effect.replicateEffect(get, limit, { concurrency: limit })
  yield* Effect.sleep("1200 millis")
  yield* emulator.clear
  const late = monitorEventLoopDelay({ resolution })
  late.enable()
  const outcomes = yield* Effect.replicateEffect(get, calls, { concurrency: fibers })
  late.disable()
  const requests = yield* emulator.requests
  const admitted = requests.filter(({ status }) => status === 200)
    .map(({ at }) => DateTime.toEpochMillis(at))
  const seconds = (Math.max(...admitted) - Math.min(...admitted)) / 1000
  return {
    lateMillis: late.max / 1e6 - resolution,
    failed: outcomes.filter(({ _tag }) => _tag === "Left").length,
    refusedShare: (yield* emulator.refused) / requests.length,
    // As the server sees it. The first ten may go out at once, and would make any client look faster than allowed.
    rateShare: (calls - limit) / seconds / limit,
  }
})

const rowsFor = (latency: number, isThrottled: boolean): Effect.Effect<ReadonlyArray<Row>> => {
  const served = servedEmulator({ rateLimit: { limit }, latency })
  const client = isThrottled
    ? Layer.provideMerge(throttled({ limit, window: "1 second" }), served)
    : served
  return Effect.map(Effect.provide(Effect.replicateEffect(round, rounds), client), (results) => {
    const { failed, lateMillis, rateShare, refusedShare } = results.reduce((one, other) =>
      one.lateMillis <= other.lateMillis ? one : other
    )
    const what = `${isThrottled ? "" : "not "}throttled, 10 a second allowed, ${latency} ms away`
    return isThrottled
      ? [
        {
          what: `${what}: of the allowed rate`,
          measured: `${percent(rateShare)} (late by ${lateMillis.toFixed(0)} ms)`,
          target: ">= 95 %",
          pass: rateShare >= 0.95,
        },
        {
          what: `${what}: refused`,
          measured: percent(refusedShare),
          target: "<= 1 %",
          pass: refusedShare <= 0.01,
        },
      ]
      : [figure(
        `  ${what}: of the allowed rate; refused; calls that failed`,
        `${percent(rateShare)}; ${percent(refusedShare)}; ${failed} of ${calls}`,
      )]
  })
}

/**
 * Measures near and far servers, with the throttle and without, all at once, since they mostly wait.
 *
 * A token of the throttle is out for at most 1.04 seconds: where something else keeps the machine
 * from running this process for more than 40 ms, a request may come too early, is refused, and costs
 * the second that the server asks for. So of several rounds that one counts in which the process was
 * least late for what was due, whatever came out of it; the lateness is told.
 */
export const throttleBench = async (): Promise<ReadonlyArray<Row>> => {
  const rows = await Effect.runPromise(Effect.all(
    [rowsFor(0, true), rowsFor(50, true), rowsFor(0, false), rowsFor(50, false)],
    { concurrency: "unbounded" },
  ))
  return rows.flat()
}
