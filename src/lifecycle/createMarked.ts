/**
 * Makes a key under a name of its own. If its answer is lost, that name finds the key again.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import type { CreatedApiKey } from "../ApiKey.ts"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { Credentials } from "../Credentials.ts"
import { createApiKey } from "../endpoints/createApiKey.ts"
import { listApiKeys } from "../endpoints/listApiKeys.ts"
import * as Operation from "../operation.ts"
import { mismatched } from "../transport/failure.ts"
import { RetryPolicy, withRetryPolicy } from "../transport/RetryPolicy.ts"
import { boundCalls } from "./boundCalls.ts"
import { discardApiKey } from "./discardApiKey.ts"
import {
  type ApiKeyNotCreated,
  failNotCreated,
  type LeftBehind,
  warnOfLeftBehind,
} from "./LeftBehind.ts"
import { formatMarked, type Mark } from "./mark.ts"
import { onUnseenEnd, type Restore } from "./onUnseenEnd.ts"
import { makePacing } from "./pacing.ts"
import { removeApiKey } from "./removeApiKey.ts"

/** The key to make, and the mark of each attempt. */
export interface CreateMarkedInput {
  readonly name: string
  readonly serviceAccountId: string
  /** `sentAt` is when the attempt began, by the local clock. */
  readonly mark: (nonce: string, sentAt: number) => Mark
  /**
   * How many milliseconds the API's clock may be behind. If you give it, a lost key is looked for
   * only among the keys made since this call began. Otherwise it is looked for among all keys.
   */
  readonly maxClockSkew?: number
}

/** A marked key and its secret. */
export interface MarkedKey extends CreatedApiKey {
  /** When its create was about to be sent, by the local clock. */
  readonly sentAt: number
  /**
   * Keys of earlier attempts whose answer was lost, and which were not found. They may still
   * appear.
   */
  readonly doubtful: ReadonlyArray<LeftBehind>
}

/**
 * Makes exactly one marked key, or none.
 *
 * If the outcome of a create is unknown, it lists the service account's keys, newest first, and
 * deletes the one with the mark. It then makes a new attempt with a new mark, when the
 * RetryPolicy's schedule says so. Run it in an uninterruptible region, so that no answer is lost
 * before you can take care of it.
 *
 * However it ends, it looks for each key in doubt and deletes it. It names each key that it did not
 * find, in the failure or in a warning. Nothing interrupts this. It takes a list and the deletions.
 * Each takes as long as the RetryPolicy allows, and 10 minutes at most if that has no deadline.
 */
export const createMarked = (
  input: CreateMarkedInput,
  restore: Restore,
): Effect.Effect<MarkedKey, ApiKeyNotCreated, HttpClient | Credentials> =>
  Effect.flatMap(RetryPolicy, (policy) =>
    // This function repeats a create safely. The policy's own repeats would make duplicates.
    withRetryPolicy({ ...policy, repeatCreateAcceptingDuplicates: false })(Effect.gen(function* () {
      const pause = yield* makePacing(policy.schedule)
      const doubtful = yield* Ref.make<ReadonlyArray<LeftBehind>>([])
      const since = (yield* Clock.currentTimeMillis) - (input.maxClockSkew ?? Infinity)
      const settle = boundCalls(settleDoubtful(input.serviceAccountId, since, doubtful))
      const failing = (error: ApiKeyError) =>
        Effect.flatMap(Ref.get(doubtful), (left) => failNotCreated(error, left))

      const make: Effect.Effect<
        Omit<MarkedKey, "doubtful">,
        ApiKeyNotCreated,
        HttpClient | Credentials
      > = Effect.catchAll(attempt(input, restore, doubtful), ({ again, error }) =>
        Effect.matchEffect(settle, {
          onFailure: () =>
            failing(error),
          onSuccess: () =>
            again
              ? Effect.matchEffect(restore(pause(error)), {
                onFailure: () => failing(error),
                onSuccess: () => make,
              })
              : failing(error),
        }))

      const made = Effect.gen(function* () {
        const key = yield* make
        // A create that was slow to arrive may have made its key after the last search.
        yield* settle.pipe(
          Effect.onError(() =>
            Effect.flatMap(
              discardApiKey(key.apiKey),
              (left) =>
                Ref.update(doubtful, (keys) => [...keys, ...left]),
            )
          ),
          Effect.catchAll(failing),
        )
        yield* warn(doubtful)
        return { ...key, doubtful: yield* Ref.get(doubtful) }
      })
      const settleOrWarn = Effect.zipRight(
        Effect.catchAllCause(settle, () => Effect.void),
        warn(doubtful),
      )
      return yield* onUnseenEnd(restore, settleOrWarn)(made)
    })))

