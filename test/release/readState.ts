import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { ReleaseState } from "./problems.ts"

/** Reads what the files of a folder state. */
export const readState = (folder: string): Pick<ReleaseState, "versions" | "changelog"> => {
  const read = (file: string) => readFileSync(join(folder, file), "utf8")
  const versionIn = (file: string) => /version"?(?::| =) "(.*?)"/.exec(read(file))?.[1]
  const places = ["package.json", "package-lock.json", "deno.json", "src/version.ts"]
  return {
    versions: Object.fromEntries(places.map((file) => [file, versionIn(file)])),
    changelog: read("CHANGELOG.md"),
  }
}
