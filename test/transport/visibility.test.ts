import { describe, expect, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as Tracer from "effect/Tracer"
import {
  Credentials,
  credentialsFromStore,
  RetryPolicy,
  throttled,
  withRetryPolicy,
} from "../../src/mod.ts"
import { serverAttributes } from "../../src/transport/metrics.ts"
import { answers, type ApiCall, calls, callsOn, operationNames, secret } from "../everyOperation.ts"
import { asked } from "./retryTable.ts"
import { credentials, ok, scripted, type Step } from "./scripted.ts"

interface RecordedSpan {
  readonly name: string
  readonly kind: Tracer.SpanKind
  /** The name of its parent. */
  readonly within: string | undefined
  readonly attributes: Record<string, unknown>
  readonly events: Array<readonly [name: string, attributes: unknown]>
}

/** A tracer that keeps every span, in the order in which they started. */
const recordingTracer = () => {
  const spans: Array<RecordedSpan> = []
  const nameOf = (span: Tracer.AnySpan) =>
    span._tag === "Span" ? Option.some(span.name) : Option.none()
  const tracer = Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind) => {
      const within = Option.getOrUndefined(Option.flatMap(parent, nameOf))
      const recorded: RecordedSpan = { name, kind, within, attributes: {}, events: [] }
      const spanId = String(spans.push(recorded))
      return {
        _tag: "Span",
        name,
        kind,
        spanId,
        traceId: "trace",
        parent,
        context,
        links,
        sampled: true,
        status: { _tag: "Started", startTime },
        attributes: new Map(),
        end: () => {},
        attribute: (name, value) => {
          recorded.attributes[name] = value
        },
        event: (name, _startTime, attributes) => {
          recorded.events.push([name, attributes])
        },
        addLinks: () => {},
      }
    },
  })
  return { tracer, spans }
}

/** Plays a call to its end, with the longest possible waits. Returns its spans and logs. */
const watch = (call: ApiCall, ...steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const { spans, tracer } = recordingTracer()
    const logs: Array<readonly [level: string, message: unknown, annotations: object]> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      logs.push([logLevel.label, message, Object.fromEntries(HashMap.toEntries(annotations))])
    })
    const fiber = yield* call.pipe(
      Effect.either,
      Effect.provide(scripted(...steps).layer),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.Debug),
      Effect.withTracer(tracer),
      Effect.withRandom(Random.fixed([1])),
      Effect.fork,
    )
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(fiber)
    return { spans, logs }
  })

/** The state of a metric, for each set of tags. */
const metric = (name: string) =>
  Effect.map(
    Metric.snapshot,
    (pairs) =>
      pairs.filter(({ metricKey }) => metricKey.name === name).map((
        { metricKey, metricState },
      ) => ({
        tags: Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value])),
        state: metricState,
      })),
  )

/** Credentials for a server that no other test uses. */
const serverOfItsOwn = (baseUrl: string) =>
  Credentials.layerApiKey(Redacted.make(secret), { baseUrl })

const limited = { status: 429, headers: asked("7") }

const outside = Tracer.externalSpan({ spanId: "0", traceId: "0" })

