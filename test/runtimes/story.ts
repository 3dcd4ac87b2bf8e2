/**
 * The module's main job from end to end, told once for every runtime. It runs over real HTTP,
 * against an emulator that {@link Setting} describes, and uses nothing of a particular runtime.
 */
import {
  type ApiKeyError,
  createApiKey,
  createApiKeyOnce,
  Credentials,
  credentialsFromStore,
  deleteApiKey,
  getApiKey,
  listApiKeyPages,
  listApiKeys,
  listApiKeysPage,
  type Operation,
  RetryPolicy,
  rotateApiKey,
  rotateApiKeys,
  type SecretStore,
  sweepExpiredApiKeys,
  temporaryApiKey,
  throttled,
  updateApiKey,
  withRetryPolicy,
} from "@effect-crdb/api-keys"
import type { FaultPlan, FaultRule, SeenRequest } from "@effect-crdb/api-keys/emulator"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { HttpClient } from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { beneathRows, expectedOf } from "../transport/clientsBeneath.ts"

/** Where the emulator is, and who may call it. It is JSON, since it goes to other processes. */
export interface Setting {
  readonly baseUrl: string
  /** Bearer tokens. An emulator's are no secrets. */
  readonly tokens: { readonly admin: string; readonly withoutRole: string; readonly jwt: string }
  readonly vanityName: string
  readonly username: string
  /** An account without a role, for new keys. */
  readonly serviceAccountId: string
  /** The ids of the first keys, the oldest first. */
  readonly keyIds: ReadonlyArray<string>
}

/** How a step ended. It succeeded if it has no failure. */
export interface StepResult {
  readonly step: string
  readonly failure?: string
}

type Step = Effect.Effect<void, unknown, HttpClient | Credentials>

/** Fails the step with what it saw, unless the condition holds. */
const check = (what: string, holds: boolean, seen: unknown): Effect.Effect<void> =>
  holds ? Effect.void : Effect.die(new Error(`${what}; seen: ${JSON.stringify(seen)}`))

const checkEqual = (what: string, seen: unknown, expected: unknown): Effect.Effect<void> =>
  check(what, JSON.stringify(seen) === JSON.stringify(expected), seen)

/** Returns the error of a call that must fail. */
const failing = (
  call: Effect.Effect<unknown, ApiKeyError, HttpClient | Credentials>,
): Effect.Effect<ApiKeyError, unknown, HttpClient | Credentials> => Effect.flip(call)

const tagOf = (error: ApiKeyError) => [error._tag, error.attempts, error.mayHaveApplied]

/** A store of one secret in memory. */
const storeOf = (secret: Redacted.Redacted): Effect.Effect<SecretStore> =>
  Effect.map(Ref.make(secret), (ref) => ({
    read: Effect.asSome(Ref.get(ref)),
    write: (secret) => Ref.set(ref, secret),
  }))

