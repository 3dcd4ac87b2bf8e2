import { describe, expect, it } from "@effect/vitest"
import {
  createApiKey,
  MaxResponseBytes,
  RetryPolicy,
  updateApiKey,
  withRetryPolicy,
} from "@effect-crdb/api-keys"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import {
  answers,
  type ApiCall,
  calls,
  everyOperation,
  id,
  operationNames,
  serviceAccountId,
} from "../everyOperation.ts"
import { anyone, json } from "../recordingClient.ts"

type Wrap = (client: HttpClient.HttpClient) => HttpClient.HttpClient

const create = createApiKey({ name: "n", serviceAccountId })

/** A call through `FetchHttpClient` in `wrap`, over a fetch that gives the answers in turn. */
const play = (
  call: ApiCall,
  wrap: Wrap,
  ...answer: ReadonlyArray<() => Response | Promise<Response>>
) =>
  Effect.gen(function* () {
    const urls: Array<string> = []
    const fetch: typeof globalThis.fetch = (url) => {
      urls.push(String(url))
      const next = answer[Math.min(urls.length, answer.length) - 1]
      return new Promise((resolve) => resolve(next?.() ?? json({})))
    }
    const client = FetchHttpClient.layer.pipe(
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)),
    )
    const fiber = yield* call.pipe(
      withRetryPolicy(RetryPolicy.none),
      Effect.updateService(HttpClient.HttpClient, wrap),
      Effect.provide(Layer.merge(client, anyone)),
      Effect.either,
      Effect.fork,
    )
    // The promises of the answers must settle before the clock moves.
    for (let i = 0; i < 20; i++) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust("1 second")
    }
    return { result: yield* Fiber.join(fiber), urls }
  })

const status = (status: number, headers: Record<string, string> = {}) => () =>
  new Response("{}", { status, headers })

const transient: Wrap = HttpClient.retryTransient({ times: 3 })
const untraced: Wrap = HttpClient.withTracerDisabledWhen(() => true)