describe("a span", () => {
  for (const operation of operationNames) {
    it.effect(`of ${operation} is the parent of the client's own span`, () =>
      Effect.gen(function* () {
        const { spans } = yield* watch(calls[operation], ok)
        const [outer, inner] = spans
        expect(spans.length).toBe(2)
        expect(outer).toMatchObject({ name: `ApiKeys.${operation}`, kind: "internal" })
        expect(inner).toMatchObject({ within: `ApiKeys.${operation}`, kind: "client" })
        expect(inner?.attributes["http.request.method"])
          .toBe(outer?.attributes["http.request.method"])
      }))
  }

  it.effect.each<readonly [string, (layer: Layer.Layer<Credentials>) => Layer.Layer<Credentials>]>([
    ["in no span", (layer) => layer],
    ["in another span", (layer) => Layer.withSpan(layer, "building")],
    ["in the span of a program", (layer) => layer.pipe(Layer.withParentSpan(outside))],
  ])(
    "of a token is within the call that asks for it, even if its layer was built %s",
    ([, built]) =>
      Effect.gen(function* () {
        const { spans, tracer } = recordingTracer()
        const asking = Effect.withSpan(Effect.succeed(Redacted.make(secret)), "token")
        const layers = [
          Credentials.layerApiKey(asking),
          Credentials.layerJwt({ token: asking, vanityName: "v" }),
          Layer.orDie(credentialsFromStore({ read: Effect.asSome(asking) })),
        ]
        for (const layer of layers) {
          spans.length = 0
          yield* calls.getApiKey.pipe(
            Effect.provide(Layer.merge(scripted(ok).client, built(layer))),
            Effect.withTracer(tracer),
          )
          expect(spans.findLast(({ name }) => name === "token")?.within).toBe("ApiKeys.getApiKey")
        }
      }),
  )

  it.effect("is redacted if a client writes its request onto the current span", () =>
    Effect.gen(function* () {
      const { spans, tracer } = recordingTracer()
      const annotating = HttpClient.makeWith<never, never, never, never>(
        Effect.flatMap((request) =>
          Effect.as(
            Effect.annotateCurrentSpan({
              authorization: request.headers["authorization"],
              "http.request.header.authorization": request.headers["authorization"],
            }),
            HttpClientResponse.fromWeb(request, Response.json(answers.getApiKey)),
          )
        ),
        Effect.succeed,
      )
      yield* calls.getApiKey.pipe(
        Effect.provideService(HttpClient.HttpClient, annotating),
        Effect.provide(credentials),
        Effect.withTracer(tracer),
      )
      expect(spans.map(({ name }) => name)).toEqual(["ApiKeys.getApiKey"])
      expect(spans[0]?.attributes).toMatchObject({ authorization: "Bearer <redacted>" })
      expect(spans[0]?.attributes).not.toHaveProperty("http.request.header.authorization")
    }))

  it.effect("says where its request went and how it was answered", () =>
    Effect.gen(function* () {
      const { spans: [span] } = yield* watch(calls.getApiKey, ok)
      expect(span?.attributes).toEqual({
        "http.request.method": "GET",
        "url.template": "/api/v1/api-keys/{id}",
        "server.address": "cockroachlabs.cloud",
        "server.port": 443,
        "http.response.status_code": 200,
      })
    }))

  it.effect("of a retried call has a child for each attempt, and says how many there were", () =>
    Effect.gen(function* () {
      const { spans: [outer, ...attempts] } = yield* watch(calls.createApiKey, limited, limited, ok)
      expect(attempts.map(({ attributes }) => attributes["http.response.status_code"]))
        .toEqual([429, 429, 200])
      expect(outer?.attributes).toMatchObject({
        "http.response.status_code": 200,
        "http.request.resend_count": 2,
      })
      expect(outer?.attributes).not.toHaveProperty("error.type")
    }))

  it.effect("of a failed call names the error", () =>
    Effect.gen(function* () {
      const { spans: [span] } = yield* watch(calls.getApiKey, { status: 404 })
      expect(span?.attributes).toMatchObject({
        "http.response.status_code": 404,
        "error.type": "NotFound",
      })
    }))

  it.effect("has no status if the last attempt had no answer", () =>
    Effect.gen(function* () {
      const { spans: [span] } = yield* watch(calls.getApiKey, { status: 503 }, "Hang")
      expect(span?.attributes).toMatchObject({
        "error.type": "Timeout",
        "http.request.resend_count": 4,
      })
      expect(span?.attributes).not.toHaveProperty("http.response.status_code")
    }))

  it.effect("has no status if the deadline cut off the last attempt", () =>
    Effect.gen(function* () {
      const hasty = withRetryPolicy(RetryPolicy.make({ deadline: "5 seconds" }))
      const { spans: [span] } = yield* watch(hasty(calls.getApiKey), { status: 503 }, "Hang")
      expect(span?.attributes).toMatchObject({ "error.type": "Timeout" })
      expect(span?.attributes).not.toHaveProperty("http.response.status_code")
    }))

  it.effect("is the parent of spans in a schedule and in a token's Effect", () =>
    Effect.gen(function* () {
      const spanned = (name: string) => Effect.withSpan(Effect.void, name)
      const call = calls.getApiKey.pipe(
        withRetryPolicy(RetryPolicy.make({
          schedule: Schedule.recurs(1).pipe(
            Schedule.modifyDelayEffect((_, delay) => Effect.as(spanned("schedule"), delay)),
          ),
        })),
        Effect.provide(
          Credentials.layerApiKey(Effect.as(spanned("token"), Redacted.make(secret))),
        ),
      )
      const { spans } = yield* watch(call, { status: 503 }, ok)
      // Effect 3 puts "http.client" before the method.
      const nameOf = (name: string) => name.replace("http.client ", "")
      expect(spans.map(({ name, within }) => [nameOf(name), within])).toEqual([
        ["ApiKeys.getApiKey", undefined],
        ["token", "ApiKeys.getApiKey"],
        ["GET", "ApiKeys.getApiKey"],
        ["schedule", "ApiKeys.getApiKey"],
        ["token", "ApiKeys.getApiKey"],
        ["GET", "ApiKeys.getApiKey"],
      ])
    }))

  it.effect("of a call that is refused before sending has no server and no attempt", () =>
    Effect.gen(function* () {
      const empty = callsOn({ id: "", serviceAccountId: "" })
      const { spans } = yield* watch(empty.getApiKey, ok)
      expect(spans.map(({ attributes }) => attributes)).toEqual([{
        "http.request.method": "GET",
        "url.template": "/api/v1/api-keys/{id}",
        "error.type": "InvalidRequest",
      }])
    }))
})

