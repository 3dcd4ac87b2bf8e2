/**
 * `npm run release` checks all that can be checked before publishing, and stops there. `npm test`
 * checks formats, types, lint, docs, publint, attw, the packed files and the peers.
 *
 * @module
 */
import { execFileSync, spawnSync } from "node:child_process"
import { problemsOf } from "./problems.ts"
import { readState } from "./readState.ts"

const git = (...args: ReadonlyArray<string>) => execFileSync("git", args, { encoding: "utf8" })

const problems = problemsOf({
  ...readState(process.cwd()),
  changes: git("status", "--porcelain"),
  tags: git("tag"),
  today: new Date().toISOString().slice(0, 10),
})
if (problems.length > 0) {
  console.error(["Not ready to publish:", ...problems].join("\n- "))
  process.exit(1)
}

const jsr = ["packages/jsr-3", "packages/jsr-4"]
const steps = [
  "npm test",
  "npm run packages",
  ...jsr.map((folder) => `cd ${folder} && npx deno publish --dry-run`),
]
for (const step of steps) {
  console.log(`\n> ${step}`)
  if (spawnSync(step, { shell: true, stdio: "inherit" }).status !== 0) {
    console.error(`\nNot ready to publish: ${step} failed`)
    process.exit(1)
  }
}

// The tag makes "npm install @effect-crdb/api-keys" fit "npm install effect".
console.log(`
Ready. Nothing has been published; these commands do it:

  npm publish packages/effect-crdb-api-keys-3.*.tgz --access public --tag effect-3
  npm publish packages/effect-crdb-api-keys-4.*.tgz --access public
${jsr.map((folder) => `  (cd ${folder} && npx deno publish)`).join("\n")}
`)
