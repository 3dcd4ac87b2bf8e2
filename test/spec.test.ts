import { describe, expect, it } from "@effect/vitest"
import {
  type ApiKey,
  type ApiKeyError,
  type ApiKeyPage,
  createApiKey,
  type CreatedApiKey,
  getApiKey,
  listApiKeysPage,
  type Operation,
  updateApiKey,
} from "@effect-crdb/api-keys"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { isRecord } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import {
  answers,
  type ApiCall,
  everyOperation,
  id,
  secret,
  serviceAccountId,
} from "./everyOperation.ts"
import * as Vendor from "./emulator/vendor.ts"
import { callOnce, json } from "./recordingClient.ts"

// The vendor's description of the five operations, row by row. Each row has a test below. If the
// description itself is at hand, the last test compares it with the table.

const version = "2024-09-16"
const server = "https://cockroachlabs.cloud"

interface OperationRow {
  readonly method: string
  readonly path: string
  /** `path id` or `query name`, with its type. Required ones end in `!`. */
  readonly parameters: Readonly<Record<string, string>>
  readonly request?: string
  readonly roles: ReadonlyArray<string>
}

const described: Readonly<Record<Operation, OperationRow>> = {
  createApiKey: {
    method: "POST",
    path: "/api/v1/api-keys",
    parameters: {},
    request: "CreateApiKeyRequest!",
    roles: ["ORG_ADMIN"],
  },
  getApiKey: {
    method: "GET",
    path: "/api/v1/api-keys/{id}",
    parameters: { "path id": "string!" },
    roles: ["ORG_ADMIN", "CLUSTER_ADMIN"],
  },
  updateApiKey: {
    method: "PATCH",
    path: "/api/v1/api-keys/{id}",
    parameters: { "path id": "string!" },
    request: "UpdateApiKeySpecification!",
    roles: ["ORG_ADMIN"],
  },
  deleteApiKey: {
    method: "DELETE",
    path: "/api/v1/api-keys/{id}",
    parameters: { "path id": "string!" },
    roles: ["ORG_ADMIN"],
  },
  listApiKeys: {
    method: "GET",
    path: "/api/v1/api-keys",
    parameters: {
      "query service_account_id": "string",
      "query pagination.page": "string",
      "query pagination.limit": "integer int32",
      "query pagination.as_of_time": "string date-time",
      "query pagination.sort_order": "ASC | DESC",
    },
    roles: ["ORG_ADMIN", "CLUSTER_ADMIN"],
  },
}

/** Fields with their types. Required ones end in `!`. */
const schemas: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ApiKey: {
    id: "string!",
    name: "string!",
    service_account_id: "string uuid!",
    created_at: "string date-time!",
  },
  CreateApiKeyRequest: { name: "string!", service_account_id: "string uuid!" },
  CreateApiKeyResponse: { api_key: "ApiKey!", secret: "string password!" },
  UpdateApiKeySpecification: { name: "string" },
  ListApiKeysResponse: { api_keys: "ApiKey[]!", pagination: "KeysetPaginationResponse" },
  KeysetPaginationResponse: { next_page: "string", previous_page: "string" },
  Status: { code: "integer int32", message: "string", details: "Any[]" },
  Any: { "@type": "string" },
}

/** The type of each answer but 200, by status. For `unknown` the description promises nothing. */
const refusals = { 400: "unknown", 401: "unknown", 403: "unknown", 404: "unknown" }
const otherwise = { ...refusals, 500: "unknown", default: "Status" }

const table = everyOperation.map((row) => ({ ...row, ...described[row.operation] }))

describe("method, path and headers", () => {
  it.effect.each(table)(
    "$operation: $method $path",
    ({ answer, call, method, parameters, path, request }) =>
      Effect.gen(function* () {
        const { sent } = yield* callOnce(call, () => json(answer))
        expect(sent.map((one) => [one.method, one.url.origin, one.url.pathname, one.url.search]))
          .toEqual([[method, server, path.replace("{id}", id), ""]])
        expect(Object.keys(parameters).includes("path id")).toBe(path.includes("{id}"))
        expect(sent[0]?.headers).toMatchObject({
          authorization: `Bearer ${secret}`,
          "cc-version": version,
          accept: "application/json",
          "user-agent": expect.stringMatching(/^effect-crdb-api-keys\/\d+\.\d+\.\d+/),
        })
        expect(sent[0]?.headers["content-type"])
          .toBe(request === undefined ? undefined : "application/json")
        expect(sent[0]?.body === undefined).toBe(request === undefined)
      }),
  )
})

