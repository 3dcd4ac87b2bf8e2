import * as esbuild from "esbuild"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { secondLineBundle } from "../../effect4/test/secondLine.ts"

/** The folder of package.json, as far above this file as above a bundle of it. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url))

/** The module's lines, by Effect's major version. */
export type Line = 3 | 4

/** esbuild's options for a line. */
export const bundleOptions = (line: Line) => ({
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  logLevel: "error",
  plugins: line === 4 ? [secondLineBundle] : [],
} as const satisfies esbuild.BuildOptions)

/**
 * Bundles a program for Node, and returns its file. The bundle holds Effect, since functions that
 * esbuild re-exports from an external package would make each call of Effect 4 slower.
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
    // These packages load files that are beside them.
    external: ["esbuild", "undici"],
    // CommonJS modules in the bundle need `require`.
    banner: {
      js:
        'import * as module from "node:module"; const require = module.createRequire(import.meta.url)',
    },
    outfile,
  })
  return outfile
}
