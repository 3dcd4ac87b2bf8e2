import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { Credentials, getApiKey, RetryPolicy, withRetryPolicy } from "@effect-crdb/api-keys"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { answers, id } from "./everyOperation.ts"
import { json, recordingClient } from "./recordingClient.ts"

const secret = "CCDB1_12345abcdefGHIJKLMnopq_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K"
const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl"

const noUrl = "is not a URL: give one like https://cockroachlabs.cloud"
const open = "must be https, or http on a loopback address, to carry a token"
const named = "must not hold a user name or a password: remove what is before @"
const asking = "must not hold a query or a fragment: remove what follows ? or #"

/** The requests of a call with these Credentials. */
const sentUnder = <E, R>(credentials: Layer.Layer<Credentials, E, R>, times = 1) => {
  const { layer, sent } = recordingClient(() => json(answers.getApiKey))
  return Effect.repeatN(getApiKey(id), times - 1).pipe(
    withRetryPolicy(RetryPolicy.none),
    Effect.either,
    Effect.provide(Layer.merge(layer, credentials)),
    Effect.map((result) => ({ result, sent, headers: sent[0]?.headers ?? {} })),
  )
}

describe("layerApiKey", () => {
  it("gives a service with a fixed key, so that two copies of the module share it", () => {
    expect(Credentials.key).toBe("@effect-crdb/Credentials")
  })

  it.effect("sends the secret to the API, without an organization", () =>
    Effect.gen(function* () {
      const { headers, sent } = yield* sentUnder(Credentials.layerApiKey(Redacted.make(secret)))
      expect(headers["authorization"]).toBe(`Bearer ${secret}`)
      expect(Object.keys(headers)).not.toContain("cc-vanity-name")
      expect(Object.keys(headers)).not.toContain("cc-username")
      expect(sent[0]?.url.origin).toBe("https://cockroachlabs.cloud")
    }))

  it.effect.each([
    ["https://api.example", "https://api.example/api/v1/api-keys/"],
    ["https://api.example/", "https://api.example/api/v1/api-keys/"],
    ["https://api.example//", "https://api.example/api/v1/api-keys/"],
    ["https://api.example:8443/crdb/v0/", "https://api.example:8443/crdb/v0/api/v1/api-keys/"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v1/api-keys/"],
    ["http://127.9.99.255", "http://127.9.99.255/api/v1/api-keys/"],
    ["http://localhost:8080", "http://localhost:8080/api/v1/api-keys/"],
    ["http://[::1]:8080", "http://[::1]:8080/api/v1/api-keys/"],
  ])("calls under the base URL %s", ([baseUrl, under]) =>
    Effect.gen(function* () {
      const credentials = Credentials.layerApiKey(Redacted.make(secret), { baseUrl })
      const { sent } = yield* sentUnder(credentials)
      expect(sent.map((one) => one.url.href)).toEqual([under + id])
    }))

  it.effect.each<readonly [string, string]>([
    ["not a URL", noUrl],
    ["", noUrl],
    ["http://api.example", open],
    ["http://10.0.0.1", open],
    ["http://127.0.0.1.example", open],
    ["http://localhost.example", open],
    ["ftp://127.0.0.1", open],
    ["file:///tmp", open],
    ["https://user@api.example", named],
    ["https://:password@api.example", named],
    ["https://api.example?a=b", asking],
    ["https://api.example/#f", asking],
  ])("sends nothing to the base URL %j", ([baseUrl, reason]) =>
    Effect.gen(function* () {
      const credentials = Credentials.layerApiKey(Redacted.make(secret), { baseUrl })
      const { result, sent } = yield* sentUnder(credentials)
      expect(sent).toEqual([])
      expect(result).toMatchObject(Either.left({
        _tag: "InvalidRequest",
        field: "baseUrl",
        attempts: 0,
        message: `getApiKey: baseUrl ${reason}`,
      }))
    }))

  it.effect.each<readonly [string, string]>([
    ["nothing", ""],
    ["a line break", `${secret}\n`],
    ["a line break before it", `\n${secret}`],
    ["a header in it", `${secret}\r\nx: y`],
    ["a null", `${secret}\0`],
    ["a space", `Bearer ${secret}`],
    ["non-ASCII letters", `${secret}é`],
  ])("sends no token with %s", ([, token]) =>
    Effect.gen(function* () {
      const { result, sent } = yield* sentUnder(Credentials.layerApiKey(Redacted.make(token)))
      expect(sent).toEqual([])
      expect(result).toMatchObject(Either.left({
        _tag: "InvalidRequest",
        field: "token",
        attempts: 0,
        message: "getApiKey: token must be visible ASCII characters without spaces or line " +
          "breaks: was it cut or quoted?",
      }))
      expect(JSON.stringify(result)).not.toContain("NkdXLI9d81Mn")
    }))
})

describe("layerJwt", () => {
  it.effect.each([
    [undefined],
    ["admin@example.com"],
  ])(
    "sends the JWT, the organization and the user name %s",
    ([username]) =>
      Effect.gen(function* () {
        const { headers } = yield* sentUnder(
          Credentials.layerJwt({ token: Redacted.make(jwt), vanityName: "acme", username }),
        )
        expect(headers["authorization"]).toBe(`Bearer ${jwt}`)
        expect(headers["cc-vanity-name"]).toBe("acme")
        expect(headers["cc-username"]).toBe(username)
        expect("cc-username" in headers).toBe(username !== undefined)
      }),
  )

  const invisible =
    "must be visible ASCII characters without spaces or line breaks: was it cut or quoted?"
  const revealing = "holds a secret, which URLs and logs would show"
  it.effect.each<readonly [string, object, string]>([
    ["vanityName", { vanityName: "ac\nme" }, invisible],
    ["vanityName", { vanityName: "acme " }, invisible],
    ["vanityName", { vanityName: " acme" }, invisible],
    ["vanityName", { vanityName: "" }, invisible],
    ["vanityName", { vanityName: secret }, revealing],
    ["username", { username: "a b" }, invisible],
    ["username", { username: "" }, invisible],
    ["username", { username: jwt }, revealing],
  ])(
    "refuses a %s that fits into no header or is a secret: %j",
    ([field, options, reason]) =>
      Effect.gen(function* () {
        const { result, sent } = yield* sentUnder(
          Credentials.layerJwt({ token: Redacted.make(jwt), vanityName: "acme", ...options }),
        )
        expect(sent).toEqual([])
        expect(result).toMatchObject(
          Either.left({ _tag: "InvalidRequest", field, message: `getApiKey: ${field} ${reason}` }),
        )
      }),
  )
})

describe("a token that is an Effect", () => {
  const counting = (
    layerOf: (token: Effect.Effect<Redacted.Redacted<string>>) => Layer.Layer<Credentials>,
  ) =>
    Effect.gen(function* () {
      const asked = yield* Ref.make(0)
      const token = Effect.map(
        Ref.updateAndGet(asked, (n) => n + 1),
        (n) => Redacted.make(`token-${n}`),
      )
      const { sent } = yield* sentUnder(layerOf(token), 3)
      return sent.map((one) => one.headers["authorization"])
    })

  it.effect.each(
    [
      [
        "layerApiKey",
        (token: Effect.Effect<Redacted.Redacted<string>>) => Credentials.layerApiKey(token),
      ],
      [
        "layerJwt",
        (token: Effect.Effect<Redacted.Redacted<string>>) =>
          Credentials.layerJwt({ token, vanityName: "acme" }),
      ],
    ] as const,
  )("is asked for at each call with %s", ([, layerOf]) =>
    Effect.gen(function* () {
      expect(yield* counting(layerOf)).toEqual([
        "Bearer token-1",
        "Bearer token-2",
        "Bearer token-3",
      ])
    }))

  it.effect("gets the services that it needs where the layer is built", () =>
    Effect.gen(function* () {
      class Vault extends Context.Tag("Vault")<Vault, { readonly current: string }>() {}
      const credentials = Credentials.layerApiKey(
        Effect.map(Vault, (vault) => Redacted.make(vault.current)),
      ).pipe(Layer.provide(Layer.succeed(Vault, { current: "from-the-vault" })))
      const { headers } = yield* sentUnder(credentials)
      expect(headers["authorization"]).toBe("Bearer from-the-vault")
    }))
})

describe("layerConfig", () => {
  const under = (env: Readonly<Record<string, string>>) =>
    sentUnder(Credentials.layerConfig).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
      Effect.either,
    )

  const key = { COCKROACH_API_KEY: secret }
  const token = { COCKROACH_API_JWT: jwt, COCKROACH_VANITY_NAME: "acme" }
  const asKey = { authorization: `Bearer ${secret}` }
  const asToken = { authorization: `Bearer ${jwt}`, "cc-vanity-name": "acme" }

  const good: ReadonlyArray<
    readonly [string, Readonly<Record<string, string>>, object, string | undefined]
  > = [
    ["COCKROACH_API_KEY", key, asKey, undefined],
    ["COCKROACH_API_JWT with COCKROACH_VANITY_NAME", token, asToken, undefined],
    [
      "COCKROACH_USERNAME beside them",
      { ...token, COCKROACH_USERNAME: "a@b.c" },
      { ...asToken, "cc-username": "a@b.c" },
      undefined,
    ],
    ["the key rather than the JWT", { ...key, ...token }, asKey, undefined],
    [
      "COCKROACH_SERVER with a key",
      { ...key, COCKROACH_SERVER: "http://127.0.0.1:8080" },
      asKey,
      "http://127.0.0.1:8080",
    ],
    [
      "COCKROACH_SERVER with a JWT",
      { ...token, COCKROACH_SERVER: "https://other.example" },
      asToken,
      "https://other.example",
    ],
  ]
  it.effect.each(good)("reads %s", ([, env, headers, origin]) =>
    Effect.gen(function* () {
      const { sent } = Either.getOrThrow(yield* under(env))
      expect(sent[0]?.headers).toMatchObject(headers)
      for (const name of ["cc-vanity-name", "cc-username"]) {
        expect([name, name in (sent[0]?.headers ?? {})]).toEqual([name, name in headers])
      }
      expect(sent[0]?.url.origin).toBe(origin ?? "https://cockroachlabs.cloud")
    }))

  const empty = (name: string) => `${name} is empty: set it, or unset it`
  const noHeader = (name: string) =>
    `${name} must be visible ASCII characters without spaces or line ` +
    "breaks: was it cut or quoted?"
  const bad: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, string]> = [
    [
      "no setting",
      {},
      "Set COCKROACH_API_KEY to the secret of an API key, or COCKROACH_API_JWT to a JWT",
    ],
    ["an empty COCKROACH_API_KEY", { COCKROACH_API_KEY: "" }, empty("COCKROACH_API_KEY")],
    ["a blank COCKROACH_API_KEY", { COCKROACH_API_KEY: " \n" }, empty("COCKROACH_API_KEY")],
    [
      "a COCKROACH_API_KEY with a line break",
      { COCKROACH_API_KEY: `${secret}\n` },
      noHeader("COCKROACH_API_KEY"),
    ],
    [
      "a COCKROACH_API_JWT with a space",
      { ...token, COCKROACH_API_JWT: ` ${jwt}` },
      noHeader("COCKROACH_API_JWT"),
    ],
    [
      "a COCKROACH_VANITY_NAME that is not ASCII",
      { ...token, COCKROACH_VANITY_NAME: "crédit" },
      noHeader("COCKROACH_VANITY_NAME"),
    ],
    [
      "a COCKROACH_USERNAME with a null in it",
      { ...token, COCKROACH_USERNAME: "a\u0000b" },
      noHeader("COCKROACH_USERNAME"),
    ],
    [
      "an empty COCKROACH_API_KEY beside a JWT",
      { ...token, COCKROACH_API_KEY: "" },
      empty("COCKROACH_API_KEY"),
    ],
    [
      "an empty COCKROACH_API_JWT",
      { ...token, COCKROACH_API_JWT: "" },
      empty("COCKROACH_API_JWT"),
    ],
    [
      "a JWT without COCKROACH_VANITY_NAME",
      { COCKROACH_API_JWT: jwt },
      "Set COCKROACH_VANITY_NAME to the organization's vanity name, which goes with a JWT",
    ],
    [
      "an empty COCKROACH_VANITY_NAME",
      { ...token, COCKROACH_VANITY_NAME: "" },
      empty("COCKROACH_VANITY_NAME"),
    ],
    [
      "an empty COCKROACH_USERNAME",
      { ...token, COCKROACH_USERNAME: "" },
      empty("COCKROACH_USERNAME"),
    ],
    [
      "an empty COCKROACH_SERVER",
      { ...key, COCKROACH_SERVER: "" },
      `COCKROACH_SERVER ${noUrl}`,
    ],
    [
      "a COCKROACH_SERVER that is not https",
      { ...key, COCKROACH_SERVER: "http://x.example" },
      `COCKROACH_SERVER ${open}`,
    ],
    [
      "a COCKROACH_SERVER that is not a URL",
      { ...token, COCKROACH_SERVER: "localhost" },
      `COCKROACH_SERVER ${noUrl}`,
    ],
  ]
  it.effect.each(bad)(
    "with %s fails, and says what is wrong",
    ([, env, message]) =>
      Effect.gen(function* () {
        const result = yield* under(env)
        if (Either.isRight(result)) return expect.fail("it did not fail")
        const error = String(Either.merge(result))
        expect(error).toContain(message)
        expect(error).not.toContain("NkdXLI9d81Mn")
        expect(error).not.toContain(jwt)
      }),
  )

  afterEach(() => vi.unstubAllEnvs())

  it.effect("reads the process's environment", () =>
    Effect.gen(function* () {
      for (const name of ["API_JWT", "VANITY_NAME", "USERNAME", "SERVER"]) {
        vi.stubEnv(`COCKROACH_${name}`, undefined)
      }
      vi.stubEnv("COCKROACH_API_KEY", secret)
      const { headers } = yield* Effect.withConfigProvider(
        sentUnder(Credentials.layerConfig),
        ConfigProvider.fromEnv(),
      )
      expect(headers["authorization"]).toBe(`Bearer ${secret}`)
    }))
})
