import {
  type ApiKeyError,
  createApiKey,
  type Credentials,
  deleteApiKey,
  getApiKey,
  listApiKeysPage,
  type Operation,
  updateApiKey,
} from "@effect-crdb/api-keys"
import type { HttpClient } from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"

/** Any call of the API. */
export type Call<A = unknown> = Effect.Effect<A, ApiKeyError, HttpClient | Credentials>

export const id = "CCDB1_12345abcdefGHIJKLMnopq"
export const serviceAccountId = "1234abcd-1234-1234-abcd-12345678abcd"

/** A sound call of each operation. */
export const calls: Readonly<Record<Operation, Call>> = {
  createApiKey: createApiKey({ name: "example name", serviceAccountId }),
  getApiKey: getApiKey(id),
  updateApiKey: updateApiKey(id, { name: "new name" }),
  deleteApiKey: deleteApiKey(id),
  listApiKeys: listApiKeysPage(),
}

const apiKey = {
  id,
  name: "example name",
  service_account_id: serviceAccountId,
  created_at: "2022-03-22T20:23:11.285067Z",
}

/** What the API answers to each of them. */
export const answers: Readonly<Record<Operation, object>> = {
  createApiKey: { api_key: apiKey, secret: `${id}_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K` },
  getApiKey: apiKey,
  updateApiKey: apiKey,
  deleteApiKey: apiKey,
  listApiKeys: {
    api_keys: [apiKey, { ...apiKey, id: "CCDB1_second" }],
    pagination: { next_page: "n", previous_page: "p" },
  },
}

/** Each operation with its sound call and answer. */
export const everyOperation = Object.entries(calls).map(([name, call]) => {
  // The keys of `calls` are operations: its type says so.
  const operation = name as Operation
  return { operation, call, answer: answers[operation] }
})
