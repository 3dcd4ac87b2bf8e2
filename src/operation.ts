/**
 * What is known of each operation before it is called: said here, once, for requests, messages, spans
 * and metrics, and for the emulator.
 *
 * @module
 */

/** The version of the API that all of this is said of. */
export const apiVersion = "2024-09-16"

/** The operations of the API, by the names of the functions that carry them out. */
export type Operation =
  | "createApiKey"
  | "getApiKey"
  | "updateApiKey"
  | "deleteApiKey"
  | "listApiKeys"

/** A role of which the API asks for one or another. */
export type AdminRole = "ORG_ADMIN" | "CLUSTER_ADMIN"

/** What is known of one operation. */
export interface OperationFacts<Name extends Operation = Operation> {
  readonly name: Name
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  /** `{id}` in it stands for the id of a key. */
  readonly path: `/${string}`
  /** Those that may call it, at organization scope: any one of them will do. */
  readonly roles: readonly [AdminRole, ...ReadonlyArray<AdminRole>]
  /** Whether it asks for a change. */
  readonly mutates: boolean
  /** Whether it may be sent again without harm when its outcome is unknown. */
  readonly idempotent: boolean
  /** What a 404 speaks of. */
  readonly subject: "API key" | "service account"
}

// Each stands alone, so that a bundle holds those that its program calls.

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

/** All of them, for those who must leave none out. */
export const operations: { readonly [Name in Operation]: OperationFacts<Name> } = {
  createApiKey,
  getApiKey,
  updateApiKey,
  deleteApiKey,
  listApiKeys,
}
