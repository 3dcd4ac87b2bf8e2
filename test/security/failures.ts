/**
 * Every way in which a call can fail, with secrets in every place that has room for them.
 *
 * @module
 */
import {
  Credentials,
  MaxResponseBytes,
  RetryPolicy,
  type RetryPolicyService,
} from "../../src/mod.ts"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { anyAnswer, apiKey } from "../everyOperation.ts"
import { newSecret, secretPart } from "./secrets.ts"

/** One way to fail. */
export interface Failure {
  readonly name: string
  readonly client: (token: string) => Layer.Layer<HttpClient.HttpClient>
  readonly credentials?: (token: string) => Layer.Layer<Credentials>
  readonly policy?: RetryPolicyService
  readonly maxBytes?: number
  /** Whether the call is interrupted once it is under way. */
  readonly interrupts?: boolean
  /** Whether a call may succeed nevertheless. */
  readonly mayPass?: boolean
  /** Whether every operation succeeds. A function that calls several may fail nevertheless. */
  readonly isSuccess?: boolean
  /** Whether a success may hold parts of a secret: an answer is data, and stays as it is. */
  readonly isData?: boolean
}

/** Runs a call that meets `failure`. */
export const run = <A, E>(
  call: Effect.Effect<A, E, HttpClient.HttpClient | Credentials>,
  failure: Failure,
  token: string,
): Effect.Effect<A, E> => {
  const credentials = failure.credentials ??
    ((token: string) => Credentials.layerApiKey(Redacted.make(token)))
  const provided = call.pipe(
    Effect.provideService(RetryPolicy, failure.policy ?? twice),
    Effect.provideService(MaxResponseBytes, failure.maxBytes ?? 1024 * 1024),
    Effect.provide(Layer.merge(failure.client(token), credentials(token))),
  )
  return failure.interrupts
    ? Effect.flatMap(
      Effect.fork(provided),
      (fiber) => Effect.zipRight(Effect.sleep(5), Effect.flatten(Fiber.interrupt(fiber))),
    )
    : provided
}

const twice = RetryPolicy.make({ schedule: Schedule.recurs(1), attemptTimeout: "5 seconds" })
const impatient = RetryPolicy.make({ schedule: Schedule.recurs(1), attemptTimeout: "10 millis" })
const hasty = RetryPolicy.make({ deadline: "10 millis", attemptTimeout: "100 millis" })

// Forms in which a server may repeat the token that it got, or the secret that it has made.
const echoes = (token: string): ReadonlyArray<string> =>
  [token, newSecret].flatMap((secret) => {
    const part = secretPart(secret)
    return [
      secret,
      `Bearer ${secret}`,
      part,
      part.slice(0, 12),
      part.slice(9, 29),
      part.slice(-12),
      `a${part}b`,
      part + part,
      secret.slice(0, -9),
      encodeURIComponent(secret),
      encodeURIComponent(secret).replaceAll("_", "%5F"),
      JSON.stringify(secret),
      new URLSearchParams({ secret }).toString(),
    ]
  })

const status = (token: string) => ({
  code: 7,
  message: echoes(token).join(" "),
  details: [
    ...echoes(token),
    {
      "@type": newSecret,
      [token]: token,
      [newSecret]: { [secretPart(newSecret)]: [[[echoes(token)]]] },
      __proto: { constructor: token },
    },
  ],
  [token]: newSecret,
  secret: newSecret,
  api_key: apiKey,
})

const escaped = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[A-Za-z0-9]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )

// A token may hold characters that fetch allows in no header.
const headerSafe = (token: string): string => token.replace(/[^\x21-\x7e]/g, "")
const nameSafe = (token: string): string => token.replace(/[^\w-]/g, "")

const echoingHeaders = (token: string): Record<string, string> => ({
  "content-type": "application/json",
  location: `https://elsewhere.example/${headerSafe(token)}?secret=${newSecret}`,
  "retry-after": `${headerSafe(token)} ${newSecret}`,
  "set-cookie": `token=${headerSafe(token)}; secret=${newSecret}`,
  "www-authenticate": `Bearer error="${newSecret}", token=${headerSafe(token)}`,
  date: headerSafe(token),
  etag: newSecret,
  [`x-${nameSafe(token)}`]: headerSafe(token),
  [`x-${newSecret}`]: newSecret,
})

const answering = (
  answer: (token: string, request: RequestInit) => Response | Promise<Response>,
): Failure["client"] =>
(token) =>
  Layer.provide(
    FetchHttpClient.layer,
    Layer.succeed(FetchHttpClient.Fetch, (_url, init = {}) => Promise.resolve(answer(token, init))),
  )

