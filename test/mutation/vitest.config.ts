import process from "node:process"
import { defineConfig, mergeConfig } from "vitest/config"
import base from "../../vitest.config.ts"

// The tests that are fast enough to be run for each mutant: no tool, no socket, no waiting.
const fast = [
  "test/Credentials.test.ts",
  "test/spec.test.ts",
  "test/endpoints/*.test.ts",
  "test/transport/{RetryPolicy,decode,redact,response,retryAfter,shield,throttle}.test.ts",
]

/** Where only some files are mutated, MUTATION_TESTS names the tests that are theirs. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], reporters: [] } },
  defineConfig({ test: { include: process.env["MUTATION_TESTS"]?.split(",") ?? fast } }),
)
