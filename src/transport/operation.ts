/**
 * What is known of each operation before it is called.
 *
 * @module
 */
import type { Operation } from "../ApiKeyError.ts"

/** The facts that messages, retries and spans need. */
export interface OperationFacts {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE"
  readonly urlTemplate: string
  /** Whether it asks for a change. */
  readonly mutates: boolean
  /** Whether it may be sent again without harm when its outcome is unknown. */
  readonly idempotent: boolean
  /** The roles of which the API's description requires one, at organization scope. */
  readonly roles: string
  /** What a 404 speaks of. */
  readonly subject: string
}

const collection = "/api/v1/api-keys"

/** The facts, by operation. */
export const operations: Readonly<Record<Operation, OperationFacts>> = {
  createApiKey: {
    method: "POST",
    urlTemplate: collection,
    mutates: true,
    idempotent: false,
    roles: "ORG_ADMIN",
    subject: "service account",
  },
  getApiKey: {
    method: "GET",
    urlTemplate: `${collection}/{id}`,
    mutates: false,
    idempotent: true,
    roles: "ORG_ADMIN or CLUSTER_ADMIN",
    subject: "API key",
  },
  updateApiKey: {
    method: "PATCH",
    urlTemplate: `${collection}/{id}`,
    mutates: true,
    idempotent: true,
    roles: "ORG_ADMIN",
    subject: "API key",
  },
  deleteApiKey: {
    method: "DELETE",
    urlTemplate: `${collection}/{id}`,
    mutates: true,
    idempotent: true,
    roles: "ORG_ADMIN",
    subject: "API key",
  },
  listApiKeys: {
    method: "GET",
    urlTemplate: collection,
    mutates: false,
    idempotent: true,
    roles: "ORG_ADMIN or CLUSTER_ADMIN",
    subject: "service account",
  },
}
