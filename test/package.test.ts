import * as esbuild from "esbuild"
import { beforeAll, describe, expect, it } from "vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import { dirname, join } from "node:path"
import { expectSuccess, root, runTool, withTool } from "./tool.ts"

// Each use states the type of the file. If that is wrong, the test fails.
const readJson = (path: string) => JSON.parse(fs.readFileSync(join(root, path), "utf8"))

/** What a package has of an entry point: for TypeScript, bundlers, runtimes, and anyone else. */
interface EntryPoint {
  readonly types: string
  readonly module: string
  readonly node: string
  readonly default: string
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly exports: Readonly<Record<string, EntryPoint>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

const { name, version }: Manifest = readJson("package.json")

/** What the build makes for a line, and how its users import Effect's HTTP modules. */
interface Line {
  readonly npm: string
  readonly jsr: string
  readonly tarball: string
  readonly effect: string
  readonly http: string
}

const lineOf = (line: 3 | 4, http: string): Line => ({
  npm: `packages/npm-${line}`,
  jsr: `packages/jsr-${line}`,
  tarball: join(root, `packages/effect-crdb-api-keys-${line}${version.slice(1)}.tgz`),
  effect: line === 3 ? "effect" : "effect4",
  http,
})

const lines: ReadonlyArray<readonly [3 | 4, Line]> = [
  [3, lineOf(3, "@effect/platform")],
  [4, lineOf(4, "effect/http")],
]

/** Makes a folder for a group of tests, and removes it after them. */
const emptyProject = (): string => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), "installed-"))
  beforeAll(() => {
    fs.writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    return () => fs.rmSync(folder, { recursive: true })
  })
  return folder
}

const compilerOptions = {
  target: "es2022",
  lib: ["es2023", "dom"],
  strict: true,
  noEmit: true,
  types: [],
  skipLibCheck: false,
}

beforeAll(async () => {
  expectSuccess(await runTool("npm", ["run", "packages"]))
})

