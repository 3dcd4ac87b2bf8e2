import { afterEach, expect, it, vi } from "vitest"
import { whyNoRedis } from "./redisServer.ts"

afterEach(() => {
  vi.unstubAllEnvs()
})

it("a Redis that is missing is looked for in Debian where CI is true, and nowhere else", async () => {
  vi.stubEnv("PATH", "/nowhere")
  vi.stubEnv("CI", "true")
  expect(await whyNoRedis()).toContain("there is no apt-get")
  for (const elsewhere of ["", "false", undefined]) {
    vi.stubEnv("CI", elsewhere)
    expect(await whyNoRedis()).toContain("where CI is true alone")
  }
})
