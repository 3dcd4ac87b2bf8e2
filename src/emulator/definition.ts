/**
 * The parameters, bodies and answers of each operation. The decoding of requests and the OpenAPI
 * document come from here; methods and paths are those of `operation.ts`.
 *
 * @module
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type * as HttpMethod from "@effect/platform/HttpMethod"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Operation from "../operation.ts"
import * as Microseconds from "./microseconds.ts"

/** In which order a list is walked. */
export type SortOrder = "ASC" | "DESC"

/** What a list may be asked for. */
export interface ListQuery {
  readonly service_account_id?: string | undefined
  readonly "pagination.page"?: string | undefined
  readonly "pagination.limit"?: number | undefined
  readonly "pagination.as_of_time"?: string | undefined
  readonly "pagination.sort_order"?: SortOrder | undefined
}

/** The body of a create. */
export interface CreateBody {
  readonly name: string
  readonly service_account_id: string
}

/** The body of an update. */
export interface UpdateBody {
  readonly name?: string
}

/** The path of the operations on one key. */
export interface KeyPath {
  readonly id: string
}

interface ApiKeyAnswer {
  readonly id: string
  readonly name: string
  readonly service_account_id: string
  readonly created_at: string
}

interface CreateAnswer {
  readonly api_key: ApiKeyAnswer
  readonly secret: string
}

/** The neighbours of a page of a list. */
export interface PaginationAnswer {
  readonly next_page?: string | undefined
  readonly previous_page?: string | undefined
}

interface ListAnswer {
  readonly api_keys: ReadonlyArray<ApiKeyAnswer>
  readonly pagination?: PaginationAnswer | undefined
}

// Effect's own messages show what was there, which may be nested deeper than the stack reaches.
const Text = Schema.String.annotations({ message: () => "must be a string" })

const mustBeAnObject = () => "the body must be an object"

const Name = Text.pipe(
  Schema.minLength(1, { message: () => "must not be empty", jsonSchema: {} }),
)

/** What the id of a service account looks like, in upper or lower case. */
export const uuid: RegExp = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const Uuid = Text.pipe(
  Schema.pattern(uuid, {
    message: () => "must be a UUID",
    jsonSchema: { format: "uuid" },
  }),
)

const Timestamp = Schema.String.pipe(
  Schema.filter((text) => Option.isSome(Microseconds.parse(text)), {
    message: () => "must be an RFC 3339 date-time",
    jsonSchema: { format: "date-time" },
  }),
)

const int32 = { type: "integer", format: "int32" }

// No query holds more than text: the number is read from it.
const Limit = Schema.String.pipe(
  Schema.filter((text) => /^[1-9]\d*$/.test(text) && Number(text) <= 2_147_483_647, {
    message: () => "must be a positive int32",
  }),
  Schema.compose(Schema.NumberFromString),
).annotations({ jsonSchema: int32 })

const SortOrder = Schema.Literal("ASC", "DESC")

const ApiKeyAnswer: Schema.Schema<ApiKeyAnswer> = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  service_account_id: Uuid,
  created_at: Timestamp,
}).annotations({ identifier: "ApiKey" })

const KeysetPaginationResponse = Schema.Struct({
  next_page: Schema.optional(Schema.String),
  previous_page: Schema.optional(Schema.String),
}).annotations({ identifier: "KeysetPaginationResponse" })

const ListAnswer: Schema.Schema<ListAnswer> = Schema.Struct({
  api_keys: Schema.Array(ApiKeyAnswer),
  pagination: Schema.optional(KeysetPaginationResponse),
}).annotations({ identifier: "ListApiKeysResponse" })

const CreateAnswer: Schema.Schema<CreateAnswer> = Schema.Struct({
  api_key: ApiKeyAnswer,
  secret: Schema.String.annotations({ jsonSchema: { format: "password" } }),
}).annotations({ identifier: "CreateApiKeyResponse" })

const Status = Schema.Struct({
  code: Schema.optional(Schema.Int.annotations({ jsonSchema: int32 })),
  message: Schema.optional(Schema.String),
  details: Schema.optional(Schema.Array(
    Schema.Struct(
      { "@type": Schema.optional(Schema.String) },
      Schema.Record({ key: Schema.String, value: Schema.Unknown }),
    ).annotations({ identifier: "Any" }),
  )),
}).annotations({ identifier: "Status" })

const KeyPath = Schema.Struct({ id: Schema.String })

type EndpointOf<Facts extends Operation.OperationFacts, Path, Query, Body, Answer> =
  HttpApiEndpoint.HttpApiEndpoint<Facts["name"], Facts["method"], Path, Query, Body, never, Answer>

const endpoint = <Name extends Operation.Operation, Method extends HttpMethod.HttpMethod>(
  { method, name, path }: Operation.OperationFacts<Name> & { readonly method: Method },
): HttpApiEndpoint.HttpApiEndpoint<Name, Method> => {
  const identifier = name.charAt(0).toUpperCase() + name.slice(1)
  return HttpApiEndpoint.make(method)(name, `/${path.slice(1).replace(/\{(\w+)\}/g, ":$1")}`)
    .annotate(OpenApi.Identifier, `CockroachCloud_${identifier}`)
}

