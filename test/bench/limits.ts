/**
 * How close the client comes to the server's rate limit over real sockets, and how often it is
 * refused.
 *
 * The server runs in another process. In the client's process it would answer in lockstep with the
 * client's requests.
 *
 * @module
 */
import { Credentials, getApiKey, listApiKeysPage, throttled } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { makeGate } from "../../src/waiting/gate.ts"
import { serve } from "./emulator.ts"
import type { Row } from "./row.ts"

const limit = 200
const fibers = 50
const callsEach = 6
const rounds = 3
const resolution = 5
const calls = fibers * callsEach

/** How many requests were sent, and how many of them were refused. */
interface Counts {
  sent: number
  refused: number
}

/** A client over fetch that counts. */
const counted = (counts: Counts): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.tap(({ status }) =>
        Effect.sync(() => {
          counts.sent++
          if (status === 429) counts.refused++
        })
      ),
    ),
  ).pipe(Layer.provide(FetchHttpClient.layer))

/** Waits until the server's limit allows as many requests as ever. */
const recovered = Effect.sleep("1200 millis")

/**
 * Makes the calls. Returns how late the process was for its timers, how many calls failed, the
 * share of requests that the server refused, and calls a second.
 */
const manyCalls = (counts: Counts) =>
  Effect.gen(function* () {
    // The server still counts the requests of an earlier round, and this bucket knows of none.
    yield* recovered
    // The first calls warm up.
    const page = yield* listApiKeysPage({ pageSize: 1 })
    const get = Effect.either(getApiKey(page.apiKeys[0]?.id ?? ""))
    yield* Effect.replicateEffect(get, limit / 2, { concurrency: fibers })
    yield* recovered
    Object.assign(counts, { sent: 0, refused: 0 })
    const late = monitorEventLoopDelay({ resolution })
    late.enable()
    const start = yield* Clock.currentTimeMillis
    const outcomes = yield* Effect.replicateEffect(
      Effect.replicateEffect(get, callsEach),
      fibers,
      { concurrency: fibers },
    )
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
    late.disable()
    return {
      lateMillis: late.max / 1e6 - resolution,
      failed: outcomes.flat().filter(({ _tag }) => _tag === "Left").length,
      refusedShare: counts.refused / counts.sent,
      rate: calls / seconds,
    }
  })

type Client = Layer.Layer<HttpClient.HttpClient>

const throttling = (client: Client): Client =>
  Layer.provide(throttled({ limit, window: "1 second" }), client)

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

const measure = (latency: number, client: (client: Client) => Client) =>
  Effect.acquireUseRelease(
    Effect.promise(() => serve(10, { latency, limit })),
    ({ port, token }) => {
      const counts: Counts = { sent: 0, refused: 0 }
      const credentials = Credentials.make({
        token: Redacted.make(token),
        baseUrl: `http://127.0.0.1:${port}`,
      })
      return Effect.replicateEffect(
        Effect.provide(manyCalls(counts), client(counted(counts))),
        rounds,
      ).pipe(
        // By default this gate fits the service's 10 a second. Here it fits the server.
        Effect.provideService(Credentials, {
          ...credentials,
          gate: makeGate(limit),
        }),
        // Whatever came out of it, the round that the machine disturbed least.
        Effect.map((results) =>
          results.reduce((one, other) => one.lateMillis <= other.lateMillis ? one : other)
        ),
        Effect.orDie,
      )
    },
    ({ stop }) => Effect.promise(stop),
  )

const throttledRows = (latency: number): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.map(measure(latency, throttling), ({ failed, lateMillis, rate, refusedShare }) => {
    const what = `${calls} calls of ${fibers} fibers, throttled to ${limit} a second, ` +
      `${latency} ms of latency`
    return [
      {
        what: `${what}: calls a second`,
        measured: `${rate.toFixed(0)}, ${failed} failed (late by ${lateMillis.toFixed(0)} ms)`,
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
  Effect.map(measure(latency, (client) => client), ({ failed, rate, refusedShare }) => [{
    what: `${calls} calls of ${fibers} fibers, not throttled, ${latency} ms of latency: ` +
      "failed; refused; calls a second",
    measured: `${failed}; ${percent(refusedShare)}; ${rate.toFixed(0)}`,
    target: "0; <= 25 %; -",
    pass: failed === 0 && refusedShare <= 0.25,
  }])

/** Measures the throttle, and the gate without it, against a limit of 200 a second. */
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
