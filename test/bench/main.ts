/**
 * `npm run bench` measures everything and prints one table. `npm run bench -- walk bundle` measures
 * only these groups. `--json` prints JSON, and `--strict` fails if a target is missed.
 *
 * @module
 */
import { execFile } from "node:child_process"
import { cpus } from "node:os"
import process from "node:process"
import { promisify } from "node:util"
import type { Client } from "./clients.ts"
import { bundleProgram, type Line } from "./lines.ts"
import type { Row } from "./row.ts"

/** The file of each group. */
const groups: Readonly<Record<string, string>> = {
  get: "getApiKey",
  decode: "decode",
  start: "start",
  walk: "walk",
  bundle: "bundle",
  prefetch: "prefetch",
  throttle: "throttle",
  limits: "limits",
  emulator: "emulator",
  lifecycle: "lifecycle",
}

const lines: ReadonlyArray<Line> = [3, 4]

/** Measures a group in a new process, without other groups and without the other Effect. */
const measure = async <Measured>(file: string, line: Line): Promise<ReadonlyArray<Measured>> => {
  const program = await bundleProgram(
    line,
    file,
    `import { ${file}Bench } from "./${file}.ts"
    console.log(JSON.stringify(await ${file}Bench(${line})))`,
  )
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program])
  // The last line of its output is the result.
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "")
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

/** Lays out rows in columns. */
const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  )
  return lines.map((line) =>
    line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n")
}

/** A measurement, on each line. */
interface Measured {
  readonly what: string
  readonly on: Partial<Record<Line, Row>>
}

const rows = new Map<string, Measured>()
for (const [name, file] of Object.entries(groups)) {
  if (!isChosen(name)) continue
  for (const line of lines) {
    // Both packages have the same emulator command.
    if (name === "emulator" && line === 4) continue
    say(`${name}, Effect ${line}`)
    for (const row of await measure<Row>(file, line)) {
      const { on } = rows.get(row.what) ?? { on: {} }
      rows.set(row.what, { what: row.what, on: { ...on, [line]: row } })
    }
  }
}
const clients: Array<Client> = []
if (isChosen("clients")) {
  for (const line of lines) {
    say(`clients, Effect ${line}`)
    clients.push(...await measure<Client>("clients", line))
  }
}

const machine = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`
if (json) {
  console.log(JSON.stringify({ machine, rows: [...rows.values()], clients }, undefined, 2))
} else {
  const cells = (row: Row | undefined) =>
    row === undefined
      ? ["", ""]
      : [`${row.measured}${row.pass === false ? " FAIL" : ""}`, row.target]
  if (rows.size > 0) {
    console.log(table([
      ["what", "Effect 3", "target", "Effect 4", "target"],
      ...[...rows.values()].map(({ on, what }) => [what, ...cells(on[3]), ...cells(on[4])]),
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
const isMissed = ({ on }: Measured) => Object.values(on).some(({ pass }) => pass === false)
if (options.includes("--strict") && [...rows.values()].some(isMissed)) process.exitCode = 1
