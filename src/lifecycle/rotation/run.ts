/**
 * Carries a rotation out: observe, decide, act, until nothing is left to do.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { ApiKey } from "../../ApiKey.ts"
import { Credentials } from "../../Credentials.ts"
import {
  type Acting,
  actOrFollow,
  type Failure,
  knownHeld,
  noteListed,
  observeStore,
  setOwn,
  type State,
} from "./act.ts"
import type { Around } from "./Around.ts"
import { checkRotation } from "./checkRotation.ts"
import { discardApiKey } from "../discardApiKey.ts"
import type { Following } from "../followingCredentials.ts"
import { defaultLeaseMillis } from "../lease.ts"
import { type LeftBehind, redactInUse, warnOfLeftBehind } from "../LeftBehind.ts"
import type { ListAccount } from "./listAccount.ts"
import { parseMarked } from "../mark.ts"
import { redactor } from "../../transport/redact.ts"
import { wholeMillis } from "../../waiting/wholeMillis.ts"
import type { RotateApiKeyOptions, Rotation } from "./Rotation.ts"
import { nextStep, type Plan, type Step } from "./decide.ts"
import { type RotationFailed, rotationFailed } from "./RotationFailed.ts"
import { dateOf, isSameStep, tellStep } from "./RotationStep.ts"

/** What the rotations of one program share. */
export interface Shared {
  readonly following: Following
  /** Lists the keys of a service account. This does not count as work. */
  readonly list: ListAccount
  /** Notes a key as soon as it is made, and when its create was sent. */
  readonly noteMade: (apiKey: ApiKey, sentAt: number) => Effect.Effect<void>
  /** Surrounds the work between the long waits. */
  readonly whileWorking: Around
  /** Surrounds each long wait. */
  readonly whileWaiting: Around
}

/** Rotates one key. */
export const rotate = <E, R>(
  options: RotateApiKeyOptions<E, R> & { readonly concurrency?: number | undefined },
  { following, list, noteMade, whileWaiting, whileWorking }: Shared,
): Effect.Effect<Rotation, RotationFailed<E>, HttpClient | R> =>
  Effect.gen(function* () {
    yield* checkRotation<E>(options)
    const plan = planOf(options)
    const state = yield* Ref.make<State<E>>(stateAtFirst(options))
    const acting: Acting<E, R> = { store: options.store, plan, following, noteMade, state }

    const decide = Effect.zipWith(
      Clock.currentTimeMillis,
      Ref.get(state),
      (now, { run, view }) => nextStep(plan, { ...view, now }, run),
    )
    const { onStep } = options
    const decideAndTell = Effect.gen(function* () {
      let told: Step | undefined
      while (true) {
        yield* observeStore(acting)
        const step = yield* decide
        if (onStep === undefined || step._tag === "Done" || step._tag === "Fail") return step
        // `onStep` may take a while. After that the store may hold another key.
        if (told !== undefined && isSameStep(step, told)) return step
        told = step
        yield* tellStep(onStep, step, (yield* Ref.get(state)).run)
      }
    })
    const work = Effect.gen(function* () {
      while (true) {
        const step = yield* decideAndTell
        yield* Effect.annotateLogs(Effect.logDebug(`rotation: ${step._tag}`), describe(step))
        if (step._tag === "Done" || step._tag === "Wait") return step
        const held = step._tag === "Look" ? yield* knownHeld(acting) : undefined
        if (held !== undefined) return { _tag: "List" as const, held }
        yield* actOrFollow(acting, step)
        if (step._tag !== "Look" || plan.onWait !== "return") continue
        // A run that comes too early ends here, after a single read of the store.
        const next = yield* decide
        if (next._tag !== "Wait") continue
        if (onStep !== undefined) yield* tellStep(onStep, next, (yield* Ref.get(state)).run)
        return next
      }
    })
    const untilDone = Effect.gen(function* () {
      let next = work
      while (true) {
        const step = yield* whileWorking(next)
        next = work
        if (step._tag === "Done") return step
        if (step._tag === "Wait" && plan.onWait === "return") return step
        if (step._tag === "List") {
          // Not within `whileWorking`: it may wait for other rotations, which need a turn to get there.
          const listed = yield* Effect.exit(list(step.held.serviceAccountId))
          next = Effect.zipRight(noteListed(acting, step.held, listed), work)
          continue
        }
        yield* whileWaiting(sleepUntil(step.until))
        // A list from before a wait is too old to decide a deletion.
        yield* Ref.update(state, (state) => ({ ...state, view: { ...state.view, listed: false } }))
      }
    })

    return yield* untilDone.pipe(
      Effect.flatMap((end) =>
        Effect.flatMap(Ref.get(state), (state) => {
          const isOwn = Option.exists(state.own, ({ apiKey }) => apiKey.id === end.apiKey.id)
          return Option.isSome(state.writeFailure) && !isOwn
            ? Effect.fail<Failure<E>>({ reason: "Store", cause: state.writeFailure.value })
            : Effect.succeed(resultOf(state, end))
        })
      ),
      Effect.catchAll((failure) => fail(acting, failure)),
      // `fail` has done that already, and its error tells.
      Effect.onError((cause) =>
        Option.isSome(Cause.failureOption(cause))
          ? Effect.void
          : Effect.zipRight(discardUnwritten(acting), warnOfRest(acting))
      ),
    )
  }).pipe(
    Effect.provideService(Credentials, following.credentials),
    Effect.withSpan("ApiKeys.rotateApiKey", { captureStackTrace: false }),
  )

