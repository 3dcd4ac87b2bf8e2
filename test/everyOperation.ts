/**
 * The operations as tests call them. A new operation is added to this table only.
 *
 * @module
 */
import {
  ApiKey,
  type ApiKeyError,
  ApiKeyPage,
  createApiKey,
  CreatedApiKey,
  type Credentials,
  deleteApiKey,
  getApiKey,
  listApiKeysPage,
  type Operation,
  updateApiKey,
} from "@effect-crdb/api-keys"
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { type OperationFacts, operations } from "../src/operation.ts"
import {
  type Decode,
  decodeApiKey,
  decodeApiKeyPage,
  decodeCreatedApiKey,
} from "../src/transport/decode.ts"

/** A call of the API. */
export type ApiCall<A = unknown> = Effect.Effect<A, ApiKeyError, HttpClient | Credentials>

/** The key and the service account of a call. */
export interface Target {
  readonly id: string
  readonly serviceAccountId: string
}

/** What tests know of an operation. */
interface Told {
  /** A valid call. */
  readonly callOn: (target: Target) => ApiCall
  /** The API's answer to it. */
  readonly answer: object
  /** The name of the answer's schema in the vendor's description. */
  readonly schema: string
  /** The public Schema of the answer, and the function that decodes it instead. */
  readonly model: Schema.Schema.AnyNoContext
  readonly decode: Decode<unknown>
  /** Whether it changes something. */
  readonly mutates: boolean
  /** What does not exist after a 404. */
  readonly subject: OperationFacts["subject"]
}

export const id = "CCDB1_12345abcdefGHIJKLMnopq"
export const serviceAccountId = "1234abcd-1234-1234-abcd-12345678abcd"
export const secret = `${id}_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K`

export const apiKey = {
  id,
  name: "example name",
  service_account_id: serviceAccountId,
  created_at: "2022-03-22T20:23:11.285067Z",
}

const table: Readonly<Record<Operation, Told>> = {
  createApiKey: {
    callOn: ({ serviceAccountId }) => createApiKey({ name: "example name", serviceAccountId }),
    answer: { api_key: apiKey, secret },
    schema: "CreateApiKeyResponse",
    model: CreatedApiKey,
    decode: decodeCreatedApiKey,
    mutates: true,
    subject: "service account",
  },
  getApiKey: {
    callOn: ({ id }) => getApiKey(id),
    answer: apiKey,
    schema: "ApiKey",
    model: ApiKey,
    decode: decodeApiKey,
    mutates: false,
    subject: "API key",
  },
  updateApiKey: {
    callOn: ({ id }) => updateApiKey(id, { name: "new name" }),
    answer: apiKey,
    schema: "ApiKey",
    model: ApiKey,
    decode: decodeApiKey,
    mutates: true,
    subject: "API key",
  },
  deleteApiKey: {
    callOn: ({ id }) => deleteApiKey(id),
    answer: apiKey,
    schema: "ApiKey",
    model: ApiKey,
    decode: decodeApiKey,
    mutates: true,
    subject: "API key",
  },
  listApiKeys: {
    callOn: () => listApiKeysPage(),
    answer: {
      api_keys: [apiKey, { ...apiKey, id: "CCDB1_second" }],
      pagination: { next_page: "n", previous_page: "p" },
    },
    schema: "ListApiKeysResponse",
    model: ApiKeyPage,
    decode: decodeApiKeyPage,
    mutates: false,
    subject: "service account",
  },
}

/** Each operation, with a valid call, the answer, and the rest of the table. */
export const everyOperation = Object.values(operations)
  // If the table lacks one, operation.test.ts and the compiler name it.
  .filter(({ name }) => name in table)
  .map(({ name, path }) => ({
    ...table[name],
    operation: name,
    call: table[name].callOn({ id, serviceAccountId }),
    takesId: path.includes("{id}"),
  }))

export const operationNames = everyOperation.map(({ operation }) => operation)

export const mutations = everyOperation.filter(({ mutates }) => mutates)
  .map(({ operation }) => operation)

const byOperation = <A>(of: (told: Told) => A): Readonly<Record<Operation, A>> =>
  // The result has the table's keys, which are the operations.
  Object.fromEntries(
    Object.entries(table).map(([name, told]) => [name, of(told)]),
  ) as Record<Operation, A>

/** A valid call of each operation, for a key and its service account. */
export const callsOn = (target: Target) => byOperation(({ callOn }) => callOn(target))

export const calls = callsOn({ id, serviceAccountId })

export const answers = byOperation(({ answer }) => answer)

/** A body with which every operation succeeds. For a list it is the last page. */
export const anyAnswer: object = {
  ...Object.assign({}, ...Object.values(answers)),
  pagination: undefined,
}
