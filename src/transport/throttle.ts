/**
 * Sends no faster than the API allows.
 *
 * @module
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { AttemptWait } from "./AttemptWait.ts"
import { type Entering, entering, hear, makeGate } from "./gate.ts"
import { makeLine } from "./line.ts"
import { timeThrottleWait } from "./metrics.ts"
import { currentMonotonicMillis } from "./monotonic.ts"

/** Options of {@link throttled}. */
export interface ThrottleOptions {
  /** Requests in each window, 1 or more; the API allows 10 a second to each user. */
  readonly limit: number
  /** How long a window is; the API's is a second. */
  readonly window: Duration.DurationInput
  /** Names the bucket in a store that several share; `"@effect-crdb/api-keys"` by default. */
  readonly key?: string | undefined
}

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

/**
 * Sends at most `limit` requests in each `window` through the HttpClient below it, first come, first
 * served, and lets all of them wait when an answer says so with `Retry-After`.
 *
 * Waiting can be interrupted, and counts neither as an attempt nor into an attempt's timeout. One
 * layer is one bucket: build it once and share it.
 *
 * @example
 * ```ts
 * import { listApiKeys, throttled } from "@effect-crdb/api-keys"
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Stream from "effect/Stream"
 *
 * const client = Layer.provide(
 *   throttled({ limit: 10, window: "1 second" }),
 *   FetchHttpClient.layer,
 * )
 * const count = listApiKeys().pipe(Stream.runCount, Effect.provide(client))
 * ```
 */
export const throttled = (
  options: ThrottleOptions,
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.provide(throttledByStore(options), ThrottleStore.layerMemory)

/**
 * Like {@link throttled}, with a bucket that lives in a {@link ThrottleStore}, so that several
 * processes can share one limit.
 *
 * @example
 * ```ts
 * import { throttledByStore, ThrottleStore } from "@effect-crdb/api-keys"
 * import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
 * import * as Layer from "effect/Layer"
 *
 * const client = throttledByStore({ limit: 10, window: "1 second" }).pipe(
 *   Layer.provide(ThrottleStore.layerMemory), // or ThrottleStore.layerRateLimiter(…)
 *   Layer.provide(FetchHttpClient.layer),
 * )
 * ```
 */
export const throttledByStore = (
  options: ThrottleOptions,
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient | ThrottleStore> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const store = yield* ThrottleStore
      if (!Number.isSafeInteger(options.limit) || options.limit < 1) {
        return yield* Effect.dieMessage("throttled: limit must be a whole number, 1 or more")
      }
      const bucket = {
        key: options.key ?? "@effect-crdb/api-keys",
        limit: options.limit,
        window: Duration.decode(options.window),
      }
      const gate = makeGate(Infinity)
      const line = makeLine()

      // False where the gate is shut: whoever has the turn may be one that waits longer than others do.
      const takeToken = (one: Entering, note: (taken: Taken) => void): Effect.Effect<boolean> =>
        Effect.if(gate.isShut(one), {
          onTrue: () => Effect.succeed(false),
          onFalse: () =>
            Effect.flatMap(
              Effect.uninterruptible(Effect.tap(store.take(bucket), note)),
              (taken) =>
                taken._tag === "Taken"
                  ? Effect.succeed(true)
                  : Effect.zipRight(Effect.sleep(taken.retryAfter), takeToken(one, note)),
            ),
        })
      const waitForToken = (one: Entering, note: (taken: Taken) => void): Effect.Effect<void> =>
        Effect.flatMap(
          Effect.zipRight(
            gate.enter(Effect.succeed(one)),
            line.turn(takeToken(one, note), one.hadTurn),
          ),
          (isTaken) => isTaken ? Effect.void : waitForToken(one, note),
        )

      const send = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.flatMap(AttemptWait, ({ hadTurn, holdBack, renewed }) => {
          let last: Taken | undefined
          const wait = Effect.gen(function* () {
            const start = yield* currentMonotonicMillis
            const one = yield* entering(hadTurn)
            yield* timeThrottleWait(waitForToken(one, (taken) => last = taken))
            const isLate = (yield* currentMonotonicMillis) - start >= 1
            return isLate ? yield* renewed(request) : request
          })
          return holdBack(wait, client.execute).pipe(
            Effect.onExit((exit) =>
              last?._tag === "Taken" ? last.answered(Exit.isSuccess(exit)) : Effect.void
            ),
            Effect.tapBoth({
              // A client of the user's may turn a status into an error, as filterStatusOk does.
              onFailure: (error) =>
                error._tag === "ResponseError" ? hear(gate, error.response) : Effect.void,
              onSuccess: (response) => hear(gate, response),
            }),
          )
        })
      return HttpClient.makeWith<
        HttpClientError.HttpClientError,
        never,
        HttpClientError.HttpClientError,
        never
      >(Effect.flatMap(send), Effect.succeed)
    }),
  )

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
