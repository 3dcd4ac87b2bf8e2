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
import { hear } from "./atGate.ts"
import { responseOf } from "./clientErrors.ts"
import { timeThrottleWait } from "./metrics.ts"
import { type Bucket, ThrottleStore, type ThrottleStoreService } from "./ThrottleStore.ts"
import { makeTokenWait, type TakenToken } from "./tokenWait.ts"
import { makeGate } from "../waiting/gate.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"
import { longestSleep } from "../waiting/wholeMillis.ts"

/** Options of {@link throttled}. */
export interface ThrottleOptions {
  /** Requests in each window, 1 or more. The API allows each user 10 a second. */
  readonly limit: number
  /** How long a window is, from 1 millisecond to 24 days. The API's window is a second. */
  readonly window: Duration.DurationInput
  /** The name of the bucket in a store that several share; `"@effect-crdb/api-keys"` by default. */
  readonly key?: string | undefined
}

/**
 * Sends at most `limit` requests in each `window` through the HttpClient below it, first come,
 * first served. If an answer says to wait with `Retry-After`, all requests wait.
 *
 * A wait can be interrupted. It counts neither as an attempt nor toward an attempt's timeout. A
 * `limit` or `window` that makes no sense is a defect. One layer is one token bucket: build it once
 * and share it.
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
 * Like {@link throttled}, but the bucket is in a {@link ThrottleStore}, so several processes can
 * share one limit.
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
      return throttledClient(client, store, yield* bucketOf(options))
    }),
  )

const bucketOf = (options: ThrottleOptions): Effect.Effect<Bucket> => {
  const { key = "@effect-crdb/api-keys", limit } = options
  if (!Number.isSafeInteger(limit) || limit < 1) {
    return Effect.dieMessage("throttled: limit must be a whole number, 1 or more")
  }
  const window = Option.getOrElse(Duration.decodeUnknown(options.window), () => Duration.zero)
  const millis = Duration.toMillis(window)
  return millis >= 1 && millis <= longestSleep
    ? Effect.succeed({ key, limit, window })
    : Effect.dieMessage(
      'throttled: window must be a duration from "1 millis" to "24 days"',
    )
}

const throttledClient = (
  client: HttpClient.HttpClient,
  store: ThrottleStoreService,
  bucket: Bucket,
): HttpClient.HttpClient => {
  const gate = makeGate(Infinity)
  const waitForToken = makeTokenWait(store, bucket, gate)

  const send = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.flatMap(AttemptWait, ({ hadTurn, holdBack, renewed }) => {
      let token: TakenToken | undefined
      const wait = Effect.gen(function* () {
        const start = yield* currentMonotonicMillis
        yield* timeThrottleWait(waitForToken(hadTurn, (taken) => token = taken))
        const isLate = (yield* currentMonotonicMillis) - start >= 1
        return isLate ? yield* renewed(request) : request
      })
      return holdBack(wait, client.execute).pipe(
        Effect.onExit((exit) =>
          token === undefined ? Effect.void : token.answered(Exit.isSuccess(exit), isRefusal(exit))
        ),
        Effect.tap((response) => hear(gate, response)),
        // A user's client may turn a status into an error, as filterStatusOk does.
        Effect.tapError((error) => {
          const response = responseOf(error)
          return response === undefined ? Effect.void : hear(gate, response)
        }),
      )
    })
  return HttpClient.makeWith<
    HttpClientError.HttpClientError,
    never,
    HttpClientError.HttpClientError,
    never
  >(Effect.flatMap(send), Effect.succeed)
}

// The API documents the limit by its header, not by a status. The body has not been read yet.
const isRefusal = (
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>,
): boolean =>
  Exit.match(exit, {
    onFailure: (cause) =>
      Option.exists(Cause.failureOption(cause), (error) => saysToWait(responseOf(error))),
    onSuccess: saysToWait,
  })

const saysToWait = (response: HttpClientResponse.HttpClientResponse | undefined): boolean =>
  response !== undefined &&
  (response.status === 429 ||
    response.status >= 400 && response.headers["retry-after"] !== undefined)
