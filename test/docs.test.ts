import { expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as emulator from "../src/emulator/mod.ts"
import { operations } from "../src/operation.ts"
import { writeTree } from "../effect4/tree.ts"
import { expectSuccess, root, runTool } from "./tool.ts"

const sourcesIn = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))

/** README, and the guides in the folders that they describe. */
const guides = [
  "README.md",
  ...["src", "test", "examples"].flatMap((folder) =>
    fs.readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => path.join(folder, file))
  ),
]

/** The fenced TypeScript examples of a guide, or of a source's docstrings. */
const examplesIn = (
  folder: string,
  file: string,
): ReadonlyArray<readonly [name: string, code: string]> => {
  const text = fs.readFileSync(path.join(folder, file), "utf8")
  const parts = file.endsWith(".md")
    ? [text]
    : (text.match(/\/\*\*.*?\*\//gs) ?? []).map((comment) => comment.replace(/^ *\* ?/gm, ""))
  return parts.flatMap((part) => [...part.matchAll(/^```ts\n(.*?)^```$/gms)])
    .map((match, index) => [`${file.replaceAll(/[/.]/g, "_")}_${index}.ts`, match[1] ?? ""])
}

it("every exported function has an example", async () => {
  const entries = ["src/mod.ts", "src/emulator/mod.ts"]
  const { stdout } = expectSuccess(await runTool("deno", ["doc", "--json", ...entries]))
  const { nodes }: Documentation = JSON.parse(stdout)
  const functions = Object.values(nodes).flatMap(({ symbols }) => symbols).filter((symbol) =>
    symbol.declarations.some(({ kind }) => kind === "function")
  )
  const hasExample = (symbol: DocumentedSymbol) =>
    symbol.declarations.some(({ jsDoc }) =>
      jsDoc?.tags?.some(({ doc, kind }) => kind === "example" && doc?.includes("```ts\n"))
    )
  expect(functions.length).toBeGreaterThan(15)
  expect(functions.filter((symbol) => !hasExample(symbol)).map(({ name }) => name)).toEqual([])
})

/** The part of `deno doc --json` that this test reads. */
interface Documentation {
  readonly nodes: Readonly<Record<string, { readonly symbols: ReadonlyArray<DocumentedSymbol> }>>
}

interface DocumentedSymbol {
  readonly name: string
  readonly declarations: ReadonlyArray<{
    readonly kind: string
    readonly jsDoc?: {
      readonly tags?: ReadonlyArray<{ readonly kind: string; readonly doc?: string }>
    }
  }>
}

/** How the examples of each line are compiled. */
interface Line {
  /** The folder of the line's sources. Effect 4's are written into `folder` first. */
  readonly sources: (folder: string) => string
  /** The packages that a user of the line has, with their folders in node_modules. */
  readonly packages: Readonly<Record<string, string>>
  /** A guide's program as a user of this line writes it, or undefined if it is for the other. */
  readonly inGuide: (code: string) => string | undefined
}

const ofEffect4 = /from "effect\/persistence\//
const ofEffect3 = /from "@effect\/(?!platform\/)/

// The complete examples are for Effect 3. The first programs are for both.
const stores = sourcesIn(path.join(root, "examples/stores"))
  .map((file) => fs.readFileSync(path.join(root, "examples/stores", file), "utf8"))
const isComplete = (code: string): boolean => stores.includes(code)

const lines: Readonly<Record<string, Line>> = {
  "Effect 3": {
    sources: () => path.join(root, "src"),
    packages: {
      effect: "effect",
      "@effect": "@effect",
      "@types": "@types",
      "@aws-sdk": "@aws-sdk",
      "@smithy": "@smithy",
    },
    inGuide: (code) =>
      ofEffect4.test(code) ? undefined : code.replaceAll('"effect/http/', '"@effect/platform/'),
  },
  "Effect 4": {
    sources: (folder) => {
      const to = path.join(folder, "src")
      writeTree({ root, to })
      return to
    },
    packages: { effect: "effect4", "@types": "@types" },
    inGuide: (code) =>
      ofEffect3.test(code) || isComplete(code)
        ? undefined
        : code.replaceAll('"@effect/platform/', '"effect/http/'),
  },
}

it.each(Object.entries(lines))(
  "every example in the documentation compiles on %s",
  async (_, { inGuide, packages, sources }) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "examples-"))
    try {
      fs.mkdirSync(path.join(folder, "node_modules"))
      for (const [name, to] of Object.entries(packages)) {
        fs.symlinkSync(path.join(root, "node_modules", to), path.join(folder, "node_modules", name))
      }
      const src = sources(folder)
      const examples = [
        ...sourcesIn(src).flatMap((file) => examplesIn(src, file)),
        ...guides.flatMap((guide) => examplesIn(root, guide))
          .map(([name, code]) => [name, inGuide(code)] as const),
      ]
      for (const [name, code] of examples) {
        // The export makes a module of an example that imports nothing.
        if (code !== undefined) {
          fs.writeFileSync(path.join(folder, name), `${code}\nexport {}\n`)
        }
      }
      fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module" }))
      // The runtimes' own types are not installed.
      fs.writeFileSync(path.join(folder, "runtimes.d.ts"), "declare const Deno: any, Bun: any\n")
      fs.writeFileSync(
        path.join(folder, "tsconfig.json"),
        JSON.stringify({
          extends: path.join(root, "tsconfig.json"),
          compilerOptions: {
            noUnusedLocals: false,
            typeRoots: [path.join(root, "node_modules/@types")],
            paths: {
              "@effect-crdb/api-keys": [path.join(src, "mod.ts")],
              "@effect-crdb/api-keys/emulator": [path.join(src, "emulator/mod.ts")],
            },
          },
          include: ["*"],
        }),
      )
      expect(fs.readdirSync(folder).length).toBeGreaterThan(15)
      expectSuccess(await runTool("tsc", ["-p", folder]))
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  },
)

