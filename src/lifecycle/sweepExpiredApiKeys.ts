/**
 * Deletes the keys that killed processes leave behind.
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
import { getApiKey } from "../endpoints/getApiKey.ts"
import { listApiKeys } from "../endpoints/listApiKeys.ts"
import * as Operation from "../operation.ts"
import { durationProblem } from "../waiting/durationProblem.ts"
import { execute } from "../transport/execute.ts"
import { refuse } from "../transport/request.ts"
import { defaultLeaseMillis } from "./lease.ts"
import { parseMarked } from "./mark.ts"
import { removeApiKey } from "./removeApiKey.ts"

/** Options of {@link sweepExpiredApiKeys}. */
export interface SweepOptions {
  /** Only the keys of this service account. By default the keys of the whole organization. */
  readonly serviceAccountId?: string | undefined
  /** The age at which an unfinished `createApiKeyOnce` counts as dead; 10 minutes by default. */
  readonly lease?: Duration.DurationInput | undefined
}

/**
 * Deletes temporary keys whose time is over, and keys of a killed `createApiKeyOnce`, whose secrets
 * nobody has. It yields each key that it deleted, as it was.
 *
 * It touches only keys whose name ends in exactly such a mark. The local clock says whether a time
 * is over. A page may be old when a key's turn comes, so it gets each key again before it deletes
 * it. It deletes one key after the other, with two requests for each.
 *
 * Needs the role ORG_ADMIN. Fails like `listApiKeys` and `deleteApiKey`, at the first key that it
 * cannot delete. Run it again to go on. A `lease` that makes no sense fails with `InvalidRequest`.
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
  const { lease: given = defaultLeaseMillis } = options
  const problem = durationProblem(given, { zero: true, infinite: true })
  if (Option.isSome(problem)) {
    return Stream.fromEffect(execute(Operation.listApiKeys, refuse("lease", problem.value)))
  }
  const lease = Duration.toMillis(given)
  const isExpiredNow = (apiKey: ApiKey) =>
    Effect.map(Clock.currentTimeMillis, (now) => isExpired(apiKey, now, lease))
  return listApiKeys({ serviceAccountId: options.serviceAccountId }).pipe(
    Stream.filterEffect(isExpiredNow),
    Stream.filterEffect(({ id }) =>
      getApiKey(id).pipe(
        Effect.flatMap(isExpiredNow),
        Effect.catchTag("NotFound", () => Effect.succeed(false)),
        Effect.flatMap((isStillExpired) =>
          isStillExpired ? removeApiKey(id) : Effect.succeed(false)
        ),
      )
    ),
  )
}

/**
 * Decides whether to sweep a key up. `now` is in milliseconds since 1970, `lease` in milliseconds.
 */
export const isExpired = (apiKey: ApiKey, now: number, lease: number): boolean => {
  const mark = Option.getOrUndefined(parseMarked(apiKey.name).mark)
  return mark?._tag === "Expires"
    ? now >= mark.at
    : mark?._tag === "Once" && now - DateTime.toEpochMillis(apiKey.createdAt) >= lease
}
