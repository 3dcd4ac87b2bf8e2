import { describe, expect, it } from "vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { root } from "./tool.ts"

const src = join(root, "src")

/** The order of the sources. A file imports only from its own row and from rows above. */
const order = [
  ["version.ts", "operation.ts"],
  ["waiting/"],
  ["ApiKeyId.ts", "wire.ts", "ApiKey.ts"],
  ["ApiKeyError.ts"],
  ["settings.ts"],
  ["Credentials.ts"],
  ["transport/"],
  ["endpoints/"],
  ["lifecycle/"],
  ["lifecycle/rotation/"],
  ["mod.ts"],
]

/** The sources that the emulator may import from the module. */
const sharedWithEmulator = ["ApiKey.ts", "Credentials.ts", "operation.ts", "version.ts"]

const ownName = "@effect-crdb/api-keys"

/** A source's imports in every form, types included. */
const importsIn = (text: string): ReadonlyArray<string> =>
  [
    ...withoutComments(text).matchAll(/\b(?:from|import)\s*\(?\s*(?<quote>["'`])(.+?)\k<quote>/g),
  ]
    .map(([, , to = ""]) => to)
    // A message can hold "from" before a quote too. No module's name holds a space or a $.
    .filter((to) => !/[\s$]/.test(to))

// Examples in docstrings import the package by its name. Comment marks inside strings are kept.
const withoutComments = (text: string): string =>
  text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*.*?\*\/|\/\/[^\n]*/gs,
    (_, string: string | undefined) => string ?? " ",
  )

/** Each source below `src/`, with its imports. */
const specifiers: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [file, importsIn(readFileSync(join(src, file), "utf8"))]),
)

/** Each source, with its imports of other sources. */
const imports: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  [...specifiers].map(([file, all]) => [
    file,
    all.filter((to) => to.startsWith(".")).map((to) => relative(src, join(src, dirname(file), to))),
  ]),
)

const levelOf = (file: string): number => {
  const fits = (place: string) => place === file || `${dirname(file)}/` === place
  return order.findIndex((places) => places.some(fits))
}

const sources = [...imports.keys()].filter((file) => !file.startsWith("emulator/"))

describe("the reader of imports", () => {
  it.each([
    `import { a } from "./a.ts"`,
    `import { a } from './a.ts'`,
    `import {\n  a,\n} from "./a.ts"`,
    `import type { A } from "./a.ts"`,
    `import * as A from "./a.ts"`,
    `export * from "./a.ts"`,
    `export type { A } from './a.ts'`,
    `import "./a.ts"`,
    `import './a.ts'`,
    `import"./a.ts"`,
    `const a = await import("./a.ts")`,
    "const a = import(`./a.ts`)",
    `const a = import(\n  './a.ts'\n)`,
    `type A = import("./a.ts").A`,
    `const url = "https://a" // one\nimport "./a.ts"`,
    `import(/* later */ "./a.ts")`,
  ])("finds the import in: %s", (text) => {
    expect(importsIn(text)).toEqual(["./a.ts"])
  })

  it.each([
    `// import "./a.ts"`,
    `/** import { a } from "./a.ts" */`,
    `/**\n * import { a } from "./a.ts"\n */`,
  ])("finds no import in the comment: %s", (text) => {
    expect(importsIn(text)).toEqual([])
  })

  it("finds the imports of the sources", () => {
    expect(imports.get("endpoints/getApiKey.ts")).toContain("transport/execute.ts")
    expect(imports.get("emulator/mod.ts")).toContain("emulator/Emulator.ts")
  })
})

describe("the imports", () => {
  it("never name the package itself", () => {
    const own = [...specifiers].flatMap(([file, all]) =>
      all.some((to) => to === ownName || to.startsWith(`${ownName}/`)) ? [file] : []
    )
    expect(own).toEqual([])
  })

  it("belong to files that each have a place in the order", () => {
    expect(sources.filter((file) => levelOf(file) < 0)).toEqual([])
  })

  it.each(sources)("of %s follow the order", (file) => {
    const level = levelOf(file)
    expect(imports.get(file)?.filter((to) => levelOf(to) > level || levelOf(to) < 0)).toEqual([])
  })

  it("of the emulator lead only to the sources that it may import", () => {
    const outside = [...imports].flatMap(([file, all]) =>
      file.startsWith("emulator/") ? all.filter((to) => !to.startsWith("emulator/")) : []
    )
    expect(outside.filter((to) => !sharedWithEmulator.includes(to))).toEqual([])
  })

  it("of other packages lead only to Effect and its platform", () => {
    const peers = ["effect", "@effect/platform"]
    const others = [...specifiers]
      // The command is bundled with its dependencies.
      .filter(([file]) => file !== "emulator/bin.ts")
      .flatMap(([, all]) => all.filter((to) => !to.startsWith(".")))
    expect(others.length).toBeGreaterThan(100)
    expect(others.filter((to) => !peers.some((peer) => to.startsWith(`${peer}/`)))).toEqual([])
  })

  it("form no cycle", () => {
    const done = new Set<string>()
    const circles: Array<string> = []
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "))
      if (path.includes(file) || done.has(file)) return
      for (const to of imports.get(file) ?? []) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of imports.keys()) visit(file, [])
    expect(circles).toEqual([])
  })
})