/** The steps of the story, by name, in order. */
export const steps = (setting: Setting): Readonly<Record<string, Step>> => {
  const { keyIds, serviceAccountId } = setting

  // The side door that test/runtimes/stage.ts adds to the emulator.
  const backstage = (path: string, body?: unknown) =>
    Effect.promise(async () => {
      const response = await fetch(`${setting.baseUrl}/backstage/${path}`, {
        method: "POST",
        body: JSON.stringify(body ?? null),
      })
      const answer: unknown = await response.json()
      return answer
    })
  const order = (faults: FaultPlan) => backstage("faults", faults)
  const seen = Effect.map(
    backstage("requests"),
    // The stage answers with seen requests.
    (requests) => requests as ReadonlyArray<SeenRequest>,
  )

  const as = (token: string) =>
    Effect.provide(
      Credentials.layerApiKey(Redacted.make(token), { baseUrl: setting.baseUrl }),
    )
  const once = withRetryPolicy(RetryPolicy.none)
  const quickly = withRetryPolicy(
    RetryPolicy.make({ schedule: RetryPolicy.backoff({ base: 1, attempts: 3 }) }),
  )
  const name = "made by the story"
  const create = createApiKey({ name, serviceAccountId })
  const anId = keyIds[0] ?? ""
  const ofAccount = Effect.map(
    Stream.runCollect(listApiKeys({ serviceAccountId })),
    (all) => [...all],
  )

  return {
    "creates, gets, renames and deletes a key": Effect.gen(function* () {
      const { apiKey, secret } = yield* create
      yield* checkEqual(
        "the secret starts with the id",
        Redacted.value(secret).split("_").slice(0, 2).join("_"),
        apiKey.id,
      )
      yield* checkEqual("it prints as redacted", String(secret), "<redacted>")
      yield* checkEqual("it has its name", [apiKey.name, apiKey.serviceAccountId], [
        name,
        serviceAccountId,
      ])
      yield* check(
        "it is new",
        DateTime.toEpochMillis(apiKey.createdAt) > Date.now() - 600_000,
        apiKey,
      )
      const got = yield* getApiKey(apiKey.id)
      yield* checkEqual("what is got is what was made", got, apiKey)
      const known = yield* failing(as(Redacted.value(secret))(getApiKey(apiKey.id)))
      yield* checkEqual("its secret is known, and may do nothing", known._tag, "Forbidden")
      const renamed = yield* updateApiKey(apiKey.id, { name: "ключ №1" })
      yield* checkEqual("it is renamed", renamed, { ...apiKey, name: "ключ №1" })
      const deleted = yield* deleteApiKey(apiKey.id)
      yield* checkEqual("it is deleted", deleted, renamed)
      const gone = yield* failing(getApiKey(apiKey.id))
      yield* checkEqual("it is gone", tagOf(gone), ["NotFound", 1, false])
      const dead = yield* failing(as(Redacted.value(secret))(getApiKey(apiKey.id)))
      yield* checkEqual("its secret is dead", dead._tag, "Unauthorized")
    }),

    "walks a list of many pages, both ways, and with pages ahead": Effect.gen(function* () {
      const idsOf = (options: Parameters<typeof listApiKeys>[0]) =>
        Stream.runCollect(Stream.map(listApiKeys(options), ({ id }) => id)).pipe(
          Effect.map((ids) => [...ids]),
        )
      yield* order([])
      yield* checkEqual("oldest first", yield* idsOf({ pageSize: 100 }), keyIds)
      yield* checkEqual("page by page", (yield* seen).length, Math.ceil(keyIds.length / 100))
      yield* checkEqual(
        "newest first",
        yield* idsOf({ pageSize: 100, sortOrder: "DESC" }),
        [...keyIds].reverse(),
      )
      yield* checkEqual("ahead", yield* idsOf({ pageSize: 100, prefetch: 3 }), keyIds)
      const pages = yield* Stream.runCollect(
        listApiKeyPages({ pageSize: 500, asOfTime: new Date() }),
      )
      yield* checkEqual(
        "as of now",
        [...pages].flatMap((page) => page.apiKeys.map(({ id }) => id)),
        keyIds,
      )
    }),

    "asks for one page where one is enough": Effect.gen(function* () {
      yield* order([])
      const first = yield* Stream.runHead(listApiKeys({ pageSize: 10 }))
      yield* check("there is a first key", first._tag === "Some" && first.value.id === anId, first)
      yield* checkEqual("by one request", (yield* seen).map((one) => one.query), [{
        "pagination.limit": "10",
      }])
      const page = yield* listApiKeysPage({ pageSize: 2, serviceAccountId })
      yield* check(
        "filtered",
        page.apiKeys.every((key) => key.serviceAccountId === serviceAccountId),
        page,
      )
    }),

    "sends the caller's credentials": Effect.gen(function* () {
      yield* order([])
      yield* getApiKey(anId)
      const jwt = Credentials.layerJwt({
        token: Redacted.make(setting.tokens.jwt),
        vanityName: setting.vanityName,
        username: setting.username,
      }, { baseUrl: setting.baseUrl })
      yield* Effect.provide(getApiKey(anId), jwt)
      const [byKey, byJwt] = yield* seen
      yield* checkEqual("as what", byJwt?.identity, setting.username)
      for (const one of [byKey, byJwt]) {
        yield* checkEqual("which API", one?.headers["cc-version"], "2024-09-16")
        yield* checkEqual("what is wanted", one?.headers["accept"], "application/json")
        yield* check(
          "with what",
          `${one?.headers["user-agent"]}`.startsWith("effect-crdb-api-keys/"),
          one,
        )
      }
    }),

    "catches each error by its tag": Effect.gen(function* () {
      yield* order([])
      yield* checkEqual("refused here", tagOf(yield* failing(getApiKey(".."))), [
        "InvalidRequest",
        0,
        false,
      ])
      const toNobody = createApiKey({ name, serviceAccountId: "no uuid" })
      yield* checkEqual("refused there", tagOf(yield* failing(toNobody)), [
        "InvalidRequest",
        1,
        false,
      ])
      yield* checkEqual("unknown", tagOf(yield* failing(as("CCDB1_x_y")(create))), [
        "Unauthorized",
        1,
        false,
      ])
      yield* checkEqual(
        "powerless",
        tagOf(yield* failing(as(setting.tokens.withoutRole)(create))),
        ["Forbidden", 1, false],
      )
      yield* checkEqual("nowhere", tagOf(yield* failing(deleteApiKey("CCDB1_nowhere"))), [
        "NotFound",
        1,
        false,
      ])
      const impatient = RetryPolicy.make({ schedule: Schedule.stop, attemptTimeout: "200 millis" })
      const failures: ReadonlyArray<readonly [FaultRule, ApiKeyError["_tag"]]> = [
        [{ fault: { _tag: "Respond", status: 429, retryAfter: { seconds: 3600 } } }, "RateLimited"],
        [{ fault: { _tag: "Respond", status: 500, body: "<html>" } }, "ServerError"],
        [{ fault: { _tag: "MalformedJson" } }, "UnexpectedResponse"],
        [{ fault: { _tag: "TruncateBody" } }, "TransportError"],
        // The fault is for all calls, since some runtimes repeat a GET when its connection breaks.
        [{ fault: { _tag: "DropBefore" } }, "TransportError"],
        [{ delay: "1 hour" }, "TransportError"],
      ]
      for (const [rule, tag] of failures) {
        yield* order([rule])
        const policy = rule.delay === undefined ? RetryPolicy.none : impatient
        const error = yield* failing(withRetryPolicy(policy)(getApiKey(anId)))
        yield* checkEqual(JSON.stringify(rule), tagOf(error), [tag, 1, false])
        if (error._tag !== "TransportError") continue
        const reason = rule.delay === undefined ? "Connection" : "Timeout"
        yield* checkEqual(JSON.stringify(rule), error.reason, reason)
      }
    }),

    "follows no redirect": Effect.gen(function* () {
      for (const status of [301, 302, 303, 307, 308]) {
        const location = `${setting.baseUrl}/backstage/elsewhere`
        yield* order([{ calls: 1, fault: { _tag: "Respond", status, headers: { location } } }])
        const error = yield* failing(once(listApiKeysPage()))
        yield* checkEqual(`${status}`, tagOf(error), ["UnexpectedResponse", 1, false])
        yield* checkEqual(`${status} goes nowhere`, (yield* seen).map((one) => one.path), [
          "/api/v1/api-keys",
        ])
      }
    }),

    "retries if that is safe": Effect.gen(function* () {
      yield* order([{
        calls: 1,
        fault: { _tag: "Respond", status: 503, retryAfter: { seconds: 0 } },
      }])
      yield* quickly(getApiKey(anId))
      yield* checkEqual("twice", (yield* seen).map((one) => one.status), [503, 200])
      yield* order([{ calls: 1, fault: { _tag: "DropAfter" } }])
      yield* quickly(updateApiKey(anId, {}))
      yield* checkEqual("after a lost answer", (yield* seen).length, 2)
      yield* order([{ fault: { _tag: "Respond", status: 502 } }])
      const error = yield* failing(quickly(listApiKeysPage()))
      yield* checkEqual("not for ever", tagOf(error), ["ServerError", 3, false])
    }),

    "creates no second key when the answer is lost": Effect.gen(function* () {
      yield* order([{ fault: { _tag: "DropAfter" } }])
      const error = yield* failing(quickly(create))
      yield* checkEqual("its error says so", tagOf(error), ["TransportError", 1, true])
      yield* checkEqual("one request", (yield* seen).length, 1)
      yield* order([{
        calls: { from: 1, to: 2 },
        fault: { _tag: "Respond", status: 429, retryAfter: { seconds: 0 } },
      }])
      const { apiKey } = yield* quickly(create)
      yield* checkEqual("refused twice, made once", (yield* seen).map((one) => one.status), [
        429,
        429,
        200,
      ])
      yield* order([])
      const made = yield* Stream.runCollect(
        Stream.filter(listApiKeys({ serviceAccountId }), (key) => key.name === name),
      )
      yield* checkEqual("one key of each create", [...made].length, 2)
      yield* Effect.forEach(made, ({ id }) => deleteApiKey(id))
      yield* check(
        "the one it told of among them",
        [...made].some(({ id }) => id === apiKey.id),
        made,
      )
    }),

    "repeats no create and follows no redirect, whatever the client beneath does by itself": Effect
      .gen(function* () {
        const before = (yield* ofAccount).length
        for (const row of beneathRows(setting.baseUrl)) {
          yield* order([])
          const { apiKey } = yield* create
          const calls: Readonly<Record<Operation, Parameters<typeof failing>[0]>> = {
            getApiKey: getApiKey(apiKey.id),
            listApiKeys: listApiKeysPage(),
            updateApiKey: updateApiKey(apiKey.id, { name }),
            createApiKey: create,
            deleteApiKey: deleteApiKey(apiKey.id),
          }
          for (const [called, call] of Object.entries(calls)) {
            // By its type, its names are operations.
            const operation = called as Operation
            const what = `${operation} through ${row.client} after ${row.failure}`
            const { open, sent, tag } = expectedOf(row, operation)
            yield* order([{ fault: row.fault }])
            const error = yield* failing(Effect.updateService(once(call), HttpClient, row.wrap))
            yield* checkEqual(what, tagOf(error), [tag, sent, open])
            // Some runtimes repeat requests that break, but no create.
            if (row.breaks === undefined || operation === "createApiKey") {
              yield* checkEqual(`${what}, seen`, (yield* seen).length, sent)
            }
          }
          yield* order([])
          const made = (yield* ofAccount).slice(before)
          yield* check(`at most one key of a create through ${row.client}`, made.length <= 2, made)
          yield* Effect.forEach(made, ({ id }) => deleteApiKey(id))
        }
      }),

    "aborts the request when it is interrupted": Effect.gen(function* () {
      yield* order([{ calls: 2, delay: "1 hour" }])
      const walk = yield* Effect.fork(Stream.runDrain(listApiKeys({ pageSize: 10 })))
      const reaches = (outcome: string) =>
        seen.pipe(
          Effect.map((requests) => requests.map((one) => one.outcome)),
          Effect.repeat({
            until: (outcomes) => outcomes[1] === outcome,
            schedule: Schedule.spaced("20 millis"),
          }),
          Effect.timeout("30 seconds"),
        )
      yield* reaches("Pending")
      yield* Fiber.interrupt(walk)
      yield* reaches("Aborted")
      yield* checkEqual("nothing more was sent", (yield* seen).length, 2)
    }),

    "creates exactly one key although the answer is lost": Effect.gen(function* () {
      const before = yield* ofAccount
      yield* order([{ operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } }])
      const { apiKey, secret } = yield* quickly(createApiKeyOnce({ name, serviceAccountId }))
      const creates = (yield* seen).filter((one) => one.operation === "createApiKey")
      yield* checkEqual("two were sent", creates.map((one) => one.outcome), ["Dropped", "Answered"])
      yield* checkEqual("one key is left", yield* ofAccount, [...before, apiKey])
      yield* checkEqual("as it was named", apiKey.name, name)
      const known = yield* failing(as(Redacted.value(secret))(getApiKey(apiKey.id)))
      yield* checkEqual("its secret is known", known._tag, "Forbidden")
      yield* deleteApiKey(apiKey.id)
    }),

    "lends a key for as long as a scope is open": Effect.gen(function* () {
      yield* order([])
      const before = yield* ofAccount
      yield* Effect.scoped(Effect.gen(function* () {
        const { apiKey } = yield* temporaryApiKey({ name, serviceAccountId, expiresIn: "1 hour" })
        yield* checkEqual("it is there", yield* ofAccount, [...before, apiKey])
      }))
      yield* checkEqual("it is gone", yield* ofAccount, before)
    }),

    "sweeps only expired keys": Effect.gen(function* () {
      yield* order([])
      const before = yield* ofAccount
      const left = yield* createApiKey({
        name: `${name} [expires 2020-01-01T00:00:00Z 1a2b3c4d]`,
        serviceAccountId,
      })
      const swept = yield* Stream.runCollect(sweepExpiredApiKeys())
      yield* checkEqual("what was left", [...swept], [left.apiKey])
      yield* checkEqual("the others are there", yield* ofAccount, before)
    }),

    "rotates the key that it calls with": Effect.gen(function* () {
      yield* order([])
      // A secret starts with its key's id.
      const admin = yield* getApiKey(setting.tokens.admin.split("_").slice(0, 2).join("_"))
      const own = yield* createApiKey({ name, serviceAccountId: admin.serviceAccountId })
      const store = yield* storeOf(own.secret)
      const { apiKey } = yield* Effect.gen(function* () {
        const rotation = yield* rotateApiKey({ store, grace: 0 })
        yield* checkEqual("what it did", [rotation.did, rotation.deleted], ["made", [
          own.apiKey.id,
        ]])
        yield* checkEqual("by its name", rotation.apiKey.name, name)
        const gone = yield* failing(getApiKey(own.apiKey.id))
        yield* checkEqual("the new one calls, the old one is gone", gone._tag, "NotFound")
        return rotation
      }).pipe(Effect.provide(credentialsFromStore(store, { baseUrl: setting.baseUrl })))
      const held = Option.map(yield* store.read, (secret) => Redacted.value(secret))
      yield* check(
        "the store holds the new one",
        Option.exists(held, (secret) => secret.startsWith(`${apiKey.id}_`)),
        apiKey,
      )
      yield* deleteApiKey(apiKey.id)
    }),

    "rotates several keys": Effect.gen(function* () {
      yield* order([])
      const before = yield* ofAccount
      const made = yield* Effect.replicateEffect(create, 3)
      const stores = new Map(
        yield* Effect.forEach(
          made,
          ({ apiKey, secret }) =>
            Effect.map(storeOf(secret), (store) => [apiKey.id, store] as const),
        ),
      )
      const outcomes = yield* Stream.fromIterable(made.map(({ apiKey }) => apiKey)).pipe(
        rotateApiKeys({
          store: ({ id }) => stores.get(id) ?? { read: Effect.succeedNone, write: Effect.die },
          grace: 0,
        }),
        Stream.runCollect,
      )
      const rotations = [...outcomes].flatMap(({ result }) =>
        Either.match(result, { onLeft: () => [], onRight: (rotation) => [rotation] })
      )
      yield* checkEqual("each", rotations.map(({ did }) => did), ["made", "made", "made"])
      const fresh = rotations.map(({ apiKey }) => apiKey.id)
      const now = (yield* ofAccount).map(({ id }) => id)
      yield* checkEqual(
        "the new ones are left",
        now.toSorted(),
        [...before.map(({ id }) => id), ...fresh].toSorted(),
      )
      yield* Effect.forEach(fresh, (id) => deleteApiKey(id))
    }),

    "keeps below a limit": Effect.gen(function* () {
      yield* order([])
      const began = Date.now()
      yield* Effect.forEach(keyIds.slice(0, 30), (id) => getApiKey(id), { concurrency: 10 }).pipe(
        Effect.provide(
          Layer.provide(throttled({ limit: 10, window: "100 millis" }), FetchHttpClient.layer),
        ),
      )
      // The first ten go at once. There is no upper bound, for slow machines.
      yield* check("thirty take a while", Date.now() - began >= 150, Date.now() - began)
      yield* checkEqual("all came", (yield* seen).length, 30)
    }),
  }
}

/** Tells the whole story, even if a step fails. It uses only fetch. */
export const tell = (setting: Setting): Promise<ReadonlyArray<StepResult>> => {
  const { baseUrl, tokens } = setting
  const caller = Credentials.layerApiKey(Redacted.make(tokens.admin), { baseUrl })
  return Effect.runPromise(
    Effect.forEach(Object.entries(steps(setting)), ([step, effect]) =>
      effect.pipe(
        Effect.provide(Layer.merge(FetchHttpClient.layer, caller)),
        Effect.timeout("60 seconds"),
        Effect.exit,
        Effect.map(Exit.match({
          onSuccess: (): StepResult => ({ step }),
          onFailure: (cause): StepResult => ({ step, failure: Cause.pretty(cause) }),
        })),
      )),
  )
}
