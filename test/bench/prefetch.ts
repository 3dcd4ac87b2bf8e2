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

/** Milliseconds for each page, when an answer takes one time and working through it another. */
const millisAPage = async (roundTrip: number, work: number, prefetch: number): Promise<number> => {
  const slowFetch: typeof fetch = (input) =>
    new Promise((resolve) => setTimeout(() => resolve(answer(input)), roundTrip))
  const start = performance.now()
  await listApiKeyPages({ prefetch }).pipe(
    Stream.runForEach(() => Effect.sleep(work)),
    Effect.provide(
      FetchHttpClient.layer.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, slowFetch)),
        Layer.merge(Credentials.layerApiKey(Redacted.make("bench"))),
      ),
    ),
    Effect.runPromise,
  )
  return (performance.now() - start) / pages
}

/** Measures a network that is slower than the consumer, one as slow, and one that is faster. */
export const prefetchBench = async (): Promise<ReadonlyArray<Row>> => {
  const rows: Array<Row> = []
  await millisAPage(1, 1, 10)
  for (const [roundTrip, work] of [[100, 50], [75, 75], [50, 100]] as const) {
    const ahead = await millisAPage(roundTrip, work, 10)
    const inTurn = await millisAPage(roundTrip, work, 0)
    rows.push(
      atMost(
        `10 pages ahead, round trip ${roundTrip} ms, work ${work} ms: a page, against the slower`,
        ahead / Math.max(roundTrip, work),
        1.1,
        (ratio) => `${ratio.toFixed(2)} x`,
      ),
      figure(
        "  milliseconds a page: ahead; not ahead",
        `${ahead.toFixed(0)}; ${inTurn.toFixed(0)}`,
      ),
    )
  }
  return rows
}
