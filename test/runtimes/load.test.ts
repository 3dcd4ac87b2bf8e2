/**
 * Loading the module has no effects. While a module loads, edge runtimes refuse timers and random
 * numbers, and Deno asks before it reads the environment.
 */
import { build, type Plugin } from "esbuild"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { bundleOptions, type Line } from "../bench/lines.ts"
import { expectSuccess, root, runTool } from "../tool.ts"

/** Loads Effect, then a bundle of the module. Prints each global that the module touches. */
const loading = (bundle: string, imports: ReadonlyArray<string>): string => `
  for (const name of ${JSON.stringify(imports)}) await import(name)
  const { log } = console
  const touched = []
  const watch = (owner, name) => {
    const value = owner[name]
    Object.defineProperty(owner, name, { get: () => (touched.push(name), value) })
  }
  const ofTime = ["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "performance"]
  for (const name of ["process", "Deno", "Bun", "crypto", ...ofTime]) watch(globalThis, name)
  watch(Math, "random")
  watch(Date, "now")
  await import(${JSON.stringify(bundle)})
  log(JSON.stringify(touched))
`

// Effect's own effects on loading do not count.
const effectOutside: Plugin = {
  name: "effect-outside",
  setup: ({ onResolve }) =>
    onResolve({ filter: /^effect4?\// }, ({ path }) => ({ path, external: true })),
}

const load = async (source: string, line: Line): Promise<unknown> => {
  const { plugins, ...options } = bundleOptions(line)
  const { metafile, outputFiles } = await build({
    ...options,
    plugins: [...plugins, effectOutside],
    stdin: { contents: source, resolveDir: root, sourcefile: "program.ts", loader: "ts" },
    packages: "external",
    write: false,
    metafile: true,
  })
  const imports = Object.values(metafile.outputs).flatMap(({ imports }) => imports)
  const cache = join(root, "node_modules/.cache")
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "load-"))
  try {
    const bundle = join(folder, "bundle.mjs")
    writeFileSync(bundle, outputFiles[0]?.text ?? "")
    const script = join(folder, "load.mjs")
    writeFileSync(script, loading(bundle, imports.map(({ path }) => path)))
    return JSON.parse(expectSuccess(await runTool("node", [script])).stdout)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe.each([3, 4] as const)("on Effect %s", (line) => {
  it.each(["./src/mod.ts", "./src/emulator/mod.ts"])(
    "loading %s touches no environment, no timer, no clock and no random number",
    async (entry) => {
      expect(await load(`export * from "${entry}"`, line)).toEqual([])
    },
  )
})

it("loading a module that touches one of these is noticed", async () => {
  expect(await load("Math.random(); Date.now(); setTimeout(() => {}); process.env", 3)).toEqual([
    "random",
    "now",
    "setTimeout",
    "process",
  ])
})