/** A new client around another one, as users make them. */
const around = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.make((request) => client.execute(request))
/** A client that follows a redirect, and leaves the token out. */
const careful = (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  HttpClient.transform(
    client,
    (answer, request) =>
      Effect.flatMap(answer, ({ headers }) =>
        client.execute(request.pipe(
          HttpClientRequest.setUrl(headers["location"] ?? ""),
          HttpClientRequest.setHeader("authorization", ""),
        ))),
  )
const picky: Wrap = HttpClient.withTracerDisabledWhen(({ url }) => url.endsWith("/health"))

describe("a create", () => {
  it.effect.each<readonly [string, Wrap, number]>([
    ["repeats transient failures", transient, 503],
    ["repeats forever", HttpClient.retryTransient({}), 503],
    [
      "repeats any failed status",
      (client) => HttpClient.retry(HttpClient.filterStatusOk(client), { times: 3 }),
      501,
    ],
    ["repeats, with its spans turned off", (client) => untraced(transient(client)), 503],
    [
      "repeats around one with its spans turned off",
      (client) => transient(untraced(client)),
      503,
    ],
    [
      "wraps one that repeats",
      (client) => around(HttpClient.retryTransient(client, { times: 3 })),
      503,
    ],
    [
      "repeats around two other clients",
      (client) => transient(around(around(client))),
      503,
    ],
    ["repeats, and decides which requests are traced", (client) => picky(transient(client)), 503],
    ["sends two requests at once", HttpClient.transform((send) => Effect.race(send, send)), 500],
    [
      "sends again before it has read the first answer",
      HttpClient.transform((send) => Effect.zipRight(send, send)),
      500,
    ],
  ])(
    "leaves the process once through a client that %s",
    ([, wrap, code]) =>
      Effect.gen(function* () {
        const { result, urls } = yield* play(create, wrap, status(code))
        expect(urls.length).toBe(1)
        expect(result).toMatchObject(Either.left({ attempts: 1, mayHaveApplied: true }))
      }),
  )

  it.effect("is sent again by the policy after its client's own repeat met a 429", () =>
    Effect.gen(function* () {
      const { result, urls } = yield* play(
        withRetryPolicy(RetryPolicy.make())(create),
        transient,
        status(429),
        status(429),
        () => json(answers.createApiKey),
      )
      expect(urls.length).toBe(3)
      expect(result).toMatchObject(Either.right({ apiKey: { id } }))
    }))

  it.effect("says that its client was about to repeat it, even if it cannot see the client's answer", () =>
    Effect.gen(function* () {
      const { result } = yield* play(create, (client) => untraced(transient(client)), status(503))
      expect(result).toMatchObject(Either.left({
        _tag: "TransportError",
        message:
          "createApiKey: the HttpClient beneath was about to send it again by itself, which " +
          "could make a second key. The change may have been made: look before asking for it again",
      }))
    }))

  it.effect("that succeeded is not sent again by a client that rejects the answer", () =>
    Effect.gen(function* () {
      const picky: Wrap = HttpClient.transformResponse((send) =>
        Effect.retry(Effect.flatMap(send, () => Effect.fail("no" as never)), { times: 3 })
      )
      const { result, urls } = yield* play(create, picky, () => json(answers.createApiKey))
      expect(urls.length).toBe(1)
      expect(result).toMatchObject(Either.left({
        _tag: "UnexpectedResponse",
        status: 200,
        attempts: 1,
        mayHaveApplied: true,
        message: expect.stringContaining("was about to send it again by itself"),
      }))
    }))
})

describe("a client that sends requests of its own", () => {
  const audit = HttpClientRequest.post("https://audit.test/log")
  const warmUp = HttpClientRequest.get("https://cockroachlabs.cloud/")
  const rows: ReadonlyArray<readonly [string, Wrap]> = [
    ["before", (client) => HttpClient.tapRequest(client, () => client.execute(audit))],
    ["after", (client) => HttpClient.tap(client, () => client.execute(audit))],
    [
      "during",
      (client) =>
        HttpClient.transform(
          client,
          (send) =>
            Effect.map(
              Effect.all([send, client.execute(audit)], { concurrency: 2 }),
              ([own]) => own,
            ),
        ),
    ],
    [
      "to the same origin before",
      (client) => HttpClient.tapRequest(client, () => client.execute(warmUp)),
    ],
  ]
  for (const { answer, call, operation } of everyOperation) {
    it.effect.each(rows)(`%s ${operation} is left alone`, ([, wrap]) =>
      Effect.gen(function* () {
        const { result, urls } = yield* play(call, wrap, () => json(answer))
        expect(Either.isRight(result)).toBe(true)
        expect(urls.length).toBe(2)
      }))
  }
})

describe("the attempts of a call", () => {
  it.effect.each(operationNames.filter((operation) => operation !== "createApiKey"))(
    "count each request that its client sent: %s",
    (operation) =>
      Effect.gen(function* () {
        const { result, urls } = yield* play(calls[operation], transient, status(503))
        expect(urls.length).toBe(4)
        expect(result).toMatchObject(Either.left({ _tag: "ServerError", attempts: 4 }))
      }),
  )

  it.effect("count each request that its client sent with its spans turned off", () =>
    Effect.gen(function* () {
      const { result } = yield* play(
        calls.getApiKey,
        (client) => untraced(transient(client)),
        status(503),
      )
      expect(result).toMatchObject(Either.left({ attempts: 4 }))
    }))

  it.effect("add up over the policy's own attempts", () =>
    Effect.gen(function* () {
      const policy = RetryPolicy.make({ schedule: RetryPolicy.backoff({ attempts: 2 }) })
      const { result, urls } = yield* play(
        withRetryPolicy(policy)(calls.getApiKey),
        transient,
        status(503),
      )
      expect(urls.length).toBe(8)
      expect(result).toMatchObject(Either.left({ attempts: 8 }))
    }))
})

describe("a client's own repeat", () => {
  it.effect.each(
    [
      ["a 503", status(503), true],
      ["a 403", status(403), false],
      ["a lost connection", () => Promise.reject(new Error("reset")), true],
    ] as const,
  )(
    "that ends in a 404 after %s says whether the first request may have acted",
    ([, first, open]) =>
      Effect.gen(function* () {
        const again: Wrap = HttpClient.transform((send) =>
          Effect.flatMap(Effect.exit(send), () => send)
        )
        const { result } = yield* play(calls.deleteApiKey, again, first, status(404))
        expect(result).toMatchObject(
          Either.left({ _tag: "NotFound", attempts: 2, mayHaveApplied: open }),
        )
      }),
  )

  it.effect("with another query does not count as a redirect", () =>
    Effect.gen(function* () {
      let nonce = 0
      const signing: Wrap = (client) =>
        HttpClient.retry(
          HttpClient.mapRequest(
            client,
            (request) => HttpClientRequest.setUrlParam(request, "nonce", String(nonce++)),
          ),
          { times: 2 },
        )
      const { result, urls } = yield* play(
        calls.getApiKey,
        signing,
        () => Promise.reject(new Error("reset")),
        () => json(answers.getApiKey),
      )
      expect(urls.length).toBe(2)
      expect(result).toMatchObject(Either.right({ id }))
    }))
})

describe("a redirect", () => {
  const follow: Wrap = HttpClient.followRedirects()
  const evil = status(307, { location: "https://evil.test/api/v1/api-keys" })
  it.effect.each<readonly [string, Wrap, (call: ApiCall) => ApiCall]>([
    ["a client around one that follows", (client) => around(follow(client)), (call) => call],
    [
      "a client that follows, around another one",
      (client) => follow(around(client)),
      (call) => call,
    ],
    [
      "a client that decides which requests are traced",
      (client) => picky(follow(client)),
      (call) => call,
    ],
    ["a client in a program that is not traced", follow, Effect.withTracerEnabled(false)],
    ["a client that leaves the token out", (client) => careful(client), (call) => call],
  ])("is not followed by %s", ([, wrap, run]) =>
    Effect.gen(function* () {
      for (const { call } of everyOperation) {
        const { result, urls } = yield* play(run(call), wrap, evil)
        expect(urls.length).toBe(1)
        expect(result).toMatchObject(Either.left({ _tag: "UnexpectedResponse", status: 307 }))
      }
    }))

  for (
    const [where, location] of [
      ["to another origin", "https://evil.test/api/v1/api-keys"],
      ["to another port", "https://cockroachlabs.cloud:8443/api/v1/api-keys"],
      ["to a host that starts alike", "https://cockroachlabs.cloud.evil.test/api/v1/api-keys"],
      ["to plain http", "http://cockroachlabs.cloud/api/v1/api-keys"],
      ["within the origin", "/elsewhere"],
    ] as const
  ) {
    for (const { call, operation } of everyOperation) {
      it.effect(`${where} is not followed by ${operation}`, () =>
        Effect.gen(function* () {
          const { result, urls } = yield* play(call, follow, status(307, { location }))
          expect(urls.length).toBe(1)
          expect(result).toMatchObject(
            Either.left({ _tag: "UnexpectedResponse", status: 307, attempts: 1 }),
          )
        }))
    }
  }

  it.effect("that fetch itself followed is reported, and its answer is not used", () =>
    Effect.gen(function* () {
      const followed = () =>
        Object.defineProperties(json({ ...answers.getApiKey, message: "evil words" }), {
          redirected: { value: true },
          url: { value: "https://evil.test/" },
        })
      const { result } = yield* play(calls.getApiKey, (client) => client, followed)
      expect(result).toMatchObject(Either.left({
        _tag: "UnexpectedResponse",
        status: 200,
        details: [],
        message:
          "getApiKey: the API answered 200, but its answer is of another origin than the base " +
          "URL: the HttpClient beneath followed a redirect, and the token may have gone there. " +
          "Replace the token, and let no client follow redirects",
      }))
    }))

  it.effect.each([200, 403, 429, 503])(
    "that a client not over fetch followed is reported, and shuts no gate (%i)",
    (status) =>
      Effect.gen(function* () {
        const client = HttpClient.makeWith<never, never, never, never>(
          Effect.map((request) =>
            HttpClientResponse.fromWeb(
              HttpClientRequest.setUrl(request, "https://evil.test/api/v1/api-keys"),
              json({ ...answers.createApiKey, message: "evil words" }, {
                status,
                headers: { "retry-after": "50" },
              }),
            )
          ),
          Effect.succeed,
        )
        const fail = create.pipe(Effect.flip, Effect.provideService(HttpClient.HttpClient, client))
        // The clock stands still, so a shut gate would hold the second call forever.
        const [error] = yield* Effect.all([fail, fail]).pipe(Effect.provide(anyone))
        expect(error).toMatchObject({
          _tag: "UnexpectedResponse",
          status,
          attempts: 1,
          mayHaveApplied: true,
        })
        expect(error.message).toContain("the token may have gone there")
        expect(error.message).not.toContain("evil")
      }),
  )
})

describe("a client that changes the URL", () => {
  it.effect("to another origin is refused before anything is sent", () =>
    Effect.gen(function* () {
      const wrap: Wrap = HttpClient.mapRequest(HttpClientRequest.setUrl("https://proxy.test/x"))
      const { result, urls } = yield* play(create, wrap, () => json(answers.createApiKey))
      expect(urls).toEqual([])
      expect(result).toMatchObject(
        Either.left({
          _tag: "InvalidRequest",
          field: "baseUrl",
          attempts: 0,
          mayHaveApplied: false,
        }),
      )
    }))

  it.effect("within the origin is allowed", () =>
    Effect.gen(function* () {
      const wrap: Wrap = HttpClient.mapRequest(HttpClientRequest.setUrlParam("trace", "1"))
      const { result, urls } = yield* play(calls.getApiKey, wrap, () => json(answers.getApiKey))
      expect(urls).toEqual([`https://cockroachlabs.cloud/api/v1/api-keys/${id}?trace=1`])
      expect(result).toMatchObject(Either.right({ id }))
    }))
})

describe("the program's own currentTracerDisabledWhen", () => {
  it.effect("still decides whether a client is traced", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      yield* play(
        Effect.locally(calls.getApiKey, HttpClient.currentTracerDisabledWhen, ({ url }) => {
          asked.push(url)
          return false
        }),
        (client) => client,
        () => json(answers.getApiKey),
      )
      expect(asked).toEqual([`https://cockroachlabs.cloud/api/v1/api-keys/${id}`])
    }))
})

