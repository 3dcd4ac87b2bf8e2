/**
 * Rotates many keys.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import type { ApiKey } from "../../ApiKey.ts"
import { Credentials } from "../../Credentials.ts"
import { makeFleetBeginning } from "./fleetBeginning.ts"
import { makeFollowing } from "../followingCredentials.ts"
import { defaultLeaseMillis } from "../lease.ts"
import { makeListAccount } from "./listAccount.ts"
import { makeLine } from "../../waiting/line.ts"
import { rotate } from "./run.ts"
import type { Rotation, RotationOptions } from "./Rotation.ts"
import type { RotationFailed } from "./RotationFailed.ts"
import type { RotationStep } from "./RotationStep.ts"
import type { SecretStore } from "../SecretStore.ts"
import { makeSharedLists } from "./sharedLists.ts"

/** How far a fleet's rotation is. Each field is a number of keys. */
export interface RotationProgress {
  /** Keys taken from the stream so far. */
  readonly started: number
  /**
   * Of these, the ones that wait: for the end of a grace, for another run, or for a later run to go
   * on.
   */
  readonly waiting: number
  /** Rotations that are done. */
  readonly succeeded: number
  /** Rotations that failed. The others go on. */
  readonly failed: number
}

/** Options of {@link rotateApiKeys}. */
export interface RotateApiKeysOptions<E = never, R = never> extends RotationOptions {
  /**
   * The store for the secret of each key, and then of its successor. If a store is empty, its key
   * is replaced and deleted all the same. If that would be a mistake, make `read` fail.
   */
  readonly store: (apiKey: ApiKey) => SecretStore<E, R>
  /**
   * How many keys to work on at a time, from 1 up; 4 by default. Keys that only wait do not count.
   */
  readonly concurrency?: number | undefined
  /** Called at each change, one call after the other. */
  readonly onProgress?: ((progress: RotationProgress) => Effect.Effect<void>) | undefined
  /**
   * Called with each step before it is done, and with the key from the stream. Calls for several
   * keys can run at the same time. Otherwise like `onStep` of `rotateApiKey`.
   */
  readonly onStep?: ((step: RotationStep, apiKey: ApiKey) => Effect.Effect<void>) | undefined
}

/** The outcome for one key. */
export interface RotationOutcome<E = never> {
  /** The key from the stream. */
  readonly apiKey: ApiKey
  /** What its rotation did, or why it failed. */
  readonly result: Either.Either<Rotation, RotationFailed<E>>
}

/**
 * Rotates each key of a stream, like `rotateApiKey` with that key as `apiKey`, and yields the
 * outcome for each key as soon as it is known. If one key fails, the others go on. The stream
 * itself fails only if its source does. A defect, for instance in `store`, ends all of it.
 *
 * It takes a key from the stream when there is room to work on it and you have read the outcomes
 * before it. Keys that wait, for the end of their grace or for a list, do not hold up the others.
 * Any number of keys can wait at the same time; each takes some 50 kB. Provide `throttled` to stay
 * under the API's limit. It sends about five requests for each key, however many keys there are.
 *
 * All rotations that wait for a list of the same service account share one. If the last list had
 * several pages, the next one waits for as many rotations, for a minute at most.
 *
 * A fleet never rotates a key that it made itself. Once it has made one, it also passes over each
 * key that was made 5 seconds or more after it began. Before that it does not know the API's clock,
 * which may be ahead by a quarter of the lease. So if you walk the list while keys are rotated, the
 * fleet passes over the successors on later pages. List first, as below, and you rotate exactly the
 * keys that were there. Begin a new fleet for each round: a fleet whose stream lists again and
 * again passes over all later keys. A marked key that its store does not hold is another rotation's
 * successor, and is `"kept"`.
 *
 * Needs the role ORG_ADMIN. Options that make no sense fail for each key, with `InvalidRequest` as
 * the cause.
 *
 * @example
 * ```ts
 * import { listApiKeys, rotateApiKeys } from "@effect-crdb/api-keys"
 * import type { ApiKey, SecretStore } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = (storeOf: (apiKey: ApiKey) => SecretStore) =>
 *   Stream.fromIterableEffect(Stream.runCollect(
 *     listApiKeys({ serviceAccountId: "1234abcd-1234-1234-abcd-12345678abcd", pageSize: 500 }),
 *   )).pipe(
 *     rotateApiKeys({
 *       store: storeOf,
 *       grace: "1 hour",
 *       olderThan: "90 days",
 *       onStep: ({ _tag }, { name }) => Effect.log(`${name}: ${_tag}`), // Make, Prove, Write, …
 *     }),
 *     Stream.runForEach(({ apiKey, result }) => Effect.log(apiKey.id, result)),
 *   )
 * ```
 */
