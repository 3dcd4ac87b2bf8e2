/**
 * What is measured, through Effect's Metric: each request, each retry, and the wait for the throttle.
 *
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import type { Operation } from "../ApiKeyError.ts"
import { operations } from "./operation.ts"

// The boundaries that OpenTelemetry's HTTP conventions recommend, in seconds.
const seconds = MetricBoundaries.fromIterable([
  0.005,
  0.01,
  0.025,
  0.05,
  0.075,
  0.1,
  0.25,
  0.5,
  0.75,
  1,
  2.5,
  5,
  7.5,
  10,
])

const requestDuration = Metric.histogram(
  "http.client.request.duration",
  seconds,
  "Seconds from a request's sending to the last byte of its answer",
)

const retries = Metric.counter("crdb.api_keys.retries", {
  description: "Requests that are sent again",
  incremental: true,
})

const throttleWait = Metric.histogram(
  "crdb.api_keys.throttle.wait",
  seconds,
  "Seconds that a request waited for the throttle",
)

/** Measures one request; `outcome` is its status, or why it has none. */
export const recordRequest = (
  operation: Operation,
  outcome: number | "Connection" | "Timeout",
  millis: number,
): Effect.Effect<void> =>
  Metric.update(
    Metric.taggedWithLabels(requestDuration, [
      MetricLabel.make("operation", operation),
      MetricLabel.make("http.request.method", operations[operation].method),
      typeof outcome === "number"
        ? MetricLabel.make("http.response.status_code", String(outcome))
        : MetricLabel.make("error.type", outcome),
    ]),
    millis / 1000,
  )

/** Counts a retry, by the tag of the error that it follows. */
export const recordRetry = (operation: Operation, reason: string): Effect.Effect<void> =>
  Metric.update(
    Metric.taggedWithLabels(retries, [
      MetricLabel.make("operation", operation),
      MetricLabel.make("error.type", reason),
    ]),
    1,
  )

/** Measures a wait for the throttle, however it ends. */
export const timeThrottleWait = <A, E, R>(
  wait: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (start) =>
    Effect.ensuring(
      wait,
      Effect.flatMap(
        Clock.currentTimeMillis,
        (end) => Metric.update(throttleWait, (end - start) / 1000),
      ),
    ))
