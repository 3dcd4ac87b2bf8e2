/**
 * Refuses a name that already ends like a mark.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Credentials } from "../Credentials.ts"
import * as Operation from "../operation.ts"
import { execute } from "../transport/execute.ts"
import { refuse } from "../transport/request.ts"
import { type ApiKeyNotCreated, failNotCreated } from "./LeftBehind.ts"
import { parseMarked } from "./mark.ts"

/** Refuses an input before anything is sent, as the endpoints do. */
export const refuseCreate = (
  field: string,
  reason: string,
): Effect.Effect<never, ApiKeyNotCreated, HttpClient | Credentials> =>
  Effect.catchAll(
    execute(Operation.createApiKey, refuse(field, reason)),
    (error) => failNotCreated(error, []),
  )

/** Refuses a name that ends like a mark: the finished key would look unfinished. */
export const checkMarkable = (
  { name }: { readonly name: string },
): Effect.Effect<void, ApiKeyNotCreated, HttpClient | Credentials> =>
  typeof name === "string" && name !== "" && Option.isNone(parseMarked(name).mark)
    ? Effect.void
    : name === "" || typeof name !== "string"
    ? refuseCreate("name", "must be a string that is not empty")
    : refuseCreate("name", "ends like a mark of this module: choose another end")
