import { describe, expect, it } from "vitest"
import * as Emulator from "../../src/emulator/mod.ts"
import * as Vendor from "./vendor.ts"

/** What a schema promises, with references followed and descriptions left out. */
const promise = (description: Vendor.Description, schema: Vendor.SchemaObject): unknown => {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? ""
    return promise(description, description.components.schemas[name] ?? {})
  }
  const { enum: values, format, items, properties, required, type } = schema
  return {
    type,
    format,
    enum: values,
    items: items && promise(description, items),
    required: [...required ?? []].sort(),
    properties: Object.fromEntries(
      Object.entries(properties ?? {}).map(([name, property]) => [
        name,
        promise(description, property),
      ]),
    ),
  }
}

const content = (description: Vendor.Description, body: Vendor.OperationObject["requestBody"]) =>
  body &&
  Object.entries(body.content).map(([type, { schema }]) => [type, promise(description, schema)])

const parameters = (description: Vendor.Description, operation: Vendor.OperationObject) =>
  (operation.parameters ?? []).map((parameter) => ({
    name: parameter.name,
    in: parameter.in,
    required: parameter.required ?? false,
    schema: promise(description, parameter.schema),
  }))

const responses = (description: Vendor.Description, operation: Vendor.OperationObject) =>
  Object.fromEntries(
    Object.entries(operation.responses).map((
      [status, response],
    ) => [status, content(description, { content: response.content ?? {} })]),
  )

// The platform types its own document: this reads it by the type of the vendor's.
const own: Vendor.Description = JSON.parse(JSON.stringify(Emulator.openApi()))

describe("the emulator's own description", () => {
  if (Vendor.description === undefined) {
    console.log(Vendor.skipped)
    it.skip("agrees with the vendor's")
    return
  }
  const vendor = Vendor.description

  it("has the vendor's paths and methods, and no others", () => {
    const methods = (description: Vendor.Description) =>
      Object.entries(description.paths)
        .map(([path, item]) => [path, Object.keys(item).sort()]).sort()
    expect(methods(own)).toEqual(methods(vendor))
  })

  it("asks for the same bearer token", () => {
    expect(own.security).toEqual(vendor.security)
    expect(own.components.securitySchemes).toEqual(vendor.components.securitySchemes)
  })

  for (const [path, item] of Object.entries(vendor.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const ownOperation = own.paths[path]?.[method] ?? { responses: {} }

      it(`${method} ${path} takes the same parameters`, () => {
        expect(parameters(own, ownOperation)).toEqual(parameters(vendor, operation))
      })

      it(`${method} ${path} takes the same body`, () => {
        expect(ownOperation.requestBody?.required).toBe(operation.requestBody?.required)
        expect(content(own, ownOperation.requestBody))
          .toEqual(content(vendor, operation.requestBody))
      })

      it(`${method} ${path} gives the same answers`, () => {
        expect(responses(own, ownOperation)).toEqual(responses(vendor, operation))
      })
    }
  }
})
