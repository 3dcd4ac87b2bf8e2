/**
 * Compiles the sources of a package, for both of its readers.
 *
 * @module
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"

/**
 * Compiles `src` in a folder to `dist`.
 *
 * A bundler gets a file for each source, so that it keeps what a program uses alone. Node, Deno and
 * Bun get few files in `dist/node`, since opening a hundred takes longer than reading them.
 */
export const compile = (root: string, folder: string): void => {
  const run = (command: string, ...args: ReadonlyArray<string>) =>
    execFileSync(path.join(root, "node_modules/.bin", command), args, {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    })
  const tsconfig = path.join(folder, "tsconfig.json")
  fs.writeFileSync(
    tsconfig,
    JSON.stringify({
      extends: path.join(root, "src/tsconfig.json"),
      compilerOptions: { rootDir: "src", outDir: "dist" },
      include: ["src"],
      exclude: [],
    }),
  )
  run("tsc", "-p", tsconfig)
  fs.rmSync(tsconfig)
  run(
    "esbuild",
    "dist/mod.js",
    "dist/emulator/mod.js",
    "--bundle",
    "--splitting",
    "--keep-names",
    "--packages=external",
    "--format=esm",
    "--target=node20",
    "--sourcemap",
    "--sources-content=false",
    "--log-level=error",
    "--outdir=dist/node",
  )
}
