/**
 * The outcome of a run of `npm test`.
 *
 * @module
 */

/** How many tests passed and failed. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
}

/**
 * Reads the closing line of a run. A run also failed if its exit code says so, or if that line is
 * missing.
 */
export const outcomeOf = (stdout: string, exitCode: number | null): Outcome => {
  const closing = /^(\d+) passed, (\d+) failed(?:, \d+ skipped)?\s*$/.exec(
    stdout.trimEnd().split("\n").at(-1) ?? "",
  )
  const passed = Number(closing?.[1] ?? 0)
  const failed = Number(closing?.[2] ?? 0)
  const endedWell = closing !== null && exitCode === 0
  return { passed, failed: endedWell ? failed : Math.max(1, failed) }
}
