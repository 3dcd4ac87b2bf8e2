/**
 * The start of an unbundled program that gets one key, against one that imports only Effect's
 * HttpClient.
 *
 * @module
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { compile } from "../../effect4/dist.ts"
import { writeTree } from "../../effect4/tree.ts"
import { type Line, root } from "./lines.ts"
import { atMost, type Row } from "./row.ts"

const runs = 5

const platform = { 3: "@effect/platform", 4: "effect/http" }

const programs = (line: Line) => ({
  bare: `
    import * as FetchHttpClient from "${platform[line]}/FetchHttpClient"
    import * as HttpClient from "${platform[line]}/HttpClient"
    import * as Effect from "effect/Effect"
    console.log(HttpClient, FetchHttpClient, Effect)`,
  oneEndpoint: `
    import { Credentials, getApiKey } from "./dist/node/mod.js"
    import * as FetchHttpClient from "${platform[line]}/FetchHttpClient"
    import * as Effect from "effect/Effect"
    console.log(Credentials, getApiKey, FetchHttpClient, Effect)`,
})

/** Compiles the module as for its package, and writes the two programs beside it. */
const prepare = (line: Line): string => {
  const folder = join(root, `node_modules/.cache/start-${line}`)
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(join(folder, "node_modules"), { recursive: true })
  if (line === 4) {
    fs.symlinkSync(join(root, "node_modules/effect4"), join(folder, "node_modules/effect"))
    writeTree({ root, to: join(folder, "src") })
  } else {
    fs.cpSync(join(root, "src"), join(folder, "src"), { recursive: true })
    fs.rmSync(join(folder, "src/emulator/bin.ts"))
  }
  compile(root, folder)
  fs.writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  for (const [name, text] of Object.entries(programs(line))) {
    fs.writeFileSync(join(folder, `${name}.mjs`), text)
  }
  return folder
}

const millis = (runtime: string, program: string): number => {
  const start = performance.now()
  execFileSync(runtime, [program], { stdio: "ignore" })
  return performance.now() - start
}

/** Starts both programs in turn. The fastest start of each counts. */
export const startBench = (line: Line): ReadonlyArray<Row> => {
  const folder = prepare(line)
  const runtimes = { Node: process.execPath, Bun: join(root, "node_modules/.bin/bun") }
  return Object.entries(runtimes).map(([name, runtime]) => {
    const fastest = { bare: Infinity, oneEndpoint: Infinity }
    for (let run = 0; run <= runs; run++) {
      for (const program of ["bare", "oneEndpoint"] as const) {
        const took = millis(runtime, join(folder, `${program}.mjs`))
        fastest[program] = Math.min(fastest[program], took)
      }
    }
    return atMost(
      `start on ${name} of a one-endpoint program, against importing HttpClient alone`,
      fastest.oneEndpoint / fastest.bare,
      1.15,
      (ratio) => `${ratio.toFixed(2)} x`,
    )
  })
}
