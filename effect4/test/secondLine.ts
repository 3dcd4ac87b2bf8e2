import type * as esbuild from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Plugin } from "vitest/config"

// The repository is as far above this file as above a bundle in node_modules/.cache.
const root = fileURLToPath(new URL("../..", import.meta.url))
const inRoot = (...parts: ReadonlyArray<string>) => path.join(root, ...parts)

const modules: Readonly<Record<string, string>> = {
  "@effect-crdb/api-keys": "src/mod.ts",
  "@effect-crdb/api-keys/emulator": "src/emulator/mod.ts",
  "@effect/vitest": "effect4/test/vitest.ts",
}

// Tests also get the names in effect4/test/names, which no source uses.
const isTest = (file: string): boolean => file.startsWith(inRoot("test/"))

/** Resolves an import as in the tree for Effect 4: to a file, a module of Effect's, or not. */
const leadsTo = (
  source: string,
  importer: string | undefined,
): { readonly file: string } | { readonly module: string } | undefined => {
  if (importer === undefined || importer.includes("/node_modules/")) return undefined
  const replaced = (file: string) => {
    const own = path.join("effect4", file)
    return { file: inRoot(fs.existsSync(inRoot(own)) ? own : file) }
  }
  const whole = modules[source]
  if (whole !== undefined) return replaced(whole)
  const [, packageName, module] = /^(effect|@effect\/[\w-]+)\/(.+)$/.exec(source) ?? []
  if (module !== undefined) {
    const file = [...isTest(importer) ? ["effect4/test/names"] : [], "effect4/names"]
      .map((folder) => inRoot(folder, `${module}.ts`))
      .find((file) => fs.existsSync(file))
    return file === undefined
      ? { module: `effect4/${packageName === "effect" ? module : `http/${module}`}` }
      : { file }
  }
  if (!source.startsWith(".") || !source.endsWith(".ts")) return undefined
  // A replacement imports its neighbours by the same paths as the file that it replaces.
  const original = inRoot(path.relative(inRoot("effect4"), importer))
  const from = fs.existsSync(original) ? original : importer
  return replaced(path.relative(root, path.resolve(path.dirname(from), source)))
}

/** Resolves the project's imports as in the tree for Effect 4. */
export const secondLine: Plugin = {
  name: "second-line",
  enforce: "pre",
  resolveId(source, importer) {
    const to = leadsTo(source, importer)
    if (to === undefined) return null
    return "file" in to ? to.file : this.resolve(to.module, importer)
  },
}

/** The same, for esbuild. */
export const secondLineBundle: esbuild.Plugin = {
  name: "second-line",
  setup(build) {
    build.onResolve({ filter: /./ }, ({ importer, kind, path: source }) => {
      const to = kind === "entry-point" ? undefined : leadsTo(source, importer)
      if (to === undefined) return undefined
      // package.json says this of all files, but esbuild does not read it for a plugin's result.
      return "file" in to
        ? { path: to.file, sideEffects: false }
        : build.resolve(to.module, { importer: inRoot("package.json"), kind, resolveDir: root })
    })
  },
}
