/**
 * The vendor's own description of the API, if the file is there, and the check of an answer
 * against it.
 *
 * @module
 */
import * as Ajv from "ajv"
import * as formats from "ajv-formats"
import { existsSync, readFileSync } from "node:fs"
import { operations } from "../../src/operation.ts"
import { everyOperation } from "../everyOperation.ts"

export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, SchemaObject>>
    readonly securitySchemes: unknown
  }
  readonly security: unknown
}

export interface OperationObject {
  readonly parameters?: ReadonlyArray<{
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema: SchemaObject
  }>
  readonly requestBody?: { readonly required?: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

type Content = Readonly<Record<string, { readonly schema: SchemaObject }>>

export interface SchemaObject {
  readonly $ref?: string
  readonly type?: string
  readonly format?: string
  readonly enum?: ReadonlyArray<string>
  readonly items?: SchemaObject
  readonly required?: ReadonlyArray<string>
  readonly properties?: Readonly<Record<string, SchemaObject>>
}

const file = process.env["VENDOR_OPENAPI"] ??
  new URL("../../../shared/spec/api-keys.openapi.json", import.meta.url).pathname

/** Undefined if the file is not there: it is the vendor's, and not part of this repository. */
export const description: Description | undefined = existsSync(file)
  ? JSON.parse(readFileSync(file, "utf8"))
  : undefined

export const skipped = `skipped: the vendor's description is not at ${file}`

const makeAjv = (found: Description) => {
  const ajv = new Ajv.Ajv({ strict: false, allErrors: true, validateFormats: true })
  formats.default.default(ajv, ["uuid", "date-time", "int32", "password"])
  return ajv.addSchema(found, "vendor")
}

const ajv = description === undefined ? undefined : makeAjv(description)

/** The schema of the answer to an operation. */
const schemaOf = (method: string, path: string, status: number): string =>
  status !== 200 ? "Status" : everyOperation.find(({ operation }) => {
    const facts = operations[operation]
    const pattern = `^${facts.path.replaceAll(/\{\w+\}/g, "[^/]+")}/?$`
    return facts.method === method && new RegExp(pattern).test(path)
  })?.schema ?? `of ${method} ${path}`

/** What the vendor's description finds wrong with an answer; nothing if the file is not there. */
export const misfit = (
  method: string,
  path: string,
  status: number,
  text: string,
): string | undefined => {
  if (ajv === undefined) return undefined
  const name = schemaOf(method, path, status)
  const validate = ajv.getSchema(`vendor#/components/schemas/${name}`)
  if (validate === undefined) return `the vendor describes no schema ${name}`
  return validate(JSON.parse(text)) ? undefined : JSON.stringify(validate.errors)
}