const sleepUntil = (until: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    now >= until ? Effect.void : Effect.zipRight(
      Effect.sleep(wholeMillis(Duration.millis(until - now))),
      sleepUntil(until),
    ))

const planOf = <E, R>(options: RotateApiKeyOptions<E, R>): Plan => ({
  target: Option.fromNullable(options.apiKey),
  first: Option.fromNullable(options.first),
  grace: Duration.toMillis(options.grace),
  lease: Duration.toMillis(options.lease ?? defaultLeaseMillis),
  olderThan: options.olderThan === undefined ? undefined : Duration.toMillis(options.olderThan),
  onWait: options.onWait ?? "sleep",
})

const stateAtFirst = <E, R>({ apiKey, onWait }: RotateApiKeyOptions<E, R>): State<E> => ({
  view: {
    held: Option.none(),
    heldSince: 0,
    // A run that comes back gets a successor again, and its predecessor with it.
    keys: apiKey === undefined || onWait === "return" && isMarked(apiKey) ? [] : [apiKey],
    listed: false,
  },
  run: {
    made: Option.none(),
    doubtful: [],
    proven: Option.none(),
    refusals: 0,
    rereads: 0,
    finished: false,
  },
  heldSecret: Option.none(),
  own: Option.none(),
  deleted: [],
  gone: new Set(),
  writeFailure: Option.none(),
})

const isMarked = ({ name }: ApiKey): boolean => Option.isSome(parseMarked(name).mark)

const resultOf = <E>(
  { deleted, own, run }: State<E>,
  end: Extract<Step, { _tag: "Done" | "Wait" }>,
): Rotation => ({
  did: end._tag === "Wait"
    ? "waiting"
    : Option.exists(own, (own) => own.apiKey.id === end.apiKey.id)
    ? "made"
    : run.finished || Option.isSome(own)
    ? "resumed"
    : deleted.length > 0
    ? "cleanedUp"
    : "kept",
  until: end._tag === "Wait" ? Option.some(dateOf(end.until)) : Option.none(),
  apiKey: end.apiKey,
  deleted,
  leftBehind: [
    ...(end._tag === "Wait" ? [] : end.leftBehind).map(({ id, name }) => ({
      id: Option.some(id),
      name,
    })),
    ...run.doubtful,
  ],
})

// An id comes from a server, which can put a secret there.
const describe = (about: object): Record<string, string> =>
  "id" in about ? { id: redactor([])(String(about.id)) } : {}

const fail = <E, R>(
  acting: Acting<E, R>,
  failure: Failure<E>,
): Effect.Effect<never, RotationFailed<E>, HttpClient | Credentials> =>
  Effect.gen(function* () {
    yield* discardUnwritten(acting)
    const state = yield* Ref.get(acting.state)
    const leftBehind = leftBehindBy(state)
    return yield* Effect.fail(rotationFailed<E>(
      { reason: failure.reason, cause: failure.cause, held: state.view.held, leftBehind },
      yield* redactInUse(leftBehind),
      failure.what,
    ))
  })

const warnOfRest = <E, R>({ state }: Acting<E, R>): Effect.Effect<void, never, Credentials> =>
  Effect.flatMap(Ref.get(state), (state) =>
    Effect.forEach(
      leftBehindBy(state),
      (key) => warnOfLeftBehind("a rotation that was broken off may have left a key behind", key),
      { discard: true },
    ))

/** Its own keys that may be live, or may still appear. They are not known to be in the store. */
const leftBehindBy = <E>({ own, run, view }: State<E>): ReadonlyArray<LeftBehind> => {
  const unheld = Option.filter(own, ({ apiKey }) =>
    !Option.contains(view.held, apiKey.id) &&
    !Option.exists(run.made, ({ state }) => state === "deleted"))
  return [
    ...Option.toArray(unheld).map(({ apiKey: { id, name } }) => ({ id: Option.some(id), name })),
    ...run.doubtful,
  ]
}

// Nobody has its secret, and nobody will, so nobody needs to wait for the lease.
const discardUnwritten = <E, R>(
  { state }: Acting<E, R>,
): Effect.Effect<void, never, HttpClient | Credentials> =>
  Effect.flatMap(Ref.get(state), ({ own, run }) => {
    const unwritten = Option.exists(run.made, ({ state }) => state === "unwritten")
    if (!unwritten || Option.isNone(own)) return Effect.void
    return Effect.flatMap(
      discardApiKey(own.value.apiKey),
      (left) => left.length > 0 ? Effect.void : Ref.update(state, setOwn("deleted")),
    )
  })
