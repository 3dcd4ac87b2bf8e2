/**
 * Where the tokens of a throttle live: in memory, or in a rate limiter that processes share.
 *
 * @module
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { currentMonotonicMillis } from "./monotonic.ts"

/** A bucket of tokens, one for each request. */
export interface Bucket {
  /** Its name in the store. */
  readonly key: string
  /** Tokens, each good for one request. */
  readonly limit: number
  /** How long until a bucket that was emptied is full again. */
  readonly window: Duration.Duration
}

/** What a store answers: a token, or how long to wait before asking again. */
export type Taken =
  | {
    readonly _tag: "Taken"
    /** To be run when the answer has come, and with false when none will come. */
    readonly answered: (isAnswer: boolean) => Effect.Effect<void>
  }
  | { readonly _tag: "Empty"; readonly retryAfter: Duration.Duration }

/** What a {@link ThrottleStore} does. */
export interface ThrottleStoreService {
  /**
   * Takes a token without waiting for it: all who come later wait for this to end. It runs where
   * nothing can be interrupted, so that no token gets lost; what may be slow, make interruptible.
   */
  readonly take: (bucket: Bucket) => Effect.Effect<Taken>
}

const ThrottleStoreTag: Context.TagClass<
  ThrottleStore,
  "@effect-crdb/ThrottleStore",
  ThrottleStoreService
> = Context.Tag("@effect-crdb/ThrottleStore")<ThrottleStore, ThrottleStoreService>()

/** Where the buckets of {@link throttledByStore} live. */
export class ThrottleStore extends ThrottleStoreTag {
  /** In memory, for the fibers of one process. */
  static readonly layerMemory: Layer.Layer<ThrottleStore> = Layer.sync(
    ThrottleStore,
    () => makeMemoryStore(),
  )

  /**
   * In a rate limiter of the shape of `@effect/experimental/RateLimiter`, whose Redis store serves
   * many processes: all that share it and the bucket's `key` stay under one limit together.
   *
   * Each token of the bucket is a key of its own there, `key:0` to `key:limit-1`, with room for one
   * in each window and a twenty-fifth. So no stretch of one window holds more than the limit, where
   * the limiter's own algorithms, asked for the limit at once, let through up to twice as much: what
   * is left in the bucket and what flows in meanwhile. It costs a round trip for each request, and
   * at most `limit` more in a window.
   *
   * Where the limiter fails, requests go out unthrottled, with a warning in the log: the API's own
   * limit still holds.
   */
  static layerRateLimiter(limiter: RateLimiter): Layer.Layer<ThrottleStore> {
    return Layer.succeed(ThrottleStore, makeRateLimiterStore(limiter))
  }
}

/** The part of `@effect/experimental/RateLimiter` that {@link ThrottleStore.layerRateLimiter} uses. */
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
    { readonly reason: string; readonly retryAfter?: Duration.Duration | undefined }
  >
}

interface Token {
  readonly takenAt: number
  /** Undefined until the answer has come. */
  comesBackAt: number | undefined
}

// A server counts a request when it arrives, somewhere between its sending and its answer. So no
// stretch of one window holds more than the limit where a token comes back a window after its answer.
// That would waste what the way to the server and back takes: it is taken off, but for this share of
// the window, as the fastest answer so far shows it. For that it was as fast as can be, nothing proves:
// under load all are slow, some on the way there and some on the way back, and one refusal costs all a
// whole wait.
const spareShare = 0.03

const makeMemoryStore = (): ThrottleStoreService => {
  const buckets = new Map<string, Array<Token>>()
  let fastest = Infinity
  return {
    take: ({ key, limit, window }) =>
      Effect.map(currentMonotonicMillis, (now): Taken => {
        const millis = Math.ceil(Duration.toMillis(window))
        const out = (buckets.get(key) ?? []).filter(({ comesBackAt = Infinity }) =>
          comesBackAt > now
        )
        buckets.set(key, out)
        if (out.length >= limit) {
          // When a token that is still under way comes back is not known yet: look again soon.
          const soonest = ({ comesBackAt, takenAt }: Token) =>
            comesBackAt ?? Math.max(takenAt + millis, now + Math.ceil(millis / 25))
          const next = out.reduce((next, token) => Math.min(next, soonest(token)), Infinity)
          return { _tag: "Empty", retryAfter: Duration.millis(Math.ceil(next - now)) }
        }
        const token: Token = { takenAt: now, comesBackAt: undefined }
        out.push(token)
        const answered = (isAnswer: boolean) =>
          Effect.map(currentMonotonicMillis, (now) => {
            if (isAnswer) fastest = Math.min(fastest, now - token.takenAt)
            const there = isAnswer ? Math.max(0, fastest - millis * spareShare) : 0
            token.comesBackAt = now - there + millis
          })
        return { _tag: "Taken", answered }
      }),
  }
}

// Elsewhere the answer is not told of; so every token is out for longer, by a twenty-fifth.
const millisOut = (window: Duration.Duration): number =>
  Math.ceil(Duration.toMillis(window)) + Math.ceil(Duration.toMillis(window) / 25)

const makeRateLimiterStore = (limiter: RateLimiter): ThrottleStoreService => {
  // Until when each token is out, as far as is known here: until then there is no use in asking.
  const outUntil = new Map<string, number>()

  const takeToken = (token: string, window: Duration.Duration): Effect.Effect<boolean> =>
    limiter.consume({
      algorithm: "fixed-window",
      onExceeded: "fail",
      key: token,
      limit: 1,
      window,
    }).pipe(
      Effect.as({ isTaken: true, outFor: window }),
      // One that hangs or breaks must not hold up whoever waits behind.
      Effect.timeoutFail({ duration: window, onTimeout: () => storeFailure }),
      Effect.catchAllDefect(() => Effect.fail(storeFailure)),
      Effect.catchAll(({ reason, retryAfter }) =>
        reason === "Exceeded" && retryAfter !== undefined
          ? Effect.succeed({ isTaken: false, outFor: retryAfter })
          : Effect.as(
            Effect.logWarning("The store of the throttle fails: sending unthrottled"),
            { isTaken: true, outFor: Duration.zero },
          )
      ),
      Effect.zipWith(currentMonotonicMillis, ({ isTaken, outFor }, now) => {
        outUntil.set(token, now + Duration.toMillis(outFor))
        return isTaken
      }),
    )

  return {
    take: ({ key, limit, window }) =>
      Effect.interruptible(Effect.gen(function* () {
        const tokens = Array.from({ length: limit }, (_, index) => `${key}:${index}`)
        const millisLeft = (token: string, now: number) => (outUntil.get(token) ?? 0) - now
        const start = yield* currentMonotonicMillis
        for (const token of tokens.filter((token) => millisLeft(token, start) <= 0)) {
          if (yield* takeToken(token, Duration.millis(millisOut(window)))) return unreturnable
        }
        const now = yield* currentMonotonicMillis
        const next = Math.min(...tokens.map((token) => millisLeft(token, now)))
        return { _tag: "Empty", retryAfter: Duration.millis(Math.max(1, Math.ceil(next))) }
      })),
  }
}

const storeFailure: { readonly reason: string; readonly retryAfter?: Duration.Duration } = {
  reason: "StoreError",
}

const unreturnable: Taken = { _tag: "Taken", answered: () => Effect.void }
