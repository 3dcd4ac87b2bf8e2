import { execFile } from "node:child_process"
import process from "node:process"
import { promisify } from "node:util"
import { bundleProgram, type Line } from "./lines.ts"
import type { Setting } from "./pages.ts"
import type { Walked } from "./report.ts"

/**
 * Runs a client's `walk` in a new process, after a short list to warm up. To sample live memory it
 * collects garbage over and over, which makes the other figures useless.
 */
export const walkAlone = async (
  line: Line,
  client: string,
  short: Setting,
  long: Setting,
  samplesLive = false,
): Promise<Walked> => {
  const outfile = await bundleProgram(
    line,
    `walk-${client}`,
    `import { walk } from "./clients/${client}.ts"
      import { report } from "./report.ts"
      await report(walk)`,
  )
  const args = ["--expose-gc", outfile, JSON.stringify([short, long, samplesLive])]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  // The process prints the `Walked` of report.ts.
  return JSON.parse(stdout)
}
