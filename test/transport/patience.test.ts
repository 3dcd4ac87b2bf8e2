import { describe, expect, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import {
  type ApiKeyError,
  createApiKey,
  Credentials,
  getApiKey,
  listApiKeys,
  RetryPolicy,
  type RetryPolicyService,
  throttled,
  withRetryPolicy,
} from "../../src/mod.ts"
import { answers, apiKey, id, serviceAccountId } from "../everyOperation.ts"
import { json } from "../recordingClient.ts"
import { credentials, ok, scripted } from "./scripted.ts"

const tenASecond = throttled({ limit: 10, window: "1 second" })
const get = getApiKey(id)
const createOne = createApiKey({ name: "n", serviceAccountId: serviceAccountId })

/** Credentials with a token that expires after `goodForMillis`, and a server that checks it. */
const aging = (goodForMillis: number, takesMillis = 0) => {
  let asked = 0
  const token = Effect.gen(function* () {
    asked++
    yield* Effect.sleep(takesMillis)
    return Redacted.make(`token-of-${yield* Clock.currentTimeMillis}`)
  })
  const statuses: Array<number> = []
  const answer = (first: ReadonlyArray<Response>) => {
    const queue = [...first]
    return HttpClient.make((request) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const madeAt = Number(request.headers["authorization"]?.split("-").at(-1))
        const response = queue.shift() ??
          (now - madeAt <= goodForMillis
            ? json(answers.getApiKey)
            : json({ message: "too old" }, { status: 401 }))
        statuses.push(response.status)
        return HttpClientResponse.fromWeb(request, response)
      })
    )
  }
  return {
    asked: () => asked,
    statuses,
    layer: (
      client: Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>,
      ...first: ReadonlyArray<Response>
    ) =>
      Layer.merge(
        Layer.provide(client, Layer.sync(HttpClient.HttpClient, () => answer(first))),
        Credentials.layerApiKey(token),
      ),
  }
}

const unthrottled = Layer.effect(HttpClient.HttpClient, HttpClient.HttpClient)

describe("a short-lived token", () => {
  it.effect.each(
    [
      ["at the throttle", tenASecond, []],
      ["behind an answer that says to wait", unthrottled, [
        () => json({}, { status: 429, headers: { "retry-after": "2" } }),
      ]],
      ["at the throttle behind an answer that says to wait", tenASecond, [
        () => json({}, { status: 429, headers: { "retry-after": "2" } }),
      ]],
    ] as const,
  )(
    "of a request that waits %s is asked for when the request is about to go",
    ([, client, first]) =>
      Effect.gen(function* () {
        const { layer, statuses } = aging(1000)
        const calls = Effect.replicateEffect(get, 100, { concurrency: "unbounded", discard: true })
        const fiber = yield* calls.pipe(
          Effect.provide(layer(client, ...first.map((make) => make()))),
          Effect.fork,
        )
        yield* TestClock.adjust("1 hour")
        expect(Exit.isSuccess(yield* Fiber.await(fiber))).toBe(true)
        expect(statuses.filter((status) => status === 401)).toEqual([])
        expect(statuses.length).toBe(100 + first.length)
      }),
  )

  it.effect("of a request that does not wait is asked for once", () =>
    Effect.gen(function* () {
      const { asked, layer } = aging(1000)
      yield* Effect.provide(get, layer(tenASecond))
      expect(asked()).toBe(1)
    }))

  it.effect("is hidden in errors, and so is the one before it", () =>
    Effect.gen(function* () {
      let asked = 0
      const token = Effect.sync(() => Redacted.make(`${"ab"[asked++ % 2]}-secret-token-in-use`))
      const client = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(
          request,
          json({ message: "a-secret-token-in-use b-secret-token-in-use" }, { status: 404 }),
        ))
      )
      const fail = Effect.replicateEffect(Effect.flip(get), 11, { concurrency: 11 })
      const fiber = yield* fail.pipe(
        Effect.provide(Layer.provide(tenASecond, Layer.succeed(HttpClient.HttpClient, client))),
        Effect.provide(Credentials.layerApiKey(token)),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      const errors = yield* Fiber.join(fiber)
      expect(errors.at(-1)?.message).toContain("(HTTP 404: <redacted> <redacted>)")
    }))

  it.effect("that fits into no header leaves the request with the one before it", () =>
    Effect.gen(function* () {
      let asked = 0
      const token = Effect.sync(() => Redacted.make(++asked > 11 ? "no\nheader" : "good"))
      const script = scripted(ok)
      const fiber = yield* Effect.replicateEffect(get, 11, { concurrency: 11 }).pipe(
        Effect.provide(Layer.provide(tenASecond, script.client)),
        Effect.provide(Credentials.layerApiKey(token)),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(script.sent.at(-1)?.request.headers["authorization"]).toBe("Bearer good")
    }))
})

