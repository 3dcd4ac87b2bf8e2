import process from "node:process"
import { defineConfig, mergeConfig } from "vitest/config"
import type { RunnerTestCase } from "vitest"
import { BaseSequencer, type Reporter, type TestSpecification } from "vitest/node"
import { effect3 } from "../../vitest.config.ts"

const tests = process.env["MUTATION_TESTS"]?.split(",") ?? []

/** In the order of their area: a mutant is done with at the first test that fails. */
class Listed extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const place = ({ moduleId }: TestSpecification) =>
      tests.findIndex((test) => moduleId.endsWith(test))
    return Promise.resolve(files.toSorted((a, b) => place(a) - place(b)))
  }
}

/** A file that a mutant keeps from being loaded has no test to fail, by which Stryker would know. */
const unloadable: Reporter = {
  onFinished: (files = []) => {
    for (const file of files) {
      if (file.result?.state !== "fail" || file.tasks.length > 0) continue
      const { result } = file
      const test: Partial<RunnerTestCase> = { type: "test", name: "can be loaded", file, result }
      // Stryker reads nothing else of a test.
      file.tasks.push(test as RunnerTestCase)
    }
  },
}

/** One thread for all, in which Effect is loaded once; `anew.ts` keeps one mutant from the next. */
export default mergeConfig(
  { ...effect3, test: { ...effect3.test, include: [], reporters: [unloadable] } },
  defineConfig({
    test: {
      include: tests,
      isolate: false,
      setupFiles: ["test/mutation/anew.ts"],
      sequence: { sequencer: Listed },
    },
  }),
)