export const rotateApiKeys = <E = never, R = never>(
  options: RotateApiKeysOptions<E, R>,
): <E2, R2>(
  apiKeys: Stream.Stream<ApiKey, E2, R2>,
) => Stream.Stream<RotationOutcome<E>, E2, HttpClient | Credentials | R | R2> =>
(apiKeys) =>
  Stream.unwrapScoped(Effect.gen(function* () {
    const { concurrency = 4, grace, lease = defaultLeaseMillis, olderThan, onWait } = options
    // Each rotation refuses a concurrency that makes no sense.
    const working = makeLine(concurrency >= 1 ? concurrency : 1)
    const lists = makeSharedLists(makeListAccount(), working.turn)
    const following = yield* makeFollowing(yield* Credentials)
    const progress = yield* Ref.make<RotationProgress>(nothingYet)
    const reporting = makeLine()
    const report = (change: (progress: RotationProgress) => RotationProgress) =>
      Ref.updateAndGet(progress, change).pipe(
        Effect.flatMap((progress) => options.onProgress?.(progress) ?? Effect.void),
        reporting.turn,
      )

    const beginning = yield* makeFleetBeginning(lease)
    // One by one: each key is judged when it is taken, not when its page comes.
    const source = Stream.filterEffect(Stream.rechunk(apiKeys, 1), beginning.takesUp)
    const pull = yield* Stream.toPull(Stream.rechunk(source, 1))
    const toTake = yield* Effect.makeSemaphore(1)
    const toRead = yield* Effect.makeSemaphore(mostUnread)
    const taken = Stream.repeatEffectChunkOption(
      toTake.take(1).pipe(
        Effect.zipRight(toRead.withPermits(1)(Effect.void)),
        // The source may be slow. It holds no turn meanwhile: others need one after their grace.
        Effect.zipRight(working.turn(Effect.void)),
        Effect.interruptible,
        Effect.zipRight(pull),
        Effect.tapError(() => lists.expectNoMore),
      ),
    )

    const rotateOne = (apiKey: ApiKey) => {
      const { onStep } = options
      const one = {
        concurrency,
        grace,
        lease,
        olderThan,
        onWait,
        apiKey,
        store: options.store(apiKey),
        onStep: onStep && ((step: RotationStep) => onStep(step, apiKey)),
      }
      let isBegun = false
      const begin = Effect.suspend(() => {
        if (isBegun) return Effect.void
        isBegun = true
        return toTake.release(1)
      })
      const rotation = rotate(one, {
        following,
        list: lists.list,
        noteMade: beginning.noteMade,
        whileWorking: (work) => working.turn(Effect.zipRight(begin, work)),
        whileWaiting: (wait) =>
          Effect.zipRight(report(waitingChangedBy(1)), wait).pipe(
            Effect.ensuring(report(waitingChangedBy(-1))),
          ),
      })
      return report((now) => ({ ...now, started: now.started + 1 })).pipe(
        Effect.zipRight(lists.expecting(apiKey.serviceAccountId)(Effect.either(rotation))),
        // A rotation that is refused before it begins must not hold up the next key.
        Effect.ensuring(begin),
        Effect.tap((result) => report((now) => ended(now, result))),
        Effect.zipLeft(toRead.take(1)),
        Effect.map((result) => ({ apiKey, result })),
      )
    }

    // If the stream ends early, all must end with it, even in an uninterruptible region.
    const rotateOrEnd = (apiKey: ApiKey) => Effect.interruptible(rotateOne(apiKey))
    return Stream.mapEffect(taken, rotateOrEnd, { concurrency: "unbounded", unordered: true }).pipe(
      Stream.tap(() => toRead.release(1)),
    )
  }))

const mostUnread = 16

const nothingYet: RotationProgress = { started: 0, waiting: 0, succeeded: 0, failed: 0 }

const ended = (
  now: RotationProgress,
  result: RotationOutcome<unknown>["result"],
): RotationProgress =>
  Either.match(result, {
    onLeft: () => ({ ...now, failed: now.failed + 1 }),
    onRight: ({ did }) =>
      did === "waiting"
        ? { ...now, waiting: now.waiting + 1 }
        : { ...now, succeeded: now.succeeded + 1 },
  })

const waitingChangedBy = (change: number) => (progress: RotationProgress): RotationProgress => ({
  ...progress,
  waiting: progress.waiting + change,
})
