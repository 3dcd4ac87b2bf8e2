import { afterAll, beforeAll, expect, it } from "vitest"
import * as fs from "node:fs"
import { join } from "node:path"
import { outcomeOf } from "./nodes/outcome.ts"
import { root, runTool } from "./tool.ts"

const folder = join(root, "node_modules/.closing-line")

const files = {
  "one.test.ts": `import { it } from "vitest"
    it("passes", () => {})
    it("passes too", () => {})
    it.skip("is skipped", () => {})`,
  "two.test.ts": `import { it } from "vitest"
    it("fails", () => { throw new Error() })`,
  "broken.test.ts": `throw new Error()`,
}

const configOf = (projects: Readonly<Record<string, ReadonlyArray<string>>>) => {
  const inline = Object.entries(projects).map(([name, include]) => ({ test: { name, include } }))
  const reporters = [join(root, "test/closingLine.ts")]
  return `export default ${JSON.stringify({ test: { reporters, projects: inline } })}`
}

beforeAll(() => {
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(join(folder, name), text)
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

const run = async (config: string) => {
  fs.writeFileSync(join(folder, "vitest.config.ts"), config)
  const { exitCode, stdout } = await runTool("vitest", ["run", "--root", folder])
  return { lines: stdout.trimEnd().split("\n"), outcome: outcomeOf(stdout, exitCode) }
}

it("a run of two projects ends with each project's number of tests and the common outcome", async () => {
  const { lines, outcome } = await run(configOf({ B: ["one.test.ts"], A: Object.keys(files) }))
  expect(lines.slice(-2)).toEqual(["A: 3 tests, B: 2 tests", "4 passed, 2 failed, 2 skipped"])
  expect(outcome).toEqual({ passed: 4, failed: 2 })
})

it("a run of one project ends with only the outcome", async () => {
  const { lines, outcome } = await run(configOf({ A: ["one.test.ts"] }))
  expect(lines).toEqual(["2 passed, 0 failed, 1 skipped"])
  expect(outcome).toEqual({ passed: 2, failed: 0 })
})
