import { describe, expect, it } from "vitest"
import * as Module from "@effect-crdb/api-keys"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { operations } from "../src/operation.ts"
import { calls, everyOperation } from "./everyOperation.ts"
import { root } from "./tool.ts"

// Holds docs and tables, which the compiler cannot check, to src/operation.ts.

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

/** A function's docstring, or that of the function after "Otherwise like". */
const docstringOf = (functions: ReadonlyMap<string, string>, name: string): string => {
  const docstring = functions.get(name) ?? ""
  const alike = /Otherwise like \{@link (\w+)\}/.exec(docstring)?.[1]
  return alike === undefined ? docstring : docstringOf(functions, alike)
}

/** The roles that a docstring names. */
const documentedRoles = (docstring: string): ReadonlyArray<string> =>
  /Needs the role ([A-Z_]+(?: or [A-Z_]+)*)/.exec(docstring)?.[1]?.split(" or ") ?? []

/** What a docstring says about retries, by whether the operation is idempotent. */
const onRepeating = {
  true: "Sent again after the rate limit, 500, 502, 503, 504, lost connections and timeouts",
  false: "it is sent again after `RateLimited` alone",
}

/** The subjects of a 404, in the words of docstrings. */
const subjects = { "API key": "key", "service account": "service account" }

// The compiler checks that these are all tags.
const errorTags = Object.keys(
  {
    InvalidRequest: true,
    Unauthorized: true,
    Forbidden: true,
    NotFound: true,
    RateLimited: true,
    ServerError: true,
    UnexpectedResponse: true,
    TransportError: true,
  } satisfies Record<Module.ApiKeyError["_tag"], true>,
)

const sectionOf = (text: string, title: string): string =>
  text.split(/^(?=## )/m).find((section) => section.startsWith(`## ${title}`)) ?? ""

const readmeTable = /^\| function .* role +\|\n(?:\|.*\n)*/m.exec(readText("README.md"))?.[0] ?? ""

/** README's table of operations: each function's parameters and roles. */
const readmeRows = new Map(
  [...readmeTable.matchAll(/^\| `(\w+)\((.*?)\)` +\|.*\| ([A-Z_, ]+?) +\|$/gm)]
    .map(([, name = "", parameters = "", roles = ""]) => [
      name,
      { parameters, roles: roles.split(", ") },
    ]),
)

const functions = Object.values(operations).flatMap((facts) =>
  [...functionsOf(facts.name).keys()].map((exported) => ({ ...facts, exported }))
)

describe("src/operation.ts agrees", () => {
  it.each(Object.values(operations))(
    "with the module's export $name, in an endpoint's file of that name",
    ({ name }) => {
      expect(Object.keys(Module)).toContain(name)
      expect([...functionsOf(name).keys()]).toContain(name)
    },
  )

  it("with the tests' table on which operations there are", () => {
    expect(Object.keys(calls).sort()).toEqual(Object.keys(operations).sort())
  })

  it.each(everyOperation)(
    "with the tests' table on whether $operation mutates",
    ({ mutates, operation }) => {
      expect(operations[operation].mutates).toBe(mutates)
    },
  )

  it.each(functions)(
    "with the docstring of $exported on its roles",
    ({ exported, name, roles }) => {
      expect(documentedRoles(docstringOf(functionsOf(name), exported))).toEqual(roles)
    },
  )

  it.each(functions)(
    "with the docstring of $exported on retries",
    ({ exported, idempotent, name }) => {
      const docstring = docstringOf(functionsOf(name), exported)
      const said = Object.entries(onRepeating).filter(([, sentence]) =>
        docstring.includes(sentence)
      )
      expect(said.map(([isIdempotent]) => isIdempotent)).toEqual([String(idempotent)])
    },
  )

  it.each(functions)(
    "with the docstring of $exported on NotFound",
    ({ exported, mutates, name, path, subject }) => {
      const docstring = docstringOf(functionsOf(name), exported)
      const told = [
        ...docstring.matchAll(/`NotFound` where there is no such (key|service account)/g),
      ]
      expect(told.flatMap(([, what]) => what === subjects[subject] ? [] : what)).toEqual([])
      expect(docstring.includes("`NotFound`")).toBe(mutates || path.includes("{id}"))
    },
  )

  it.each(functions)("with README's table on the roles of $exported", ({ exported, roles }) => {
    expect(readmeRows.get(exported)?.roles).toEqual(roles)
  })

  it.each(functions)(
    "with README's table on whether $exported takes an id",
    ({ exported, path }) => {
      const parameters = readmeRows.get(exported)?.parameters
      expect(parameters?.split(", ")[0] === "id").toBe(path.includes("{id}"))
    },
  )

  it("with README's table on which functions there are", () => {
    expect([...readmeRows.keys()].sort()).toEqual(
      functions.map(({ exported }) => exported).sort(),
    )
  })

  it.each(functions)("with CHANGELOG, which names $exported", ({ exported }) => {
    expect(readText("CHANGELOG.md")).toContain(`\`${exported}\``)
  })
})

describe("the errors", () => {
  it("are those of README's table", () => {
    const table = sectionOf(readText("README.md"), "Errors")
    expect([...table.matchAll(/^\| `(\w+)` /gm)].map(([, tag]) => tag).sort())
      .toEqual([...errorTags, "_tag"].sort())
  })

  it.each(functions)("include every tag in the docstring of $exported", ({ exported, name }) => {
    const docstring = functionsOf(name).get(exported)?.split("@example")[0] ?? ""
    // Docstrings write every other capitalized name with its owner, or as a link.
    const named = [...docstring.matchAll(/`([A-Z][A-Za-z]+)`/g)].map(([, tag]) => tag)
    expect(named.filter((tag) => !errorTags.includes(tag ?? "") && tag !== "FetchHttpClient"))
      .toEqual([])
  })
})
