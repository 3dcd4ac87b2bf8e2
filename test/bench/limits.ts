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
import { makeGate } from "../../src/waiting/gate.ts"
import { serve } from "./emulator.ts"
import type { Row } from "./row.ts"

const limit = 200
const fibers = 50
const callsEach = 6
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

/** Makes the calls. Returns the failed ones, the refused requests, and the calls a second. */
const manyCalls = (counts: Counts) =>
  Effect.gen(function* () {
    // Some calls warm up, and then the limit recovers.
    const page = yield* listApiKeysPage({ pageSize: 1 })
    const get = Effect.either(getApiKey(page.apiKeys[0]?.id ?? ""))
    yield* Effect.replicateEffect(get, limit / 2, { concurrency: fibers })
    yield* Effect.sleep("1200 millis")
    Object.assign(counts, { sent: 0, refused: 0 })
    const start = yield* Clock.currentTimeMillis
    const outcomes = yield* Effect.replicateEffect(
      Effect.replicateEffect(get, callsEach),
      fibers,
      { concurrency: fibers },
    )
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
    return {
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
      return manyCalls(counts).pipe(
        Effect.provide(client(counted(counts))),
        // By default this gate fits the service's 10 a second. Here it fits the server.
        Effect.provideService(Credentials, {
          ...credentials,
          gate: makeGate(limit),
        }),
        Effect.orDie,
      )
    },
    ({ stop }) => Effect.promise(stop),
  )

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
