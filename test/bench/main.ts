/**
 * `npm run bench` measures everything and prints one table; `npm run bench -- walk bundle` these
 * groups alone; `--json` prints for machines; `--strict` fails where a target is missed.
 *
 * @module
 */
import { cpus } from "node:os"
import process from "node:process"
import { bundleBench } from "./bundle.ts"
import { clientsBench } from "./clients.ts"
import { decodeBench } from "./decode.ts"
import { emulatorBench } from "./emulator.ts"
import { getApiKeyBench } from "./getApiKey.ts"
import { lifecycleBench } from "./lifecycle.ts"
import { limitsBench } from "./limits.ts"
import { prefetchBench } from "./prefetch.ts"
import type { Row } from "./row.ts"
import { throttleBench } from "./throttle.ts"
import { walkBench } from "./walk.ts"

const groups: Readonly<Record<string, () => Promise<ReadonlyArray<Row>>>> = {
  get: getApiKeyBench,
  decode: decodeBench,
  walk: walkBench,
  bundle: bundleBench,
  prefetch: prefetchBench,
  throttle: throttleBench,
  limits: limitsBench,
  emulator: emulatorBench,
  lifecycle: lifecycleBench,
}

const args = process.argv.slice(2)
const options = args.filter((arg) => arg.startsWith("-"))
const chosen = args.filter((arg) => !arg.startsWith("-"))
const names = [...Object.keys(groups), "clients"]

const wrong = [
  ...chosen.filter((name) => !names.includes(name)),
  ...options.filter((option) => option !== "--json" && option !== "--strict"),
]
if (wrong.length > 0) {
  console.error(`Unknown: ${wrong.join(" ")}. There are ${names.join(", ")}, --json, --strict.`)
  process.exit(2)
}

const isChosen = (name: string) => chosen.length === 0 || chosen.includes(name)
const json = options.includes("--json")
const started = performance.now()
const say = (name: string) => {
  if (!json) console.error(`${((performance.now() - started) / 1000).toFixed(0)} s: ${name}`)
}

/** Columns as wide as what stands in them. */
const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  )
  return lines.map((line) =>
    line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n")
}

const rows: Array<Row> = []
for (const [name, measure] of Object.entries(groups)) {
  if (!isChosen(name)) continue
  say(name)
  rows.push(...await measure())
}
if (isChosen("clients")) say("clients")
const clients = isChosen("clients") ? await clientsBench() : []

const machine = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`
if (json) {
  console.log(JSON.stringify({ machine, rows, clients }, undefined, 2))
} else {
  const verdict = ({ pass }: Row) => pass === undefined ? "" : pass ? "pass" : "FAIL"
  if (rows.length > 0) {
    console.log(table([
      ["what", "measured", "target", ""],
      ...rows.map((row) => [row.what, row.measured, row.target, verdict(row)]),
    ]))
  }
  const [first] = clients
  if (first !== undefined) {
    console.log("\nwalking 100,000 keys in pages of 500 of the served emulator, medians of 5")
    console.log(table([
      Object.keys(first),
      ...clients.map((client) => Object.values(client).map(String)),
    ]))
  }
  console.log(`\n${machine}`)
}
if (options.includes("--strict") && rows.some(({ pass }) => pass === false)) process.exitCode = 1