/** {@link Operation.createApiKey} */
export const createApiKey: EndpointOf<
  typeof Operation.createApiKey,
  never,
  never,
  CreateBody,
  CreateAnswer
> = endpoint(Operation.createApiKey)
  .setPayload(
    Schema.Struct({ name: Name, service_account_id: Uuid })
      .annotations({ identifier: "CreateApiKeyRequest", message: mustBeAnObject }),
  )
  .addSuccess(CreateAnswer)

/** {@link Operation.getApiKey} */
export const getApiKey: EndpointOf<
  typeof Operation.getApiKey,
  KeyPath,
  never,
  never,
  ApiKeyAnswer
> = endpoint(Operation.getApiKey)
  .setPath(KeyPath)
  .addSuccess(ApiKeyAnswer)

/** {@link Operation.updateApiKey} */
export const updateApiKey: EndpointOf<
  typeof Operation.updateApiKey,
  KeyPath,
  never,
  UpdateBody,
  ApiKeyAnswer
> = endpoint(Operation.updateApiKey)
  .setPath(KeyPath)
  .setPayload(
    Schema.Struct({ name: Schema.optionalWith(Name, { exact: true }) })
      .annotations({ identifier: "UpdateApiKeySpecification", message: mustBeAnObject }),
  )
  .addSuccess(ApiKeyAnswer)

/** {@link Operation.deleteApiKey} */
export const deleteApiKey: EndpointOf<
  typeof Operation.deleteApiKey,
  KeyPath,
  never,
  never,
  ApiKeyAnswer
> = endpoint(Operation.deleteApiKey)
  .setPath(KeyPath)
  .addSuccess(ApiKeyAnswer)

/** {@link Operation.listApiKeys} */
export const listApiKeys: EndpointOf<
  typeof Operation.listApiKeys,
  never,
  ListQuery,
  never,
  ListAnswer
> = endpoint(Operation.listApiKeys)
  .setUrlParams(Schema.Struct({
    service_account_id: Schema.optional(Schema.String),
    "pagination.page": Schema.optional(Schema.String),
    "pagination.limit": Schema.optional(Limit),
    "pagination.as_of_time": Schema.optional(Timestamp),
    "pagination.sort_order": Schema.optional(SortOrder),
  }))
  .addSuccess(ListAnswer)

const endpoints: {
  readonly [Name in Operation.Operation]: HttpApiEndpoint.HttpApiEndpoint.Any & {
    readonly name: Name
  }
} = { createApiKey, getApiKey, updateApiKey, deleteApiKey, listApiKeys }

const content = (schema: object) => ({ "application/json": { schema } })

// The vendor describes these statuses without a shape, and any other as a Status.
const errorResponses = {
  400: { description: "A request field is invalid.", content: content({}) },
  401: { description: "The bearer cannot be authenticated.", content: content({}) },
  403: { description: "The caller's role does not permit this.", content: content({}) },
  404: { description: "The resource does not exist.", content: content({}) },
  500: { description: "Server error", content: content({}) },
  default: {
    description: "An unexpected error response.",
    content: content({ $ref: "#/components/schemas/Status" }),
  },
}

/**
 * The emulator's own OpenAPI document, made when asked for.
 *
 * @example
 * ```ts
 * import { openApi } from "@effect-crdb/api-keys/emulator"
 *
 * console.log(Object.keys(openApi().paths)) // ["/api/v1/api-keys", "/api/v1/api-keys/{id}"]
 * ```
 */
export const openApi = (): OpenApi.OpenAPISpec => {
  const noEndpoints: HttpApiGroup.HttpApiGroup<
    "API Keys",
    HttpApiEndpoint.HttpApiEndpoint.Any,
    never
  > = HttpApiGroup.make("API Keys")
  return OpenApi.fromApi(
    HttpApi.make("CockroachDB Cloud API")
      .add(
        Object.values(endpoints)
          .reduce((group, endpoint) => group.add(endpoint), noEndpoints)
          .annotateEndpoints(
            OpenApi.Transform,
            (operation) => ({
              ...operation,
              responses: { ...errorResponses, 200: operation["responses"][200] },
            }),
          ),
      )
      .annotate(OpenApi.Title, "CockroachDB Cloud API")
      .annotate(OpenApi.Version, Operation.apiVersion)
      .annotate(HttpApi.AdditionalSchemas, [Status])
      .annotate(OpenApi.Transform, (document) => ({
        ...document,
        security: [{ Bearer: [] }],
        components: {
          ...document["components"],
          securitySchemes: { Bearer: { type: "http", scheme: "bearer" } },
        },
      })),
    { additionalPropertiesStrategy: "allow" },
  )
}
