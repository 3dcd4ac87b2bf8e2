import type { SerializedError } from "vitest"
import type { Reporter, TestModule } from "vitest/node"

/**
 * A vitest reporter that ends the run with `N passed, N failed` on the last line, where a person or
 * a script finds it. With several projects, the line before says how many tests each ran.
 */
export default class ClosingLine implements Reporter {
  #lines: ReadonlyArray<string> = []

  onInit(): void {
    // Other reporters and vitest itself may print more after the last test.
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

/** A file that does not load counts as failed, and so does an error that no test catches. */
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
  // A test that did not end has not passed.
  const failed = count.failed + count.pending
  const skipped = count.skipped === 0 ? "" : `, ${count.skipped} skipped`
  return `${count.passed} passed, ${failed} failed${skipped}`
}
