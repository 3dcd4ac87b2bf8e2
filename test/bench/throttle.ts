/**
 * The documented rate limit: a server that allows 10 requests in any second.
 *
 * @module
 */
import { getApiKey, throttled } from "@effect-crdb/api-keys"
import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { servedEmulator } from "../servedEmulator.ts"
import { figure, type Row } from "./row.ts"

const limit = 10
const calls = 50
const rounds = 3
const resolution = 5

/** A server, the fibers that it takes to use its limit, and the share of the limit to reach. */
interface Server {
  readonly what: string
  readonly options: Emulator.EmulatorOptions
  readonly fibers: number
  readonly target: number
}

const here: Server = { what: "0 ms away", options: {}, fibers: 20, target: 0.95 }
const away: Server = { what: "50 ms away", options: { latency: 50 }, fibers: 20, target: 0.95 }
const slow: Server = { what: "2 s away", options: { latency: 2000 }, fibers: 50, target: 0.9 }
const uneven: Server = {
  what: "20 ms away, half of its answers 680 ms later",
  options: { latency: 20, faults: [{ chance: 0.5, answerDelay: 680 }] },
  fibers: 20,
  target: 0.9,
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** Waits until the server's limit allows as many requests as ever. */
const recovered = Effect.sleep("1200 millis")

const round = (fibers: number) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    const get = Effect.either(getApiKey(emulator.withoutRole.apiKeyId))
    // The server still counts the requests of an earlier round, and this bucket knows of none.
    yield* recovered
    // The first calls warm up.
    yield* Effect.replicateEffect(get, limit, { concurrency: limit })
    yield* recovered
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
      // The server's view, without the first ten, which may go out at once.
      rateShare: (calls - limit) / seconds / limit,
    }
  })

const rowsFor = (server: Server, isThrottled: boolean): Effect.Effect<ReadonlyArray<Row>> => {
  const served = servedEmulator({ ...server.options, rateLimit: { limit } })
  // Each round has its own bucket, so that a late round does not make the next one cautious.
  const throttle = throttled({ limit, window: "1 second" })
  const one = isThrottled ? Effect.provide(round(server.fibers), throttle) : round(server.fibers)
  const measured = Effect.replicateEffect(one, rounds)
  return Effect.map(Effect.provide(measured, served), (results) => {
    const { failed, lateMillis, rateShare, refusedShare } = results.reduce((one, other) =>
      one.lateMillis <= other.lateMillis ? one : other
    )
    const what = `${isThrottled ? "" : "not "}throttled, 10 a second allowed, ${server.what}`
    return isThrottled
      ? [
        {
          what: `${what}: of the allowed rate`,
          measured: `${percent(rateShare)} (late by ${lateMillis.toFixed(0)} ms)`,
          target: `>= ${100 * server.target} %`,
          pass: rateShare >= server.target,
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
 * Measures near, far, slow and uneven servers, with the throttle and without. They run all at once,
 * since they mostly wait.
 *
 * A token of the throttle comes back after 1.03 seconds. If the machine holds this process up for
 * more than 30 ms, a request may come too early. It is refused, and costs the second that the
 * server asks for. So only the round counts in which the process was least late, whatever its
 * result. The row says how late it was.
 */
export const throttleBench = async (): Promise<ReadonlyArray<Row>> => {
  const rows = await Effect.runPromise(Effect.all(
    [
      ...[here, away, slow, uneven].map((server) => rowsFor(server, true)),
      ...[here, away].map((server) => rowsFor(server, false)),
    ],
    { concurrency: "unbounded" },
  ))
  return rows.flat()
}
