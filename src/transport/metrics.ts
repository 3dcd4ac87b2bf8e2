/**
 * What is measured, through Effect's Metric: each request, each retry, and the wait for the throttle.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { OperationFacts } from "../operation.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"

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

type Attributes = Readonly<Record<string, string>>

// To find a metric by its attributes costs more than to measure, and the sets of them are few. What is
// kept is no state of the module's: Effect keeps each metric under its name and attributes.
const byAttributes = <Metric>(
  make: (labels: ReadonlyArray<MetricLabel.MetricLabel>) => Metric,
): (attributes: Attributes) => Metric => {
  const made = new Map<string, Metric>()
  return (attributes) => {
    const id = JSON.stringify(attributes)
    const metric = made.get(id) ??
      make(Object.entries(attributes).map(([name, value]) => MetricLabel.make(name, value)))
    made.set(id, metric)
    return metric
  }
}

// An attribute is where `@effect/opentelemetry` looks for a metric's unit.
const unit = { unit: "s" }

const requestDuration = byAttributes((labels) =>
  Metric.fromMetricKey(MetricKey.taggedWithLabels(
    MetricKey.histogram(
      "http.client.request.duration",
      seconds,
      "Seconds from a request's sending to the last byte of its answer",
    ),
    labels,
  ))
)

const retries = byAttributes((labels) =>
  Metric.fromMetricKey(MetricKey.taggedWithLabels(
    MetricKey.counter("crdb.api_keys.retries", {
      description: "Requests that are sent again",
      incremental: true,
    }),
    labels,
  ))
)

const throttleWait = Metric.histogram(
  "crdb.api_keys.throttle.wait",
  seconds,
  "Seconds that a request waited for the throttle",
).pipe(Metric.tagged("unit", unit.unit))

/** Where a request goes, by OpenTelemetry's names. */
export interface ServerAttributes {
  readonly "server.address": string
  readonly "server.port": number
}

/** Reads them from a URL. */
export const serverAttributes = (url: string): ServerAttributes => {
  const { hostname, port, protocol } = new URL(url)
  return {
    "server.address": hostname,
    "server.port": port === "" ? protocol === "http:" ? 80 : 443 : Number(port),
  }
}

/** What an error is called in spans, logs and metrics. */
export const errorType = (error: ApiKeyError): string =>
  error._tag === "TransportError" ? error.reason : error._tag

/** Measures one request, by the status of its answer and by the error that it ends in. */
export const recordRequest = (
  { method, name }: OperationFacts,
  server: ServerAttributes,
  status: number | undefined,
  error: ApiKeyError | undefined,
  millis: number,
): Effect.Effect<void> =>
  Metric.update(
    requestDuration({
      operation: name,
      "http.request.method": method,
      "server.address": server["server.address"],
      "server.port": String(server["server.port"]),
      ...(status === undefined ? {} : { "http.response.status_code": String(status) }),
      ...(error === undefined ? {} : { "error.type": errorType(error) }),
      ...unit,
    }),
    millis / 1000,
  )

/** Counts a retry, by the error that it follows. */
export const recordRetry = ({ name }: OperationFacts, error: ApiKeyError): Effect.Effect<void> =>
  Metric.update(retries({ operation: name, "error.type": errorType(error) }), 1)

/** Measures a wait for the throttle, however it ends. */
export const timeThrottleWait = <A, E, R>(
  wait: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.flatMap(currentMonotonicMillis, (start) =>
    Effect.ensuring(
      wait,
      Effect.flatMap(
        currentMonotonicMillis,
        (end) => Metric.update(throttleWait, (end - start) / 1000),
      ),
    ))
