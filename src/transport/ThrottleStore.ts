/**
 * Keeps the tokens of a throttle: in memory, or in a rate limiter that several processes share.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type Buckets, type Forgettable, makeBuckets } from "./buckets.ts"
import { limiterWait } from "./limiterWait.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"
import {
  comesBackAt,
  lagOf,
  lookAgainAt,
  type Memory,
  memoryWindows,
  nothing,
  type Token,
  withAnswer,
  withRefusal,
} from "./tokenBucket.ts"

/** A token bucket. */
export interface Bucket {
  /** Its name in the store. */
  readonly key: string
  /** How many tokens it has. Each is good for one request. */
  readonly limit: number
  /** How long until an emptied bucket is full again. */
  readonly window: Duration.Duration
}

/** A store's answer: a token, or how long to wait before asking again. */
export type Taken =
  | {
    readonly _tag: "Taken"
    /**
     * Run it with true when the answer has come, and with false when none will come. `isRefused`
     * means that the answer says the limit was exceeded.
     */
    readonly answered: (isAnswer: boolean, isRefused: boolean) => Effect.Effect<void>
  }
  | { readonly _tag: "Empty"; readonly retryAfter: Duration.Duration }

/** What a {@link ThrottleStore} does. */
export interface ThrottleStoreService {
  /**
   * Takes a token without waiting for one. All later callers wait until this ends. It runs in an
   * uninterruptible region, so that no token gets lost. Make its slow parts interruptible.
   */
  readonly take: (bucket: Bucket) => Effect.Effect<Taken>
}

const ThrottleStoreTag: Context.TagClass<
  ThrottleStore,
  "@effect-crdb/ThrottleStore",
  ThrottleStoreService
> = Context.Tag("@effect-crdb/ThrottleStore")<ThrottleStore, ThrottleStoreService>()

/** Keeps the buckets of {@link throttledByStore}. */
export class ThrottleStore extends ThrottleStoreTag {
  /** Keeps them in memory, for the fibers of one process. */
  static readonly layerMemory: Layer.Layer<ThrottleStore> = Layer.sync(
    ThrottleStore,
    () => makeMemoryStore(),
  )

  /**
   * Keeps them in a rate limiter that has the shape of Effect's own `RateLimiter`. With its Redis
   * store it serves many processes: all that share the store and the bucket's `key` stay under one
   * limit together.
   *
   * Each token is a key of its own in the limiter, `key:0` to `key:limit-1`. It can be taken once
   * every 1.04 windows, so no stretch of one window holds more than the limit. The limiter's own
   * algorithms, asked for the limit at once, would let through up to twice as much: what is left in
   * the bucket, and what refills meanwhile. Each request costs a round trip, and each window up to
   * `limit` more.
   *
   * If the limiter fails, or does not answer within a second, the store leaves it alone for 30
   * seconds. Until then requests go out unthrottled, with one warning in the log. The API's own
   * limit still holds.
   */
  static layerRateLimiter(limiter: RateLimiter): Layer.Layer<ThrottleStore> {
    return Layer.succeed(ThrottleStore, makeRateLimiterStore(limiter))
  }
}

/** The part of Effect's own `RateLimiter` that {@link ThrottleStore.layerRateLimiter} uses. */
export interface RateLimiter {
  /** Takes from a window, or fails with the time to wait. */
  readonly consume: (options: {
    readonly algorithm: "fixed-window"
    readonly onExceeded: "fail"
    readonly key: string
    readonly limit: number
    readonly window: Duration.Duration
  }) => Effect.Effect<
    unknown,
    { readonly reason: unknown; readonly retryAfter?: Duration.Duration | undefined }
  >
}

interface MemoryBucket extends Forgettable {
  out: Array<Token>
  memory: Memory
}

/** Keeps buckets in memory. A test passes its own `buckets` to count them. */
export const makeMemoryStore = (
  buckets: Buckets<MemoryBucket> = makeBuckets(() => ({ out: [], memory: nothing, idleAt: 0 })),
): ThrottleStoreService => ({
  take: ({ key, limit, window }) =>
    Effect.map(currentMonotonicMillis, (now): Taken => {
      const millis = Math.ceil(Duration.toMillis(window))
      const bucket = buckets.of(key, now)
      bucket.idleAt = now + memoryWindows * millis
      bucket.out = bucket.out.filter((token) =>
        comesBackAt(token, bucket.memory, now, millis) > now
      )
      if (bucket.out.length >= limit) {
        const next = bucket.out.reduce(
          (next, token) => Math.min(next, lookAgainAt(token, bucket.memory, now, millis)),
          Infinity,
        )
        return { _tag: "Empty", retryAfter: Duration.millis(Math.ceil(next - now)) }
      }
      const token: Token = { takenAt: now, ended: undefined }
      bucket.out.push(token)
      const answered = (isAnswer: boolean, isRefused: boolean) =>
        Effect.map(currentMonotonicMillis, (now) => {
          const took = now - token.takenAt
          if (isRefused) {
            bucket.memory = withRefusal(bucket.memory, now, millis)
          } else if (isAnswer) {
            bucket.memory = withAnswer(bucket.memory, took, now, millis)
          }
          // A refusal costs the server no work, so its time says nothing about other answers.
          const isTelling = isAnswer && !isRefused
          token.ended = { took, lag: isTelling ? lagOf(bucket.memory, took) : took }
        })
      return { _tag: "Taken", answered }
    }),
})