describe("parameters", () => {
  const at = "2024-02-29T12:34:56.789Z"
  const rows: ReadonlyArray<readonly [string, ApiCall, Readonly<Record<string, string>>]> = [
    ["query service_account_id", listApiKeysPage({ serviceAccountId }), {
      service_account_id: serviceAccountId,
    }],
    ["query pagination.page", listApiKeysPage({ startPage: "a+b/c=&d" }), {
      "pagination.page": "a+b/c=&d",
    }],
    ["query pagination.limit", listApiKeysPage({ pageSize: 1 }), { "pagination.limit": "1" }],
    ["query pagination.limit", listApiKeysPage({ pageSize: 2_147_483_647 }), {
      "pagination.limit": "2147483647",
    }],
    ["query pagination.as_of_time", listApiKeysPage({ asOfTime: new Date(at) }), {
      "pagination.as_of_time": at,
    }],
    ["query pagination.as_of_time", listApiKeysPage({ asOfTime: DateTime.unsafeMake(at) }), {
      "pagination.as_of_time": at,
    }],
    ...["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"].map((edge) =>
      ["query pagination.as_of_time", listApiKeysPage({ asOfTime: new Date(edge) }), {
        "pagination.as_of_time": edge,
      }] as const
    ),
    ["query pagination.sort_order", listApiKeysPage({ sortOrder: "ASC" }), {
      "pagination.sort_order": "ASC",
    }],
    ["query pagination.sort_order", listApiKeysPage({ sortOrder: "DESC" }), {
      "pagination.sort_order": "DESC",
    }],
    [
      "all at once",
      listApiKeysPage({
        serviceAccountId,
        startPage: "t",
        pageSize: 100,
        asOfTime: new Date(at),
        sortOrder: "DESC",
      }),
      {
        service_account_id: serviceAccountId,
        "pagination.page": "t",
        "pagination.limit": "100",
        "pagination.as_of_time": at,
        "pagination.sort_order": "DESC",
      },
    ],
  ]

  it.effect.each(rows)("%s", ([, call, query]) =>
    Effect.gen(function* () {
      const { sent } = yield* callOnce(call, () => json(answers.listApiKeys))
      expect(sent.map((one) => Object.fromEntries(one.url.searchParams))).toEqual([query])
      // A repeated name would be read as an array.
      expect(sent[0]?.url.searchParams.size).toBe(Object.keys(query).length)
    }))

  it("each have a row", () => {
    expect(new Set(rows.map(([name]) => name).filter((name) => name !== "all at once")))
      .toEqual(new Set(Object.keys(described.listApiKeys.parameters)))
  })

  it.effect.each(table.filter((row) => "path id" in row.parameters))(
    "path id of $operation",
    ({ answer, callOn, path }) =>
      Effect.gen(function* () {
        const other = "CCDB1_another1234567890abcd"
        const { sent } = yield* callOnce(
          callOn({ id: other, serviceAccountId }),
          () => json(answer),
        )
        expect(sent.map((one) => one.url.pathname)).toEqual([path.replace("{id}", other)])
      }),
  )
})

describe("request fields", () => {
  it.effect.each<readonly [string, ApiCall, object]>([
    [
      "createApiKey: name, service_account_id",
      createApiKey({ name: 'Zoë "1"', serviceAccountId: "00000000-0000-4000-8000-000000000000" }),
      { name: 'Zoë "1"', service_account_id: "00000000-0000-4000-8000-000000000000" },
    ],
    ["updateApiKey: name", updateApiKey(id, { name: "x" }), { name: "x" }],
    ["updateApiKey: name, left out", updateApiKey(id, {}), {}],
    ["updateApiKey: name, undefined", updateApiKey(id, { name: undefined }), {}],
  ])("%s", ([, call, body]) =>
    Effect.gen(function* () {
      const { sent } = yield* callOnce(call, () => json({}))
      expect(sent.map((one) => JSON.parse(one.body ?? "null"))).toEqual([body])
    }))
})

