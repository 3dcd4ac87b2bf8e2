import { execFile } from "node:child_process"
import process from "node:process"
import { promisify } from "node:util"
import { bundleProgram, type Line } from "./lines.ts"
import type { Setting } from "./pages.ts"
import type { Walked } from "./report.ts"

/**
 * Runs the `walk` of a client in a process of its own, first on a short list to warm up. To find out
 * what is live, garbage is collected over and over, so that the other figures then mean little.
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
  // The process prints what report.ts says.
  return JSON.parse(stdout)
}
