/**
 * The problems that keep a state of the repository from being published.
 *
 * @module
 */
import { ofSecondLine } from "../../effect4/tree.ts"

/** What a release depends on and no test checks. */
export interface ReleaseState {
  /** The output of `git status --porcelain`. */
  readonly changes: string
  /** The output of `git tag`. */
  readonly tags: string
  /** The version for Effect 3, by the place that states it. */
  readonly versions: Readonly<Record<string, string | undefined>>
  readonly changelog: string
  /** Such as `2026-01-31`. */
  readonly today: string
}

/** What must be done before publishing. Empty if all is ready. */
export const problemsOf = (state: ReleaseState): ReadonlyArray<string> => {
  const [version = "", ...others] = new Set(Object.values(state.versions))
  const stated = Object.entries(state.versions).map(([place, version]) => `${place} ${version}`)
  const problems = [
    state.changes.trim() !== "" && `commit or drop what git status shows:\n${state.changes}`,
    others.length > 0 && `state one version: ${stated.join(", ")}`,
    !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version) && `${version} is no version`,
    // Both lines are published together, and start the changelog, with the newer one first.
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
