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

/** README and the guides beside what they are about. */
const guides = [
  "README.md",
  ...["src", "test", "examples"].flatMap((folder) =>
    fs.readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md"))
      .map((file) => path.join(folder, file))
  ),
]

/** The TypeScript examples of a document: fenced in docstrings, or in prose. */
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

/** What is read here of what `deno doc --json` prints. */
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
  /** Writes the line's sources into a folder, or says where they are. */
  readonly sources: (folder: string) => string
  /** The packages that a user of the line has, by their folders here. */
  readonly packages: Readonly<Record<string, string>>
  /** The guides' programs as a user of the line writes them; undefined for one of the other line. */
  readonly inGuide: (code: string) => string | undefined
}

const ofEffect4 = /from "effect\/persistence\//
const ofEffect3 = /from "@effect\/(?!platform\/)/

// Complete programs are for Effect 3; the first ones are for both.
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
  "every example in the documentation compiles against what the module exports on %s",
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
        // A module, although an example may import nothing.
        if (code !== undefined) {
          fs.writeFileSync(path.join(folder, name), `${code}\nexport {}\n`)
        }
      }
      fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module" }))
      // Their types come with the runtimes, and the examples ask little of them.
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

/** What GitHub makes of a heading. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").trim().replaceAll(" ", "-")

const anchorsIn = (text: string): ReadonlyArray<string> =>
  [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading))

const withoutCode = (text: string): string => text.replace(/^```.*?^```$/gms, "")

/** Where a guide leads to, in line or below, but for what is elsewhere on the web. */
const linksIn = (text: string): ReadonlyArray<string> =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)]
    .map(([, inline, below]) => inline ?? below ?? "")
    .filter((link) => !/^https:/.test(link))

it("anchors are made of headings as GitHub makes them", () => {
  expect(anchorsIn("# A *fine* `rotateApiKey`, or two\n```sh\n# no heading\n```\n"))
    .toEqual(["a-fine-rotateapikey-or-two"])
})

it.each(guides)("every link in %s leads to a file, and to a heading in it", (guide) => {
  const links = linksIn(readGuide(guide))
  const broken = links.filter((link) => {
    const [to = "", anchor] = link.split("#")
    const target = to === "" ? guide : path.join(path.dirname(guide), to)
    if (!fs.existsSync(path.join(root, target))) return true
    return anchor !== undefined && !anchorsIn(readGuide(target)).includes(anchor)
  })
  expect(broken).toEqual([])
})

it("links are found", () => {
  expect(guides.flatMap((guide) => linksIn(readGuide(guide))).length).toBeGreaterThan(30)
})

it("the guide to lifecycle describes every way to fail, and every function of its folder", () => {
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

/** Names that a source states, one a match. */
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
