import * as esbuild from "esbuild"
import { execFile } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Setting } from "./pages.ts"
import type { Walked } from "./report.ts"

/** Where package.json is: as far above this file as above the bundle that it becomes part of. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url))

/**
 * Runs the `walk` of a client in a process of its own, first on a short list to warm up. To find out
 * what is live, garbage is collected over and over, so that the other figures then mean little.
 */
export const walkAlone = async (
  client: string,
  short: Setting,
  long: Setting,
  samplesLive = false,
): Promise<Walked> => {
  const outfile = join(root, `node_modules/.cache/walk-${client}.mjs`)
  await esbuild.build({
    stdin: {
      contents: `import { walk } from "./clients/${client}.ts"
        import { report } from "./report.ts"
        await report(walk)`,
      resolveDir: join(root, "test/bench"),
    },
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "error",
  })
  const args = ["--expose-gc", outfile, JSON.stringify([short, long, samplesLive])]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  // The process prints what report.ts says.
  return JSON.parse(stdout)
}
