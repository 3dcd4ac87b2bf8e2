import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^@effect-crdb\/api-keys\/emulator$/,
        replacement: new URL("./src/emulator/mod.ts", import.meta.url).pathname,
      },
      {
        find: /^@effect-crdb\/api-keys$/,
        replacement: new URL("./src/mod.ts", import.meta.url).pathname,
      },
    ],
  },
  test: { include: ["test/**/*.test.ts"], testTimeout: 30_000 },
})
