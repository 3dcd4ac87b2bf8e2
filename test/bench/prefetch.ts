/**
 * Ten pages ahead of a slow consumer.
 *
 * @module
 */
import { Credentials, listApiKeyPages } from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { pageBody } from "./pages.ts"
import { atMost, figure, type Row } from "./row.ts"

const pages = 40

const answer = (input: Parameters<typeof fetch>[0]): Response => {
  const page = Number(new URL(String(input)).searchParams.get("pagination.page") ?? 0)
  const body = pageBody(page, 10, page + 1 < pages ? String(page + 1) : undefined)
  const headers = { "content-type": "application/json", "content-length": String(body.length) }
  return new Response(body, { headers })
}

/** Milliseconds for each page, and the real times of its round trip and of the work on it. */
const millisAPage = async (roundTrip: number, work: number, prefetch: number) => {
  const taken = { roundTrips: 0, work: 0 }
  const slowFetch: typeof fetch = (input) => {
    const sentAt = performance.now()
    return new Promise((resolve) =>
      setTimeout(() => {
        taken.roundTrips += performance.now() - sentAt
        resolve(answer(input))
      }, roundTrip)
    )
  }
  const workThrough = Effect.suspend(() => {
    const startedAt = performance.now()
    return Effect.map(Effect.sleep(work), () => {
      taken.work += performance.now() - startedAt
    })
  })
  const start = performance.now()
  await listApiKeyPages({ prefetch }).pipe(
    Stream.runForEach(() => workThrough),
    Effect.provide(
      FetchHttpClient.layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, slowFetch)),
        Layer.merge(Credentials.layerApiKey(Redacted.make("bench"))),
      ),
    ),
    Effect.runPromise,
  )
  return {
    page: (performance.now() - start) / pages,
    slower: Math.max(taken.roundTrips, taken.work) / pages,
  }
}

/**
 * Measures a network that is slower than the consumer, one as slow, and one that is faster. Since
 * timers run late on a busy machine, the time to beat is the one that they really took.
 */
export const prefetchBench = async (): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  await millisAPage(1, 1, 10)
  for (const [roundTrip, work] of [[100, 50], [75, 75], [50, 100]] as const) {
    const ahead = await millisAPage(roundTrip, work, 10)
    const inTurn = await millisAPage(roundTrip, work, 0)
    rows.push(
      atMost(
        `10 pages ahead, round trip ${roundTrip} ms, work ${work} ms: a page, against the slower`,
        ahead.page / ahead.slower,
        1.1,
        (ratio) => `${ratio.toFixed(2)} x`,
      ),
      figure(
        "  milliseconds a page: ahead; not ahead",
        `${ahead.page.toFixed(0)}; ${inTurn.page.toFixed(0)}`,
      ),
    )
  }
  return rows
}