describe("a retry", () => {
  const details = {
    "error.type": "RateLimited",
    "http.response.status_code": 429,
    "http.request.resend_count": 1,
    wait: "7s",
  }

  it.effect("is an event of the operation's span, with its reason and its wait", () =>
    Effect.gen(function* () {
      const { spans: [outer, ...attempts] } = yield* watch(calls.createApiKey, limited, ok)
      // Effect also adds each log as an event.
      expect(outer?.events.filter(([name]) => name === "retry")).toEqual([["retry", details]])
      expect(attempts.flatMap(({ events }) => events)).toEqual([])
    }))

  it.effect("is logged at level Debug, with its reason and its wait", () =>
    Effect.gen(function* () {
      const { logs } = yield* watch(calls.createApiKey, limited, ok)
      expect(logs).toEqual([["DEBUG", ["createApiKey is sent again"], details]])
    }))

  it.effect("after a lost connection has no status, and waits as long as the backoff", () =>
    Effect.gen(function* () {
      const { logs } = yield* watch(calls.getApiKey, "Connection", "Connection", ok)
      expect(logs.map(([, , details]) => details)).toStrictEqual([
        { "error.type": "Connection", "http.request.resend_count": 1, wait: "250ms" },
        { "error.type": "Connection", "http.request.resend_count": 2, wait: "500ms" },
      ])
    }))

  it.effect("that is not made adds no event and no log", () =>
    Effect.gen(function* () {
      const { logs, spans } = yield* watch(calls.createApiKey, { status: 503 })
      expect([logs, spans.flatMap(({ events }) => events)]).toEqual([[], []])
    }))
})

