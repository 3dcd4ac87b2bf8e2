/**
 * The options of an emulator. Some choose what it does where the service is not documented.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Check from "./check.ts"
import { uuid } from "./definition.ts"
import { FaultPlan } from "./FaultPlan.ts"
import type { Role } from "./Organization.ts"
import { type RateLimitOptions, RateLimitOptionsSchema } from "./RateLimit.ts"
import type { ErrorBodies } from "./Reply.ts"
import type { SeenRequest } from "./RequestLog.ts"
import { exact } from "./validate.ts"

/** A service account to add. */
export interface ServiceAccountOptions {
  /** A UUID, a new one by default. The emulator shows it in lower case. */
  readonly id?: string | undefined
  /** The name. By default it is numbered, like `service account 1`. */
  readonly name?: string | undefined
  /** The role; `NONE` by default. */
  readonly role?: Role | undefined
}

/** A key to add. */
export interface ApiKeyOptions {
  /** The name. By default it is numbered, like `key 1`. */
  readonly name?: string | undefined
  /**
   * The key's service account, which must exist. By default keys are spread over the accounts in
   * the options.
   */
  readonly serviceAccountId?: string | undefined
  /** When the key was made. By default it is made a second after the key before it. */
  readonly createdAt?: DateTime.Utc | undefined
}

/** A JWT that the organization accepts, and the users it may act as. */
export interface JwtOptions {
  /** The bearer token. */
  readonly token: string
  /** The users it may act as. `Cc-Username` picks one. With a single user you can leave it out. */
  readonly users: ReadonlyArray<{
    /** An email address or a service account id. */
    readonly username: string
    readonly role: Role
  }>
}

/**
 * The options of an emulator.
 *
 * The service's documentation leaves some behaviour open. The options marked "Unknown" choose it.
 * Each of their defaults is a guess: test a program that must work with the service with the other
 * choices too.
 */
export interface EmulatorOptions {
  /**
   * Service accounts: a list, or a number of accounts without a role. Three more always exist: an
   * `ORG_ADMIN`, a `CLUSTER_ADMIN` and one without a role, each with its own key.
   */
  readonly serviceAccounts?: number | ReadonlyArray<ServiceAccountOptions> | undefined
  /**
   * Keys: a list, or a number of keys. They are spread in turn over `serviceAccounts`. If there are
   * none, they belong to the account without a role. The keys of the three accounts above come on
   * top, and lists show them too.
   */
  readonly keys?: number | ReadonlyArray<ApiKeyOptions> | undefined
  /**
   * The age of the oldest key, from a second to 36,500 days, like `"400 days"`. The ages of all
   * keys are spread evenly from there to now, in the order of `keys`. The keys of the three
   * accounts are the youngest. By default keys are a second apart, up to now.
   */
  readonly oldest?: Duration.DurationInput | undefined
  /** JWTs to accept as well as keys' secrets; none by default. */
  readonly jwts?: ReadonlyArray<JwtOptions> | undefined
  /** The organization's name, which a request with a JWT must send; `emulator` by default. */
  readonly vanityName?: string | undefined
  /** The same seed repeats ids, secrets, page tokens and chances; `"emulator"` by default. */
  readonly seed?: string | undefined
  /** The rate limit. By default 10 requests a second for each identity, as documented. */
  readonly rateLimit?: RateLimitOptions | "none" | undefined
  /**
   * A wait before every answer; none by default. At most 24 days, or `Infinity`, which never ends.
   */
  readonly latency?: Duration.DurationInput | undefined
  /** What goes wrong; nothing by default. */
  readonly faults?: FaultPlan | undefined
  /**
   * How long the emulator keeps deleted keys, former names and events, like `"1 hour"`; for ever by
   * default. It keeps them for at least `listLag`. It refuses lists as of a time before that with a
   * 400, as CockroachDB refuses to read what its garbage collection may have removed.
   */
  readonly history?: Duration.DurationInput | undefined
  /** How many of the newest requests, and of the newest events, to keep; all by default. */
  readonly logSize?: number | undefined
  /** Runs after each request, for instance to log it. */
  readonly onRequest?: ((request: SeenRequest) => Effect.Effect<void>) | undefined

  /** Unknown: how many keys a page has if the request does not say; 100 by default. */
  readonly defaultPageSize?: number | undefined
  /** Unknown: how many keys a page has at most; 500 by default. */
  readonly maxPageSize?: number | undefined
  /** Unknown: whether a larger `pagination.limit` is lowered (`clamp`, the default) or refused. */
  readonly overMaxPageSize?: "clamp" | "refuse" | undefined
  /** Unknown: how a page shows that it is the last; `omit-next-page` by default. */
  readonly lastPage?: "omit-pagination" | "omit-next-page" | "empty-next-page" | undefined
  /**
   * Unknown: how far lists lag behind, like `"2 seconds"`; not at all by default. Each page of a
   * list without an `as_of_time` shows the keys and their names as they were that long ago, but
   * never from before the organization began. Everything else sees the present: get, update,
   * delete, authentication, and lists as of a time.
   */
  readonly listLag?: Duration.DurationInput | undefined
  /** Unknown: what a list of an unknown service account's keys gives; `empty` by default. */
  readonly unknownServiceAccountFilter?: "empty" | "not-found" | undefined
  /** Unknown: the body of an error. Most statuses document none; `status` by default. */
  readonly errorBodies?: ErrorBodies | undefined
  /**
   * Unknown: which `Cc-Version` is accepted. `any` (the default) accepts every version and none at
   * all. `required` accepts every version. A list accepts only the versions in it.
   */
  readonly ccVersion?: "any" | "required" | ReadonlyArray<string> | undefined
}

