import { defineConfig, mergeConfig } from "vitest/config"
import base from "../../vitest.config.ts"

/** The tests that are fast enough to be run for each mutant: no tool, no socket, no waiting. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], reporters: [] } },
  defineConfig({
    test: {
      include: [
        "test/Credentials.test.ts",
        "test/spec.test.ts",
        "test/endpoints/*.test.ts",
        "test/transport/{RetryPolicy,decode,redact,response,retryAfter,shield,throttle}.test.ts",
      ],
    },
  }),
)
