/**
 * The emulator's OpenAPI document. Methods and paths come from `operation.ts`. The compiler checks
 * the fields of requests and answers against their types.
 *
 * @module
 */
import type * as OpenApi from "@effect/platform/OpenApi"
import * as Operation from "../operation.ts"
import type { CreateBody, ListQuery, PaginationAnswer, UpdateBody } from "./definition.ts"
import type { KeyAnswer } from "./handlers.ts"

type JsonSchema = OpenApi.OpenApiSpecMediaType["schema"]

const text: JsonSchema = { type: "string" }

const uuid: JsonSchema = { type: "string", format: "uuid" }

const timestamp: JsonSchema = { type: "string", format: "date-time" }

const int32: JsonSchema = { type: "integer", format: "int32" }

const sortOrder: JsonSchema = { type: "string", enum: ["ASC", "DESC"] }

/** Describes an object by its fields, and by those that it must have. */
const object = (
  properties: Record<string, JsonSchema>,
  required: Array<string> = [],
): JsonSchema => ({ type: "object", required, properties, additionalProperties: true })

const all = (properties: Record<string, JsonSchema>): JsonSchema =>
  object(properties, Object.keys(properties))

const refTo = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

const schemas = {
  ApiKey: all(
    {
      id: text,
      name: text,
      service_account_id: uuid,
      created_at: timestamp,
    } satisfies Record<keyof KeyAnswer, JsonSchema>,
  ),
  CreateApiKeyRequest: all(
    { name: text, service_account_id: uuid } satisfies Record<keyof CreateBody, JsonSchema>,
  ),
  CreateApiKeyResponse: all({
    api_key: refTo("ApiKey"),
    secret: { type: "string", format: "password" },
  }),
  UpdateApiKeySpecification: object(
    { name: text } satisfies Record<keyof UpdateBody, JsonSchema>,
  ),
  ListApiKeysResponse: object({
    api_keys: { type: "array", items: refTo("ApiKey") },
    pagination: refTo("KeysetPaginationResponse"),
  }, ["api_keys"]),
  KeysetPaginationResponse: object(
    { next_page: text, previous_page: text } satisfies Record<keyof PaginationAnswer, JsonSchema>,
  ),
  Status: object({
    code: int32,
    message: text,
    details: { type: "array", items: refTo("Any") },
  }),
  Any: object({ "@type": text }),
}

const listQuery: Record<keyof ListQuery, JsonSchema> = {
  service_account_id: text,
  "pagination.page": text,
  "pagination.limit": int32,
  "pagination.as_of_time": timestamp,
  "pagination.sort_order": sortOrder,
}

/** What an operation takes and gives. */
interface Shape {
  readonly query?: Record<string, JsonSchema>
  readonly body?: keyof typeof schemas
  readonly answer: keyof typeof schemas
}

const shapes: Readonly<Record<Operation.Operation, Shape>> = {
  createApiKey: { body: "CreateApiKeyRequest", answer: "CreateApiKeyResponse" },
  getApiKey: { answer: "ApiKey" },
  updateApiKey: { body: "UpdateApiKeySpecification", answer: "ApiKey" },
  deleteApiKey: { answer: "ApiKey" },
  listApiKeys: { query: listQuery, answer: "ListApiKeysResponse" },
}

const content = (schema: JsonSchema) => ({ "application/json": { schema } })

// Any JSON: the type of a schema has no word for it.
const anything = {} as JsonSchema

// The vendor describes these statuses without a shape, and all others with a Status.
const errorResponses = {
  400: { description: "A request field is invalid.", content: content(anything) },
  401: { description: "The bearer cannot be authenticated.", content: content(anything) },
  403: { description: "The caller's role does not permit this.", content: content(anything) },
  404: { description: "The resource does not exist.", content: content(anything) },
  500: { description: "Server error", content: content(anything) },
  default: { description: "An unexpected error response.", content: content(refTo("Status")) },
}

const tag = "API Keys"

const security = [{ Bearer: [] }]

const describe = (
  { name, path }: Operation.OperationFacts,
): OpenApi.OpenAPISpecOperation => {
  const { answer, body, query = {} } = shapes[name]
  return {
    tags: [tag],
    operationId: `CockroachCloud_${name.charAt(0).toUpperCase()}${name.slice(1)}`,
    parameters: [
      ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
        name,
        in: "path" as const,
        schema: text,
        required: true,
      })),
      ...Object.entries(query).map(([name, schema]) => ({
        name,
        in: "query" as const,
        schema,
        required: false,
      })),
    ],
    security,
    responses: {
      ...errorResponses,
      200: { description: answer, content: content(refTo(answer)) },
    },
    ...(body && { requestBody: { content: content(refTo(body)), required: true } }),
  }
}

/**
 * Makes the emulator's own OpenAPI document.
 *
 * @example
 * ```ts
 * import { openApi } from "@effect-crdb/api-keys/emulator"
 *
 * console.log(Object.keys(openApi().paths)) // ["/api/v1/api-keys", "/api/v1/api-keys/{id}"]
 * ```
 */
export const openApi = (): OpenApi.OpenAPISpec => {
  const paths: OpenApi.OpenAPISpecPaths = {}
  for (const facts of Object.values(Operation.operations)) {
    paths[facts.path] = { ...paths[facts.path], [facts.method.toLowerCase()]: describe(facts) }
  }
  return {
    openapi: "3.1.0",
    info: { title: "CockroachDB Cloud API", version: Operation.apiVersion },
    paths,
    components: { schemas, securitySchemes: { Bearer: { type: "http", scheme: "bearer" } } },
    security,
    tags: [{ name: tag }],
  }
}
