/**
 * Measures each request, each retry and each wait for the throttle, with Effect's Metric.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { ApiKeyError } from "../ApiKeyError.ts"
import type { OperationFacts } from "../operation.ts"
import { currentMonotonicMillis } from "../waiting/monotonic.ts"
import { counter, histogram } from "./instruments.ts"

// The boundaries that OpenTelemetry's HTTP conventions recommend, in seconds.
const seconds = [
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
]

// Finding a metric by its attributes costs more than measuring, and there are few combinations.
// This is no state of the module: Effect itself keeps each metric under its name and attributes.
const memoize = <Of extends ReadonlyArray<string | number | undefined>, Metric>(
  make: (...of: Of) => Metric,
): (...of: Of) => Metric => {
  const made = new Map<string, Metric>()
  return (...of) => {
    const id = of.join(" ")
    const metric = made.get(id) ?? make(...of)
    made.set(id, metric)
    return metric
  }
}

// `@effect/opentelemetry` looks for a metric's unit in this attribute.
const unit = { unit: "s" }

const requestDuration = memoize((
  operation: string,
  method: string,
  address: string,
  port: number,
  status: number | undefined,
  error: string | undefined,
) =>
  histogram(
    "http.client.request.duration",
    "Seconds from a request's sending to the last byte of its answer",
    seconds,
    {
      operation,
      "http.request.method": method,
      "server.address": address,
      "server.port": String(port),
      ...(status === undefined ? {} : { "http.response.status_code": String(status) }),
      ...(error === undefined ? {} : { "error.type": error }),
      ...unit,
    },
  )
)

const retries = memoize((operation: string, error: string) =>
  counter("crdb.api_keys.retries", "Requests that are sent again", {
    operation,
    "error.type": error,
  })
)

const throttleWait = histogram(
  "crdb.api_keys.throttle.wait",
  "Seconds that a request waited for the throttle",
  seconds,
  unit,
)

/** The server of a request, by OpenTelemetry's names. */
export interface ServerAttributes {
  readonly "server.address": string
  readonly "server.port": number
}

/** Reads the server from a URL. */
export const serverAttributes = ({ hostname, port, protocol }: URL): ServerAttributes => ({
  "server.address": hostname,
  "server.port": port === "" ? protocol === "http:" ? 80 : 443 : Number(port),
})

/** The name of an error in spans, logs and metrics. */
export const errorType = (error: ApiKeyError): string =>
  error._tag === "TransportError" ? error.reason : error._tag

/** Measures one request, by the status of its answer and by its error. */
export const recordRequest = (
  { method, name }: OperationFacts,
  server: ServerAttributes,
  status: number | undefined,
  error: ApiKeyError | undefined,
  millis: number,
): Effect.Effect<void> =>
  Metric.update(
    requestDuration(
      name,
      method,
      server["server.address"],
      server["server.port"],
      status,
      error && errorType(error),
    ),
    millis / 1000,
  )

/** Counts a retry, by the error before it. */
export const recordRetry = ({ name }: OperationFacts, error: ApiKeyError): Effect.Effect<void> =>
  Metric.update(retries(name, errorType(error)), 1)

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