describe.each(lines)("the package for Effect %d", (line, { jsr, npm, tarball }) => {
  const manifest = (): Manifest => readJson(`${npm}/package.json`)
  const jsrManifest = (): {
    readonly name: string
    readonly version: string
    readonly exports: Readonly<Record<string, string>>
  } => readJson(`${jsr}/deno.json`)

  it("says so in its version and its description, on npm and on JSR", () => {
    const { description, version } = manifest()
    expect([version.split(".")[0], jsrManifest().version]).toEqual([`${line}`, version])
    expect(description).toContain(`Effect ${line}`)
    expect(readJson(`${npm}/package.json`)).not.toHaveProperty("devDependencies")
    const source = fs.readFileSync(join(root, jsr, "src/version.ts"), "utf8")
    expect(source).toContain(`"${version}"`)
  })

  it("has JavaScript, types and source maps of each entry point, and Node loads them", async () => {
    for (const [entryName, entry] of Object.entries(manifest().exports)) {
      for (const output of Object.values(entry)) {
        const map: { readonly sources: ReadonlyArray<string> } = readJson(
          join(npm, `${output}.map`),
        )
        const missing = map.sources.filter((source) =>
          !fs.existsSync(join(root, npm, dirname(output), source))
        )
        expect([output, missing]).toEqual([output, []])
        expect(fs.readFileSync(join(root, npm, output), "utf8")).toContain("//# sourceMappingURL=")
      }
      // A package can import itself by name. That goes through `exports`, like a user's import.
      const specifier = join(name, entryName)
      const script = `console.log(Object.keys(await import(${JSON.stringify(specifier)})).join())`
      const loaded = expectSuccess(
        await runTool("node", ["--input-type=module", "--eval", script], { cwd: join(root, npm) }),
      )
      const source: object = await import(
        join(root, "src", jsrManifest().exports[entryName]?.replace("./src/", "") ?? entryName)
      )
      expect(loaded.stdout.trim().split(",").sort()).toEqual(Object.keys(source).sort())
    }
  })

  it("gives a runtime few files, and a bundler one for each source", async () => {
    for (const entry of Object.values(manifest().exports)) {
      expect(entry.module).toBe(entry.default)
    }
    expect(fs.readdirSync(join(root, npm, "dist/node"), { recursive: true }).length)
      .toBeLessThan(10)

    const folder = join(root, npm)
    const { metafile } = await esbuild.build({
      stdin: { contents: `export { getApiKey } from "${name}"`, resolveDir: folder },
      absWorkingDir: folder,
      bundle: true,
      external: ["effect", "@effect/*"],
      // The repository's own would lead its name to its sources.
      tsconfigRaw: {},
      write: false,
      metafile: true,
    })
    const inputs = Object.keys(metafile.inputs)
    expect(inputs).toContain("dist/endpoints/getApiKey.js")
    expect(inputs.filter((file) => file.startsWith("dist/node/"))).toEqual([])
  })

  it("has the same functions and classes, by the same names, for runtimes and bundlers", async () => {
    for (const entry of Object.values(manifest().exports)) {
      const [forRuntimes, forBundlers] = await Promise.all(
        [entry.node, entry.default].map(async (file) => {
          const script = `
            const values = Object.entries(await import("./${file}"))
            console.log(JSON.stringify(values.map(([key, value]) => [key, typeof value, value.name])))`
          const { stdout } = expectSuccess(
            await runTool("node", ["--input-type=module", "--eval", script], {
              cwd: join(root, npm),
            }),
          )
          return JSON.parse(stdout)
        }),
      )
      expect(forRuntimes).toEqual(forBundlers)
    }
  })

  it("holds only the build, the command, the sources for the source maps, and the documents", async () => {
    const { stdout } = expectSuccess(
      await runTool("npm", ["pack", "--dry-run", "--json"], { cwd: join(root, npm) }),
    )
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

  it("passes publint", async () => {
    expectSuccess(await runTool("publint", ["run", tarball, "--strict", "--pack", "false"]))
  })

  it("passes attw, so its types resolve wherever it can be imported", async () => {
    // The package is ESM only, which Node 20 cannot require.
    expectSuccess(await runTool("attw", [tarball, "--profile", "esm-only"]))
  })

  it("passes JSR's checks, with every exported type stated", async () => {
    // --allow-dirty lets the tests run before a commit.
    const args = ["publish", "--dry-run", "--allow-dirty"]
    expectSuccess(await runTool("deno", args, { cwd: join(root, jsr) }))
  })

  it("documents every export and its fields, and exports the types that they refer to", async () => {
    const entries = Object.values(jsrManifest().exports)
    const { stderr } = await runTool("deno", ["doc", "--lint", ...entries], {
      cwd: join(root, jsr),
    })
    const errors = [...stderr.matchAll(/^error\[(.*)\]: (.*)\n *--> (.*)/gm)]
      .map(([, rule, what = "", at]) => ({ rule, what, at }))
    const isExcused = ({ rule, what }: (typeof errors)[number]): boolean => {
      const [, holder = "", held = ""] =
        /^public type '(.+?)' references private type '(.+?)'$/.exec(what) ?? []
      return rule === "private-type-ref" &&
        // Bases state the types of errors and services.
        (effectTypes[line].has(held) || hiddenTypes.has(held) ||
          ["Base", "Tag", "Reference"].some((suffix) => held === holder + suffix))
    }
    expect(errors.filter(isExcused).length).toBeGreaterThan(0)
    expect(errors.filter((error) => !isExcused(error))).toEqual([])
  })
})

/** The types of Effect that public types refer to, by the names of each line. */
const sharedTypes = [
  "Brand",
  "Duration",
  "Effect",
  "HttpClient",
  "HttpServerRequest",
  "HttpServerResponse",
  "Option",
  "Redacted",
  "Schedule",
  "Unit",
  "Utc",
  "YieldableError",
]
const effectTypes = {
  3: new Set([
    ...sharedTypes,
    "Brand.Constructor",
    "DurationInput",
    "Either",
    "NoSuchElementException",
    "Schema",
  ]),
  4: new Set([...sharedTypes, "Codec", "Constructor", "Input", "NoSuchElementError", "Result"]),
}

/** Types in public types that no user should make or read. */
const hiddenTypes = new Set(["Gate"])

it("the command runs without its package, and says no other package's version", async () => {
  const folder = fs.mkdtempSync(join(os.tmpdir(), "command-"))
  try {
    const copy = join(folder, "dist/bin/emulator.cjs")
    fs.cpSync(join(root, "packages/npm-4/dist/bin/emulator.cjs"), copy)
    const says = async () => expectSuccess(await runTool("node", [copy, "--version"])).stdout.trim()
    expect(await says()).toBe(version)
    const manifest = join(folder, "package.json")
    for (
      const others of [{ name: "another", version: "0.0.7" }, { name, version: "\u001b[2J1.0.0" }]
    ) {
      fs.writeFileSync(manifest, JSON.stringify(others))
      expect(await says()).toBe(version)
    }
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
})

it("both packages have the same command", () => {
  const [three, four] = lines.map(([, { npm }]) =>
    fs.readFileSync(join(root, npm, "dist/bin/emulator.cjs"))
  )
  expect(three?.equals(four ?? Buffer.of())).toBe(true)
})

it("no public type for Effect 4 refers to a name of Effect 3", () => {
  const dist = join(root, "packages/npm-4/dist")
  const reached = new Set<string>()
  const reach = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    const text = fs.readFileSync(join(dist, file), "utf8")
    for (const [, to = ""] of text.matchAll(/from "(\..*)\.ts"/g)) {
      reach(join(dirname(file), `${to}.d.ts`))
    }
  }
  for (const entry of ["mod.d.ts", "emulator/mod.d.ts"]) reach(entry)
  expect(reached.size).toBeGreaterThan(20)
  expect([...reached].filter((file) => file.startsWith("names/"))).toEqual([])
})

/** Lists, creates, rotates and deletes: in memory, then against the server in the environment. */
const programFor = (http: string) => `
import { ApiKey, createApiKey, Credentials, deleteApiKey, getApiKey, listApiKeys } from "${name}"
import { rotateApiKey, throttled } from "${name}"
import * as Emulator from "${name}/emulator"
import * as FetchHttpClient from "${http}/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"

const inMemory: Effect.Effect<number, unknown> = Effect.gen(function* () {
  const { withoutRole } = yield* Emulator.Emulator
  const apiKey: ApiKey = yield* getApiKey(withoutRole.apiKeyId)
  return apiKey.id === withoutRole.apiKeyId ? yield* Stream.runCount(listApiKeys()) : 0
}).pipe(Effect.provide(Emulator.layer({ keys: 20, rateLimit: "none" })))

const served = Effect.gen(function* () {
  const oldest = yield* Effect.map(Stream.runHead(listApiKeys()), Option.getOrThrow)
  const { serviceAccountId } = oldest
  const { apiKey, secret } = yield* createApiKey({ name: "billing", serviceAccountId })
  const held = yield* Ref.make(secret)
  const store = {
    read: Effect.map(Ref.get(held), Option.some),
    write: (secret: typeof held extends Ref.Ref<infer S> ? S : never) => Ref.set(held, secret),
  }
  const { apiKey: { id }, deleted, did } = yield* rotateApiKey({ store, grace: 0 })
  const { name } = yield* deleteApiKey(id)
  const { _tag } = yield* Effect.flip(getApiKey(id))
  return [did, deleted.join() === apiKey.id, name, _tag, String(yield* Ref.get(held))].join(" ")
})

const client = Layer.provide(throttled({ limit: 10, window: "1 second" }), FetchHttpClient.layer)
console.log(await Effect.runPromise(inMemory))
console.log(await Effect.runPromise(
  Effect.provide(served, Layer.merge(client, Credentials.layerConfig)),
))
`

/** The program of README that holds a text, as a user of the line writes it. */
const programInReadme = (text: string, http: string) => {
  const readme = fs.readFileSync(join(root, "README.md"), "utf8")
  const programs = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code)
  const code = programs.find((code) => code.includes(text)) ?? expect.fail(`No program has ${text}`)
  return code.replaceAll('"effect/http/', `"${http}/`)
}

// The oldest version of each range, or the newest.
const versions: ReadonlyArray<readonly [string, (range: string) => string]> = [
  ["the oldest", (range) => range.replace(/^\^/, "")],
  ["the newest", (range) => range],
]
const installations = lines.flatMap(([line, built]) =>
  versions.map(([which, version]) => [line, which, built, version] as const)
)

describe.each(installations)(
  "the package for Effect %d, in an empty project, beside %s of its peers",
  (_, which, { http, npm, tarball }, version) => {
    const folder = emptyProject()
    const options = { cwd: folder }

    beforeAll(async () => {
      const { peerDependencies }: Manifest = readJson(`${npm}/package.json`)
      const peers = Object.entries(peerDependencies)
        .map(([name, range]) => `${name}@${version(range)}`)
      const args = ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball, ...peers]
      expectSuccess(await runTool("npm", args, options))
      fs.writeFileSync(join(folder, "program.ts"), programFor(http))
      fs.writeFileSync(join(folder, "list.mjs"), programInReadme("layerConfig", http))
      fs.writeFileSync(join(folder, "lost.mjs"), programInReadme("DropAfter", http))
      fs.writeFileSync(
        join(folder, "where.mjs"),
        `console.log(import.meta.resolve(${JSON.stringify(name)}))`,
      )
    })

    it.each([
      ["nodenext", "nodenext"],
      ["bundler", "esnext"],
    ])("compiles under moduleResolution %s", async (moduleResolution, module) => {
      const file = `tsconfig.${moduleResolution}.json`
      fs.writeFileSync(
        join(folder, file),
        JSON.stringify({
          compilerOptions: { ...compilerOptions, module, moduleResolution },
          include: ["program.ts"],
        }),
      )
      expectSuccess(await runTool("tsc", ["-p", file], options))
    })

    // What a runtime does with the package, it does beside older peers too.
    const runtimes = which === "the newest" ? ["node", "deno", "bun"] : ["node"]

    it(`lists, creates, rotates and deletes against its command, on ${runtimes.join()}`, async () => {
      const args = ["program.ts", "--packages=external", "--outfile=program.mjs"]
      expectSuccess(await runTool("esbuild", args, options))
      const command = [join(folder, "node_modules/.bin/api-keys-emulator"), "--port", "0"]
      const whenItSays = /COCKROACH_SERVER=(\S+)[^]*COCKROACH_API_KEY=(\S+)/
      const said = expectSuccess(await runTool("node", [command[0] ?? "", "--version"], options))
      expect(said.stdout.trim()).toBe(readJson(`${npm}/package.json`).version)
      await withTool("node", command, { ...options, whenItSays }, async ([, server, key]) => {
        const env = { COCKROACH_SERVER: server, COCKROACH_API_KEY: key }
        const byDeno = [
          "run",
          "--node-modules-dir=manual",
          "--cached-only",
          "--allow-net=127.0.0.1",
          "--allow-env",
        ]
        for (const runtime of runtimes) {
          const args = runtime === "deno" ? byDeno : []
          const where = expectSuccess(
            await runTool(runtime, [...args, "where.mjs"], { ...options, env }),
          )
          expect([runtime, where.stdout.trim()]).toEqual([
            runtime,
            expect.stringMatching(/dist\/node\/mod\.js$/),
          ])
          const { stdout } = expectSuccess(
            await runTool(runtime, [...args, "program.mjs"], { ...options, env }),
          )
          expect([runtime, ...stdout.trim().split("\n")]).toEqual([
            runtime,
            "23",
            "made true billing NotFound <redacted>",
          ])
          const listed = expectSuccess(
            await runTool(runtime, [...args, "list.mjs"], { ...options, env }),
          )
          const lines = listed.stdout.trim().split("\n")
          expect([runtime, lines.length]).toEqual([runtime, 103])
          expect(lines.filter((line) => !/^CCDB1_\w{22} \S/.test(line))).toEqual([])
          const lost = expectSuccess(await runTool(runtime, [...args, "lost.mjs"], options))
          expect([runtime, lost.stdout.trim()]).toEqual([runtime, "1"])
        }
      })
    })
  },
)

