/**
 * The API as an HTTP app: the order of its checks, and the points at which faults apply.
 *
 * @module
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { Operation } from "../operation.ts"
import { authenticate, authorize, type Caller } from "./authenticate.ts"
import * as Body from "./body.ts"
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
import { type Route, route } from "./route.ts"

/** The state that the app works on. */
export interface AppState {
  readonly organization: Organization
  readonly identifiers: Identifiers
  readonly log: RequestLog.RequestLog
  readonly nextFault: (operation: Operation) => FaultRule | undefined
  readonly options: EmulatorOptions
  /** When the organization began. */
  readonly began: Microseconds.Microseconds
}

/** Makes the app. It fails where the connection must break. */
export const make = (state: AppState): HttpApp.Default<Delivery.ConnectionDropped> => {
  const { identifiers, log, nextFault, options, organization } = state
  const identify = authenticate(
    organization,
    identifiers,
    options.jwts ?? [],
    options.vanityName ?? "emulator",
  )
  const answer = makeAnswer(state, identify)
  const latency = Duration.decode(options.latency ?? 0)

  const exchange = (request: HttpServerRequest.HttpServerRequest) =>
    Effect.gen(function* () {
      const { path, query } = targetOf(request.url)
      const matched = route(request.method, path)
      const operation = matched._tag === "Operation" ? matched.operation : undefined
      const entry = log.add({
        at: Microseconds.toDateTime(yield* Microseconds.now),
        operation,
        method: request.method,
        path,
        query,
        headers: RequestLog.redact(request.headers),
      })
      const rule = operation === undefined ? undefined : nextFault(operation)
      entry.update({ fault: rule })

      const { closing, read } = Body.of(request)
      const isRead = operation !== undefined && request.method !== "GET" &&
        Either.isRight(identify(request.headers))

      const respond = Effect.gen(function* () {
        const body = isRead ? yield* read : ""
        entry.update({ body: RequestLog.startOf(body ?? "") })
        // One after the other: a timer may be too short for the sum.
        yield* pause(latency)
        yield* pause(Duration.decode(rule?.delay ?? 0))
        const now = yield* Microseconds.now
        const reply = Delivery.acts(rule?.fault)
          ? Reply.withErrorBody(
            matched._tag === "Operation"
              ? answer({ matched, query, headers: request.headers, body, now, rule, entry })
              : notAnOperation(matched, request.method, path),
            options.errorBodies ?? "status",
          )
          // Nobody sees this answer: the fault replaces it with its own, or with none.
          : Reply.failure(503, "nothing was done")
        yield* pause(Duration.decode(rule?.answerDelay ?? 0))
        const delivery = Delivery.deliver(reply, rule?.fault, now / 1000)
        entry.update({
          outcome: delivery._tag === "Whole" || delivery._tag === "Dripped"
            ? "Answered"
            : "Dropped",
          status: delivery._tag === "Dropped" ? undefined : delivery.reply.status,
        })
        return closing(yield* Delivery.toResponse(delivery))
      })

      return yield* Effect.onExit(respond, () => {
        if (entry.current().outcome === "Pending") entry.update({ outcome: "Aborted" })
        return options.onRequest?.(entry.current()) ?? Effect.void
      })
    })

  return Effect.interruptible(Effect.flatMap(HttpServerRequest.HttpServerRequest, exchange))
}

const pause = (duration: Duration.Duration): Effect.Effect<void> =>
  Duration.greaterThan(duration, Duration.zero) ? Effect.sleep(duration) : Effect.void

// The service may have more than the emulator. Nobody should take such a gap for a missing key.
const notAnOperation = (
  matched: Exclude<Route, { _tag: "Operation" }>,
  method: string,
  path: string,
): Reply.Reply => {
  const asked = `${printable(method, 20)} ${printable(path, 100)}`
  return matched._tag === "NotFound"
    ? Reply.failure(404, `this emulator does not know the path of ${asked}`)
    : {
      ...Reply.failure(405, `this emulator does not know the method of ${asked}`),
      headers: { allow: matched.allowed.join(", ") },
    }
}

interface Question {
  readonly matched: Extract<Route, { _tag: "Operation" }>
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly headers: Readonly<Record<string, string>>
  /** Undefined if it is over the limit. */
  readonly body: string | undefined
  readonly now: Microseconds.Microseconds
  readonly rule: FaultRule | undefined
  readonly entry: RequestLog.Entry
}

/** Checks the caller, the limits and the role, and then carries out the operation. */
const makeAnswer = (
  { began, identifiers, options, organization }: AppState,
  identify: ReturnType<typeof authenticate>,
): (question: Question) => Reply.Reply => {
  const handlers = Handlers.make(organization, identifiers, options, began)
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
      if (body === undefined) return yield* Either.left(tooLarge)
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

const tooLarge = Reply.failure(413, `the body must be at most ${Body.limit} bytes long`)

/** Counts the requests of each caller against the limit. */
const makeAdmit = (options: RateLimit.RateLimitOptions | "none") => {
  if (options === "none") return () => Either.void
  const rateLimit = RateLimit.make(options)
  const admitted = new Map<string, RateLimit.Admitted>()
  return (caller: Caller, nowMillis: number): Either.Either<void, Reply.Reply> => {
    // A username may equal the id of a service account.
    const key = `${caller._tag} ${caller.id}`
    const verdict = RateLimit.check(rateLimit, admitted.get(key) ?? [], nowMillis)
    if (verdict._tag === "Admitted") {
      admitted.set(key, verdict.admitted)
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

/** Reads path and parameters from a request's target, which may name a scheme and host, too. */
const targetOf = (target: string): Pick<RequestLog.SeenRequest, "path" | "query"> => {
  const local = target.replace(/^https?:\/\/[^/?]*/i, "")
  const mark = local.indexOf("?")
  const path = mark === -1 ? local : local.slice(0, mark)
  return { path: path || "/", query: mark === -1 ? {} : parametersOf(local.slice(mark + 1)) }
}

const parametersOf = (search: string): Readonly<Record<string, string | ReadonlyArray<string>>> => {
  if (search === "") return {}
  const params = new URLSearchParams(search)
  // `fromEntries` makes a field of every name, even of "__proto__".
  return Object.fromEntries(Array.from(new Set(params.keys()), (name) => {
    const values = params.getAll(name)
    return [name, values[1] === undefined ? values[0] ?? "" : values]
  }))
}
