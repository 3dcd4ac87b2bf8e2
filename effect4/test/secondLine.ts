import type * as esbuild from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type { Plugin } from "vitest/config"

// As far above this file as above a bundle that it becomes part of.
const root = fileURLToPath(new URL("../..", import.meta.url))
const inRoot = (...parts: ReadonlyArray<string>) => path.join(root, ...parts)

const modules: Readonly<Record<string, string>> = {
  "@effect-crdb/api-keys": "src/mod.ts",
  "@effect-crdb/api-keys/emulator": "src/emulator/mod.ts",
  "@effect/vitest": "effect4/test/vitest.ts",
}

// Besides the names that its tree has, a test has those that tests alone use.
const isTest = (file: string): boolean => file.startsWith(inRoot("test/"))

/** Where an import leads, as in the second line's tree: to a file, to one of Effect's modules, or as it says. */
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
  // A replaced file imports its neighbours as the one that it replaces does.
  const original = inRoot(path.relative(inRoot("effect4"), importer))
  const from = fs.existsSync(original) ? original : importer
  return replaced(path.relative(root, path.resolve(path.dirname(from), source)))
}

/** Resolves the project's imports as the second line's tree does. */
export const secondLine: Plugin = {
  name: "second-line",
  enforce: "pre",
  resolveId(source, importer) {
    const to = leadsTo(source, importer)
    if (to === undefined) return null
    return "file" in to ? to.file : this.resolve(to.module, importer)
  },
}

/** The same for a bundle. */
export const secondLineBundle: esbuild.Plugin = {
  name: "second-line",
  setup(build) {
    build.onResolve({ filter: /./ }, ({ importer, kind, path: source }) => {
      const to = kind === "entry-point" ? undefined : leadsTo(source, importer)
      if (to === undefined) return undefined
      // As package.json says of all files, which esbuild does not look for here.
      return "file" in to
        ? { path: to.file, sideEffects: false }
        : build.resolve(to.module, { importer: inRoot("package.json"), kind, resolveDir: root })
    })
  },
}
