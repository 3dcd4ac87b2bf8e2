/**
 * `npm run mutation` makes every change to the sources that Stryker knows, except to the
 * emulator's, and counts the changes that the tests notice. `npm run mutation -- wire throttle`
 * takes only these areas. It fails if the tests notice fewer than 90 of 100.
 *
 * @module
 */
import { Stryker } from "@stryker-mutator/core"
import process from "node:process"
import { type Area, areas, homeless, isOf, mutatedSources } from "./areas.ts"

type Mutants = Awaited<ReturnType<Stryker["runMutationTest"]>>

const leastScore = 90

const sources = mutatedSources(".")

const mutate = async (name: string, area: Area): Promise<Mutants> => {
  // vitest.config.ts reads it in a process of Stryker's.
  process.env["MUTATION_TESTS"] = area.tests.map((test) => `test/${test}`).join()
  const report = `reports/mutation/${name}`
  return await new Stryker({
    configFile: "test/mutation/stryker.config.json",
    mutate: sources.filter((path) => isOf(path, area)),
    htmlReporter: { fileName: `${report}.html` },
    jsonReporter: { fileName: `${report}.json` },
  }).runMutationTest()
}

const columns = ["Killed", "Timeout", "Survived", "NoCoverage", "RuntimeError"] as const

const row = (name: string, mutants: Mutants): string => {
  const [killed = 0, timeout = 0, survived = 0, uncovered = 0, broken = 0] = columns.map((column) =>
    mutants.filter(({ status }) => status === column).length
  )
  const score = scoreOf(mutants)
  return [
    name.padEnd(36),
    ...[mutants.length, killed, timeout, survived, uncovered, broken].map((count) =>
      String(count).padStart(9)
    ),
    (Number.isNaN(score) ? "" : score.toFixed(1)).padStart(7),
  ].join("")
}

/** The percentage of mutants that a test noticed. */
const scoreOf = (mutants: Mutants): number => {
  const noticed = mutants.filter(({ status }) => status === "Killed" || status === "Timeout").length
  const missed =
    mutants.filter(({ status }) => status === "Survived" || status === "NoCoverage").length
  return 100 * noticed / (noticed + missed)
}

const names = process.argv.slice(2)
const unknown = names.filter((name) => !(name in areas))
const strays = homeless(sources)
if (unknown.length > 0 || strays.length > 0) {
  if (unknown.length > 0) {
    console.error(`no such area: ${unknown.join(", ")}; there are ${Object.keys(areas).join(", ")}`)
  }
  if (strays.length > 0) {
    console.error(`not in exactly one area of test/mutation/areas.ts: ${strays.join(", ")}`)
  }
  process.exit(2)
}

const mutants: Array<Mutants[number]> = []
for (const [name, area] of Object.entries(areas)) {
  if (names.length === 0 || names.includes(name)) mutants.push(...await mutate(name, area))
}

const head = ["mutants", "killed", "timeout", "survived", "uncovered", "broken"]
console.log("".padEnd(36) + head.map((title) => title.padStart(9)).join("") + "score %".padStart(8))
for (const path of sources) {
  const own = mutants.filter(({ fileName }) => fileName.replaceAll("\\", "/").endsWith(path))
  if (own.length > 0) console.log(row(path, own))
}
console.log(row("all", mutants))
if (!(scoreOf(mutants) >= leastScore)) {
  console.error(`the score is to be ${leastScore} or more`)
  process.exitCode = 1
}
