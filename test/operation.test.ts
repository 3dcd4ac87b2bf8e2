import { describe, expect, it } from "vitest"
import * as Module from "@effect-crdb/api-keys"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { operations } from "../src/operation.ts"
import { calls, everyOperation } from "./everyOperation.ts"
import { root } from "./tool.ts"

// Where TypeScript cannot hold two places together: what is said of an operation elsewhere is what
// src/operation.ts says of it.

const readText = (path: string): string =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : ""

/** The functions that an endpoint's file exports, each with its docstring on one line. */
const functionsOf = (operation: string): ReadonlyMap<string, string> =>
  new Map(
    readText(`src/endpoints/${operation}.ts`).split(/^(?=\/\*\*)/m).flatMap((part) => {
      const name = /\*\/\nexport const (\w+) =/.exec(part)?.[1]
      return name === undefined ? [] : [[name, part.replaceAll(/\n \* ?/g, " ")] as const]
    }),
  )

/** The roles that a function's docstring names, or that of the function which it is said to be like. */
const documentedRoles = (
  functions: ReadonlyMap<string, string>,
  name: string,
): ReadonlyArray<string> => {
  const docstring = functions.get(name) ?? ""
  const alike = /Otherwise like \{@link (\w+)\}/.exec(docstring)?.[1]
  return alike === undefined
    ? /Needs the role ([A-Z_]+(?: or [A-Z_]+)*)/.exec(docstring)?.[1]?.split(" or ") ?? []
    : documentedRoles(functions, alike)
}

const readmeTable = /^\| function .* role +\|\n(?:\|.*\n)*/m.exec(readText("README.md"))?.[0] ?? ""

/** README's table of operations: function to roles. */
const readmeRoles = new Map(
  [...readmeTable.matchAll(/^\| `(\w+)\(.*?\)` +\|.*\| ([A-Z_, ]+?) +\|$/gm)]
    .map(([, name = "", roles = ""]) => [name, roles.split(", ")]),
)

const functions = Object.values(operations).flatMap(({ name, roles }) =>
  [...functionsOf(name).keys()].map((exported) => ({ exported, name, roles }))
)

describe("what src/operation.ts says of an operation", () => {
  it.each(Object.values(operations))(
    "is of one that the module exports: $name, from an endpoint's file of that name",
    ({ name }) => {
      expect(Object.keys(Module)).toContain(name)
      expect([...functionsOf(name).keys()]).toContain(name)
    },
  )

  it("is of each that the tests' table has, and of no other", () => {
    expect(Object.keys(calls).sort()).toEqual(Object.keys(operations).sort())
  })

  it.each(everyOperation)("is whether it mutates: $operation", ({ mutates, operation }) => {
    expect(operations[operation].mutates).toBe(mutates)
  })

  it.each(functions)(
    "is which roles the docstring names: $exported",
    ({ exported, name, roles }) => {
      expect(documentedRoles(functionsOf(name), exported)).toEqual(roles)
    },
  )

  it.each(functions)("is which roles README's table has: $exported", ({ exported, roles }) => {
    expect(readmeRoles.get(exported)).toEqual(roles)
  })

  it("is all that README's table tells of", () => {
    expect([...readmeRoles.keys()].sort()).toEqual(
      functions.map(({ exported }) => exported).sort(),
    )
  })
})
