import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"
import { expectSuccess, root, runTool } from "../tool.ts"
import { nodes } from "./nodes.ts"
import { outcomeOf } from "./outcome.ts"

describe("the outcome of a run", () => {
  it.each<readonly [what: string, said: string, exitCode: number | null, outcome: object]>([
    ["good", "x\n7 passed, 0 failed\n", 0, { passed: 7, failed: 0 }],
    ["good with skipped tests", "7 passed, 0 failed, 2 skipped\n\n", 0, { passed: 7, failed: 0 }],
    ["bad with failed tests", "7 passed, 2 failed\n", 1, { passed: 7, failed: 2 }],
    ["bad without failed tests", "7 passed, 0 failed\n", 1, { passed: 7, failed: 1 }],
    ["bad by a signal", "7 passed, 0 failed\n", null, { passed: 7, failed: 1 }],
    ["bad without a closing line", "7 passed, 0 failed\nx\n", 0, { passed: 0, failed: 1 }],
    ["bad without output", "", 0, { passed: 0, failed: 1 }],
  ])("is %s: %j, exit code %s", (_, said, exitCode, outcome) => {
    expect(outcomeOf(said, exitCode)).toEqual(outcome)
  })
})

describe("npm run test:nodes", () => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), "nodes-"))
  const script = join(folder, "nodes.mjs")
  const bundle = ["--bundle", "--platform=node", "--format=esm", `--outfile=${script}`]

  beforeAll(async () => {
    expectSuccess(await runTool("esbuild", ["test/nodes/main.ts", ...bundle]))
    // Replaces npm. It has the Nodes in NODES, and reports which of them comes first.
    const npm = `#!${process.execPath}
      const { dirname, basename } = require("node:path")
      const nodes = JSON.parse(process.env.NODES)
      const first = nodes[basename(process.env.PATH.split("${delimiter}")[0])]
      const [command, option, from = ""] = process.argv.slice(2)
      if (command === "test") {
        console.log(first.says)
        process.exit(first.exitCode)
      }
      if (option === "--call") return console.log(first.runs ?? first.version)
      const asked = from.replace("--package=node@", "")
      const { version } = nodes[asked] ?? process.exit(console.error("no such Node") ?? 1)
      console.log(JSON.stringify([version, "/nodes/" + asked + "/node"]))`
    fs.writeFileSync(join(folder, "npm"), npm, { mode: 0o755 })
  })
  afterAll(() => fs.rmSync(folder, { recursive: true }))

  const good = { says: "3 passed, 0 failed", exitCode: 0 }
  const bad = { says: "2 passed, 1 failed", exitCode: 1 }
  const testNodes = async (args: ReadonlyArray<string>, had: Readonly<Record<string, object>>) => {
    const env = { NODES: JSON.stringify(had), PATH: folder }
    const { exitCode, stderr, stdout } = await runTool("node", [script, ...args], { env })
    return { exitCode, stderr, lines: stdout.trimEnd().split("\n") }
  }

  it("runs the tests on each Node, and ends with the numbers of passed and failed tests", async () => {
    const had = Object.fromEntries(
      nodes.map((node) => [node, { version: `v${node}.1.0`, ...good }]),
    )
    const { exitCode, lines } = await testNodes([], had)
    expect(lines).toEqual(
      expect.arrayContaining(nodes.map((node) =>
        expect.stringMatching(
          new RegExp(`^Node v${node}\\.1\\.0: 3 passed, 0 failed, in \\d+ seconds$`),
        )
      )),
    )
    expect(lines.at(-1)).toBe(`${3 * nodes.length} passed, 0 failed`)
    expect(exitCode).toBe(0)
  })

  it("fails if one run fails, and does the other runs nevertheless", async () => {
    const { exitCode, lines } = await testNodes(["22", "24.1"], {
      "22": { version: "v22.0.0", ...bad },
      "24.1": { version: "v24.1.9", ...good },
    })
    expect(lines).toContain("> npm test on Node v24.1.9")
    expect(lines.at(-1)).toBe("5 passed, 1 failed")
    expect(exitCode).toBe(1)
  })

  it.each<readonly [what: string, had: Readonly<Record<string, object>>, said: RegExp]>([
    ["cannot be had", {}, /^Node 24 cannot be had\..*node@24 said:\nno such Node\n/],
    [
      "differs from the one that npm has",
      { "24": { version: "v240.0.0", ...good } },
      /^Node 24 was asked for, npm has v240\.0\.0, and npm runs v240\.0\.0\n/,
    ],
    [
      "differs from the one that npm runs",
      { "24": { version: "v24.0.0", runs: "v20.0.0", ...good } },
      /^Node 24 was asked for, npm has v24\.0\.0, and npm runs v20\.0\.0\n/,
    ],
  ])("stops before any run at a Node that %s", async (_, had, said) => {
    const { exitCode, lines, stderr } = await testNodes(["22", "24"], {
      "22": { version: "v22.0.0", ...good },
      ...had,
    })
    expect(stderr).toMatch(said)
    expect(lines).toEqual([""])
    expect(exitCode).toBe(1)
  })

  it("refuses an argument that is not a version", async () => {
    const { exitCode, stderr } = await testNodes(["latest"], {})
    expect(stderr).toBe("latest is no version of Node: give some like 22 or 24.1.0, or none\n")
    expect(exitCode).toBe(2)
  })
})

describe("README says what is tested", () => {
  const readme = fs.readFileSync(join(root, "README.md"), "utf8").replace(/\s+/g, " ")
  const list = (items: ReadonlyArray<string>) =>
    `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`
  // Each use states the type of the file. If that is wrong, the test fails.
  const readJson = (path: string) => JSON.parse(fs.readFileSync(join(root, path), "utf8"))
  const versionOf = (name: string): ReadonlyArray<string> =>
    readJson(`node_modules/${name}/package.json`).version.split(".")

  it("the oldest Node that the package takes, and those of npm run test:nodes", () => {
    const oldest: string = readJson("package.json").engines.node
    expect(readme).toContain(`Node ${list([oldest.replace(">=", ""), ...nodes])}`)
  })

  it.each([["Deno", "deno", 2], ["Bun", "bun", 2], ["workerd", "workerd", 2], [
    "TypeScript 5.4 to",
    "typescript",
    1,
  ]])("%s, in the version that is installed", (text, name, parts) => {
    expect(readme).toContain(`${text} ${versionOf(name).slice(0, parts).join(".")}`)
  })
})
