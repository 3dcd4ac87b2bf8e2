import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
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

/** Resolves the project's imports as the second line's tree does. */
export const secondLine: Plugin = {
  name: "second-line",
  enforce: "pre",
  resolveId(source, importer) {
    if (importer === undefined || importer.includes("/node_modules/")) {
      return null
    }
    const replaced = (file: string): string => {
      const own = path.join("effect4", file)
      return inRoot(fs.existsSync(inRoot(own)) ? own : file)
    }
    const whole = modules[source]
    if (whole !== undefined) return replaced(whole)
    const [, packageName, module] = /^(effect|@effect\/[\w-]+)\/(.+)$/.exec(source) ?? []
    if (module !== undefined) {
      const names = [...isTest(importer) ? ["effect4/test/names"] : [], "effect4/names"]
        .map((folder) => inRoot(folder, `${module}.ts`))
        .find((file) => fs.existsSync(file))
      return names ??
        this.resolve(
          `effect4/${packageName === "effect" ? module : `http/${module}`}`,
          importer,
        )
    }
    if (!source.startsWith(".") || !source.endsWith(".ts")) return null
    // A replaced file imports its neighbours as the one that it replaces does.
    const original = inRoot(path.relative(inRoot("effect4"), importer))
    const from = fs.existsSync(original) ? original : importer
    return replaced(
      path.relative(root, path.resolve(path.dirname(from), source)),
    )
  },
}