const answer = (
  name: string,
  status: number,
  body: (token: string) => BodyInit | null,
  more: Partial<Failure> & { readonly headers?: Record<string, string> } = {},
): Failure => ({
  ...more,
  name,
  client: answering((token) =>
    new Response([101, 204, 205, 304].includes(status) ? null : body(token), {
      status,
      statusText: headerSafe(token),
      headers: { ...echoingHeaders(token), ...more.headers },
    })
  ),
})

const statuses = [
  [201, 204, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413],
  [415, 418, 422, 425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 511, 529, 599],
].flat()

const failingStatuses: ReadonlyArray<Failure> = statuses.map((code) =>
  answer(`${code} that repeats the secrets`, code, (token) => JSON.stringify(status(token)), {
    mayPass: code === 201,
  })
)

const failingBodies: ReadonlyArray<Failure> = [400, 401, 429, 500, 302].flatMap((code) => [
  answer(`${code} in escaped JSON`, code, (token) => escaped(status(token))),
  answer(`${code} in HTML`, code, (token) => `<h1>${echoes(token).join("<br>")}</h1>`),
  answer(`${code} with nothing`, code, () => null),
  answer(`${code} with invisible characters`, code, (token) =>
    JSON.stringify({
      message: echoes(token).map((text) => text.replace(/.{5}/g, "$&\u200b")).join(" "),
      details: echoes(token).map((text) => text.replace(/.{3}/g, "$&\0")),
    })),
  ...[3980, 490, 470, 430].map((length) =>
    answer(`${code} with secrets after ${length} characters`, code, (token) =>
      JSON.stringify({
        message: "x".repeat(length) + token + newSecret,
        details: ["x".repeat(length) + newSecret + token],
      }))
  ),
  answer(
    `${code} nested deep`,
    code,
    (token) =>
      JSON.stringify({ message: token, details: [] }).replace(
        "[]",
        `${"[".repeat(9000)}"${newSecret}"${"]".repeat(9000)}`,
      ),
  ),
  answer(
    `${code} full of secrets`,
    code,
    (token) =>
      JSON.stringify({
        message: secretPart(newSecret),
        details: [
          token,
          ...Array.from({ length: 300 }, (_, i) => `CCDB1_${i}_0123456789abcdefg`),
          newSecret,
        ],
      }),
  ),
  answer(`${code} longer than the bound`, code, (token) => token.repeat(100), { maxBytes: 99 }),
])

const wrongSuccesses: ReadonlyArray<Failure> = [
  ["whose secret is not a string", () => ({ api_key: apiKey, secret: { newSecret } })],
  ["without a key", () => ({ secret: newSecret })],
  ["with secrets as dates", (token: string) => {
    const key = { ...apiKey, created_at: `${newSecret}${token}` }
    return { ...key, api_key: key, secret: newSecret, api_keys: [key] }
  }],
  ["with secrets as fields", (token: string) => ({ [newSecret]: token, [token]: newSecret })],
  ["that is a secret", () => newSecret],
  ["that is a list of secrets", (token: string) => [token, newSecret]],
  ["whose keys are secrets", () => ({ api_keys: [newSecret], api_key: newSecret, secret: [] })],
  ["whose page token is a number beside secrets", (token: string) => ({
    api_keys: [{ ...apiKey, name: token }],
    pagination: { next_page: 7, previous_page: newSecret },
  })],
].flatMap(([name, body]) => {
  // Each row has a name and a function; the tuple's type is lost in the array.
  const bodyOf = body as (token: string) => unknown
  return [
    answer(`200 ${name}`, 200, (token) => JSON.stringify(bodyOf(token))),
    answer(`200 ${name}, escaped`, 200, (token) => escaped(bodyOf(token))),
  ]
})

const right = (token: string) => ({
  ...anyAnswer,
  [token]: token,
  secret: newSecret,
})

