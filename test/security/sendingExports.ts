/**
 * A call of every export of the module that sends requests.
 *
 * @module
 */
import * as Module from "../../src/mod.ts"
import type { HttpClient } from "@effect/platform/HttpClient"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { id, serviceAccountId } from "../everyOperation.ts"
import { tokens } from "./secrets.ts"

// Holds the token in use, like a store that a service reads its credentials from.
const store: Module.SecretStore = {
  read: Effect.succeedSome(Redacted.make(tokens.apiKey)),
  write: () => Effect.void,
}

/** The calls, by the name of the export. */
export const sendingExports: Readonly<
  Record<string, Effect.Effect<unknown, unknown, HttpClient | Module.Credentials>>
> = {
  createApiKey: Module.createApiKey({ name: "example name", serviceAccountId }),
  getApiKey: Module.getApiKey(id),
  updateApiKey: Module.updateApiKey(id, { name: "new name" }),
  deleteApiKey: Module.deleteApiKey(id),
  listApiKeysPage: Module.listApiKeysPage({ serviceAccountId, startPage: "p" }),
  listApiKeyPages: Stream.runDrain(Stream.take(Module.listApiKeyPages({ prefetch: 2 }), 4)),
  listApiKeys: Stream.runDrain(Stream.take(Module.listApiKeys(), 4)),
  createApiKeyOnce: Module.createApiKeyOnce({ name: "example name", serviceAccountId }),
  temporaryApiKey: Effect.scoped(
    Module.temporaryApiKey({ name: "example name", serviceAccountId, expiresIn: "1 hour" }),
  ),
  sweepExpiredApiKeys: Stream.runDrain(Stream.take(Module.sweepExpiredApiKeys(), 4)),
  rotateApiKey: Module.rotateApiKey({ store, grace: 0 }),
  rotateApiKeys: Stream.runDrain(
    Stream.mapEffect(
      Module.rotateApiKeys({ store: () => store, grace: 0 })(
        Stream.make({
          id: Module.ApiKeyId(id),
          name: "example name",
          serviceAccountId: Module.ServiceAccountId(serviceAccountId),
          createdAt: DateTime.unsafeMake(0),
        }),
      ),
      ({ result }) => Either.match(result, { onLeft: Effect.fail, onRight: Effect.succeed }),
    ),
  ),
  credentialsFromStore: Effect.provide(
    Module.getApiKey(id),
    Module.credentialsFromStore({ read: Effect.succeedNone }),
  ),
}

/** Exports that send nothing by themselves. */
const others = [
  "apiKeyIdOf",
  "fileSecretStore",
  "parseMarked",
  "throttled",
  "throttledByStore",
  "withRetryPolicy",
]

const exports: Readonly<Record<string, unknown>> = Module

/** Exports that may send requests, but have no call above. */
export const forgotten: ReadonlyArray<string> = Object.keys(exports).filter((name) =>
  /^[a-z]/.test(name) && !(name in sendingExports) && !others.includes(name)
)

/** The tags of every error that the module exports. */
export const tags: ReadonlyArray<string> = Object.keys(exports).filter((name) => {
  const value = exports[name]
  return typeof value === "function" && value.prototype instanceof Error
})
