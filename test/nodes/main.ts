/**
 * `npm run test:nodes` runs `npm test` on each Node of `nodes.ts`, and fails if one run fails. `npm
 * run test:nodes -- 22.12 24` runs it on these. The npm package `node` carries the binaries, and
 * `npm exec` keeps them in npm's cache, so nothing is installed here.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process"
import { delimiter, dirname } from "node:path"
import process from "node:process"
import { nodes } from "./nodes.ts"
import { type Outcome, outcomeOf } from "./outcome.ts"

interface Node {
  /** Such as `v24.1.0`. */
  readonly version: string
  /** An environment in which this Node comes first, also for what the tests start. */
  readonly env: NodeJS.ProcessEnv
}

const npm = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv) =>
  spawnSync("npm", args, { encoding: "utf8", env })

/** Gets a Node, and makes sure that npm runs on it. */
const getNode = (asked: string): Node | undefined => {
  const which = "JSON.stringify([process.version, process.execPath])"
  const got = npm(
    ["exec", "--yes", `--package=node@${asked}`, "--", "node", "--print", which],
    process.env,
  )
  if (got.status !== 0) {
    console.error(`Node ${asked} cannot be had. npm exec --package=node@${asked} said:`)
    console.error(got.stderr)
    return undefined
  }
  const [version, execPath]: readonly [string, string] = JSON.parse(got.stdout)
  const path = [dirname(execPath), process.env["PATH"]].join(delimiter)
  const env = { ...process.env, PATH: path }
  const runs = npm(["exec", "--call", "node --print process.version"], env).stdout.trim()
  if (runs !== version || !`${version}.`.startsWith(`v${asked}.`)) {
    console.error(`Node ${asked} was asked for, npm has ${version}, and npm runs ${runs}`)
    return undefined
  }
  return { version, env }
}

const runTests = ({ env }: Node): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    // The cluster's test does not depend on the Node, and takes a minute and a half.
    const child = spawn("npm", ["test"], {
      env: { ...env, WITHOUT_CLUSTER: "true" },
      stdio: ["ignore", "pipe", "inherit"],
    })
    let stdout = ""
    child.stdout.on("data", (data: Buffer) => {
      process.stdout.write(data)
      stdout += data.toString()
    })
    child.once("error", reject)
    child.once("close", (exitCode) => resolve(outcomeOf(stdout, exitCode)))
  })

const arguments_ = process.argv.slice(2)
const wrong = arguments_.find((asked) => !/^\d+(?:\.\d+){0,2}$/.test(asked))
if (wrong !== undefined) {
  console.error(`${wrong} is no version of Node: give some like 22 or 24.1.0, or none`)
  process.exit(2)
}

// Gets all of them before the first run, so that a missing one is known at once.
const found: Array<Node> = []
for (const asked of arguments_.length > 0 ? arguments_ : nodes) {
  const node = getNode(asked)
  if (node === undefined) process.exit(1)
  found.push(node)
}

const lines: Array<string> = []
const all = { passed: 0, failed: 0 }
for (const node of found) {
  console.log(`\n> npm test on Node ${node.version}\n`)
  const start = performance.now()
  const { failed, passed } = await runTests(node)
  const seconds = Math.round((performance.now() - start) / 1000)
  lines.push(`Node ${node.version}: ${passed} passed, ${failed} failed, in ${seconds} seconds`)
  all.passed += passed
  all.failed += failed
}
console.log(`\n${lines.join("\n")}\n\n${all.passed} passed, ${all.failed} failed`)
if (all.failed > 0) process.exitCode = 1
