import { afterEach, expect, it, vi } from "vitest"
import { whyNoRedis } from "./redisServer.ts"

afterEach(() => {
  vi.unstubAllEnvs()
})

it("a missing Redis is installed from Debian only where CI is true", async () => {
  vi.stubEnv("PATH", "/nowhere")
  vi.stubEnv("CI", "true")
  expect(await whyNoRedis()).toContain("there is no apt-get")
  for (const elsewhere of ["", "false", undefined]) {
    vi.stubEnv("CI", elsewhere)
    expect(await whyNoRedis()).toContain("only where CI is true")
  }
})
