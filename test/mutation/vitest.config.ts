import process from "node:process"
import { defineConfig, mergeConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"
import base from "../../vitest.config.ts"

const tests = process.env["MUTATION_TESTS"]?.split(",") ?? []

/** In the order of their area: a mutant is done with at the first test that fails. */
class Listed extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const place = ({ moduleId }: TestSpecification) =>
      tests.findIndex((test) => moduleId.endsWith(test))
    return Promise.resolve(files.toSorted((a, b) => place(a) - place(b)))
  }
}

/** One thread for all, in which Effect is loaded once; `anew.ts` keeps one mutant from the next. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], reporters: [] } },
  defineConfig({
    test: {
      include: tests,
      isolate: false,
      setupFiles: ["test/mutation/anew.ts"],
      sequence: { sequencer: Listed },
    },
  }),
)