describe("response fields", () => {
  // Encodes a model by hand, since a Schema's encode would share the mistakes of its decode.
  const ofKey = (key: ApiKey) => ({
    id: key.id,
    name: key.name,
    service_account_id: key.serviceAccountId,
    created_at: DateTime.formatIso(key.createdAt),
  })
  const toWire: Readonly<Record<string, (model: unknown) => unknown>> = {
    // By their types, the operations succeed with these models.
    ApiKey: (model) => ofKey(model as ApiKey),
    CreateApiKeyResponse: (model) => {
      const { apiKey, secret } = model as CreatedApiKey
      return { api_key: ofKey(apiKey), secret: Redacted.value(secret) }
    },
    ListApiKeysResponse: (model) => {
      const { apiKeys, nextPage, previousPage } = model as ApiKeyPage
      return {
        api_keys: apiKeys.map(ofKey),
        pagination: {
          next_page: Option.getOrUndefined(nextPage),
          previous_page: Option.getOrUndefined(previousPage),
        },
      }
    },
  }

  type Path = ReadonlyArray<string | number>

  /** Every field of a schema and of its nested schemas, with its path in the example. */
  const fieldsOf = (
    schema: string,
    path: Path = [],
  ): ReadonlyArray<{ readonly path: Path; readonly type: string; readonly required: boolean }> =>
    Object.entries(schemas[schema] ?? {}).flatMap(([name, type]) => {
      const bare = type.replace("!", "")
      const at = bare.endsWith("[]") ? [...path, name, 1] : [...path, name]
      return [
        { path: [...path, name], type: bare, required: type.endsWith("!") },
        ...fieldsOf(bare.replace("[]", ""), at),
      ]
    })

  const show = (path: Path) => path.join(".").replace(/\.(\d+)/g, "[$1]")

  /** A copy of a body with `value` at a path. Undefined removes the member. */
  const withValue = (body: object, path: Path, value: unknown): object => {
    const copy = structuredClone(body)
    let parent: unknown = copy
    for (const step of path.slice(0, -1)) parent = Reflect.get(Object(parent), step)
    const last = path.at(-1) ?? ""
    if (value === undefined) Reflect.deleteProperty(Object(parent), last)
    else Reflect.set(Object(parent), last, value)
    return copy
  }

  const otherValues: Readonly<Record<string, ReadonlyArray<string>>> = {
    string: ["something else", "ünï 🔑"],
    "string uuid": ["99999999-0000-4000-8000-000000000000"],
    "string password": [`${id}_0000000000000000000000000000000000000000`],
    "string date-time": ["2024-02-29T23:59:59.999Z"],
  }

  const fields = table.flatMap((row) =>
    fieldsOf(row.schema).map((field) => ({
      ...row,
      ...field,
      at: show(field.path),
    }))
  )

  /** Every path in an answer. The second item of a list stands for all. */
  const placesOf = (value: unknown, path: Path): ReadonlyArray<string> =>
    Array.isArray(value)
      ? placesOf(value[1], [...path, 1])
      : isRecord(value)
      ? Object.entries(value).flatMap(([name, member]) => {
        const at = [...path, name]
        return [show(at), ...placesOf(member, at)]
      })
      : []

  it.each(table)("of $operation are all in the table", ({ answer, schema }) => {
    const places = fieldsOf(schema).map(({ path }) => show(path))
    expect(places.sort()).toEqual(placesOf(answer, []).toSorted())
  })

  it.effect.each(fields.filter((field) => field.type in otherValues))(
    "$operation reads $at",
    ({ answer, call, path, schema, type }) =>
      Effect.gen(function* () {
        for (const value of otherValues[type] ?? []) {
          const { result } = yield* callOnce(call, () => json(withValue(answer, path, value)))
          const model = Either.getOrThrow(result)
          const plain = withValue(answer, path, value)
          // The model keeps a time to the millisecond.
          const expected = JSON.parse(JSON.stringify(plain).replaceAll(".285067Z", ".285Z"))
          expect(toWire[schema]?.(model)).toEqual(expected)
        }
      }),
  )

  it.effect.each(fields)(
    "$operation without $at",
    ({ at, answer, call, path, required }) =>
      Effect.gen(function* () {
        for (const absent of [undefined, null]) {
          const { result } = yield* callOnce(call, () => json(withValue(answer, path, absent)))
          if (required) {
            expect(result).toMatchObject(Either.left({
              _tag: "UnexpectedResponse",
              status: 200,
              message: expect.stringContaining(at),
            }))
          } else {
            expect(Either.isRight(result)).toBe(true)
          }
        }
      }),
  )

  it.effect.each(fields)(
    "$operation with a mistyped $at",
    ({ at, answer, call, path, required, type }) =>
      Effect.gen(function* () {
        const wrong: ReadonlyArray<unknown> = [
          7,
          true,
          // In an optional field protobuf's JSON may write null.
          ...(required ? [null] : []),
          ...(type.startsWith("string") ? [{}, []] : ["text"]),
          ...(type.endsWith("[]") ? [{}] : type === "ApiKey" ? [[]] : []),
          ...(type === "string date-time" ? ["", "22 March 2022", "2022-03-22", "1647980591"] : []),
        ]
        for (const value of wrong) {
          const { result } = yield* callOnce(call, () => json(withValue(answer, path, value)))
          expect([value, result]).toMatchObject([
            value,
            Either.left({
              _tag: "UnexpectedResponse",
              status: 200,
              message: expect.stringContaining(at),
            }),
          ])
        }
      }),
  )

  it.effect.each([
    ["2022-03-22T20:23:11.285067Z", Date.UTC(2022, 2, 22, 20, 23, 11, 285)],
    ["2022-03-22T20:23:11Z", Date.UTC(2022, 2, 22, 20, 23, 11)],
    ["2022-03-22T20:23:11.2Z", Date.UTC(2022, 2, 22, 20, 23, 11, 200)],
    ["2022-03-22T20:23:11+05:30", Date.UTC(2022, 2, 22, 14, 53, 11)],
  ])("created_at %s is that instant", ([written, millis]) =>
    Effect.gen(function* () {
      const body = { ...answers.getApiKey, created_at: written }
      const { result } = yield* callOnce(getApiKey(id), () => json(body))
      expect(DateTime.toEpochMillis(Either.getOrThrow(result).createdAt)).toBe(millis)
    }))
})

