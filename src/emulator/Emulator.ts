/**
 * The emulator: an organization in memory, the ways to call it, and the ways to inspect it.
 *
 * @module
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Cause from "effect/Cause"
import type * as DateTime from "effect/DateTime"
import { type ApiKey, ApiKeyId, type CreatedApiKey, ServiceAccountId } from "../ApiKey.ts"
import { Credentials, type CredentialsService } from "../Credentials.ts"
import * as App from "./app.ts"
import * as Connections from "./connections.ts"
import * as FaultPlan from "./FaultPlan.ts"
import * as Identifiers from "./Identifiers.ts"
import * as Microseconds from "./microseconds.ts"
import * as Options from "./Options.ts"
import type { ApiKeyOptions, EmulatorOptions, ServiceAccountOptions } from "./Options.ts"
import * as Organization from "./Organization.ts"
import * as Random from "./random.ts"
import * as RequestLog from "./RequestLog.ts"
import { ownerProblem, seed } from "./seed.ts"

/** A caller: a service account and one of its keys. */
export interface Identity {
  /** The service account. */
  readonly serviceAccountId: ServiceAccountId
  /** The role of the service account. */
  readonly role: Organization.Role
  /** The id of the key. */
  readonly apiKeyId: ApiKeyId
  /** The secret of the key: the bearer token. */
  readonly secret: Redacted.Redacted<string>
  /** The {@link Credentials} of this caller. Their base URL leads nowhere. */
  readonly credentials: CredentialsService
}

/** Something that happened to a key. */
export interface KeyEvent {
  /** What happened. */
  readonly _tag: "Created" | "Renamed" | "Deleted"
  /** When it happened, by the emulator's clock. */
  readonly at: DateTime.Utc
  /** The id of the key. */
  readonly apiKeyId: ApiKeyId
  /** The name of the key after the event. */
  readonly name: string
  /** The service account of the key. */
  readonly serviceAccountId: ServiceAccountId
  /** The service account or user that made the request. */
  readonly by: string
}

/** A test's side of an emulator. Clients cannot reach any of it through the API. */
export interface EmulatorService {
  /** Calls the API without a socket, whatever host a request names. */
  readonly httpClient: HttpClient.HttpClient
  /** The API for any `HttpServer` of Effect's. */
  readonly httpApp: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    never,
    HttpServerRequest.HttpServerRequest
  >
  /**
   * The API for `Deno.serve` and `Bun.serve`. Neither lets a handler close its connection, so a
   * drop is a body that fails. By then Deno has already sent the head of an answer.
   */
  readonly webHandler: (request: Request) => Promise<Response>

  /** A service account with the role `ORG_ADMIN`. */
  readonly admin: Identity
  /** A service account with the role `CLUSTER_ADMIN`. */
  readonly clusterAdmin: Identity
  /** A service account without a role. */
  readonly withoutRole: Identity
  /**
   * Gives a service account as a caller, with its oldest key, or with a new one if it has none.
   * Fails if there is no such account.
   */
  readonly identityOf: (
    serviceAccountId: string,
  ) => Effect.Effect<Identity, Cause.NoSuchElementException>

  /**
   * Adds a service account, or replaces the one that has its id. A wrong option is a mistake in the
   * program, here and below: the Effect dies as {@link make} says.
   */
  readonly addServiceAccount: (
    options?: ServiceAccountOptions,
  ) => Effect.Effect<Organization.ServiceAccount>
  /** Adds a key, by default to the account without a role. `history` does not show it. */
  readonly addApiKey: (options?: ApiKeyOptions) => Effect.Effect<CreatedApiKey>
  /**
   * Replaces the fault plan and counts calls anew. A wrong plan is a mistake in the program: the
   * Effect dies, and the earlier plan stays in force. The message names the rule and its field, and
   * says what is allowed there.
   */
  readonly setFaults: (plan: FaultPlan.FaultPlan) => Effect.Effect<void>