interface FailedCreate {
  readonly error: ApiKeyError
  /** Whether another attempt may succeed, once the key of this one is gone. */
  readonly again: boolean
}

const attempt = (
  input: CreateMarkedInput,
  restore: Restore,
  doubtful: Ref.Ref<ReadonlyArray<LeftBehind>>,
): Effect.Effect<Omit<MarkedKey, "doubtful">, FailedCreate, HttpClient | Credentials> =>
  Effect.gen(function* () {
    const sentAt = yield* Clock.currentTimeMillis
    const name = formatMarked(input.name, input.mark(yield* drawNonce, sentAt))
    const exit = yield* Effect.exit(
      restore(createApiKey({ name, serviceAccountId: input.serviceAccountId })),
    )
    if (Exit.isFailure(exit)) {
      if (mayHaveMade(exit.cause)) yield* note(doubtful, { id: Option.none(), name })
      return yield* Effect.failCause(
        Cause.map(exit.cause, (error) => ({ error, again: error.mayHaveApplied })),
      )
    }
    if (exit.value.apiKey.name !== name) {
      yield* note(doubtful, { id: Option.some(exit.value.apiKey.id), name })
      return yield* Effect.fail({ error: changedName(), again: false })
    }
    return { ...exit.value, sentAt }
  })

// Without its mark, nobody could tell what the key is for.
const changedName = (): ApiKeyError =>
  mismatched(
    { operation: Operation.createApiKey, attempts: 1, mayHaveApplied: true },
    200,
    "the new key's name is not the one asked for: with its mark, that may be too long",
  ).error

// A create that was interrupted may have been sent. If it failed, the error knows.
const mayHaveMade = (cause: Cause.Cause<ApiKeyError>): boolean =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => true,
    onSome: (error) => error.mayHaveApplied,
  })

const note = (
  doubtful: Ref.Ref<ReadonlyArray<LeftBehind>>,
  key: LeftBehind,
): Effect.Effect<void> => Ref.update(doubtful, (keys) => [...keys, key])

/** Finds the keys in doubt, and deletes them. A key that it does not find stays in doubt. */
const settleDoubtful = (
  serviceAccountId: string,
  since: number,
  doubtful: Ref.Ref<ReadonlyArray<LeftBehind>>,
): Effect.Effect<void, ApiKeyError, HttpClient | Credentials> =>
  Effect.flatMap(Ref.get(doubtful), (keys) => {
    if (keys.length === 0) return Effect.void
    const names = new Set(keys.map(({ name }) => name))
    const forget = (name: string) =>
      Ref.update(doubtful, (keys) => keys.filter((key) => key.name !== name))
    const known = Effect.forEach(keys, ({ id, name }) =>
      Option.match(id, {
        onNone: () => Effect.void,
        onSome: (id) => Effect.zipRight(removeApiKey(id), forget(name)),
      }), { discard: true })
    const unknown = keys.filter(({ id }) => Option.isNone(id)).length
    const found = listApiKeys({ serviceAccountId, sortOrder: "DESC" }).pipe(
      Stream.takeWhile(({ createdAt }) => DateTime.toEpochMillis(createdAt) >= since),
      Stream.filter(({ name }) => names.has(name)),
      Stream.take(unknown),
      Stream.runForEach(({ id, name }) =>
        Ref.update(
          doubtful,
          (keys) => keys.map((key) => key.name === name ? { name, id: Option.some(id) } : key),
        ).pipe(
          Effect.zipRight(removeApiKey(id)),
          Effect.zipRight(forget(name)),
        )
      ),
    )
    return unknown === 0 ? known : Effect.zipRight(known, found)
  })

const warn = (
  doubtful: Ref.Ref<ReadonlyArray<LeftBehind>>,
): Effect.Effect<void, never, Credentials> =>
  Effect.flatMap(
    Ref.get(doubtful),
    (keys) =>
      Effect.forEach(
        keys,
        (key) =>
          warnOfLeftBehind(
            "a create whose outcome is unknown may have left a key behind, or still make one",
            key,
          ),
        { discard: true },
      ),
  )

const letters = "abcdefghijklmnopqrstuvwxyz0123456789"

const drawNonce: Effect.Effect<string> = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, letters.length), 8),
  (indexes) => indexes.map((index) => letters.charAt(index)).join(""),
)