describe("a renewal after a 401", () => {
  it.effect("keeps its place in the line", () =>
    Effect.gen(function* () {
      const { layer, statuses } = aging(1000)
      const order: Array<string> = []
      const named = (name: string) => Effect.tap(get, () => Effect.sync(() => order.push(name)))
      const refusal = json({ message: "revoked" }, { status: 401 })
      const fiber = yield* Effect.gen(function* () {
        const first = yield* Effect.fork(named("first"))
        const others = yield* Effect.fork(
          Effect.forEach(Array.from({ length: 40 }, (_, i) => `other ${i}`), named, {
            concurrency: "unbounded",
          }),
        )
        yield* Fiber.join(first)
        yield* Fiber.join(others)
      }).pipe(Effect.provide(layer(tenASecond, refusal)), Effect.fork)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      expect(statuses[0]).toBe(401)
      expect(order.indexOf("first")).toBeLessThanOrEqual(10)
    }))
})

describe("a call with a policy", () => {
  const anHour = RetryPolicy.make({ maxRetryAfter: "2 hours" })
  const refusal = { status: 429, headers: { "retry-after": "3600" } } as const
  const ways = { "a gate": unthrottled, "a throttle": tenASecond }
  const policies = {
    "that waits at most a minute": RetryPolicy.make(),
    "that retries nothing": RetryPolicy.none,
  }
  for (const [where, client] of Object.entries(ways)) {
    for (const [which, policy] of Object.entries(policies)) {
      it.effect(`${which} does not wait at ${where} behind a call that waits an hour`, () =>
        Effect.gen(function* () {
          const script = scripted(refusal, ok)
          const ended = yield* Effect.gen(function* () {
            yield* Effect.fork(
              withRetryPolicy(anHour)(Effect.replicateEffect(get, 3, {
                concurrency: 3,
              })),
            )
            yield* TestClock.adjust("1 second")
            yield* Effect.fork(withRetryPolicy(anHour)(get))
            yield* TestClock.adjust("1 second")
            const fiber = yield* Effect.fork(withRetryPolicy(policy)(get))
            yield* TestClock.adjust("1 second")
            return yield* Fiber.poll(fiber)
          }).pipe(Effect.provide(Layer.merge(Layer.provide(client, script.client), credentials)))
          expect(ended._tag).toBe("Some")
        }))
    }
  }
})

it.effect("a call does not wait in the throttle's line behind one that waits an hour at the gate", () =>
  Effect.gen(function* () {
    const anHour = withRetryPolicy(RetryPolicy.make({ maxRetryAfter: "2 hours" }))
    const refusal = { status: 429, headers: { "retry-after": "3600" }, afterMillis: 500 }
    const script = scripted(refusal, ok)
    const one = throttled({ limit: 1, window: "1 second" })
    // Each call has Credentials of its own, so that the calls share only the throttle.
    const call = Effect.provide(get, credentials)
    const ended = yield* Effect.gen(function* () {
      yield* Effect.fork(anHour(call))
      yield* TestClock.adjust(0)
      yield* Effect.fork(anHour(call))
      yield* TestClock.adjust(0)
      const fiber = yield* Effect.fork(call)
      yield* TestClock.adjust("10 seconds")
      return yield* Fiber.poll(fiber)
    }).pipe(Effect.provide(Layer.provide(one, script.client)))
    expect(ended._tag).toBe("Some")
  }))

it.effect("a gate holds back a call even if its wait at the throttle has used up its patience", () =>
  Effect.gen(function* () {
    let sentWhileShut = 0
    let isShut = false
    const client = HttpClient.make((request) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const isRefused = now >= 70_000 && now < 75_000
        if (isShut && now < 75_000) sentWhileShut++
        isShut ||= isRefused
        return HttpClientResponse.fromWeb(
          request,
          isRefused
            ? json({}, { status: 429, headers: { "retry-after": "5" } })
            : json(answers.getApiKey),
        )
      })
    )
    const fiber = yield* Effect.replicateEffect(
      Effect.either(withRetryPolicy(RetryPolicy.none)(get)),
      900,
      {
        concurrency: "unbounded",
        discard: true,
      },
    ).pipe(
      Effect.provide(Layer.provide(tenASecond, Layer.succeed(HttpClient.HttpClient, client))),
      Effect.provide(credentials),
      Effect.fork,
    )
    yield* TestClock.adjust("5 minutes")
    yield* Fiber.join(fiber)
    // These left together with the refused one.
    expect(sentWhileShut).toBeLessThanOrEqual(10)
  }))

