/**
 * What stands between a state of the repository and its publication.
 *
 * @module
 */
import { ofSecondLine } from "../../effect4/tree.ts"

/** What a release depends on and no test knows. */
export interface ReleaseState {
  /** What `git status --porcelain` says. */
  readonly changes: string
  /** What `git tag` says. */
  readonly tags: string
  /** The version of the first line that is stated in each place. */
  readonly versions: Readonly<Record<string, string | undefined>>
  readonly changelog: string
  /** As in `2026-01-31`. */
  readonly today: string
}

/** Says each thing that is to be done first; nothing where all is ready. */
export const problemsOf = (state: ReleaseState): ReadonlyArray<string> => {
  const [version = "", ...others] = new Set(Object.values(state.versions))
  const stated = Object.entries(state.versions).map(([place, version]) => `${place} ${version}`)
  const problems = [
    state.changes.trim() !== "" && `commit or drop what git status shows:\n${state.changes}`,
    others.length > 0 && `state one version: ${stated.join(", ")}`,
    !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version) && `${version} is no version`,
    // Both lines are published at once, and begin the changelog, the newer one first.
    ...[ofSecondLine(version), version].flatMap((version, place) => [
      state.tags.split("\n").includes(`v${version}`) && `v${version} is published already`,
      changelogProblem(state, version, place),
    ]),
  ]
  return problems.filter((problem) => typeof problem === "string")
}

const changelogProblem = (
  { changelog, today }: ReleaseState,
  version: string,
  place: number,
) => {
  const found = [...changelog.matchAll(/^## (\S+)(?: \((.*)\))?$/mg)][place]
  if (found?.[1] !== version) return `CHANGELOG.md: begin with what is in ${version}`
  const date = found[2] ?? ""
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) {
    return `CHANGELOG.md: ${version} has no date (${date}): write "## ${version} (${today})"`
  }
  return date > today && `CHANGELOG.md: ${version} is of the future (${date})`
}
