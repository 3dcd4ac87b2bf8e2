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
 * is over, the local clock says. A page may be old by the time its keys are come to: each is looked at
 * anew before it is deleted. One deletion after the other; two requests for each key.
 *
 * Needs the role ORG_ADMIN. Fails like `listApiKeys` and `deleteApiKey`, at the first key that
 * cannot be deleted; run it again to go on. A `lease` that makes no sense is refused with
 * `InvalidRequest`.
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

/** Decides whether a key is to be swept up, at a time in milliseconds since 1970. */
export const isExpired = (apiKey: ApiKey, now: number, lease: number): boolean => {
  const mark = Option.getOrUndefined(parseMarked(apiKey.name).mark)
  return mark?._tag === "Expires"
    ? now >= mark.at
    : mark?._tag === "Once" && now - DateTime.toEpochMillis(apiKey.createdAt) >= lease
}
