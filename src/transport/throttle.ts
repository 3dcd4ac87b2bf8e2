/**
 * Sends no faster than the API allows.
 *
 * @module
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { AttemptWait } from "./AttemptWait.ts"
import { entering, hear } from "./atGate.ts"
import { type Entering, makeGate } from "../waiting/gate.ts"
import { makeLine } from "../waiting/line.ts"
import { timeThrottleWait } from "./metrics.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"
import { type Taken, ThrottleStore } from "./ThrottleStore.ts"
import { wholeMillis } from "../waiting/wholeMillis.ts"

/** Options of {@link throttled}. */
export interface ThrottleOptions {
  /** Requests in each window, 1 or more; the API allows 10 a second to each user. */
  readonly limit: number
  /** How long a window is; the API's is a second. */
  readonly window: Duration.DurationInput
  /** Names the bucket in a store that several share; `"@effect-crdb/api-keys"` by default. */
  readonly key?: string | undefined
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
      const window = Duration.decodeUnknown(options.window)
      if (
        Option.isNone(window) || !Duration.isFinite(window.value) ||
        Duration.lessThan(window.value, Duration.millis(1))
      ) {
        return yield* Effect.dieMessage(
          'throttled: window must be a duration of a millisecond or more, like "1 second"',
        )
      }
      const bucket = {
        key: options.key ?? "@effect-crdb/api-keys",
        limit: options.limit,
        window: window.value,
      }
      const gate = makeGate(Infinity)
      const line = makeLine()

      // False where the gate is shut: whoever has the turn may be one that waits longer than others do.
      const takeToken = (
        one: Effect.Effect<Entering>,
        note: (taken: Taken) => void,
      ): Effect.Effect<boolean> =>
        Effect.if(Effect.flatMap(one, gate.isShut), {
          onTrue: () => Effect.succeed(false),
          onFalse: () =>
            Effect.flatMap(
              Effect.uninterruptible(Effect.tap(store.take(bucket), note)),
              (taken) =>
                taken._tag === "Taken" ? Effect.succeed(true) : Effect.zipRight(
                  Effect.sleep(wholeMillis(taken.retryAfter)),
                  takeToken(one, note),
                ),
            ),
        })
      // Only the time at the gate counts as waiting for it: the line for a token is another one.
      const waitForToken = (
        hadTurn: boolean,
        note: (taken: Taken) => void,
        waited = 0,
      ): Effect.Effect<void> =>
        Effect.gen(function* () {
          const start = yield* currentMonotonicMillis
          yield* gate.enter(entering(hadTurn, waited))
          const soFar = waited + (yield* currentMonotonicMillis) - start
          const one = entering(hadTurn, soFar)
          const isTaken = yield* line.turn(takeToken(one, note), hadTurn)
          if (!isTaken) yield* waitForToken(hadTurn, note, soFar)
        })

      const send = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.flatMap(AttemptWait, ({ hadTurn, holdBack, renewed }) => {
          let last: Taken | undefined
          const wait = Effect.gen(function* () {
            const start = yield* currentMonotonicMillis
            yield* timeThrottleWait(waitForToken(hadTurn, (taken) => last = taken))
            const isLate = (yield* currentMonotonicMillis) - start >= 1
            return isLate ? yield* renewed(request) : request
          })
          return holdBack(wait, client.execute).pipe(
            Effect.onExit((exit) =>
              last?._tag === "Taken"
                ? last.answered(Exit.isSuccess(exit), isRefusal(exit))
                : Effect.void
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

// Whatever its status, as the API documents its limit; of its message, nothing is read here.
const isRefusal = (
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>,
): boolean =>
  Exit.match(exit, {
    onFailure: (cause) =>
      Option.exists(
        Cause.failureOption(cause),
        (error) => error._tag === "ResponseError" && saysToWait(error.response),
      ),
    onSuccess: saysToWait,
  })

const saysToWait = ({ headers, status }: HttpClientResponse.HttpClientResponse): boolean =>
  status === 429 || status >= 400 && headers["retry-after"] !== undefined
