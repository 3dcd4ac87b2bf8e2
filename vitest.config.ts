import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@effect-crdb\/api-keys\/emulator$/, replacement: source("emulator/mod.ts") },
      { find: /^@effect-crdb\/api-keys$/, replacement: source("mod.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    // Most tests wait, for a clock or a child process: more workers than cores keep the cores busy.
    maxWorkers: 3,
    minWorkers: 1,
    // No test asserts a time; this only ends one that hangs, also on a machine that is very busy.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "./test/closingLine.ts"],
  },
})
