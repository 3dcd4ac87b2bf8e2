import { beforeAll, describe, expect, it } from "vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import { dirname, join } from "node:path"
import { expectSuccess, root, runTool } from "./tool.ts"

// Each use states what it expects of the file; where that is wrong the test fails.
const readJson = (path: string) => JSON.parse(fs.readFileSync(join(root, path), "utf8"))

const packageJson: {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
  readonly peerDependencies: Readonly<Record<string, string>>
} = readJson("package.json")
const sourceExports: Readonly<Record<string, string>> = readJson("deno.json").exports

const entryPoints = Object.entries(packageJson.exports)
const packed = fs.mkdtempSync(join(os.tmpdir(), "packed-"))
const tarball = join(packed, `effect-crdb-api-keys-${packageJson.version}.tgz`)

beforeAll(async () => {
  expectSuccess(await runTool("npm", ["run", "build"]))
  expectSuccess(await runTool("npm", ["pack", "--pack-destination", packed]))
  return () => fs.rmSync(packed, { recursive: true })
})

describe("npm run build", () => {
  it("makes JavaScript, types and source maps of each entry point, and Node loads them", async () => {
    for (const [name, entry] of entryPoints) {
      for (const output of [entry.default, entry.types]) {
        const map: { readonly sources: readonly [string] } = readJson(`${output}.map`)
        const source = join(root, dirname(output), map.sources[0])
        expect([name, fs.existsSync(source)]).toEqual([name, true])
        expect(fs.readFileSync(join(root, output), "utf8")).toContain("//# sourceMappingURL=")
      }
      // A package can import itself by its name: this goes through `exports` as a user's import does.
      const specifier = join(packageJson.name, name)
      const script = `console.log(Object.keys(await import(${JSON.stringify(specifier)})).join())`
      const loaded = await runTool("node", ["--input-type=module", "--eval", script])
      expectSuccess(loaded)
      const source: object = await import(join(root, sourceExports[name] ?? name))
      expect(loaded.stdout.trim().split(",").sort()).toEqual(Object.keys(source).sort())
    }
  })
})

describe("the package", () => {
  it("holds the build, the command, the sources of its source maps with their guides, the documents, and nothing else", async () => {
    const { stdout } = expectSuccess(await runTool("npm", ["pack", "--dry-run", "--json"]))
    const [{ files }]: readonly [{ readonly files: ReadonlyArray<{ readonly path: string }> }] =
      JSON.parse(stdout)
    const strangers = files.map(({ path }) => path).filter((path) =>
      !/^dist\/.*\.(?:js|d\.ts)(?:\.map)?$/.test(path) &&
      !/^src\/.*(?:\.ts|\/README\.md)$/.test(path)
    )
    expect(strangers.sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "dist/bin/emulator.cjs",
      "package.json",
    ])
  })

  it("is well formed, as publint has it", async () => {
    expectSuccess(await runTool("publint", ["run", tarball, "--strict", "--pack", "false"]))
  })

  it("has types that resolve for whoever can import it, as attw has it", async () => {
    // It is ESM alone, which Node 20 can only import.
    expectSuccess(await runTool("attw", [tarball, "--profile", "esm-only"]))
  })
})

const program = `
import { ApiKey, Credentials, getApiKey, listApiKeys, throttled } from "${packageJson.name}"
import * as Emulator from "${packageJson.name}/emulator"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const program: Effect.Effect<number, unknown> = Effect.gen(function* () {
  const { withoutRole } = yield* Emulator.Emulator
  const apiKey: ApiKey = yield* getApiKey(withoutRole.apiKeyId)
  return apiKey.id === withoutRole.apiKeyId ? yield* Stream.runCount(listApiKeys()) : 0
}).pipe(Effect.provide(Emulator.layer({ keys: 20, rateLimit: "none" })))

console.log(await Effect.runPromise(program), typeof Credentials, typeof throttled)
`

// Each range's oldest version, or the newest that the tests run with.
const oldest = (range: string): string => range.replace(/^\^/, "")
const versions: ReadonlyArray<readonly [string, (range: string) => string]> = [
  ["the oldest", oldest],
  ["the newest", (range) => range],
]

describe.each(versions)("installed beside %s of its peers", (_, version) => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), "installed-"))
  const options = { cwd: folder }

  beforeAll(async () => {
    fs.writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    const peers = Object.entries(packageJson.peerDependencies)
      .map(([name, range]) => `${name}@${version(range)}`)
    expectSuccess(await runTool("npm", ["install", "--prefer-offline", tarball, ...peers], options))
    fs.writeFileSync(join(folder, "program.ts"), program)
    return () => fs.rmSync(folder, { recursive: true })
  })

  it.each([
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])("its types hold under moduleResolution %s", async (moduleResolution, module) => {
    const compilerOptions = {
      target: "es2022",
      lib: ["es2023", "dom"],
      module,
      moduleResolution,
      strict: true,
      noEmit: true,
      types: [],
      skipLibCheck: false,
    }
    const file = `tsconfig.${moduleResolution}.json`
    const include = ["program.ts"]
    fs.writeFileSync(join(folder, file), JSON.stringify({ compilerOptions, include }))
    expectSuccess(await runTool("tsc", ["-p", file], options))
  })

  it("it runs on Node and on Bun", async () => {
    expectSuccess(
      await runTool(
        "esbuild",
        ["program.ts", "--packages=external", "--outfile=program.mjs"],
        options,
      ),
    )
    for (const runtime of ["node", "bun"]) {
      const { stdout } = expectSuccess(await runTool(runtime, ["program.mjs"], options))
      expect([runtime, stdout.trim()]).toEqual([runtime, "23 function function"])
    }
  })
})