describe("statuses", () => {
  const tags: Readonly<Record<string, ReadonlyArray<readonly [number, ApiKeyError["_tag"]]>>> = {
    400: [[400, "InvalidRequest"]],
    401: [[401, "Unauthorized"]],
    403: [[403, "Forbidden"]],
    404: [[404, "NotFound"]],
    500: [[500, "ServerError"]],
    default: [
      [429, "RateLimited"],
      [501, "ServerError"],
      [502, "ServerError"],
      [503, "ServerError"],
      [504, "ServerError"],
      [599, "ServerError"],
      [304, "UnexpectedResponse"],
      [307, "UnexpectedResponse"],
      [402, "UnexpectedResponse"],
      [405, "UnexpectedResponse"],
      [409, "UnexpectedResponse"],
      [418, "UnexpectedResponse"],
      [451, "UnexpectedResponse"],
      [600, "UnexpectedResponse"],
    ],
  }
  const rows = table.flatMap((row) =>
    Object.keys(otherwise).flatMap((documented) =>
      (tags[documented] ?? []).map(([status, tag]) => ({ ...row, documented, status, tag }))
    )
  )

  it.effect.each(rows)(
    "$operation: $status is $tag",
    ({ call, operation, roles, status, tag }) =>
      Effect.gen(function* () {
        const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "R" }]
        const body = { code: 7, message: "said by the API", details }
        const { result, sent } = yield* callOnce(call, () => anyStatus(status, body))
        expect(result).toMatchObject(Either.left({
          _tag: tag,
          operation,
          status,
          // A 304 has no body, and so no code.
          code: status === 304 ? undefined : 7,
          details: status === 304 ? [] : details,
          attempts: 1,
          message: expect.stringContaining(status === 304 ? "304" : "said by the API"),
        }))
        expect(sent.length).toBe(1)
        if (tag === "Forbidden" && Either.isLeft(result)) {
          expect(Either.getOrThrow(Either.flip(result)).message.match(/[A-Z]+_ADMIN/g)).toEqual(
            roles,
          )
        }
      }),
  )

  it("every documented status but 200 has a row", () => {
    expect(Object.keys(tags)).toEqual(Object.keys(otherwise))
  })

  // A server may send a status above 599, which `Response` does not allow.
  const anyStatus = (status: number, body: object): Response => {
    if (status <= 599) {
      return status === 304 ? new Response(null, { status }) : json(body, { status })
    }
    return new Proxy(json(body), {
      get: (target, name) => {
        if (name === "status") return status
        const value: unknown = Reflect.get(target, name)
        return typeof value === "function" ? value.bind(target) : value
      },
    })
  }
})

