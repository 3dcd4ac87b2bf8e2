/**
 * Rotate many keys.
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

/** How far a fleet's rotation is, in keys. */
export interface RotationProgress {
  /** Taken from the stream so far. */
  readonly started: number
  /** Of these, waiting out a grace or another run, or left for a later run to go on with. */
  readonly waiting: number
  /** Rotations that have come to their end. */
  readonly succeeded: number
  /** Rotations that failed; the others go on. */
  readonly failed: number
}

/** How {@link rotateApiKeys} rotates. */
export interface RotateApiKeysOptions<E = never, R = never> extends RotationOptions {
  /**
   * Where the secret of each key is kept, and that of its successor is to be. A key whose store is
   * empty is replaced and deleted all the same: make `read` fail where an empty store is a mistake.
   */
  readonly store: (apiKey: ApiKey) => SecretStore<E, R>
  /** How many keys are worked on at a time, those that only wait not counted: from 1 on, 4 by default. */
  readonly concurrency?: number | undefined
  /** Called at each change, one call after the other. */
  readonly onProgress?: ((progress: RotationProgress) => Effect.Effect<void>) | undefined
  /**
   * Called with each step before it is done, and with the key as it came; several keys' steps at the
   * same time. Otherwise like `onStep` of `rotateApiKey`.
   */
  readonly onStep?: ((step: RotationStep, apiKey: ApiKey) => Effect.Effect<void>) | undefined
}

/** What became of one key. */
export interface RotationOutcome<E = never> {
  /** The key as it came. */
  readonly apiKey: ApiKey
  /** What its rotation did, or why it failed. */
  readonly result: Either.Either<Rotation, RotationFailed<E>>
}

/**
 * Rotates each key of a stream, like `rotateApiKey` with that key as `apiKey`, and yields what
 * became of each as soon as it is known. That one fails does not stop the others; the stream itself
 * fails only where its source does. A defect, as of a `store` that throws, ends all of it.
 *
 * A key is taken from the stream when there is room to work on it, and the outcomes before it are
 * read. Keys that wait, for the end of their grace or for a list, do not hold up the others: any
 * number of them can wait at the same time, some 50 kB each. Provide `throttled` to stay under the
 * API's limit; about five requests are sent for each key, however many keys there are.
 *
 * One list of a service account's keys serves all rotations that wait for one. Where the last list
 * had several pages, the next waits for as many rotations, for a minute at most.
 *
 * A fleet never takes up a key that it made, nor, once it has made one, a key that was made 5 seconds
 * or more after it began. Before that it cannot tell the API's clock, which may be ahead by a quarter
 * of the lease. So where the list behind the stream is walked while keys are rotated, the successors
 * on its later pages are passed over. List first, as below, and what you rotate is what there was.
 * Begin another fleet for each round: one whose stream lists again and again passes over all later
 * keys. A marked key that its store does not hold is another rotation's successor, and is `"kept"`.
 *
 * Needs the role ORG_ADMIN. Options that make no sense are refused for each key, with `InvalidRequest`
 * as the cause.
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
    // What makes no sense as a concurrency, each rotation refuses.
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
    // One by one, so that each is judged when it is taken, and not when its page comes.
    const source = Stream.filterEffect(Stream.rechunk(apiKeys, 1), beginning.takesUp)
    const pull = yield* Stream.toPull(Stream.rechunk(source, 1))
    const toTake = yield* Effect.makeSemaphore(1)
    const toRead = yield* Effect.makeSemaphore(mostUnread)
    const taken = Stream.repeatEffectChunkOption(
      toTake.take(1).pipe(
        Effect.zipRight(toRead.withPermits(1)(Effect.void)),
        // The source may be slow, so that no turn is held meanwhile: others need it after their grace.
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
        // One that is refused before it begins must not keep the next key from being taken.
        Effect.ensuring(begin),
        Effect.tap((result) => report((now) => ended(now, result))),
        Effect.zipLeft(toRead.take(1)),
        Effect.map((result) => ({ apiKey, result })),
      )
    }

    // In a finalizer, and wherever else nothing may be interrupted, an early end must still end all.
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
