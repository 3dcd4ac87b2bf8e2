/**
 * What a run of `npm test` came to.
 *
 * @module
 */

/** How many tests passed and failed. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
}

/**
 * Reads the closing line of a run. One that ended badly and counts no failure, or ended without
 * that line, has failed all the same.
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
