import { expect, it } from "vitest"
import * as Emulator from "../../src/emulator/mod.ts"
import { operations } from "../../src/operation.ts"
import { everyOperation } from "../everyOperation.ts"

// The platform's type cannot be read by path and method, so this reads plain JSON.
const paths: Readonly<Record<string, Readonly<Record<string, unknown>>>> = JSON.parse(
  JSON.stringify(Emulator.openApi().paths),
)

it.each(everyOperation)("the emulator's document describes $operation", ({ operation, schema }) => {
  const { method, path } = operations[operation]
  const name = operation.charAt(0).toUpperCase() + operation.slice(1)
  expect(paths[path]?.[method.toLowerCase()]).toMatchObject({
    operationId: `CockroachCloud_${name}`,
    responses: {
      200: {
        content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
      },
    },
  })
})
