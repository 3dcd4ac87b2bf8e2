import { expect, it } from "vitest"
import { version } from "../../src/version.ts"
import { root } from "../tool.ts"
import { problemsOf, type ReleaseState } from "./problems.ts"
import { readState } from "./readState.ts"

const ready: ReleaseState = {
  changes: "",
  tags: "v0.1.0\nv0.2.0",
  versions: { "package.json": "0.3.0", "deno.json": "0.3.0" },
  changelog: "# Changelog\n\n## 0.3.0 (2026-01-31)\n\n- New.\n\n## 0.2.0 (2025-12-01)\n",
  today: "2026-01-31",
}

it("nothing stands between what is ready and its publication", () => {
  expect(problemsOf(ready)).toEqual([])
})

it.each<readonly [string, Partial<ReleaseState>, RegExp]>([
  ["a tree that is not clean", { changes: " M src/mod.ts\n" }, /^commit or drop .*\n M src\/mod/],
  [
    "two versions",
    { versions: { ...ready.versions, lock: "0.3.1" } },
    /^state one .*lock 0\.3\.1$/,
  ],
  ["a version that is not found", { versions: { lock: undefined } }, / is no version$/],
  ["a version that there is already", { tags: "v0.3.0" }, /^v0\.3\.0 is published already$/],
  ["a change that is not dated", {
    changelog: "## 0.3.0 (unreleased)\n",
  }, /0\.3\.0 has no date \(unreleased\): write "## 0\.3\.0 \(2026-01-31\)"$/],
  ["a change of the future", { changelog: "## 0.3.0 (2026-02-01)\n" }, /of the future/],
  ["a version without its changes", { changelog: "## 0.2.0 (2025-12-01)\n" }, /in 0\.3\.0$/],
  ["a changelog without a version", { changelog: "# Changelog\n" }, /in 0\.3\.0$/],
])("%s does", (_, state, problem) => {
  expect(problemsOf({ ...ready, ...state })).toContainEqual(expect.stringMatching(problem))
})

it("every place that states the version is read", () => {
  const { changelog, versions } = readState(root)
  expect(Object.values(versions)).toEqual(Array(4).fill(version))
  expect(changelog).toContain(`## ${version}`)
})
