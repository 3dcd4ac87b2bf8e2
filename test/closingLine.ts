import type { SerializedError } from "vitest"
import type { Reporter, TestModule } from "vitest/node"

/**
 * A vitest reporter that ends the run with `N passed, N failed` on a line of its own, so that
 * whoever runs the tests, a person or a script, reads the outcome from the last line. Where there are
 * several projects, the line before it says how many tests each ran.
 */
export default class ClosingLine implements Reporter {
  #lines: ReadonlyArray<string> = []

  onInit(): void {
    // Other reporters and vitest itself may still have something to say after the last test.
    process.once("exit", () => {
      for (const line of this.#lines) process.stdout.write(`${line}\n`)
    })
  }

  onTestRunEnd(
    modules: ReadonlyArray<TestModule>,
    unhandled: ReadonlyArray<SerializedError>,
  ): void {
    this.#lines = [...projectsLine(modules), closingLine(modules, unhandled)]
  }
}

const projectsLine = (modules: ReadonlyArray<TestModule>): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  for (const { children, project } of modules) {
    const ran = [...children.allTests()].filter((test) => test.result().state !== "skipped")
    counts.set(project.name, (counts.get(project.name) ?? 0) + ran.length)
  }
  return counts.size < 2 ? [] : [
    [...counts].sort().map(([name, ran]) => `${name}: ${ran} tests`).join(", "),
  ]
}

/** What does not load counts as failed, and so does an error that no test has caught. */
export const closingLine = (
  modules: ReadonlyArray<TestModule>,
  unhandled: ReadonlyArray<unknown>,
): string => {
  const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 }
  for (const module of modules) {
    for (const test of module.children.allTests()) count[test.result().state]++
    count.failed += module.errors().length
    for (const suite of module.children.allSuites()) count.failed += suite.errors().length
  }
  // A test that never ran to its end has not passed.
  const failed = count.failed + count.pending
  const skipped = count.skipped === 0 ? "" : `, ${count.skipped} skipped`
  return `${count.passed} passed, ${failed} failed${skipped}`
}
