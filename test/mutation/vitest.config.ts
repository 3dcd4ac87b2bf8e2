import process from "node:process"
import { defineConfig, mergeConfig } from "vitest/config"
import type { RunnerTestCase } from "vitest"
import { BaseSequencer, type Reporter, type TestSpecification } from "vitest/node"
import { effect3 } from "../../vitest.config.ts"

const tests = process.env["MUTATION_TESTS"]?.split(",") ?? []

/** Keeps the order of the area, since the first test that fails ends a mutant. */
class Listed extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const place = ({ moduleId }: TestSpecification) =>
      tests.findIndex((test) => moduleId.endsWith(test))
    return Promise.resolve(files.toSorted((a, b) => place(a) - place(b)))
  }
}

/** Reports a file that does not load as a failed test, which Stryker needs to see. */
const unloadable: Reporter = {
  onFinished: (files = []) => {
    for (const file of files) {
      if (file.result?.state !== "fail" || file.tasks.length > 0) continue
      const { result } = file
      const test: Partial<RunnerTestCase> = { type: "test", name: "can be loaded", file, result }
      // Stryker reads only these fields of a test.
      file.tasks.push(test as RunnerTestCase)
    }
  },
}

/** One thread for all files, which loads Effect once. `anew.ts` keeps mutants apart. */
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
