import { expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { expectSuccess, root, runTool } from "./tool.ts"

const documents = [
  "README.md",
  ...fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => path.join("src", file)),
].filter((file) => fs.existsSync(path.join(root, file)))

/** The TypeScript examples of a document: fenced in docstrings, or in prose. */
const examplesIn = (file: string): ReadonlyArray<readonly [name: string, code: string]> => {
  const text = fs.readFileSync(path.join(root, file), "utf8")
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

it("every example in the documentation compiles against what the module exports", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "examples-"))
  try {
    fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"))
    for (const [name, code] of documents.flatMap(examplesIn)) {
      // A module, although an example may import nothing.
      fs.writeFileSync(path.join(folder, name), `${code}\nexport {}\n`)
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
            "@effect-crdb/api-keys": [path.join(root, "src/mod.ts")],
            "@effect-crdb/api-keys/emulator": [path.join(root, "src/emulator/mod.ts")],
          },
        },
        include: ["."],
      }),
    )
    expect(fs.readdirSync(folder).length).toBeGreaterThan(15)
    expectSuccess(await runTool("tsc", ["-p", folder]))
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
})