const successes: ReadonlyArray<Failure> = [
  answer("200 that is not JSON", 200, (token) => `{"${token}": ${newSecret}`),
  answer("200 with a secret as Content-Type", 200, (token) => JSON.stringify(right(token)), {
    headers: { "content-type": `text/${newSecret}` },
  }),
  answer("200 longer than the bound", 200, (token) => JSON.stringify(right(token)), {
    maxBytes: 99,
  }),
  answer("200 with the right body", 200, (token) => JSON.stringify(right(token)), {
    isSuccess: true,
  }),
  ...[
    ["a page token that is the token", (token: string) => token, false],
    ["a page token that holds a secret", () => `/?next=${newSecret}&`, false],
    ["a page token that is a part of the token", (token: string) => token.slice(-30), true],
  ].flatMap(([name, pageToken, isData]) =>
    [200, 500].map((then): Failure => {
      let calls = 0
      return {
        name: `${name}, then ${then}`,
        mayPass: true,
        isData: isData === true,
        client: answering((token) => {
          // The second column holds functions.
          const page = (pageToken as (token: string) => string)(token)
          const pagination = { next_page: page, previous_page: page }
          const isFirst = calls++ % 3 === 0
          return new Response(
            JSON.stringify({ ...(isFirst ? right : status)(token), pagination }),
            {
              status: isFirst ? 200 : then,
              headers: echoingHeaders(token),
            },
          )
        }),
      }
    })
  ),
]

const withCode = (error: Error, code: string): Error => Object.assign(error, { code })

const losses: ReadonlyArray<Failure> = [
  {
    name: "a fetch that fails with the request in its error",
    client: answering((token, request) => {
      const cause = withCode(new TypeError(`Headers.append: ${token}`, { cause: request }), token)
      throw withCode(new TypeError(`fetch failed: Bearer ${token}`, { cause }), "ECONNRESET")
    }),
  },
  {
    name: "a fetch that fails with a secret as its code",
    client: answering((token) => {
      throw withCode(new Error(token), secretPart(token).slice(0, 28))
    }),
  },
  {
    name: "a fetch that fails with a secret",
    client: answering((token) => Promise.reject(token)),
  },
  {
    name: "a lost create among keys whose names are secrets",
    mayPass: true,
    isData: true,
    client: answering((_, request) => {
      if (request.method === "POST") throw new TypeError("fetch failed")
      const key = { ...apiKey, name: newSecret }
      return Response.json({ ...anyAnswer, ...key, api_keys: [key] })
    }),
  },
  {
    name: "a body that breaks off with a secret",
    client: answering((token) =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode(`{"secret":"${newSecret}"`))
            controller.error(new Error(`at ${token} ${newSecret}`))
          },
        }),
        { headers: { "content-type": "application/json" } },
      )
    ),
  },
  {
    name: "no answer in time",
    client: answering(() => new Promise(() => {})),
    policy: impatient,
  },
  {
    name: "an answer that does not end in time",
    client: answering((token) =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(token + newSecret)),
        }),
      )
    ),
    policy: impatient,
  },
  { name: "a deadline", client: answering(() => new Promise(() => {})), policy: hasty },
  {
    name: "an interruption",
    client: answering(() => new Promise(() => {})),
    // The test does not wait long for a clean-up.
    policy: impatient,
    interrupts: true,
  },
]