describe("the metric", () => {
  it.effect("http.client.request.duration measures every request, by operation and outcome", () =>
    Effect.gen(function* () {
      const here = serverOfItsOwn("http://127.0.0.1:8081")
      const slow = { ...ok, afterMillis: 300 }
      yield* watch(
        Effect.provide(calls.getApiKey, here),
        { status: 503 },
        "Hang",
        "Connection",
        slow,
      )
      yield* watch(Effect.provide(calls.deleteApiKey, here), { status: 200, body: "[]" })
      const measured = (yield* metric("http.client.request.duration"))
        .filter(({ tags }) => tags["server.port"] === "8081")
      const get = {
        operation: "getApiKey",
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": "8081",
        unit: "s",
      }
      const expected = [
        [{ ...get, "http.response.status_code": "503", "error.type": "ServerError" }, 0],
        [{ ...get, "error.type": "Timeout" }, 30],
        [{ ...get, "error.type": "Connection" }, 0],
        [{ ...get, "http.response.status_code": "200" }, 0.3],
        [{
          ...get,
          operation: "deleteApiKey",
          "http.request.method": "DELETE",
          "http.response.status_code": "200",
          "error.type": "UnexpectedResponse",
        }, 0],
      ]
      expect(measured).toEqual(expect.arrayContaining(
        expected.map(([tags, sum]) => ({
          tags,
          state: expect.objectContaining({ count: 1, sum }),
        })),
      ))
      expect(measured.length).toBe(expected.length)
    }))

  it.effect("http.client.request.duration leaves out interrupted requests", () =>
    Effect.gen(function* () {
      const { client, sent } = scripted("Hang")
      const here = Layer.merge(client, serverOfItsOwn("http://127.0.0.1:8082"))
      const fiber = yield* Effect.fork(Effect.provide(calls.getApiKey, here))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      expect(sent.length).toBe(1)
      const measured = (yield* metric("http.client.request.duration"))
        .filter(({ tags }) => tags["server.port"] === "8082")
      expect(measured).toEqual([])
    }))

  it.effect("crdb.api_keys.retries counts retries, by operation and reason", () =>
    Effect.gen(function* () {
      const countOf = (operation: string, reason: string) =>
        Effect.map(
          metric("crdb.api_keys.retries"),
          (found) =>
            found.filter(({ tags }) =>
              tags["operation"] === operation && tags["error.type"] === reason
            )
              .map(({ state }) => state),
        )
      const before = yield* countOf("updateApiKey", "ServerError")
      expect(before).toEqual([])
      yield* watch(calls.updateApiKey, { status: 503 }, { status: 502 }, limited, ok)
      expect(yield* countOf("updateApiKey", "ServerError")).toMatchObject([{ count: 2 }])
      expect(yield* countOf("updateApiKey", "RateLimited")).toMatchObject([{ count: 1 }])
    }))

  it.effect("crdb.api_keys.throttle.wait measures how long the throttle held requests back", () =>
    Effect.gen(function* () {
      const oneASecond = Layer.provide(
        throttled({ limit: 1, window: "1 second" }),
        scripted(ok).client,
      )
      const twice = Effect.provide(Effect.zipRight(calls.getApiKey, calls.getApiKey), oneASecond)
      yield* TestClock.adjust("1 minute")
      yield* watch(twice, ok)
      expect(yield* metric("crdb.api_keys.throttle.wait")).toMatchObject([
        { tags: { unit: "s" }, state: { count: 2, sum: 1 } },
      ])
    }))

  it.effect("of each kind has a description, and those of times have OpenTelemetry's buckets", () =>
    Effect.gen(function* () {
      const throttledCall = Effect.provide(
        calls.getApiKey,
        Layer.provide(throttled({ limit: 1, window: "1 second" }), scripted(limited, ok).client),
      )
      yield* watch(throttledCall, ok)
      const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
      const kinds = new Map(
        (yield* Metric.snapshot).map(({ metricKey }) => [metricKey.name, metricKey]),
      )
      const descriptions = {
        "http.client.request.duration":
          "Seconds from a request's sending to the last byte of its answer",
        "crdb.api_keys.retries": "Requests that are sent again",
        "crdb.api_keys.throttle.wait": "Seconds that a request waited for the throttle",
      }
      for (const [name, description] of Object.entries(descriptions)) {
        expect(kinds.get(name)?.description).toEqual(Option.some(description))
      }
      for (const name of ["http.client.request.duration", "crdb.api_keys.throttle.wait"]) {
        // The last bucket is for all longer times.
        expect(kinds.get(name)?.keyType).toMatchObject({
          boundaries: { values: [...seconds, Infinity] },
        })
      }
      expect(kinds.get("crdb.api_keys.retries")?.keyType).toMatchObject({ incremental: true })
    }))
})

describe("a URL's server attributes", () => {
  it.each([
    ["https://api.example/path", "api.example", 443],
    ["http://localhost", "localhost", 80],
    ["https://api.example:8443", "api.example", 8443],
    ["http://127.0.0.1:8080", "127.0.0.1", 8080],
  ])("of %s are %s and %i", (url, address, port) => {
    expect(serverAttributes(new URL(url))).toEqual({
      "server.address": address,
      "server.port": port,
    })
  })
})
