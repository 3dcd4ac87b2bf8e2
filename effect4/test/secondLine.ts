import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import type * as esbuild from "esbuild"
import type { Plugin } from "vitest/config"

const root = fileURLToPath(new URL("../..", import.meta.url))
const inRoot = (...parts: ReadonlyArray<string>) => path.join(root, ...parts)

const modules: Readonly<Record<string, string>> = {
  "@effect-crdb/api-keys": "src/mod.ts",
  "@effect-crdb/api-keys/emulator": "src/emulator/mod.ts",
  "@effect/vitest": "effect4/test/vitest.ts",
}

// Besides the names that its tree has, a test has those that tests alone use.
const isTest = (file: string): boolean => file.startsWith(inRoot("test/"))

/** Where an import of the project's leads on the second line: to a file, or a module of Effect 4. */
const targetOf = (source: string, importer: string): string | undefined => {
  const replaced = (file: string): string => {
    const own = path.join("effect4", file)
    return inRoot(file.startsWith("src/") && fs.existsSync(inRoot(own)) ? own : file)
  }
  const whole = modules[source]
  if (whole !== undefined) return replaced(whole)
  const [, packageName, module] = /^(effect|@effect\/[\w-]+)\/(.+)$/.exec(source) ?? []
  if (module !== undefined) {
    const names = [...isTest(importer) ? ["effect4/test/names"] : [], "effect4/names"]
      .map((folder) => inRoot(folder, `${module}.ts`))
      .find((file) => fs.existsSync(file))
    return names ?? `effect4/${packageName === "effect" ? module : `http/${module}`}`
  }
  if (!source.startsWith(".") || !source.endsWith(".ts")) return undefined
  // A replaced file imports its neighbours as the one that it replaces does.
  const from = importer.replace(inRoot("effect4/src"), inRoot("src"))
  return replaced(path.relative(root, path.resolve(path.dirname(from), source)))
}

const isOurs = (importer: string) => importer !== "" && !importer.includes("/node_modules/")

/** Resolves the project's imports as the second line's tree does, for vitest. */
export const secondLine: Plugin = {
  name: "second-line",
  enforce: "pre",
  resolveId(source, importer = "") {
    const target = isOurs(importer) ? targetOf(source, importer) : undefined
    return target?.startsWith("effect4/") ? this.resolve(target, importer) : target
  },
}

/** The same for esbuild. */
export const bundledSecondLine: esbuild.Plugin = {
  name: "second-line",
  setup: (build) =>
    build.onResolve({ filter: /./ }, ({ importer, kind, path: source, resolveDir }) => {
      const target = isOurs(importer) ? targetOf(source, importer) : undefined
      if (target === undefined) return undefined
      return target.startsWith("effect4/")
        ? build.resolve(target, { kind, resolveDir })
        : { path: target }
    }),
}
