/**
 * The service that gives every operation its token and base URL, and its layers.
 *
 * @module
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { missing, setting, type SettingError, unusable } from "./settings.ts"
import { type Gate, makeGate } from "./waiting/gate.ts"

/** A token, or an Effect that yields the current one each time it runs. */
export type Token<R = never> =
  | Redacted.Redacted<string>
  | Effect.Effect<Redacted.Redacted<string>, never, R>

/** What {@link Credentials} holds. */
export interface CredentialsService {
  /**
   * An API key's secret or a JWT. An Effect runs again for each attempt, just before the request
   * goes out, and once more after a 401, so let it answer from a cache. No attempt timeout covers
   * it; a deadline does.
   */
  readonly token: Token
  /** The organization's vanity name. The API requires it with a JWT. */
  readonly vanityName: Option.Option<string>
  /** The email address or service account id to act as, if the JWT maps to several. */
  readonly username: Option.Option<string>
  /** https, or http on a loopback address. A path prefix is kept. */
  readonly baseUrl: string
  /** Requests a second, as you gave it. The first call refuses a limit that makes no sense. */
  readonly limit?: number | undefined
  /**
   * Where all calls with these credentials wait after an answer with `Retry-After`. Without a gate,
   * each call waits on its own.
   */
  readonly gate?: Gate | undefined
}

/** Options of the layers of {@link Credentials}. */
export interface CredentialsOptions {
  /** Where the API lives; `https://cockroachlabs.cloud` by default. */
  readonly baseUrl?: string | undefined
  /**
   * Requests a second that the API allows you; above 0, 10 by default, as documented. After an
   * answer with `Retry-After`, the calls that waited go on at this rate.
   */
  readonly limit?: number | undefined
}

/** A JWT, and what the API needs with it. */
export interface JwtOptions<R = never> {
  /** The JWT, from an issuer that is configured for the organization. */
  readonly token: Token<R>
  /** The organization's vanity name, sent as `Cc-Vanity-Name`. */
  readonly vanityName: string
  /** Whom to act as, if the JWT maps to several: an email or a service account's id. */
  readonly username?: string | undefined
}

const defaultBaseUrl = "https://cockroachlabs.cloud"

// The API's documentation allows each user 10 requests a second.
const documentedLimit = 10

const CredentialsTag: Context.TagClass<
  Credentials,
  "@effect-crdb/Credentials",
  CredentialsService
> = Context.Tag("@effect-crdb/Credentials")<Credentials, CredentialsService>()

/**
 * Tells each operation who calls, and where the API is.
 *
 * The first call refuses a base URL or token that must not be used, or a limit that makes no sense.
 * It fails with `InvalidRequest` and sends nothing.
 *
 * @example
 * ```ts
 * import { Credentials } from "@effect-crdb/api-keys"
 * import * as Redacted from "effect/Redacted"
 *
 * const live = Credentials.layerConfig
 * const local = Credentials.layerApiKey(Redacted.make("…"), { baseUrl: "http://127.0.0.1:8080" })
 * ```
 */
export class Credentials extends CredentialsTag {
  /** Makes the service itself, with its own gate. */
  static make(options: {
    readonly token: Token
    readonly vanityName?: string | undefined
    readonly username?: string | undefined
    readonly baseUrl?: string | undefined
    readonly limit?: number | undefined
  }): CredentialsService {
    const { limit = documentedLimit, token } = options
    const gate = makeGate(isLimit(limit) ? limit : documentedLimit)
    return {
      // Printing an Effect shows the values that it is made of. A vault's may be secret.
      token: Effect.isEffect(token) ? Effect.suspend(() => token) : token,
      vanityName: Option.fromNullable(options.vanityName),
      username: Option.fromNullable(options.username),
      baseUrl: options.baseUrl ?? defaultBaseUrl,
      limit,
      gate,
    }
  }

  /** Authenticates with the secret of a service account's API key. */
  static layerApiKey<R = never>(
    secret: Token<R>,
    options?: CredentialsOptions,
  ): Layer.Layer<Credentials, never, R> {
    return Layer.effect(
      Credentials,
      Effect.map(withContext(secret), (token) => Credentials.make({ ...options, token })),
    )
  }

  /** Authenticates with a JWT. It names the organization and, if needed, the identity to act as. */
  static layerJwt<R = never>(
    jwt: JwtOptions<R>,
    options?: CredentialsOptions,
  ): Layer.Layer<Credentials, never, R> {
    return Layer.effect(
      Credentials,
      Effect.map(
        withContext(jwt.token),
        (token) => Credentials.make({ ...options, ...jwt, token }),
      ),
    )
  }