it.effect("a deadline bounds the wait in a long line behind an open gate, and maxRetryAfter does not", () =>
  Effect.gen(function* () {
    const { layer, sent } = scripted({ status: 429, headers: { "retry-after": "50" } }, ok)
    const queue = (policy: RetryPolicyService) =>
      Effect.fork(
        Effect.replicateEffect(Effect.timed(Effect.either(withRetryPolicy(policy)(get))), 150, {
          concurrency: "unbounded",
        }),
      )
    const [patient, hasty] = yield* Effect.gen(function* () {
      yield* Effect.fork(get)
      yield* TestClock.adjust("1 second")
      const patient = yield* queue(RetryPolicy.make({ maxRetryAfter: "50 seconds" }))
      yield* TestClock.adjust("1 second")
      const hasty = yield* queue(
        RetryPolicy.make({ maxRetryAfter: "50 seconds", deadline: "55 seconds" }),
      )
      yield* TestClock.adjust("10 minutes")
      return [yield* Fiber.join(patient), yield* Fiber.join(hasty)] as const
    }).pipe(Effect.provide(layer))
    const longest = (ends: typeof patient) =>
      Math.max(...ends.map(([took]) => Duration.toSeconds(took)))
    expect(patient.every(([, outcome]) => Either.isRight(outcome))).toBe(true)
    expect(longest(patient)).toBeGreaterThan(60)
    expect(longest(hasty)).toBe(55)
    const late = hasty.filter(([, outcome]) => Either.isLeft(outcome))
    expect(late[0]?.[1]).toMatchObject(Either.left({ reason: "Timeout", attempts: 0 }))
    expect(sent.length).toBe(302 - late.length)
  }))

describe("a wait", () => {
  const early = Stream.runDrain(Stream.take(listApiKeys({ prefetch: 2 }), 1))
  const pages = scripted({
    status: 200,
    body: JSON.stringify({ api_keys: [apiKey], pagination: { next_page: "n" } }),
  }, {
    status: 200,
    body: JSON.stringify({ api_keys: [apiKey], pagination: { next_page: "o" } }),
  }, {
    status: 200,
    body: JSON.stringify({ api_keys: [apiKey], pagination: { next_page: "p" } }),
  }, ok)
  it.effect.each<
    readonly [string, Effect.Effect<void, ApiKeyError, HttpClient.HttpClient | Credentials>]
  >([
    ["in an uninterruptible region", Effect.uninterruptible(early)],
    [
      "while a resource is acquired",
      Effect.scoped(Effect.acquireRelease(early, () => Effect.void)),
    ],
    ["in a finalizer", Effect.ensuring(Effect.void, Effect.orDie(early))],
    [
      "in a finalizer of an interrupted fiber",
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.ensuring(Effect.never, Effect.orDie(early)))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
      }),
    ],
  ])("of a prefetching walk ends with the walk %s", ([, walk]) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.provide(walk, pages.layer))
      yield* TestClock.adjust("1 minute")
      expect((yield* Fiber.poll(fiber))._tag).toBe("Some")
    }))

  it.effect.each([["gate", unthrottled], ["throttle", tenASecond]] as const)(
    "at a %s in an interrupted fiber's finalizer ends, and the request goes out",
    ([, client]) =>
      Effect.gen(function* () {
        const script = scripted({ status: 429, headers: { "retry-after": "5" } }, ok)
        const fiber = yield* Effect.gen(function* () {
          yield* Effect.fork(get)
          yield* TestClock.adjust("1 second")
          const fiber = yield* Effect.fork(Effect.ensuring(Effect.never, Effect.orDie(get)))
          yield* Effect.yieldNow()
          yield* Effect.fork(Fiber.interrupt(fiber))
          yield* TestClock.adjust("1 minute")
          return fiber
        }).pipe(Effect.provide(Layer.merge(Layer.provide(client, script.client), credentials)))
        expect((yield* Fiber.poll(fiber))._tag).toBe("Some")
        // The third is the finalizer's.
        expect(script.sent.length).toBe(3)
      }),
  )

  it.effect("of a client that sends two requests at once over the throttle ends with the attempt", () =>
    Effect.gen(function* () {
      const hedging = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(
          HttpClient.HttpClient,
          HttpClient.transform((send) => Effect.race(send, Effect.delay(send, "1 second"))),
        ),
      )
      const one = throttled({ limit: 1, window: "1 hour" })
      const script = scripted("Hang")
      const fiber = yield* withRetryPolicy(RetryPolicy.none)(get).pipe(
        Effect.flip,
        Effect.provide(hedging.pipe(Layer.provide(one), Layer.provide(script.client))),
        Effect.provide(credentials),
        Effect.fork,
      )
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(fiber)).toMatchObject({ reason: "Timeout", attempts: 1 })
    }))
})

describe("a client that interrupts itself", () => {
  it.effect.each(["getApiKey", "createApiKey"] as const)(
    "ends %s with a TransportError",
    (name) =>
      Effect.gen(function* () {
        const client = HttpClient.make(() => Effect.interrupt)
        const error = yield* Effect.flip(
          withRetryPolicy(RetryPolicy.none)(
            name === "getApiKey" ? Effect.asVoid(get) : Effect.asVoid(createOne),
          ).pipe(
            Effect.provideService(HttpClient.HttpClient, client),
            Effect.provide(credentials),
          ),
        )
        expect(error).toMatchObject({
          _tag: "TransportError",
          reason: "Connection",
          mayHaveApplied: name === "createApiKey",
          message: expect.stringContaining("the HttpClient beneath interrupted itself"),
        })
      }),
  )
})