/** How many service accounts, or keys, an organization can begin with. */
export const InitialCount: Schema.Schema<number> = Check.wholeNumber(0, 1_000_000)

/** The bounds of {@link EmulatorOptions.oldest}. Even the oldest key has a four-digit year. */
export const Oldest: Schema.Schema<Duration.DurationInput> = Check.durationBetween(
  "1 second",
  "36500 days",
)

/** A Schema for each field of a type: the compiler finds a field that has none. */
type Fields<A> = Readonly<Record<keyof A, Schema.Struct.Fields[string]>>

const Text = Schema.String.pipe(Schema.annotations({ title: "a string" }))

const Uuid = Schema.String.pipe(
  Schema.filter((text) => uuid.test(text), { description: "a UUID" }),
)

// A header carries nothing else, so no request could match any other text.
const HeaderText = Schema.String.pipe(
  Schema.filter((text) => /^[!-~](?:[ -~]*[!-~])?$/.test(text), {
    description: "non-empty ASCII text",
  }),
)

const Token = Schema.String.pipe(
  Schema.filter((text) => /^[!-~]+$/.test(text), {
    description: "non-empty ASCII text without spaces",
  }),
)

// The type lets the compiler find a missing or an unknown role.
const RoleSchema: Schema.Schema<Role> = Schema.Literal("ORG_ADMIN", "CLUSTER_ADMIN", "NONE")

// The API writes years with four digits.
const CreatedAt = Schema.declare(
  (value): value is DateTime.Utc =>
    DateTime.isDateTime(value) && DateTime.isUtc(value) &&
    /^\d{4}-/.test(DateTime.formatIso(value)),
  { description: "a DateTime.Utc from the year 0 to 9999" },
)

const OnRequest = Schema.declare(
  (value): value is NonNullable<EmulatorOptions["onRequest"]> => Predicate.isFunction(value),
  { description: "a function" },
)

const anObject = { description: "an object" }

/** The schema of {@link ServiceAccountOptions}. */
const ServiceAccount: Schema.Schema<ServiceAccountOptions> = Schema.Struct(
  {
    id: Schema.optional(Uuid),
    name: Schema.optional(Text),
    role: Schema.optional(RoleSchema),
  } satisfies Fields<ServiceAccountOptions>,
).pipe(Schema.annotations(anObject))

/** The schema of {@link ApiKeyOptions}. */
const ApiKey: Schema.Schema<ApiKeyOptions> = Schema.Struct(
  {
    name: Schema.optional(Text),
    serviceAccountId: Schema.optional(Uuid),
    createdAt: Schema.optional(CreatedAt),
  } satisfies Fields<ApiKeyOptions>,
).pipe(Schema.annotations(anObject))

/** The schema of {@link JwtOptions}. */
const Jwt: Schema.Schema<JwtOptions> = Schema.Struct(
  {
    token: Token,
    users: Schema.Array(
      Schema.Struct({ username: HeaderText, role: RoleSchema }).pipe(Schema.annotations(anObject)),
    ).pipe(Schema.annotations({ description: "a list" })),
  } satisfies Fields<JwtOptions>,
).pipe(Schema.annotations(anObject))

const listOf = <A>(item: Schema.Schema<A>) =>
  Schema.Array(item).pipe(Schema.annotations({ description: "a list" }))

/** The schema of {@link EmulatorOptions}. */
const Options: Schema.Schema<EmulatorOptions> = Schema.Struct(
  {
    serviceAccounts: Schema.optional(Schema.Union(InitialCount, listOf(ServiceAccount))),
    keys: Schema.optional(Schema.Union(InitialCount, listOf(ApiKey))),
    oldest: Schema.optional(Oldest),
    jwts: Schema.optional(listOf(Jwt)),
    vanityName: Schema.optional(HeaderText),
    seed: Schema.optional(Text),
    rateLimit: Schema.optional(Schema.Union(RateLimitOptionsSchema, Schema.Literal("none"))),
    latency: Schema.optional(Check.anyWait),
    faults: Schema.optional(FaultPlan),
    history: Schema.optional(Check.anyDuration),
    logSize: Schema.optional(Check.unbounded(0)),
    onRequest: Schema.optional(OnRequest),
    defaultPageSize: Schema.optional(Check.wholeNumber(1)),
    maxPageSize: Schema.optional(Check.unbounded(1)),
    overMaxPageSize: Schema.optional(Schema.Literal("clamp", "refuse")),
    lastPage: Schema.optional(
      Schema.Literal("omit-pagination", "omit-next-page", "empty-next-page"),
    ),
    listLag: Schema.optional(Check.anyDuration),
    unknownServiceAccountFilter: Schema.optional(Schema.Literal("empty", "not-found")),
    errorBodies: Schema.optional(Schema.Literal("status", "empty-object", "html", "none")),
    ccVersion: Schema.optional(
      Schema.Union(Schema.Literal("any", "required"), listOf(HeaderText)),
    ),
  } satisfies Fields<EmulatorOptions>,
).pipe(Schema.annotations(anObject))

/** Checks options. A failure says which option is wrong and what is allowed there. */
export const check = (options: unknown): Either.Either<EmulatorOptions, string> =>
  Check.check(exact(Options), "options", options)

/** Checks the options of one service account in the same way. */
export const checkServiceAccount = (
  options: unknown,
): Either.Either<ServiceAccountOptions, string> =>
  Check.check(exact(ServiceAccount), "serviceAccount", options)

/** Checks the options of one key in the same way. */
export const checkApiKey = (options: unknown): Either.Either<ApiKeyOptions, string> =>
  Check.check(exact(ApiKey), "apiKey", options)

/** Checks a service account's id in the same way. */
export const checkId = (id: unknown): Either.Either<string, string> =>
  Check.check(Text, "serviceAccountId", id)