  /** The service accounts, including those of the emulator's own callers. */
  readonly serviceAccounts: Effect.Effect<ReadonlyArray<Organization.ServiceAccount>>
  /** The keys that exist, oldest first. */
  readonly apiKeys: Effect.Effect<ReadonlyArray<ApiKey>>
  /** What happened to keys through the API, oldest first, as far back as it is kept. */
  readonly history: Effect.Effect<ReadonlyArray<KeyEvent>>
  /** The requests that came, oldest first, as far back as they are kept. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestLog.SeenRequest>>
  /** How many requests the rate limit refused. */
  readonly refused: Effect.Effect<number>
  /** Forgets `history`, `requests` and `refused`. Keys and limits stay. */
  readonly clear: Effect.Effect<void>
}

const EmulatorTag: Context.TagClass<
  Emulator,
  "@effect-crdb/Emulator",
  EmulatorService
> = Context.Tag("@effect-crdb/Emulator")<Emulator, EmulatorService>()

/** The service through which a test calls, changes and inspects its emulator. */
export class Emulator extends EmulatorTag {}

/**
 * Makes an emulator with an organization of its own.
 *
 * It runs on Effect's `Clock`, so tests can use `TestClock`. The in-memory client uses the clock of
 * its caller, a server that of the fiber that serves, and the web handler that of the fiber that
 * made the emulator.
 *
 * A wrong option is a mistake in the program: the Effect dies. The message names the option and
 * says what is allowed there.
 *
 * @example
 * ```ts
 * import * as Emulator from "@effect-crdb/api-keys/emulator"
 * import * as Effect from "effect/Effect"
 *
 * const emulator = await Effect.runPromise(Emulator.make({ serviceAccounts: 40, keys: 5000 }))
 * Deno.serve({ hostname: "127.0.0.1", port: 8080 }, emulator.webHandler)
 * ```
 */