const readGuide = (file: string) => fs.readFileSync(path.join(root, file), "utf8")

/** The anchor that GitHub makes from a heading. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").trim().replaceAll(" ", "-")

const anchorsIn = (text: string): ReadonlyArray<string> =>
  [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading))

const withoutCode = (text: string): string => text.replace(/^```.*?^```$/gms, "")

/** A guide's links, inline and by reference, without those to the web. */
const linksIn = (text: string): ReadonlyArray<string> =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)]
    .map(([, inline, below]) => inline ?? below ?? "")
    .filter((link) => !/^https:/.test(link))

it("a heading's anchor is the one that GitHub makes", () => {
  expect(anchorsIn("# A *fine* `rotateApiKey`, or two\n```sh\n# no heading\n```\n"))
    .toEqual(["a-fine-rotateapikey-or-two"])
})

it.each(guides)("every link in %s leads to a file and a heading that exist", (guide) => {
  const links = linksIn(readGuide(guide))
  const broken = links.filter((link) => {
    const [to = "", anchor] = link.split("#")
    const target = to === "" ? guide : path.join(path.dirname(guide), to)
    if (!fs.existsSync(path.join(root, target))) return true
    return anchor !== undefined && !anchorsIn(readGuide(target)).includes(anchor)
  })
  expect(broken).toEqual([])
})

it("the guides have links", () => {
  expect(guides.flatMap((guide) => linksIn(readGuide(guide))).length).toBeGreaterThan(30)
})

it("the guide to lifecycle describes every reason of RotationFailed, and every function of its folder", () => {
  const guide = readGuide("src/lifecycle/README.md")
  const mod = readGuide("src/mod.ts")
  const exported = [...mod.matchAll(/^export \{ (.*) \} from "\.\/lifecycle/gm)]
    .flatMap(([, names = ""]) => names.split(", "))
  expect(exported.length).toBeGreaterThan(10)
  expect(exported.filter((name) => !guide.includes(name))).toEqual([])
  const [, reasons = ""] = /const explanations.*?= \{(.*?)^\}/ms.exec(
    readGuide("src/lifecycle/rotation/RotationFailed.ts"),
  ) ?? []
  const named = [...reasons.matchAll(/^ {2}(\w+):/gm)].map(([, reason = ""]) => reason)
  expect(named.length).toBeGreaterThan(7)
  expect(named.filter((reason) => !guide.includes(`\`${reason}\``))).toEqual([])
})

/** The names that a pattern captures in a source. */
const namesIn = (file: string, pattern: RegExp): ReadonlyArray<string> =>
  [...readGuide(file).matchAll(pattern)].map(([, name = ""]) => name)

/** Names that lists of exports state. */
const exportsIn = (file: string, pattern: RegExp): ReadonlyArray<string> =>
  namesIn(file, pattern).flatMap((names) => names.split(", "))

const fieldsOf = (file: string, type: string): ReadonlyArray<string> => {
  const [, body = ""] = new RegExp(`^export interface ${type} \\{\n(.*?)^\\}`, "ms")
    .exec(readGuide(file)) ?? []
  return [...body.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name = ""]) => name)
}

it.each<readonly [string, string, ReadonlyArray<string>]>([
  [
    "src/emulator/README.md",
    "flag of the command",
    namesIn(
      "src/emulator/bin.ts",
      /(?:^ {2}|Options\.(?:text|fileText|boolean)\()"([a-z-]+)"[,)]/gm,
    )
      .map((name) => `--${name}`)
      .filter((flag) => flag !== "--api-keys-emulator"),
  ],
  [
    "src/emulator/README.md",
    "option of the emulator",
    fieldsOf("src/emulator/Options.ts", "EmulatorOptions"),
  ],
  [
    "src/emulator/README.md",
    "field of an emulator",
    fieldsOf("src/emulator/Emulator.ts", "EmulatorService"),
  ],
  [
    "src/emulator/README.md",
    "field of a fault rule",
    fieldsOf("src/emulator/FaultPlan.ts", "FaultRule"),
  ],
  [
    "src/emulator/README.md",
    "fault",
    namesIn("src/emulator/FaultPlan.ts", /readonly _tag: "(\w+)"/g),
  ],
  [
    "src/transport/README.md",
    "option of RetryPolicy.make",
    fieldsOf("src/transport/RetryPolicy.ts", "RetryPolicyOptions"),
  ],
  [
    "src/transport/README.md",
    "function of its folder",
    exportsIn("src/mod.ts", /^export \{ (.*) \} from "\.\/transport/gm),
  ],
  [
    "src/emulator/README.md",
    "export that is a value",
    Object.keys(emulator).map((name) => name === "Emulator" ? name : `Emulator.${name}`),
  ],
  [
    "README.md",
    "model and operation",
    [
      ...exportsIn("src/mod.ts", /^export \{ (.*) \} from "\.\/(?:ApiKey|Credentials)\.ts"/gm),
      ...Object.keys(operations),
    ],
  ],
])("%s describes every %s", (guide, _, names) => {
  expect(names.length).toBeGreaterThan(3)
  const text = readGuide(guide)
  expect(names.filter((name) => !text.includes(`\`${name}`))).toEqual([])
})
