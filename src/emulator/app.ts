/**
 * The API as an HTTP app: what is checked, in which order, and what faults do at which point.
 *
 * @module
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { Operation } from "../operation.ts"
import { authenticate, authorize, type Caller } from "./authenticate.ts"
import * as Delivery from "./Delivery.ts"
import type { FaultRule } from "./FaultPlan.ts"
import * as Handlers from "./handlers.ts"
import type { Identifiers } from "./Identifiers.ts"
import * as Microseconds from "./microseconds.ts"
import type { EmulatorOptions } from "./Options.ts"
import type { Organization } from "./Organization.ts"
import * as RateLimit from "./RateLimit.ts"
import { printable } from "./printable.ts"
import * as Reply from "./Reply.ts"
import * as RequestLog from "./RequestLog.ts"
import { route } from "./route.ts"

/** What the app works on. */
export interface AppState {
  readonly organization: Organization
  readonly identifiers: Identifiers
  readonly log: RequestLog.RequestLog
  readonly nextFault: (operation: Operation) => FaultRule | undefined
  readonly options: EmulatorOptions
}

/** Makes the app. It fails where the connection is to break. */
export const make = (state: AppState): HttpApp.Default<Delivery.ConnectionDropped> => {
  const { log, nextFault, options } = state
  const answer = makeAnswer(state)
  const latency = Duration.decode(options.latency ?? 0)

  const exchange = (request: HttpServerRequest.HttpServerRequest, body: string) =>
    Effect.gen(function* () {
      const [path = "", search = ""] = request.url.split("?", 2)
      const query = parametersOf(search)
      const matched = route(request.method, path)
      const operation = matched._tag === "Operation" ? matched.operation : undefined
      const entry = log.add({
        at: Microseconds.toDateTime(yield* Microseconds.now),
        operation,
        method: request.method,
        path,
        query,
        headers: RequestLog.redact(request.headers),
        body,
      })
      const rule = operation === undefined ? undefined : nextFault(operation)
      entry.update({ fault: rule })

      const respond = Effect.gen(function* () {
        yield* pause(Duration.sum(latency, Duration.decode(rule?.delay ?? 0)))
        const now = yield* Microseconds.now
        const reply = Delivery.acts(rule?.fault)
          ? Reply.withErrorBody(
            matched._tag === "Operation"
              ? answer({ matched, query, headers: request.headers, body, now, rule, entry })
              : notAnOperation(matched, request.method, path),
            options.errorBodies ?? "status",
          )
          // The fault puts its own answer, or none, in the place of this one.
          : Reply.failure(503, "nothing was done")
        yield* pause(Duration.decode(rule?.answerDelay ?? 0))
        const delivery = Delivery.deliver(reply, rule?.fault, now / 1000)
        entry.update({
          outcome: delivery._tag === "Whole" || delivery._tag === "Dripped"
            ? "Answered"
            : "Dropped",
          status: delivery._tag === "Dropped" ? undefined : delivery.reply.status,
        })
        return yield* Delivery.toResponse(delivery)
      })

      return yield* Effect.onExit(respond, (exit) => {
        if (Exit.isInterrupted(exit)) entry.update({ outcome: "Aborted" })
        return options.onRequest?.(entry.current()) ?? Effect.void
      })
    })

  return Effect.interruptible(Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) =>
      request.method === "GET"
        ? exchange(request, "")
        // A body that cannot be read came over a connection that is already gone.
        : Effect.flatMap(Effect.orDie(request.text), (body) => exchange(request, body)),
  ))
}

const pause = (duration: Duration.Duration): Effect.Effect<void> =>
  Duration.greaterThan(duration, Duration.zero) ? Effect.sleep(duration) : Effect.void

// The service may know more than the emulator: a gap is not to be taken for a key that is missing.
const notAnOperation = (
  matched: { readonly _tag: "NotFound" | "MethodNotAllowed" },
  method: string,
  path: string,
): Reply.Reply => {
  const asked = `${printable(method, 20)} ${printable(path, 100)}`
  return matched._tag === "NotFound"
    ? Reply.failure(404, `this emulator does not know the path of ${asked}`)
    : Reply.failure(405, `this emulator does not know the method of ${asked}`)
}

interface Question {
  readonly matched: Extract<ReturnType<typeof route>, { _tag: "Operation" }>
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly now: Microseconds.Microseconds
  readonly rule: FaultRule | undefined
  readonly entry: RequestLog.Entry
}

/** Answers a request to an operation: who, how often, what they may, and then the operation. */
const makeAnswer = (
  { identifiers, options, organization }: AppState,
): (question: Question) => Reply.Reply => {
  const handlers = Handlers.make(organization, identifiers, options)
  const identify = authenticate(
    organization,
    identifiers,
    options.jwts ?? [],
    options.vanityName ?? "emulator",
  )
  const admit = makeAdmit(options.rateLimit ?? {})
  const checkVersion = makeCheckVersion(options.ccVersion ?? "any")

  return ({ body, entry, headers, matched, now, query, rule }) =>
    Either.merge(Either.gen(function* () {
      const caller = yield* identify(headers)
      entry.update({ identity: caller.id })
      yield* Either.mapLeft(admit(caller, now / 1000), (reply) => {
        entry.update({ rateLimited: true })
        return reply
      })
      yield* checkVersion(headers["cc-version"])
      yield* authorize(caller, matched.operation)
      return handlers[matched.operation]({
        path: matched.path,
        query,
        headers,
        body,
        by: caller.id,
        now,
        fault: rule?.fault,
      })
    }))
}

/** Counts the requests of each caller against the limit. */
const makeAdmit = (options: RateLimit.RateLimitOptions | "none") => {
  if (options === "none") return () => Either.void
  const rateLimit = RateLimit.make(options)
  const admitted = new Map<string, RateLimit.Admitted>()
  return (caller: Caller, nowMillis: number): Either.Either<void, Reply.Reply> => {
    const verdict = RateLimit.check(rateLimit, admitted.get(caller.id) ?? [], nowMillis)
    if (verdict._tag === "Admitted") {
      admitted.set(caller.id, verdict.admitted)
      return Either.void
    }
    return Either.left(Reply.rateLimited(
      rateLimit.status,
      RateLimit.retryAfter(rateLimit.retryAfter, verdict.waitMillis, nowMillis),
    ))
  }
}

const makeCheckVersion = (accepted: "any" | "required" | ReadonlyArray<string>) =>
(
  version: string | undefined,
): Either.Either<void, Reply.Reply> => {
  if (accepted === "any") return Either.void
  if (version === undefined) return Either.left(Reply.failure(400, "Cc-Version is required"))
  return accepted === "required" || accepted.includes(version)
    ? Either.void
    : Either.left(Reply.failure(400, `Cc-Version: ${version} is not a version of this API`))
}

const parametersOf = (search: string): Readonly<Record<string, string | ReadonlyArray<string>>> => {
  if (search === "") return {}
  const parameters: Record<string, string | ReadonlyArray<string>> = {}
  const params = new URLSearchParams(search)
  for (const name of new Set(params.keys())) {
    const values = params.getAll(name)
    parameters[name] = values[1] === undefined ? values[0] ?? "" : values
  }
  return parameters
}
