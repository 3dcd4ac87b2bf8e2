/**
 * How an emulator is made, and what it does where the service's behaviour is not documented.
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

/** A service account to begin with. */
export interface ServiceAccountOptions {
  /** A UUID, which is shown in lower case; a new one by default. */
  readonly id?: string | undefined
  /** By default numbered, as in `service account 1`. */
  readonly name?: string | undefined
  /** `NONE` by default. */
  readonly role?: Role | undefined
}

/** A key to begin with. */
export interface ApiKeyOptions {
  /** By default numbered, as in `key 1`. */
  readonly name?: string | undefined
  /** The service account that it is of; spread over those of the options by default. */
  readonly serviceAccountId?: string | undefined
  /** For a key from the past; by default a second after the one before it. */
  readonly createdAt?: DateTime.Utc | undefined
}

/** A JWT that the organization accepts, and whom it may act as. */
export interface JwtOptions {
  /** The bearer token. */
  readonly token: string
  /** Which of them a request means, `Cc-Username` says; where there is one, it need not. */
  readonly users: ReadonlyArray<{
    /** An email address or a service account id. */
    readonly username: string
    readonly role: Role
  }>
}

/**
 * How an emulator is made.
 *
 * The last group is about what the service's documentation leaves open: each default there is a
 * guess, and a program that must work with the service should be tested with the others too.
 */
export interface EmulatorOptions {
  /**
   * Service accounts, listed or so many without a role. Besides them there are always three: an
   * `ORG_ADMIN`, a `CLUSTER_ADMIN` and one without a role, each with a key of its own.
   */
  readonly serviceAccounts?: number | ReadonlyArray<ServiceAccountOptions> | undefined
  /**
   * Keys, listed or so many, spread in turn over `serviceAccounts`, or else of the account without
   * a role. They come besides the three that the accounts just named call with; lists show all.
   */
  readonly keys?: number | ReadonlyArray<ApiKeyOptions> | undefined
  /**
   * The age of the oldest key, from a second to 36,500 days, like `"400 days"`: the ages of all are
   * spread evenly from there to now, in the order of `keys`; the keys of the three accounts are the
   * youngest. By default keys are of the last seconds.
   */
  readonly oldest?: Duration.DurationInput | undefined
  /** JWTs to accept besides the keys' secrets; by default none. */
  readonly jwts?: ReadonlyArray<JwtOptions> | undefined
  /** The organization's name, which a JWT must come with; `emulator` by default. */
  readonly vanityName?: string | undefined
  /** Repeats ids, secrets, page tokens and chances; `"emulator"` by default. */
  readonly seed?: string | undefined
  /** By default 10 requests a second for each identity, as documented. */
  readonly rateLimit?: RateLimitOptions | "none" | undefined
  /** A wait before every answer; by default none. */
  readonly latency?: Duration.DurationInput | undefined
  /** What goes wrong; by default nothing. */
  readonly faults?: FaultPlan | undefined
  /**
   * How long deleted keys, former names and events are kept, like `"1 hour"`, but never shorter
   * than `listLag`; by default for ever. A list as of an earlier time is then refused with a 400, as
   * CockroachDB refuses to read what it has collected.
   */
  readonly history?: Duration.DurationInput | undefined
  /** How many of the newest requests, and events of the history, are kept; by default all. */
  readonly logSize?: number | undefined
  /** Runs after each request, for instance to log it. */
  readonly onRequest?: ((request: SeenRequest) => Effect.Effect<void>) | undefined

  /** Unknown: keys on a page when none are asked for; 100 by default. */
  readonly defaultPageSize?: number | undefined
  /** Unknown: the most keys on a page; 500 by default. */
  readonly maxPageSize?: number | undefined
  /** Unknown: what becomes of a larger `pagination.limit`; `clamp` by default. */
  readonly overMaxPageSize?: "clamp" | "refuse" | undefined
  /** Unknown: how the last page says that it is the last; `omit-next-page` by default. */
  readonly lastPage?: "omit-pagination" | "omit-next-page" | "empty-next-page" | undefined
  /**
   * Unknown: how far lists are behind, like `"2 seconds"`; by default not at all. Each page of a
   * list without an `as_of_time` then shows the keys, and their names, of so long ago, but never
   * less than the organization began with. All else sees the present: get, update, delete, tokens,
   * and lists as of a time.
   */
  readonly listLag?: Duration.DurationInput | undefined
  /** Unknown: what filtering by an unknown service account gives; `empty` by default. */
  readonly unknownServiceAccountFilter?: "empty" | "not-found" | undefined
  /** Unknown: the bodies of errors, undocumented for most statuses; `status` by default. */
  readonly errorBodies?: ErrorBodies | undefined
  /** Unknown: which `Cc-Version` is accepted: any or none (the default), any, or these. */
  readonly ccVersion?: "any" | "required" | ReadonlyArray<string> | undefined
}

