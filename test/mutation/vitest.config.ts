import process from "node:process"
import { defineConfig, mergeConfig } from "vitest/config"
import base from "../../vitest.config.ts"

/** One thread for all, in which Effect is loaded once; `anew.ts` keeps one mutant from the next. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], reporters: [] } },
  defineConfig({
    test: {
      include: process.env["MUTATION_TESTS"]?.split(",") ?? [],
      isolate: false,
      setupFiles: ["test/mutation/anew.ts"],
    },
  }),
)
