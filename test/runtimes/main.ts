/** Tells the story in a process on Deno or Bun, and prints each step's result on a line. */
import process from "node:process"
import { type Setting, tell } from "./story.ts"

// runtimes.test.ts writes the setting.
const setting: Setting = JSON.parse(process.argv[2] ?? "{}")

for (const result of await tell(setting)) console.log(JSON.stringify(result))
