/**
 * The five operations: their methods, paths, parameters, bodies and answers. The routes, the
 * decoding of requests and the OpenAPI document all come from here.
 *
 * @module
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Microseconds from "./microseconds.ts"

/** The version of the API that this is a double of. */
export const apiVersion = "2024-09-16"

/** The operations, named as the module's functions are. */
export type Operation =
  | "createApiKey"
  | "getApiKey"
  | "updateApiKey"
  | "deleteApiKey"
  | "listApiKeys"

/** Every {@link Operation}. */
export const operations: ReadonlyArray<Operation> = [
  "createApiKey",
  "getApiKey",
  "updateApiKey",
  "deleteApiKey",
  "listApiKeys",
]

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

/** `POST /api/v1/api-keys` */
export const createApiKey: HttpApiEndpoint.HttpApiEndpoint<
  "createApiKey",
  "POST",
  never,
  never,
  CreateBody,
  never,
  CreateAnswer
> = HttpApiEndpoint.post("createApiKey", "/api/v1/api-keys")
  .setPayload(
    Schema.Struct({ name: Name, service_account_id: Uuid })
      .annotations({ identifier: "CreateApiKeyRequest", message: mustBeAnObject }),
  )
  .addSuccess(CreateAnswer)
  .annotate(OpenApi.Identifier, "CockroachCloud_CreateApiKey")

/** `GET /api/v1/api-keys/{id}` */
export const getApiKey: HttpApiEndpoint.HttpApiEndpoint<
  "getApiKey",
  "GET",
  KeyPath,
  never,
  never,
  never,
  ApiKeyAnswer
> = HttpApiEndpoint.get("getApiKey", "/api/v1/api-keys/:id")
  .setPath(KeyPath)
  .addSuccess(ApiKeyAnswer)
  .annotate(OpenApi.Identifier, "CockroachCloud_GetApiKey")

/** `PATCH /api/v1/api-keys/{id}` */
export const updateApiKey: HttpApiEndpoint.HttpApiEndpoint<
  "updateApiKey",
  "PATCH",
  KeyPath,
  never,
  UpdateBody,
  never,
  ApiKeyAnswer
> = HttpApiEndpoint.patch("updateApiKey", "/api/v1/api-keys/:id")
  .setPath(KeyPath)
  .setPayload(
    Schema.Struct({ name: Schema.optionalWith(Name, { exact: true }) })
      .annotations({ identifier: "UpdateApiKeySpecification", message: mustBeAnObject }),
  )
  .addSuccess(ApiKeyAnswer)
  .annotate(OpenApi.Identifier, "CockroachCloud_UpdateApiKey")

/** `DELETE /api/v1/api-keys/{id}` */
export const deleteApiKey: HttpApiEndpoint.HttpApiEndpoint<
  "deleteApiKey",
  "DELETE",
  KeyPath,
  never,
  never,
  never,
  ApiKeyAnswer
> = HttpApiEndpoint.del("deleteApiKey", "/api/v1/api-keys/:id")
  .setPath(KeyPath)
  .addSuccess(ApiKeyAnswer)
  .annotate(OpenApi.Identifier, "CockroachCloud_DeleteApiKey")

/** `GET /api/v1/api-keys` */
export const listApiKeys: HttpApiEndpoint.HttpApiEndpoint<
  "listApiKeys",
  "GET",
  never,
  ListQuery,
  never,
  never,
  ListAnswer
> = HttpApiEndpoint.get("listApiKeys", "/api/v1/api-keys")
  .setUrlParams(Schema.Struct({
    service_account_id: Schema.optional(Schema.String),
    "pagination.page": Schema.optional(Schema.String),
    "pagination.limit": Schema.optional(Limit),
    "pagination.as_of_time": Schema.optional(Timestamp),
    "pagination.sort_order": Schema.optional(SortOrder),
  }))
  .addSuccess(ListAnswer)
  .annotate(OpenApi.Identifier, "CockroachCloud_ListApiKeys")

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
export const openApi = (): OpenApi.OpenAPISpec =>
  OpenApi.fromApi(
    HttpApi.make("CockroachDB Cloud API")
      .add(
        HttpApiGroup.make("API Keys")
          .add(createApiKey)
          .add(getApiKey)
          .add(updateApiKey)
          .add(deleteApiKey)
          .add(listApiKeys)
          .annotateEndpoints(
            OpenApi.Transform,
            (operation) => ({
              ...operation,
              responses: { ...errorResponses, 200: operation["responses"][200] },
            }),
          ),
      )
      .annotate(OpenApi.Title, "CockroachDB Cloud API")
      .annotate(OpenApi.Version, apiVersion)
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
