/**
 * Walking a million keys: how much memory it takes.
 *
 * @module
 */
import { walkAlone } from "./alone.ts"
import { withPages } from "./pages.ts"
import { atMost, figure, type Row } from "./row.ts"

const keys = 1_000_000
const pageSize = 500
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

/** Walks in a process of its own; the keys are made up in this one. */
export const walkBench = async (): Promise<ReadonlyArray<Row>> => {
  const walked = await withPages(
    keys / 100,
    pageSize,
    (short) => withPages(keys, pageSize, (long) => walkAlone("apiKeys", short, long)),
  )
  if (walked.keys !== keys) throw new Error(`the walk found ${walked.keys} keys of ${keys}`)
  return [
    atMost(
      `walking ${keys} keys in pages of ${pageSize}: peak memory over idle`,
      walked.peak - walked.idle,
      64 * 2 ** 20,
      mebibytes,
    ),
    figure(
      "  idle; peak; seconds; of these on the processor",
      [
        mebibytes(walked.idle),
        mebibytes(walked.peak),
        (walked.millis / 1000).toFixed(1),
        (walked.cpuMillis / 1000).toFixed(1),
      ].join("; "),
    ),
  ]
}
