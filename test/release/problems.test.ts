import { expect, it } from "vitest"
import { version } from "../../src/version.ts"
import { root } from "../tool.ts"
import { problemsOf, type ReleaseState } from "./problems.ts"
import { readState } from "./readState.ts"

const newest = ["## 4.2.0 (2026-01-31)", "## 3.2.0 (2026-01-31)"]

const ready: ReleaseState = {
  changes: "",
  tags: "v3.1.0\nv4.1.0",
  versions: { "package.json": "3.2.0", "deno.json": "3.2.0" },
  changelog: ["# Changelog", ...newest, "## 4.1.0 (2025-12-01)", ""].join("\n\n- New.\n\n"),
  today: "2026-01-31",
}

it("a repository that is ready has no problem", () => {
  expect(problemsOf(ready)).toEqual([])
})

it.each<readonly [string, Partial<ReleaseState>, RegExp]>([
  ["a tree that is not clean", { changes: " M src/mod.ts\n" }, /^commit or drop .*\n M src\/mod/],
  [
    "two versions",
    { versions: { ...ready.versions, lock: "3.2.1" } },
    /^state one .*lock 3\.2\.1$/,
  ],
  ["a missing version", { versions: { lock: undefined } }, / is no version$/],
  ["a published version", { tags: "v3.2.0" }, /^v3\.2\.0 is published already$/],
  ["a published version for Effect 4", { tags: "v4.2.0" }, /^v4\.2\.0 is published already$/],
  [
    "a change without a date",
    { changelog: "## 4.2.0 (unreleased)\n" },
    /4\.2\.0 has no date \(unreleased\): write "## 4\.2\.0 \(2026-01-31\)"$/,
  ],
  ["a change with a future date", { changelog: "## 4.2.0 (2026-02-01)\n" }, /of the future/],
  ["a version without its changes", { changelog: "## 4.1.0 (2025-12-01)\n" }, /in 4\.2\.0$/],
  ["one line without its changes", { changelog: "## 4.2.0 (2026-01-31)\n" }, /in 3\.2\.0$/],
  ["a changelog without a version", { changelog: "# Changelog\n" }, /in 4\.2\.0$/],
])("%s does", (_, state, problem) => {
  expect(problemsOf({ ...ready, ...state })).toContainEqual(expect.stringMatching(problem))
})

it("the version is read in every place that states it", () => {
  const { changelog, versions } = readState(root)
  expect(Object.values(versions)).toEqual(Array(4).fill(version))
  expect(changelog).toContain(`## ${version}`)
})