export const make = (options: EmulatorOptions = {}): Effect.Effect<EmulatorService> =>
  Effect.gen(function* () {
    // A copy: later changes to the caller's options have no effect.
    const settings = yield* orDie(() => Options.check(options))
    // A lagging list still shows keys and names that have ended since.
    const kept = Duration.max(
      Duration.decode(settings.history ?? Duration.infinity),
      Duration.decode(settings.listLag ?? 0),
    )
    const identifiers = Identifiers.make(settings.seed ?? "emulator")
    const chances = Random.make(Hash.string(`chances of ${settings.seed ?? "emulator"}`))
    const organization = Organization.make(identifiers, {
      history: Duration.toMillis(kept) * 1000,
      events: settings.logSize,
    })
    const began = yield* Microseconds.now
    const seeded = yield* orDie(() => seed(organization, identifiers, settings, began))
    const log = RequestLog.make(settings.logSize ?? Infinity)
    let nextFault = FaultPlan.follow(settings.faults ?? [], chances)

    const app = App.make({
      organization,
      identifiers,
      log,
      options: settings,
      began,
      nextFault: (operation) => nextFault(operation),
    })
    const httpApp = Connections.served(app)
    const runtime = yield* Effect.runtime<never>()

    const checkKey = (options: unknown): Either.Either<ApiKeyOptions, string> =>
      Either.flatMap(Options.checkApiKey(options), (key) => {
        const problem = ownerProblem(organization, key)
        return problem === undefined ? Either.right(key) : Either.left(`apiKey.${problem}`)
      })

    const addKey = ({ createdAt, name, serviceAccountId }: ApiKeyOptions) =>
      Effect.map(Microseconds.now, (now) =>
        organization.create({
          name: name ?? "a key",
          serviceAccountId: serviceAccountId ?? seeded.withoutRole.serviceAccountId,
          now,
          createdAt: createdAt && Microseconds.fromDateTime(createdAt),
          by: Option.none(),
        }))

    const callerWith = (key: Organization.StoredKey): Identity => {
      const secret = Redacted.make(identifiers.secretOf(key.id))
      return {
        serviceAccountId: ServiceAccountId(key.serviceAccountId),
        role: Option.match(organization.serviceAccount(key.serviceAccountId), {
          onNone: () => "NONE",
          onSome: ({ role }) => role,
        }),
        apiKeyId: ApiKeyId(key.id),
        secret,
        credentials: Credentials.make({ token: secret, baseUrl: "https://emulator.invalid" }),
      }
    }

    return {
      httpClient: Connections.inMemory(app),
      httpApp,
      webHandler: HttpApp.toWebHandlerRuntime(runtime)(httpApp),
      admin: callerWith(seeded.admin),
      clusterAdmin: callerWith(seeded.clusterAdmin),
      withoutRole: callerWith(seeded.withoutRole),
      identityOf: (serviceAccountId) =>
        orDie(() => Options.checkId(serviceAccountId)).pipe(
          Effect.flatMap((id) =>
            Effect.fromNullable(Option.getOrUndefined(organization.serviceAccount(id)))
          ),
          Effect.flatMap(() => {
            const [oldest] = organization.keysOf(serviceAccountId)
            return oldest === undefined ? addKey({ serviceAccountId }) : Effect.succeed(oldest)
          }),
          Effect.map(callerWith),
        ),
      addServiceAccount: (options = {}) =>
        Effect.map(
          orDie(() => Options.checkServiceAccount(options)),
          ({ id, name, role }) =>
            organization.addServiceAccount({
              id: id ?? identifiers.uuid(),
              name: name ?? "a service account",
              role: role ?? "NONE",
            }),
        ),
      addApiKey: (options = {}) =>
        Effect.map(Effect.flatMap(orDie(() => checkKey(options)), addKey), (key) => ({
          apiKey: describe(key),
          secret: Redacted.make(identifiers.secretOf(key.id)),
        })),
      setFaults: (plan) =>
        Effect.map(orDie(() => FaultPlan.check(plan)), (checked) => {
          nextFault = FaultPlan.follow(checked, chances)
        }),
      serviceAccounts: Effect.sync(organization.serviceAccounts),
      apiKeys: Effect.sync(() => organization.keys().map(describe)),
      history: Effect.map(Microseconds.now, (now) =>
        organization.events(now).map((event) => ({
          ...event,
          at: Microseconds.toDateTime(event.at),
          apiKeyId: ApiKeyId(event.apiKeyId),
          serviceAccountId: ServiceAccountId(event.serviceAccountId),
        }))),
      requests: Effect.sync(log.all),
      refused: Effect.sync(log.refused),
      clear: Effect.sync(() => {
        organization.clearEvents()
        log.clear()
      }),
    }
  })

const orDie = <A>(check: () => Either.Either<A, string>): Effect.Effect<A> =>
  Effect.suspend(() =>
    Either.getOrElse(
      Either.map(check(), Effect.succeed),
      (message) => Effect.die(new Cause.IllegalArgumentException(message)),
    )
  )

const describe = (key: Organization.StoredKey): ApiKey => ({
  id: ApiKeyId(key.id),
  name: key.name,
  serviceAccountId: ServiceAccountId(key.serviceAccountId),
  createdAt: Microseconds.toDateTime(key.createdAt),
})

/**
 * Makes a fresh organization. Provides its {@link Emulator}, an HttpClient that reaches it without
 * a socket, and the Credentials of its admin.
 *
 * @example
 * ```ts
 * import { listApiKeys } from "@effect-crdb/api-keys"
 * import * as Emulator from "@effect-crdb/api-keys/emulator"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Stream.runCount(listApiKeys()).pipe(
 *   Effect.provide(Emulator.layer({ keys: 5000, rateLimit: "none" })),
 * )
 * ```
 */
export const layer = (
  options?: EmulatorOptions,
): Layer.Layer<HttpClient.HttpClient | Credentials | Emulator> =>
  Layer.effectContext(Effect.map(make(options), (emulator) =>
    Context.make(Emulator, emulator).pipe(
      Context.add(HttpClient.HttpClient, emulator.httpClient),
      Context.add(Credentials, emulator.admin.credentials),
    )))