// The table above is worth only as much as it agrees with the vendor's description.
describe("the vendor's description", () => {
  it("says what the table says", (context) => {
    const spec: unknown = Vendor.description
    if (spec === undefined) {
      console.log(Vendor.skipped)
      context.skip(Vendor.skipped)
    }
    expect(read(spec, "info", "version")).toBe(version)
    expect(read(spec, "servers", "0", "url")).toBe(server)
    expect(read(spec, "components", "securitySchemes", "Bearer", "scheme")).toBe("bearer")
    expect(operationsOf(spec)).toEqual(Object.fromEntries(
      everyOperation.map(({ operation, schema }) => [
        operation,
        { ...described[operation], responses: { 200: schema, ...otherwise } },
      ]),
    ))
    const found = members(spec, "components", "schemas").map(([name, schema]) =>
      [name, fieldsOf(schema)] as const
    )
    expect(Object.fromEntries(found)).toEqual(schemas)
  })

  const read = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
    path.reduce<unknown>((at, step) => Object(at)[step], value)

  const members = (value: unknown, ...path: ReadonlyArray<string>) =>
    Object.entries(Object(read(value, ...path)) as Readonly<Record<string, unknown>>)

  const typeOf = (schema: unknown): string => {
    if (!isRecord(schema)) return "unknown"
    const { $ref, enum: values, format, items, type } = schema
    if (typeof $ref === "string") return $ref.slice($ref.lastIndexOf("/") + 1)
    if (Array.isArray(values)) return values.join(" | ")
    if (type === "array") return `${typeOf(items)}[]`
    if (typeof type !== "string") return "unknown"
    return typeof format === "string" ? `${type} ${format}` : type
  }

  const fieldsOf = (schema: unknown) => {
    const required = Object.values(Object(read(schema, "required")))
    return Object.fromEntries(
      members(schema, "properties").map(([name, property]) => [
        name,
        typeOf(property) + (required.includes(name) ? "!" : ""),
      ]),
    )
  }

  const operationsOf = (spec: unknown) =>
    Object.fromEntries(
      members(spec, "paths").flatMap(([path, methods]) =>
        members(methods).map(([method, operation]) => {
          const name = String(read(operation, "operationId")).replace("CockroachCloud_", "")
          const request = read(operation, "requestBody")
          const content = (of: unknown) => typeOf(read(of, "content", "application/json", "schema"))
          const row: OperationRow & { readonly responses: Readonly<Record<string, string>> } = {
            method: method.toUpperCase(),
            path,
            parameters: Object.fromEntries(
              members(operation, "parameters").map(([, parameter]) => [
                `${read(parameter, "in")} ${read(parameter, "name")}`,
                typeOf(read(parameter, "schema")) + (read(parameter, "required") ? "!" : ""),
              ]),
            ),
            ...(request === undefined
              ? {}
              : { request: content(request) + (read(request, "required") ? "!" : "") }),
            responses: Object.fromEntries(
              members(operation, "responses").map(([status, of]) => [status, content(of)]),
            ),
            roles: String(read(operation, "description")).match(/[A-Z]+_ADMIN/g) ?? [],
          }
          return [name.charAt(0).toLowerCase() + name.slice(1), row] as const
        })
      ),
    )
})
