/** Tells the story in a process of its own, Deno's or Bun's, and reports each step on a line. */
import process from "node:process"
import { type Setting, tell } from "./story.ts"

// Who starts this has written the setting; it is not checked again.
const setting: Setting = JSON.parse(process.argv[2] ?? "{}")

for (const result of await tell(setting)) console.log(JSON.stringify(result))
