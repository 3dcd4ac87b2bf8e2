/**
 * Delete what killed processes have left.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import { listApiKeys } from "../endpoints/listApiKeys.ts"
import { parseMarked } from "./mark.ts"
import { removeApiKey } from "./removeApiKey.ts"

/** Options of {@link sweepExpiredApiKeys}. */
export interface SweepOptions {
  /** Only the keys of this service account; by default of the whole organization. */
  readonly serviceAccountId?: string | undefined
  /** From which age on an unfinished `createApiKeyOnce` is over; 10 minutes by default. */
  readonly lease?: Duration.DurationInput | undefined
}

/**
 * Deletes temporary keys whose time is over, and keys that a killed `createApiKeyOnce` left, whose
 * secrets nobody has; yields each key that it deleted, as it was.
 *
 * Only names that end in exactly such a mark count, so that no other key is touched. Whether a time
 * is over, the local clock says. A key that is renamed while the sweep runs may still be deleted by
 * its old name. Walks the list in pages of 500, one deletion after the other.
 *
 * Needs the role ORG_ADMIN. Fails like `listApiKeys` and `deleteApiKey`, at the first key that
 * cannot be deleted; run it again to go on.
 *
 * @example
 * ```ts
 * import { sweepExpiredApiKeys } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = sweepExpiredApiKeys().pipe(
 *   Stream.runForEach(({ id, name }) => Effect.log(`deleted ${id}, ${name}`)),
 * )
 * ```
 */
export const sweepExpiredApiKeys = (
  options: SweepOptions = {},
): Stream.Stream<ApiKey, ApiKeyError, HttpClient | Credentials> => {
  const lease = Duration.toMillis(options.lease ?? "10 minutes")
  return listApiKeys({ serviceAccountId: options.serviceAccountId, pageSize: 500 }).pipe(
    Stream.filterEffect((apiKey) =>
      Effect.map(Clock.currentTimeMillis, (now) => isExpired(apiKey, now, lease))
    ),
    Stream.filterEffect(({ id }) => removeApiKey(id)),
  )
}

/** Decides whether a key is to be swept up, at a time in milliseconds since 1970. */
export const isExpired = (apiKey: ApiKey, now: number, lease: number): boolean => {
  const mark = Option.getOrUndefined(parseMarked(apiKey.name).mark)
  return mark?._tag === "Expires"
    ? now >= mark.at
    : mark?._tag === "Once" && now - DateTime.toEpochMillis(apiKey.createdAt) >= lease
}
