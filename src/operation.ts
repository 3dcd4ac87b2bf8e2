/**
 * The facts about each operation, in one place. Requests, messages, spans, metrics and the emulator
 * all read them here.
 *
 * @module
 */

/** The version of the API that these facts describe. */
export const apiVersion = "2024-09-16"

/** The operations of the API. Each has the name of the function that calls it. */
export type Operation =
  | "createApiKey"
  | "getApiKey"
  | "updateApiKey"
  | "deleteApiKey"
  | "listApiKeys"

/** A role that an operation can need. */
export type AdminRole = "ORG_ADMIN" | "CLUSTER_ADMIN"

/** The facts about one operation. */
export interface OperationFacts<Name extends Operation = Operation> {
  readonly name: Name
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  /** `{id}` stands for a key's id. */
  readonly path: `/${string}`
  /** The roles that may call it, at organization scope. Any one of them is enough. */
  readonly roles: readonly [AdminRole, ...ReadonlyArray<AdminRole>]
  /** Whether it changes something. */
  readonly mutates: boolean
  /** Whether it is safe to send again when its outcome is unknown. */
  readonly idempotent: boolean
  /** What does not exist when the API answers 404. */
  readonly subject: "API key" | "service account"
}

// One constant for each, so a bundle holds only the operations that its program calls.

/** Create a key. */
export const createApiKey = {
  name: "createApiKey",
  method: "POST",
  path: "/api/v1/api-keys",
  roles: ["ORG_ADMIN"],
  mutates: true,
  idempotent: false,
  subject: "service account",
} as const

/** Get one key. */
export const getApiKey = {
  name: "getApiKey",
  method: "GET",
  path: "/api/v1/api-keys/{id}",
  roles: ["ORG_ADMIN", "CLUSTER_ADMIN"],
  mutates: false,
  idempotent: true,
  subject: "API key",
} as const

/** Rename a key. */
export const updateApiKey = {
  name: "updateApiKey",
  method: "PATCH",
  path: "/api/v1/api-keys/{id}",
  roles: ["ORG_ADMIN"],
  mutates: true,
  idempotent: true,
  subject: "API key",
} as const

/** Delete a key. */
export const deleteApiKey = {
  name: "deleteApiKey",
  method: "DELETE",
  path: "/api/v1/api-keys/{id}",
  roles: ["ORG_ADMIN"],
  mutates: true,
  idempotent: true,
  subject: "API key",
} as const

/** List keys. */
export const listApiKeys = {
  name: "listApiKeys",
  method: "GET",
  path: "/api/v1/api-keys",
  roles: ["ORG_ADMIN", "CLUSTER_ADMIN"],
  mutates: false,
  idempotent: true,
  subject: "service account",
} as const

/** All operations, for code that must cover every one. */
export const operations: { readonly [Name in Operation]: OperationFacts<Name> } = {
  createApiKey,
  getApiKey,
  updateApiKey,
  deleteApiKey,
  listApiKeys,
}
