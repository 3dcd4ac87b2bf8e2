import * as esbuild from "esbuild"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

const bundle = async (entryPoint: string) => {
  const { metafile } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(`../../src/${entryPoint}`, import.meta.url))],
    absWorkingDir: fileURLToPath(new URL("../..", import.meta.url)),
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    // The build cannot resolve a module that is for Node alone, and fails.
    platform: "browser",
    treeShaking: false,
    logLevel: "silent",
  })
  return metafile.inputs
}

const isEmulator = (path: string) => path.startsWith("src/emulator/")

it("a program that imports only the module does not get the emulator", async () => {
  expect(Object.keys(await bundle("mod.ts")).filter(isEmulator)).toEqual([])
})

it("the emulator needs nothing of Node, and of the module only keys, credentials and operations", async () => {
  const imported = Object.entries(await bundle("emulator/mod.ts"))
    .filter(([path]) => isEmulator(path))
    .flatMap(([, { imports }]) => imports.map(({ path }) => path))
    .filter((path) => path.startsWith("src/") && !isEmulator(path))
  expect([...new Set(imported)].sort()).toEqual([
    "src/ApiKey.ts",
    "src/Credentials.ts",
    "src/operation.ts",
  ])
})
