/**
 * Walking a million keys: how much memory it takes.
 *
 * @module
 */
import { walkAlone } from "./alone.ts"
import type { Line } from "./lines.ts"
import { withPages } from "./pages.ts"
import { atMost, figure, type Row } from "./row.ts"

const keys = 1_000_000
const pageSize = 500
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

/** Walks in a new process. This one serves the keys. */
export const walkBench = async (line: Line): Promise<ReadonlyArray<Row>> => {
  const walk = (client: string, samplesLive: boolean) =>
    withPages(
      keys / 100,
      pageSize,
      (short) =>
        withPages(keys, pageSize, (long) => walkAlone(line, client, short, long, samplesLive)),
    )
  const walked = await walk("apiKeys", false)
  const bare = await walk("httpClient", false)
  const { live } = await walk("apiKeys", true)
  if (walked.keys !== keys) throw new Error(`the walk found ${walked.keys} keys of ${keys}`)
  const what = `walking ${keys} keys in pages of ${pageSize}`
  const target = 64 * 2 ** 20
  return [
    atMost(`${what}: peak resident memory over idle`, walked.peak - walked.idle, target, mebibytes),
    figure(
      "  idle; peak; seconds; of these on the processor",
      [
        mebibytes(walked.idle),
        mebibytes(walked.peak),
        (walked.millis / 1000).toFixed(1),
        (walked.cpuMillis / 1000).toFixed(1),
      ].join("; "),
    ),
    figure(
      "  with HttpClient alone, keys not decoded: peak over idle",
      mebibytes(bare.peak - bare.idle),
    ),
    atMost(
      `${what}: peak live memory over idle, garbage aside`,
      (live?.peak ?? NaN) - (live?.idle ?? NaN),
      target,
      mebibytes,
    ),
  ]
}
