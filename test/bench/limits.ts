/**
 * How close the client comes to the server's limit, and how often it is refused, over real sockets.
 *
 * @module
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Emulator from "../../src/emulator/mod.ts"
import { type Credentials, getApiKey, listApiKeysPage, throttled } from "../../src/mod.ts"
import { servedEmulator } from "../servedEmulator.ts"
import type { Row } from "./row.ts"

const limit = 200
const fibers = 50
const callsEach = 6
const calls = fibers * callsEach

/** Makes the calls: which failed, how many requests were refused, and how many calls a second. */
const manyCalls = Effect.gen(function* () {
  const { clear, refused, requests, withoutRole } = yield* Emulator.Emulator
  yield* clear
  const get = Effect.either(getApiKey(withoutRole.apiKeyId))
  const start = yield* Clock.currentTimeMillis
  const outcomes = yield* Effect.replicateEffect(
    Effect.replicateEffect(get, callsEach),
    fibers,
    { concurrency: fibers },
  )
  const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
  return {
    failed: outcomes.flat().filter(({ _tag }) => _tag === "Left").length,
    refusedShare: (yield* refused) / (yield* requests).length,
    rate: calls / seconds,
  }
})

type Services = HttpClient.HttpClient | Credentials | Emulator.Emulator

/** What the client is between the calls and the server. */
type Client = (served: Layer.Layer<Services>) => Layer.Layer<Services>

const throttling: Client = (served) =>
  Layer.provideMerge(throttled({ limit, window: "1 second" }), served)

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const measure = (latency: number, client: Client) =>
  Effect.gen(function* () {
    // What the first calls of a process find cold is not the limit's doing; then the limit recovers.
    yield* Effect.replicateEffect(Effect.ignore(listApiKeysPage()), limit / 2, {
      concurrency: fibers,
    })
    yield* Effect.sleep("1200 millis")
    return yield* manyCalls
  }).pipe(Effect.provide(client(servedEmulator({ rateLimit: { limit }, latency }))))

const throttledRows = (latency: number): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.map(measure(latency, throttling), ({ failed, rate, refusedShare }) => {
    const what = `${calls} calls of ${fibers} fibers, throttled to ${limit} a second, ` +
      `${latency} ms of latency`
    return [
      {
        what: `${what}: calls a second`,
        measured: `${rate.toFixed(0)}, ${failed} failed`,
        target: `>= ${0.95 * limit}, none failed`,
        pass: failed === 0 && rate >= 0.95 * limit,
      },
      {
        what: `${what}: refused`,
        measured: percent(refusedShare),
        target: "<= 1 %",
        pass: refusedShare <= 0.01,
      },
    ]
  })

const unthrottledRows = (latency: number): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.map(measure(latency, (served) => served), ({ failed, rate, refusedShare }) => [{
    what: `${calls} calls of ${fibers} fibers, not throttled, ${latency} ms of latency: ` +
      "failed; refused; calls a second",
    measured: `${failed}; ${percent(refusedShare)}; ${rate.toFixed(0)}`,
    target: "0; <= 25 %; -",
    pass: failed === 0 && refusedShare <= 0.25,
  }])

/** Measures the throttle and, without it, the gate, against an emulator with a limit of 200 a second. */
export const limitsBench = async (): Promise<ReadonlyArray<Row>> => {
  const rows = await Effect.runPromise(
    Effect.all([
      throttledRows(0),
      throttledRows(20),
      throttledRows(80),
      unthrottledRows(0),
      unthrottledRows(80),
    ]),
  )
  return rows.flat()
}
