/**
 * `npm run release`: checks all that can be checked before publishing, and stops there. What a test
 * checks (formats, types, lint, docs, publint, attw, the packed files, peers) `npm test` checks.
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

const steps = ["npm test", "npm run build", "npm pack --dry-run", "npx deno publish --dry-run"]
for (const step of steps) {
  console.log(`\n> ${step}`)
  if (spawnSync(step, { shell: true, stdio: "inherit" }).status !== 0) {
    console.error(`\nNot ready to publish: ${step} failed`)
    process.exit(1)
  }
}

console.log(`
Ready. Nothing has been published; these two commands do it:

  npm publish --access public
  npx deno publish
`)
