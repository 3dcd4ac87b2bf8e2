import { fileURLToPath } from "node:url"
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config"
import { secondLine } from "./effect4/test/secondLine.ts"
import { runOnce } from "./effect4/test/runOnce.ts"

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

// No test asserts a time; this only ends one that hangs, also on a machine that is very busy.
const patience = { testTimeout: 120_000, hookTimeout: 120_000 }

export const effect3 = {
  resolve: {
    alias: [
      { find: /^@effect-crdb\/api-keys\/emulator$/, replacement: source("emulator/mod.ts") },
      { find: /^@effect-crdb\/api-keys$/, replacement: source("mod.ts") },
    ],
  },
  test: {
    name: "Effect 3",
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    ...patience,
  },
} satisfies TestProjectInlineConfiguration

const effect4 = {
  plugins: [secondLine],
  test: {
    name: "Effect 4",
    include: ["test/**/*.test.ts"],
    exclude: Object.values(runOnce).flat().map((path) =>
      `test/${path}${path.endsWith(".ts") ? "" : "/**"}`
    ),
    ...patience,
  },
} satisfies TestProjectInlineConfiguration

export default defineConfig({
  test: {
    projects: [effect3, effect4],
    // Most tests wait, for a clock or a child process: more workers than cores keep the cores busy.
    maxWorkers: 3,
    minWorkers: 1,
    reporters: ["default", "./test/closingLine.ts"],
  },
})
