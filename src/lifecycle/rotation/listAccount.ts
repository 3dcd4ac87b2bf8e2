/**
 * Lists all keys of a service account in as few requests as the API allows.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ApiKeyError } from "../../ApiKeyError.ts"
import type { Credentials } from "../../Credentials.ts"
import { listApiKeyPages } from "../../endpoints/listApiKeys.ts"
import { indexKeys, type KeyIndex } from "./keyIndex.ts"

/** Lists a service account's keys. */
export type ListAccount = (
  serviceAccountId: string,
) => Effect.Effect<Listed, ApiKeyError, HttpClient | Credentials>

/** What a list shows, and how many pages it took. */
export interface Listed {
  readonly index: KeyIndex
  readonly pages: number
}

// The vendor's own provider asks other lists for this many. The maximum of this list is not
// documented.
const largestPage = 500

/** Asks for large pages until the API refuses them. After that it leaves the size to the API. */
export const makeListAccount = (): ListAccount => {
  let pageSize: number | undefined = largestPage
  return (serviceAccountId) => {
    const list = (pageSize: number | undefined) =>
      Effect.map(
        Stream.runCollect(listApiKeyPages({ serviceAccountId, pageSize })),
        (pages) => ({
          index: indexKeys([...pages].flatMap(({ apiKeys }) => apiKeys)),
          pages: pages.length,
        }),
      )
    return Effect.suspend(() => {
      const asked = pageSize
      return asked === undefined
        ? list(asked)
        : Effect.catchTag(list(asked), "InvalidRequest", () => {
          pageSize = undefined
          return list(pageSize)
        })
    })
  }
}
