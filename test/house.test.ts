import { describe, expect, it } from "vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ofSecondLine } from "../effect4/tree.ts"
import { version } from "../src/version.ts"
import { areas, homeless, mutatedSources } from "./mutation/areas.ts"
import { expectSuccess, root, runTool } from "./tool.ts"

const readText = (path: string) => readFileSync(join(root, path), "utf8")

// Each use states the type of the file. If that is wrong, the test fails.
const readJson = (path: string) => JSON.parse(readText(path))

const packageJson: {
  readonly version: string
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
} = readJson("package.json")

const denoJson: {
  readonly version: string
  readonly exports: Readonly<Record<string, string>>
  readonly imports: Readonly<Record<string, string>>
} = readJson("deno.json")

const entryPoints = Object.entries(packageJson.exports)

describe("every check passes:", () => {
  it.each([
    ["the module, with every exported type stated", "tsc", ["-p", "src", "--noEmit"]],
    ["tests and examples", "tsc", ["-p", "."]],
    ["format", "deno", ["fmt", "--check"]],
    ["lint", "deno", ["lint"]],
  ])("%s", async (_, tool, args) => {
    expectSuccess(await runTool(tool, args))
  })
})

describe("package.json and deno.json agree", () => {
  it("on the version, with src/version.ts and the lock", () => {
    const lock: {
      readonly version: string
      readonly packages: { readonly "": { readonly version: string } }
    } = readJson("package-lock.json")
    expect([denoJson.version, version, lock.version, lock.packages[""].version])
      .toEqual(Array(4).fill(packageJson.version))
  })

  it("on the entry points", () => {
    const sources = entryPoints.map(([name, entry]) => [
      name,
      entry.default.replace("./dist/", "./src/").replace(/\.js$/, ".ts"),
    ])
    expect(Object.fromEntries(sources)).toEqual(denoJson.exports)
  })

  it("on the peers, in the versions that the tests use", () => {
    const packages = Object.keys(packageJson.peerDependencies)
    const asked = packages.map((name) => [
      `${name}/`,
      `npm:/${name}@${packageJson.devDependencies[name]}/`,
    ])
    const remote = Object.entries(denoJson.imports).filter(([, to]) => !to.startsWith("./"))
    expect(Object.fromEntries(remote)).toEqual(Object.fromEntries(asked))
  })

  it("and the lock names no registry, since other machines may use another", () => {
    expect(readText("package-lock.json")).not.toContain('"resolved"')
  })
})

describe("the documents", () => {
  it("README has fewer than 250 lines", () => {
    expect(readText("README.md").split("\n").length).toBeLessThan(250)
  })

  it.each(["awsSecretsManager", "vault"])(
    "the guide to lifecycle shows examples/stores/%s.ts unchanged",
    (name) => {
      expect(readText("src/lifecycle/README.md")).toContain(
        `\`\`\`ts\n${readText(`examples/stores/${name}.ts`)}\`\`\`\n`,
      )
    },
  )

  it.each([version, ofSecondLine(version)])("CHANGELOG has an entry for %s", (version) => {
    expect(readText("CHANGELOG.md")).toMatch(
      new RegExp(`^## ${version.replaceAll(".", "\\.")}\\b`, "m"),
    )
  })
})

describe("npm run mutation", () => {
  it("has each source in exactly one area", () => {
    expect(homeless(mutatedSources(root))).toEqual([])
  })

  it.each(Object.entries(areas))("names files that exist: %s", (_, { sources, tests }) => {
    const named = [
      ...sources.map((source) => `src/${source}`),
      ...tests.map((test) => `test/${test}`),
    ]
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})
