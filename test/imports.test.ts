import { describe, expect, it } from "vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { root } from "./tool.ts"

const src = join(root, "src")

/** From the ground up: what stands in a line knows only those above it, and its own. */
const order = [
  ["version.ts", "operation.ts"],
  ["waiting/"],
  ["ApiKeyId.ts", "wire.ts", "ApiKey.ts"],
  ["ApiKeyError.ts"],
  ["Credentials.ts"],
  ["transport/"],
  ["endpoints/"],
  ["lifecycle/"],
  ["lifecycle/rotation/"],
  ["mod.ts"],
]

/** What the emulator shares with the module that is tested against it. */
const sharedWithEmulator = ["ApiKey.ts", "Credentials.ts", "operation.ts", "version.ts"]

/** Below `src/`, each with what it imports, types included. */
const imports: ReadonlyMap<string, ReadonlyArray<string>> = new Map(
  readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [file, importsOf(file)]),
)

function importsOf(file: string): ReadonlyArray<string> {
  const text = readFileSync(join(src, file), "utf8")
  // Examples in docstrings import the package by its name.
  return [...text.matchAll(/ from "(\.[^"]+)"/g)].map(([, to = ""]) =>
    relative(src, join(src, dirname(file), to))
  )
}

const levelOf = (file: string): number => {
  const fits = (place: string) => place === file || `${dirname(file)}/` === place
  return order.findIndex((places) => places.some(fits))
}

const sources = [...imports.keys()].filter((file) => !file.startsWith("emulator/"))

describe("the imports", () => {
  it("are found", () => {
    expect(imports.get("endpoints/getApiKey.ts")).toContain("transport/execute.ts")
    expect(imports.get("emulator/mod.ts")).toContain("emulator/Emulator.ts")
  })

  it("are of files that have their place in the order", () => {
    expect(sources.filter((file) => levelOf(file) < 0)).toEqual([])
  })

  it.each(sources)("of %s run down", (file) => {
    const level = levelOf(file)
    expect(imports.get(file)?.filter((to) => levelOf(to) > level || levelOf(to) < 0)).toEqual([])
  })

  it("of the emulator lead to nothing but what it shares with the module", () => {
    const outside = [...imports].flatMap(([file, all]) =>
      file.startsWith("emulator/") ? all.filter((to) => !to.startsWith("emulator/")) : []
    )
    expect(outside.filter((to) => !sharedWithEmulator.includes(to))).toEqual([])
  })

  it("lead in no circle", () => {
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