/** The lines that README shows from the tools' output beside the other Effect. */
const shownFor = (line: 3 | 4): ReadonlyArray<string> => {
  const readme = fs.readFileSync(join(root, "README.md"), "utf8")
  const blocks = [...readme.matchAll(/^```text\n(.*?)^```/gms)].map(([, text = ""]) => text)
  const ofLine = blocks.find((text) => text.includes(`from ${name}@${line}.`))
  return ofLine?.trim().split("\n") ?? []
}

describe.each(lines)("the package for Effect %d beside the other Effect", (line, built) => {
  const folder = emptyProject()
  const options = { cwd: folder }
  const [other, { effect }] = lines.find(([other]) => other !== line) ?? expect.fail("two lines")

  it("is refused, does not compile and does not start, with the output that README shows", async () => {
    const install = ["install", "--prefer-offline", "--dry-run", built.tarball, `effect@${other}`]
    const refused = await runTool("npm", install, options)
    const forced = await runTool("npm", [...install, "--force"], options)

    const modules = join(folder, "node_modules")
    fs.cpSync(join(root, built.npm), join(modules, name), {
      recursive: true,
      filter: (file) => !file.endsWith("node_modules"),
    })
    fs.symlinkSync(join(root, "node_modules", effect), join(modules, "effect"))
    // A project that was on Effect 3 has it still.
    fs.symlinkSync(join(root, "node_modules/@effect"), join(modules, "@effect"))
    fs.writeFileSync(join(folder, "program.ts"), `export * from "${name}"\n`)
    fs.writeFileSync(join(folder, "program.mjs"), `import "${name}"\n`)
    const module = { module: "nodenext", moduleResolution: "nodenext" }
    fs.writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...compilerOptions, ...module }, files: ["program.ts"] }),
    )
    const compiled = await runTool("tsc", ["-p", "."], options)
    const started = await runTool("node", ["program.mjs"], options)

    expect([refused, forced, compiled, started].map(({ exitCode }) => exitCode === 0))
      .toEqual([false, true, false, false])
    const printed = [refused, forced, compiled, started]
      .flatMap(({ stderr, stdout }) => `${stdout}\n${stderr}`.split("\n"))
      .map((text) => text.replaceAll("effect4/", "effect/"))
    const isPrinted = (shown: string) => {
      const parts = shown.split("…")
      return printed.some((text) => parts.every((part) => text.includes(part)))
    }
    const shown = shownFor(line)
    expect(shown.length).toBeGreaterThan(4)
    expect(shown.filter((text) => !isPrinted(text))).toEqual([])
  })
})