const clientOf = (
  f: (
    request: HttpClientRequest.HttpClientRequest,
    token: string,
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>,
): Failure["client"] =>
(token) => Layer.succeed(HttpClient.HttpClient, HttpClient.make((request) => f(request, token)))

class Defect extends Error {
  readonly request: unknown
  constructor(message: string, request: unknown, cause?: unknown) {
    super(message, { cause })
    this.request = request
  }
}

const responseOf = (
  request: HttpClientRequest.HttpClientRequest,
  token: string,
  code = 500,
): HttpClientResponse.HttpClientResponse =>
  HttpClientResponse.fromWeb(
    request,
    new Response(JSON.stringify(status(token)), { status: code, headers: echoingHeaders(token) }),
  )

const clients: ReadonlyArray<Failure> = [
  {
    name: "a client that fails with a request and a secret",
    client: clientOf((request, token) =>
      new HttpClientError.RequestError({
        request,
        reason: "Transport",
        description: token,
        cause: new Defect(token, request, { code: "ECONNRESET", token }),
      })
    ),
  },
  {
    name: "a client that fails with an answer",
    client: clientOf((request, token) =>
      new HttpClientError.ResponseError({
        request,
        response: responseOf(request, token, 200),
        reason: "Decode",
        description: newSecret,
        cause: request,
      })
    ),
  },
  {
    name: "a client that turns a status into an error",
    client: clientOf((request, token) =>
      HttpClientResponse.filterStatusOk(responseOf(request, token))
    ),
  },
  {
    name: "a client that dies with the request",
    client: clientOf((request) => Effect.die(request)),
  },
  {
    name: "a client that dies with an error that holds the request",
    client: clientOf((request, token) =>
      Effect.die(new Defect(`Bearer ${token}`, request, new Defect(newSecret, request)))
    ),
  },
  {
    name: "a client that dies with a secret",
    client: clientOf((_, token) => Effect.die(token)),
  },
  {
    name: "a client that dies with a secret as its name",
    client: clientOf((_, token) => Effect.die(Object.assign(new Error(), { name: token }))),
  },
  {
    name: "a client that dies with an error whose message throws a secret",
    client: clientOf((_, token) =>
      Effect.die(
        Object.defineProperty(new Error(), "message", {
          get: () => {
            throw new Error(token)
          },
        }),
      )
    ),
  },
  {
    name: "a client that dies in several ways at once",
    client: clientOf((request, token) =>
      Effect.zipRight(
        Effect.die(request),
        Effect.ensuring(Effect.die(token), Effect.die(new Defect(token, request))),
        { concurrent: true },
      )
    ),
  },
  {
    name: "a client that throws",
    client: clientOf((request, token) => {
      throw new Defect(token, request)
    }),
  },
  {
    name: "a client that throws before it returns an Effect",
    client: (token) =>
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.mapRequestInput(
          HttpClient.make(() => Effect.die("not reached")),
          (request) => {
            throw new Defect(token, request)
          },
        ),
      ),
  },
  {
    name: "a client that fails in a fiber of its own",
    client: clientOf((request, token) =>
      Effect.map(
        Effect.all([
          Effect.never,
          Effect.fail(
            new HttpClientError.RequestError({
              request,
              reason: "Transport",
              description: token,
              cause: new Defect(token, request),
            }),
          ),
        ], { concurrency: 2 }),
        ([never]) => never,
      )
    ),
  },
  {
    name: "a client with spans of its own",
    client: clientOf((request, token) =>
      Effect.zipRight(
        Effect.annotateCurrentSpan({ [token]: request, [newSecret]: [token], n: 7 }),
        Effect.flatMap(Effect.orDie(Effect.currentSpan), (span) => {
          span.event(token, 0n, { [token]: newSecret, request })
          return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
        }),
      ).pipe(Effect.withSpan(`fetch with ${token}`, { attributes: { token } }))
    ),
  },
  {
    name: "an answer whose text dies",
    client: clientOf((request, token) =>
      Effect.succeed(
        Object.create(responseOf(request, token, 200), {
          text: { value: Effect.die(new Defect(token, request)) },
          headers: { value: { "content-length": "7", "content-type": "application/json" } },
        }),
      )
    ),
  },
]

const never = answering(() => {
  throw new Error("it was sent")
})

const refusals: ReadonlyArray<Failure> = [
  ...["\n", "\r\nx: y", "\0", " ", "é", "\u{1F511}", "\t", "\x7f"].map((char) => ({
    name: `a token with ${JSON.stringify(char)}`,
    client: never,
    credentials: (token: string) =>
      Credentials.layerApiKey(Redacted.make(token.slice(0, 40) + char + token.slice(40))),
  })),
  {
    name: "a base URL that holds the token",
    client: never,
    credentials: (token: string) =>
      Credentials.layerApiKey(Redacted.make(token), { baseUrl: `http://${token}@host.example` }),
  },
  ...[(token: string) => token, () => newSecret].flatMap((secret) => [
    {
      name: "a vanity name that is a secret",
      client: never,
      credentials: (token: string) =>
        Credentials.layerJwt({ token: Redacted.make(token), vanityName: secret(token) }),
    },
    {
      name: "a user name that is a secret",
      client: never,
      credentials: (token: string) =>
        Credentials.layerJwt({
          token: Redacted.make(token),
          vanityName: "acme",
          username: secret(token),
        }),
    },
  ]),
  {
    name: "a token's Effect that dies with the token before it",
    client: answering((token) => new Response(token, { status: 401 })),
    credentials: () => {
      let asked = 0
      return Credentials.layerApiKey(
        Effect.suspend(() =>
          asked++ === 0
            ? Effect.succeed(Redacted.make(newSecret))
            : Effect.die(new Defect(newSecret, newSecret))
        ),
      )
    },
  },
  {
    name: "a token from a service",
    client: answering((token) => new Response(token, { status: 500 })),
    credentials: (token: string) => {
      class Vault extends Context.Tag("Vault")<Vault, { readonly token: string }>() {}
      return Layer.provide(
        Credentials.layerApiKey(Effect.map(Vault, (vault) => Redacted.make(vault.token))),
        Layer.succeed(Vault, { token }),
      )
    },
  },
]

/** Every way in which a call can fail. */
export const failures: ReadonlyArray<Failure> = [
  failingStatuses,
  failingBodies,
  wrongSuccesses,
  successes,
  losses,
  clients,
  refusals,
].flat()