describe("a body", () => {
  const readBy = (
    response: () => Response,
    wrap: Wrap = (client) => client,
    call = calls.getApiKey,
  ) => Effect.map(play(call, wrap, response), ({ result }) => result)

  it.effect("is read from the platform's Response, not through a Stream", () =>
    Effect.gen(function* () {
      let streams = 0
      const counting: Wrap = HttpClient.transformResponse(
        Effect.map((response) =>
          new Proxy(response, {
            get: (target, key) => {
              if (key === "stream") streams++
              return Reflect.get(target, key)
            },
          })
        ),
      )
      expect(yield* readBy(() => json(answers.getApiKey), counting)).toMatchObject(
        Either.right({ id }),
      )
      expect(streams).toBe(0)
    }))

  it.effect("can be read after a client has read its text", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const logging: Wrap = HttpClient.transformResponse(
        Effect.tap((response) => Effect.map(response.text, (text) => seen.push(text))),
      )
      for (const operation of ["getApiKey", "createApiKey"] as const) {
        const body = json(answers[operation])
        const result = yield* readBy(() => body, logging, calls[operation])
        expect(Either.isRight(result)).toBe(true)
      }
      expect(seen.length).toBe(2)
    }))

  it.effect.each<readonly [string, Wrap]>([
    [
      "has read its bytes",
      HttpClient.transformResponse(Effect.tap((response) => response.arrayBuffer)),
    ],
    [
      "around another one has read its text",
      (client) =>
        around(HttpClient.transformResponse(client, Effect.tap((response) => response.text))),
    ],
  ])("can be read after a client %s", ([, wrap]) =>
    Effect.gen(function* () {
      const result = yield* readBy(() => json(answers.createApiKey), wrap, create)
      expect(Either.isRight(result)).toBe(true)
    }))

  it.effect("that a client has locked ends the call with a TransportError", () =>
    Effect.gen(function* () {
      const held = () => {
        const response = json(answers.createApiKey)
        response.body?.getReader()
        return response
      }
      expect(yield* readBy(held, (client) => client, create)).toMatchObject(
        Either.left({ _tag: "TransportError", mayHaveApplied: true }),
      )
    }))

  it.effect("of a client's new response replaces the original", () =>
    Effect.gen(function* () {
      const replaced: Wrap = HttpClient.transformResponse(Effect.map((response) =>
        HttpClientResponse.fromWeb(response.request, json({ ...answers.getApiKey, name: "new" }))
      ))
      const result = yield* readBy(() =>
        json(answers.getApiKey), replaced)
      expect(result).toMatchObject(Either.right({ name: "new" }))
    }))

  it.effect("of a client's changed stream replaces the original", () =>
    Effect.gen(function* () {
      const text = new TextEncoder().encode(JSON.stringify({ ...answers.getApiKey, name: "new" }))
      const replaced: Wrap = HttpClient.transformResponse(
        Effect.map((response) => Object.create(response, { stream: { value: Stream.make(text) } })),
      )
      const result = yield* readBy(() => json(answers.getApiKey), replaced)
      expect(result).toMatchObject(Either.right({ name: "new" }))
    }))

  for (const [how, chunk] of [["one piece", 4096], ["many pieces", 7]] as const) {
    it.effect.each<readonly [string, Record<string, string>]>([
      ["with a length that is too small", { "content-length": "3" }],
      ["without a length", {}],
    ])(`in ${how} that is too long is not used, %s`, ([, headers]) =>
      Effect.gen(function* () {
        let cancelled = false
        const bytes = new TextEncoder().encode(JSON.stringify({ ...answers.getApiKey, x: "é€" }))
        const stream = () => {
          let at = 0
          return new ReadableStream({
            pull: (controller) => {
              controller.enqueue(bytes.slice(at, at += chunk))
              if (at >= bytes.length) controller.close()
            },
            cancel: () => {
              cancelled = true
            },
          }, { highWaterMark: 0 })
        }
        const answer = () =>
          new Response(stream(), { headers: { "content-type": "application/json", ...headers } })
        const limited = (limit: number) =>
          readBy(
            answer,
            (client) => client,
            Effect.provideService(calls.getApiKey, MaxResponseBytes, limit),
          )
        expect(yield* limited(bytes.length)).toMatchObject(Either.right({ id }))
        for (const limit of [bytes.length - 1, 20]) {
          expect(yield* limited(limit)).toMatchObject(Either.left({ _tag: "UnexpectedResponse" }))
        }
        // One piece is read whole, so nothing is left to cancel.
        expect(cancelled).toBe(how === "many pieces")
      }))
  }

  it.effect("from a client not over fetch is not used if it is longer than it claims and too long", () =>
    Effect.gen(function* () {
      const body = JSON.stringify({ ...answers.getApiKey, x: "€".repeat(100) })
      const client = HttpClient.make((request) =>
        Effect.succeed({
          request,
          status: 200,
          headers: { "content-length": "20", "content-type": "application/json" },
          text: Effect.succeed(body),
          // The module reads no other member.
        } as unknown as HttpClientResponse.HttpClientResponse)
      )
      const limited = (limit: number) =>
        calls.getApiKey.pipe(
          Effect.provideService(MaxResponseBytes, limit),
          Effect.provideService(HttpClient.HttpClient, client),
          Effect.provide(anyone),
          Effect.either,
        )
      const { length } = new TextEncoder().encode(body)
      expect(yield* limited(length)).toMatchObject(Either.right({ id }))
      for (const limit of [length - 1, 100]) {
        expect(yield* limited(limit)).toMatchObject(Either.left({ _tag: "UnexpectedResponse" }))
      }
    }))

  it.effect("of a failure is not used beyond 256 KiB", () =>
    Effect.gen(function* () {
      const failure = (length: number) => () =>
        json({ message: "said", x: "x ".repeat(length / 2) }, { status: 404 })
      const short = yield* readBy(failure(250_000))
      const long = yield* readBy(failure(300_000))
      expect(short).toMatchObject(Either.left({ message: expect.stringContaining("404: said") }))
      expect(long).toMatchObject(Either.left({ _tag: "NotFound" }))
      expect(long).not.toMatchObject(Either.left({ message: expect.stringContaining("said") }))
    }))

  it.effect("that breaks off ends the call with the connection's error code", () =>
    Effect.gen(function* () {
      const broken = () =>
        new Response(
          new ReadableStream({
            start: (controller) => {
              controller.error(Object.assign(new Error("no"), { code: "ECONNRESET" }))
            },
          }),
          { headers: { "content-type": "application/json" } },
        )
      expect(yield* readBy(broken, (client) => client, updateApiKey(id, {}))).toMatchObject(
        Either.left({
          _tag: "TransportError",
          mayHaveApplied: true,
          message: expect.stringContaining("the answer was cut off (ECONNRESET)"),
        }),
      )
    }))

  it.effect("is aborted if the call is interrupted while it is read", () =>
    Effect.gen(function* () {
      let signal: AbortSignal | undefined
      const fetch: typeof globalThis.fetch = (_url, init) => {
        signal = init?.signal ?? undefined
        const headers = { "content-type": "application/json" }
        return Promise.resolve(new Response(new ReadableStream(), { headers }))
      }
      const client = Layer.provide(
        FetchHttpClient.layer,
        Layer.succeed(FetchHttpClient.Fetch, fetch),
      )
      const fiber = yield* Effect.fork(
        calls.getApiKey.pipe(Effect.provide(Layer.merge(client, anyone))),
      )
      for (let i = 0; i < 20; i++) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      expect(signal?.aborted).toBe(false)
      yield* Fiber.interrupt(fiber)
      expect(signal?.aborted).toBe(true)
    }))
})