// The limiter never hears of the answer, so each token stays out for a twenty-fifth longer.
const millisOut = (window: Duration.Duration): number =>
  Math.ceil(Duration.toMillis(window)) + Math.ceil(Duration.toMillis(window) / 25)

// How long a limiter may take, and how long a failed one is left alone.
const patience = Duration.seconds(1)
const leftAloneFor = Duration.seconds(30)

interface LimiterBucket extends Forgettable {
  /** Until when each token is out, as far as this process knows. Asking earlier is no use. */
  readonly outUntil: Array<number>
}

/** Keeps buckets in a rate limiter. A test passes its own `buckets` to count them. */
export const makeRateLimiterStore = (
  limiter: RateLimiter,
  buckets: Buckets<LimiterBucket> = makeBuckets(() => ({ outUntil: [], idleAt: 0 })),
): ThrottleStoreService => {
  let leftAloneUntil = -Infinity

  const leaveAlone = Effect.flatMap(currentMonotonicMillis, (now) => {
    // Another throttle with the same store may have warned already.
    if (now < leftAloneUntil) return Effect.void
    leftAloneUntil = now + Duration.toMillis(leftAloneFor)
    return Effect.logWarning(
      `The store of the throttle fails: sending unthrottled for ${Duration.format(leftAloneFor)}`,
    )
  })

  /** How long a token is out, and whether this call took it. Undefined if the limiter fails. */
  const consume = (key: string, window: Duration.Duration) => {
    const consumed = Effect.suspend(() =>
      limiter.consume({ algorithm: "fixed-window", onExceeded: "fail", key, limit: 1, window })
    ).pipe(
      Effect.as({ isTaken: true, outFor: window }),
      // A limiter that hangs or breaks must not hold up later callers, interruptible or not.
      Effect.disconnect,
      Effect.timeoutTo({ duration: patience, onSuccess: identity, onTimeout: () => undefined }),
      Effect.catchAllCause((cause) => Effect.succeed(exceeded(cause, window))),
      Effect.tap((consumed) => consumed === undefined ? leaveAlone : Effect.void),
    )
    // This outlives an interrupted caller, so that the next one need not find out again that the
    // limiter hangs.
    return Effect.flatMap(Effect.forkDaemon(Effect.interruptible(consumed)), Fiber.join)
  }

  return {
    take: ({ key, limit, window }) =>
      Effect.interruptible(Effect.gen(function* () {
        const start = yield* currentMonotonicMillis
        if (start < leftAloneUntil) return untracked
        const bucket = buckets.of(key, start)
        const untilOf = (token: number) => bucket.outUntil[token] ?? 0
        const tokens = Array.from({ length: limit }, (_, token) => token)
        for (const token of tokens.filter((token) => untilOf(token) <= start)) {
          const consumed = yield* consume(`${key}:${token}`, Duration.millis(millisOut(window)))
          if (consumed === undefined) return untracked
          const until = (yield* currentMonotonicMillis) + Duration.toMillis(consumed.outFor)
          bucket.outUntil[token] = until
          bucket.idleAt = Math.max(bucket.idleAt, until)
          if (consumed.isTaken) return untracked
        }
        const now = yield* currentMonotonicMillis
        const next = tokens.reduce((next, token) => Math.min(next, untilOf(token)), Infinity)
        return { _tag: "Empty", retryAfter: Duration.millis(Math.max(1, Math.ceil(next - now))) }
      })),
  }
}

// None of our tokens is out for longer. A limiter that says so is broken.
const mostWindowsOut = 10

const exceeded = (
  cause: Cause.Cause<unknown>,
  window: Duration.Duration,
): { readonly isTaken: boolean; readonly outFor: Duration.Duration } | undefined => {
  const wait = limiterWait(Option.getOrUndefined(Cause.failureOption(cause)))
  return wait !== undefined &&
      Duration.lessThanOrEqualTo(wait, Duration.times(window, mostWindowsOut))
    ? { isTaken: false, outFor: wait }
    : undefined
}

const untracked: Taken = { _tag: "Taken", answered: () => Effect.void }
