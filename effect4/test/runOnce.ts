/**
 * The tests that run on Effect 3 alone, and why.
 *
 * @module
 */

const tool = "drives a tool, or looks at the project's files"

/** By path. */
export const runOnce: Readonly<Record<string, string>> = {
  "test/{bundle,docs,effect4,examples,house,imports,package,closingLine}.test.ts": tool,
  "test/{nodes,redis,release,runtimes}/*.test.ts": tool,
}
