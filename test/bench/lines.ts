import * as esbuild from "esbuild"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { secondLineBundle } from "../../effect4/test/secondLine.ts"

/** Where package.json is: as far above this file as above the bundle that it becomes part of. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url))

/** The module's lines, by the major version of the Effect that they are for. */
export type Line = 3 | 4

/** What makes a bundle one of a line. */
export const bundleOptions = (line: Line) => ({
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  logLevel: "error",
  plugins: line === 4 ? [secondLineBundle] : [],
} as const satisfies esbuild.BuildOptions)

/**
 * Bundles a program for Node, and answers with its file. Effect is in it: a bundle hands on another
 * package's functions through one of its own, which would make each call of Effect 4 slower.
 */
export const bundleProgram = async (
  line: Line,
  name: string,
  contents: string,
): Promise<string> => {
  const outfile = join(root, `node_modules/.cache/bench-${name}-${line}.mjs`)
  await esbuild.build({
    ...bundleOptions(line),
    stdin: { contents, resolveDir: join(root, "test/bench"), sourcefile: "program.ts" },
    platform: "node",
    // They look for files of their own.
    external: ["esbuild", "undici"],
    // For what is CommonJS.
    banner: {
      js:
        'import * as module from "node:module"; const require = module.createRequire(import.meta.url)',
    },
    outfile,
  })
  return outfile
}