  /**
   * Reads the environment variables of the vendor's tools, through the ConfigProvider.
   *
   * It uses `COCKROACH_API_KEY`. If that is not set, it uses `COCKROACH_API_JWT` with
   * `COCKROACH_VANITY_NAME` and, optionally, `COCKROACH_USERNAME`. `COCKROACH_SERVER` replaces the
   * base URL. If a required variable is missing, or one that it uses is empty or unusable, it fails
   * with a `ConfigError` that names the variable. A ConfigProvider of Effect 4 treats an empty
   * variable as not set, unless you make it with `preserveEmptyStrings`.
   */
  static readonly layerConfig: Layer.Layer<Credentials, SettingError> = Layer.effect(
    Credentials,
    Effect.suspend(() => fromConfig),
  )
}

const withContext = <R>(token: Token<R>): Effect.Effect<Token, never, R> =>
  Effect.isEffect(token)
    ? Effect.map(
      Effect.context<R>(),
      (built) =>
        Effect.contextWithEffect((asking: Context.Context<never>) =>
          Effect.provide(token, withSpanOf(asking, built))
        ),
    )
    : Effect.succeed(token)

// A token's spans belong to the call that asks for it, not to whoever built the layer.
const withSpanOf = <R>(
  asking: Context.Context<never>,
  built: Context.Context<R>,
): Context.Context<R> =>
  Option.match(Context.getOption(asking, Tracer.ParentSpan), {
    onNone: () => built,
    onSome: (span) => Context.add(built, Tracer.ParentSpan, span),
  })

/**
 * Checks that a base URL may receive a token: https, or http on a loopback address, with nothing
 * but an origin and a path. Left says what is wrong, in words that follow its name. Right is the
 * URL without a slash at its end.
 */
export const parseBaseUrl = (input: unknown): Either.Either<string, string> => {
  const url = typeof input === "string" ? urlIn(input) : undefined
  if (url === undefined) {
    return Either.left("is not a URL: give one like https://cockroachlabs.cloud")
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url.hostname))) {
    return Either.left("must be https, or http on a loopback address, to carry a token")
  }
  if (url.username !== "" || url.password !== "") {
    return Either.left("must not hold a user name or a password: remove what is before @")
  }
  if (/[?#]/.test(url.href)) {
    return Either.left("must not hold a query or a fragment: remove what follows ? or #")
  }
  return Either.right(url.origin + url.pathname.replace(/\/+$/, ""))
}

// Calling URL.canParse first would parse it twice.
const urlIn = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** Whether a limit makes sense, in requests a second. */
export const isLimit = (limit: unknown): boolean => typeof limit === "number" && limit > 0

/** Whether a header can carry a text. */
export const isHeaderText = (text: unknown): boolean =>
  typeof text === "string" && /^[\x21-\x7e]+$/.test(text)

/** What is wrong with a text that no header can carry, in words that follow its name. */
export const notHeaderText =
  "must be visible ASCII characters without spaces or line breaks: was it cut or quoted?"

// URL has already brought all spellings of an address (0x7f.1, [0:0:0:0:0:0:0:1]) into one form.
const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname)

const readText = (name: string, text: string): Effect.Effect<string, SettingError> =>
  isHeaderText(text) ? Effect.succeed(text) : Effect.fail(unusable(
    name,
    `${name} ${text.trim() === "" ? "is empty: set it, or unset it" : notHeaderText}`,
  ))

const optional = (name: string): Effect.Effect<Option.Option<string>, SettingError> =>
  Effect.flatMap(
    setting(name),
    Option.match({
      onNone: () => Effect.succeedNone,
      onSome: (text) => Effect.asSome(readText(name, text)),
    }),
  )

const unset = (name: string, what: string): Effect.Effect<never, SettingError> =>
  Effect.fail(missing(name, `Set ${name} to ${what}`))

const server: Effect.Effect<string, SettingError> = Effect.flatMap(
  setting("COCKROACH_SERVER"),
  (text) =>
    Either.match(parseBaseUrl(Option.getOrElse(text, () => defaultBaseUrl)), {
      onLeft: (reason) => Effect.fail(unusable("COCKROACH_SERVER", `COCKROACH_SERVER ${reason}`)),
      onRight: Effect.succeed,
    }),
)

const fromConfig: Effect.Effect<CredentialsService, SettingError> = Effect.gen(
  function* () {
    const baseUrl = yield* server
    const apiKey = yield* optional("COCKROACH_API_KEY")
    if (Option.isSome(apiKey)) {
      return Credentials.make({ token: Redacted.make(apiKey.value), baseUrl })
    }
    const jwt = yield* optional("COCKROACH_API_JWT")
    if (Option.isNone(jwt)) {
      return yield* unset(
        "COCKROACH_API_KEY",
        "the secret of an API key, or COCKROACH_API_JWT to a JWT",
      )
    }
    const vanityName = yield* optional("COCKROACH_VANITY_NAME")
    if (Option.isNone(vanityName)) {
      return yield* unset(
        "COCKROACH_VANITY_NAME",
        "the organization's vanity name, which goes with a JWT",
      )
    }
    return Credentials.make({
      token: Redacted.make(jwt.value),
      vanityName: vanityName.value,
      username: Option.getOrUndefined(yield* optional("COCKROACH_USERNAME")),
      baseUrl,
    })
  },
)
