import { expect, it } from "vitest"
import { failures } from "./failures.ts"
import { sendingExports } from "./sendingExports.ts"
import { runTool } from "../tool.ts"

const calls = failures.length * Object.keys(sendingExports).length

// Vitest starts small files last, when a core may be free for each runtime.
it.concurrent.each([
  ["Deno", "deno", ["run", "--no-prompt", "--cached-only", "--allow-env", "--allow-read"]],
  ["Bun", "bun", ["run"]],
])("on %s nothing that a call leaves behind holds a secret", async (runtime, tool, args) => {
  const { stderr, stdout } = await runTool(tool, [...args, "test/security/inspect.ts"])
  expect(stdout + stderr).toBe(`${calls} calls on ${runtime}\n`)
}, 600_000)