/** How many service accounts, or keys, an organization can begin with. */
export const InitialCount: Schema.Schema<number> = Check.wholeNumber(0, 1_000_000)

/** What {@link EmulatorOptions.oldest} can be: a key of that age has a year of four digits. */
export const Oldest: Schema.Schema<Duration.DurationInput> = Check.durationBetween(
  "1 second",
  "36500 days",
)

/** A Schema of each field of a type, so that none goes unchecked. */
type Fields<A> = Readonly<Record<keyof A, Schema.Struct.Fields[string]>>

const Text = Schema.String.pipe(Schema.annotations({ title: "a text" }))

const Uuid = Schema.String.pipe(
  Schema.filter((text) => uuid.test(text), { description: "a UUID" }),
)

// What else is in a header, no request can match.
const HeaderText = Schema.String.pipe(
  Schema.filter((text) => /^[!-~](?:[ -~]*[!-~])?$/.test(text), {
    description: "a text of ASCII, not empty",
  }),
)

const Token = Schema.String.pipe(
  Schema.filter((text) => /^[!-~]+$/.test(text), {
    description: "a text of ASCII without spaces, not empty",
  }),
)

// The compiler holds it to the type: none is missing, and no other is there.
const RoleSchema: Schema.Schema<Role> = Schema.Literal("ORG_ADMIN", "CLUSTER_ADMIN", "NONE")

// What is created then is shown with a year of four digits.
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

/** What a {@link ServiceAccountOptions} must be. */
const ServiceAccount: Schema.Schema<ServiceAccountOptions> = Schema.Struct(
  {
    id: Schema.optional(Uuid),
    name: Schema.optional(Text),
    role: Schema.optional(RoleSchema),
  } satisfies Fields<ServiceAccountOptions>,
).pipe(Schema.annotations(anObject))

/** What an {@link ApiKeyOptions} must be. */
const ApiKey: Schema.Schema<ApiKeyOptions> = Schema.Struct(
  {
    name: Schema.optional(Text),
    serviceAccountId: Schema.optional(Uuid),
    createdAt: Schema.optional(CreatedAt),
  } satisfies Fields<ApiKeyOptions>,
).pipe(Schema.annotations(anObject))

/** What a {@link JwtOptions} must be. */
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

/** What {@link EmulatorOptions} must be. */
const Options: Schema.Schema<EmulatorOptions> = Schema.Struct(
  {
    serviceAccounts: Schema.optional(Schema.Union(InitialCount, listOf(ServiceAccount))),
    keys: Schema.optional(Schema.Union(InitialCount, listOf(ApiKey))),
    oldest: Schema.optional(Oldest),
    jwts: Schema.optional(listOf(Jwt)),
    vanityName: Schema.optional(HeaderText),
    seed: Schema.optional(Text),
    rateLimit: Schema.optional(Schema.Union(RateLimitOptionsSchema, Schema.Literal("none"))),
    latency: Schema.optional(Check.anyDuration),
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

/** Checks options, or says which of them is wrong and what is allowed there. */
export const check = (options: unknown): Either.Either<EmulatorOptions, string> =>
  Check.check(exact(Options), "options", options)

/** Checks the options of one service account so. */
export const checkServiceAccount = (
  options: unknown,
): Either.Either<ServiceAccountOptions, string> =>
  Check.check(exact(ServiceAccount), "serviceAccount", options)

/** Checks the options of one key so. */
export const checkApiKey = (options: unknown): Either.Either<ApiKeyOptions, string> =>
  Check.check(exact(ApiKey), "apiKey", options)

/** Checks a service account's id so. */
export const checkId = (id: unknown): Either.Either<string, string> =>
  Check.check(Text, "serviceAccountId", id)
