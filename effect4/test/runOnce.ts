/**
 * The tests that run only on Effect 3, and why.
 *
 * @module
 */

/** Files and folders below `test/`, by reason. */
export const runOnce: Readonly<Record<string, ReadonlyArray<string>>> = {
  "They drive a tool, or look at the project's files": [
    "nodes",
    "redis",
    "release",
    "runtimes",
    "bundle.test.ts",
    "closingLine.test.ts",
    "docs.test.ts",
    "emulator/bin.test.ts",
    "effect4.test.ts",
    "examples.test.ts",
    "house.test.ts",
    "imports.test.ts",
    "package.test.ts",
    "security/inspect.test.ts",
  ],
  "Complete examples are for Effect 3": ["cluster", "stores", "lifecycle/example.test.ts"],
  "No FileSystem for Effect 4 can be installed beside that of Effect 3": [
    "lifecycle/fileSecretStore.test.ts",
  ],
  "Effect 4 tells a tracer no attributes of a span that begins": ["transport/beginnings.test.ts"],
}
