/**
 * The acts of a rotation. Each carries one step out, and notes what the rotation then knows.
 *
 * @module
 */
import type { HttpClient } from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import type { ApiKeyError } from "../../ApiKeyError.ts"
import { Credentials } from "../../Credentials.ts"
import { getApiKey } from "../../endpoints/getApiKey.ts"
import { updateApiKey } from "../../endpoints/updateApiKey.ts"
import * as Operation from "../../operation.ts"
import { mismatched } from "../../transport/failure.ts"
import { apiKeyIdOf } from "../apiKeyIdOf.ts"
import { createMarked } from "../createMarked.ts"
import type { Following } from "../followingCredentials.ts"
import { indexKeys, type KeyIndex, keysAbout, unseenBy, type Viewpoint } from "./keyIndex.ts"
import type { LeftBehind } from "../LeftBehind.ts"
import type { Listed } from "./listAccount.ts"
import { wholeMillis } from "../../waiting/wholeMillis.ts"
import { removeApiKey } from "../removeApiKey.ts"
import { isSame, type Obstacle, type Plan, type Run, type Step, type View } from "./decide.ts"
import type { RotationFailedReason } from "./RotationFailed.ts"
import { parseMarked } from "../mark.ts"
import type { SecretStore } from "../SecretStore.ts"

/** What a rotation knows. */
export interface State<E> {
  readonly view: Omit<View, "now">
  readonly run: Run
  readonly heldSecret: Option.Option<Redacted.Redacted<string>>
  /** The key that this run made, and its secret. */
  readonly own: Option.Option<
    { readonly apiKey: ApiKey; readonly secret: Redacted.Redacted<string> }
  >
  readonly deleted: ReadonlyArray<ApiKeyId>
  /** Keys that the API says are gone, whoever deleted them. */
  readonly gone: ReadonlySet<ApiKeyId>
  /**
   * Some if the write failed. It holds the store's error, or undefined if the write took too long.
   */
  readonly writeFailure: Option.Option<E | undefined>
}

/** What all acts need. */
export interface Acting<E, R> {
  readonly store: SecretStore<E, R>
  readonly plan: Plan
  readonly following: Following
  readonly noteMade: (apiKey: ApiKey, sentAt: number) => Effect.Effect<void>
  readonly state: Ref.Ref<State<E>>
}

/** Why a rotation stops. */
export interface Failure<E> {
  readonly reason: RotationFailedReason
  readonly cause: ApiKeyError | E | undefined
  /** Stands in the message instead of the reason's usual words. */
  readonly what?: string
}

type Act<E, R> = Effect.Effect<void, Failure<E>, HttpClient | Credentials | R>

/** Reads the store. */
export const observeStore = <E, R>({ following, plan, state, store }: Acting<E, R>): Act<E, R> =>
  Effect.gen(function* () {
    const before = yield* Ref.get(state)
    const secret = yield* inTime(plan, store.read)
    const held = Option.flatMap(secret, apiKeyIdOf)
    if (Option.isSome(secret) && Option.isNone(held)) {
      return yield* Effect.fail<Failure<E>>({ reason: "UnreadableSecret", cause: undefined })
    }
    if (Equal.equals(secret, before.heldSecret)) return
    const heldSince = yield* Clock.currentTimeMillis
    const own = Option.map(before.own, ({ secret }) => secret)
    const isOwn = Option.isSome(own) && Equal.equals(own, secret)
    const isMangled = !isOwn && Option.isSome(held) &&
      Equal.equals(Option.flatMap(own, apiKeyIdOf), held)
    if (Option.isSome(before.view.held) && Option.isSome(secret) && !isMangled) {
      // Whoever wrote this secret deletes the key before it. The program may call with that key.
      yield* following.replace(before.view.held.value, secret.value)
    }
    yield* Ref.update(state, (state) => ({
      ...state,
      heldSecret: secret,
      view: { ...state.view, held, heldSince, listed: false },
      run: {
        ...state.run,
        refusals: 0,
        rereads: 0,
        // The run has proven the secret that it wrote itself, and no other secret of that key.
        proven: isOwn ? state.run.proven : Option.none(),
      },
    }))
  })

/** Asks the store. It has no more time for an answer than for a write. */
const inTime = <A, E, R>(
  plan: Plan,
  ask: Effect.Effect<A, E, R>,
): Effect.Effect<A, Failure<E>, R> =>
  ask.pipe(
    Effect.mapError((cause): Failure<E> => ({ reason: "Store", cause })),
    // If it cannot be interrupted, it goes on by itself and does not hold up the rotation.
    Effect.disconnect,
    Effect.timeoutFail({
      duration: storeTimeout(plan),
      onTimeout: (): Failure<E> => ({ reason: "Store", cause: undefined }),
    }),
  )

const act = <E, R>(
  acting: Acting<E, R>,
  step: Exclude<Step, { _tag: "Wait" | "Done" }>,
): Act<E, R> => {
  switch (step._tag) {
    case "Look":
      return getHeld(acting)
    case "Make":
      return make(acting, step)
    case "Prove":
      return Effect.zipRight(Effect.sleep(step.after), prove(acting, step.id))
    case "Write":
      return write(acting)
    case "Reread":
      return Effect.zipRight(
        Effect.sleep(step.after),
        Ref.update(acting.state, (state) => ({
          ...state,
          run: { ...state.run, rereads: state.run.rereads + 1 },
        })),
      )
    case "Delete":
      return remove(acting, step.id)
    case "Unmark":
      return unmark(acting, step.id, step.name)
    case "Fail":
      return giveUp(acting, step.obstacle)
  }
}

const giveUp = <E, R>({ plan, state }: Acting<E, R>, obstacle: Obstacle): Act<E, R> =>
  Effect.gen(function* () {
    const { own, view, writeFailure } = yield* Ref.get(state)
    const replaced = obstacle === "StoreHoldsAnother"
      ? view.keys.find(({ id }) => Option.exists(plan.target, (target) => target.id === id))
      : undefined
    // One page may still show the deleted key although the next shows its successor unmarked.
    if (replaced !== undefined && Option.isNone(yield* getIfThere(state, replaced.id))) return
    // If the caller named the key that the store holds, it may have been deleted since.
    const refused = obstacle === "SecretRefused" && Option.isNone(own) ? view.held : Option.none()
    if (Option.isSome(refused) && Option.isNone(yield* getIfThere(state, refused.value))) return
    return yield* Effect.fail<Failure<E>>(
      Option.isSome(writeFailure)
        ? { reason: "Store", cause: writeFailure.value }
        : { reason: obstacle, cause: undefined },
    )
  })

/** Carries a step out. */
export const actOrFollow = <E, R>(
  acting: Acting<E, R>,
  step: Parameters<typeof act>[1],
): Act<E, R> => orFollow(acting, act(acting, step))

/**
 * Carries an act out. If the API does not accept the token, it reads the store again. If the store
 * holds another key by now, the program called with the deleted one before. The rotation then goes
 * on with the key in the store.
 */
const orFollow = <E, R>(acting: Acting<E, R>, act: Act<E, R>): Act<E, R> =>
  Effect.gen(function* () {
    const { heldSecret } = yield* Ref.get(acting.state)
    yield* Effect.catchIf(
      act,
      isUnauthorized,
      (failure) =>
        Effect.zipRight(observeStore(acting), Ref.get(acting.state)).pipe(
          Effect.flatMap((state) =>
            Equal.equals(state.heldSecret, heldSecret) ? Effect.fail(failure) : Effect.void
          ),
        ),
    )
  })

const isUnauthorized = ({ cause, reason }: Failure<unknown>): boolean =>
  reason === "Api" && Predicate.isTagged(cause, "Unauthorized")

// The id comes from a key's name, so it may not be an id at all.
const isInvalid = ({ cause }: Failure<unknown>): boolean =>
  Predicate.isTagged(cause, "InvalidRequest")

/**
 * Gets the key that the store holds. A run that returns may end before it lists, so it gets the
 * predecessor too.
 */
const getHeld = <E, R>({ plan, state }: Acting<E, R>): Act<E, R> =>
  Effect.gen(function* () {
    const { view } = yield* Ref.get(state)
    const found = yield* getIfThere(state, Option.getOrThrow(view.held))
    const beside = Option.isSome(found) && plan.onWait === "return"
      ? yield* getUnseen(state, indexKeys([found.value]), {
        held: found.value,
        target: Option.none(),
        own: Option.none(),
      })
      : []
    yield* Ref.update(state, (state) => ({
      ...state,
      view: {
        ...state.view,
        keys: [...Option.toArray(found), ...beside],
        // If it is gone, nobody knows its account, and so there are no keys to list.
        listed: Option.isNone(found),
      },
    }))
  })

/** The key that the store holds, once it is known. A look then lists the keys beside it. */
export const knownHeld = <E, R>({ state }: Acting<E, R>): Effect.Effect<ApiKey | undefined> =>
  Effect.map(
    Ref.get(state),
    ({ view }) => view.keys.find(({ id }) => Option.contains(view.held, id)),
  )

/** Notes the keys that a list shows beside the held one. */
export const noteListed = <E, R>(
  acting: Acting<E, R>,
  held: ApiKey,
  listed: Effect.Effect<Listed, ApiKeyError>,
): Act<E, R> =>
  orFollow(
    acting,
    Effect.gen(function* () {
      const { plan: { target }, state } = acting
      const { index } = yield* api(listed)
      const { run: { doubtful, made } } = yield* Ref.get(state)
      const viewpoint = { held, target, own: made, doubtful }
      const got = yield* getUnseen(state, index, viewpoint)
      const { gone } = yield* Ref.get(state)
      // An answer about one key is newer than the list.
      const shown = keysAbout(index, viewpoint).filter(({ id }) =>
        !gone.has(id) && got.every((key) => key.id !== id)
      )
      const keys = [...shown, ...got]
      yield* Ref.update(state, (state) => ({
        ...state,
        view: { ...state.view, keys, listed: true },
      }))
    }),
  )

/** Gets the keys that the rotation decides by, and that the list does not show or may show late. */
const getUnseen = <E>(
  state: Ref.Ref<State<E>>,
  index: KeyIndex,
  viewpoint: Pick<Viewpoint, "held" | "target" | "own">,
): Effect.Effect<ReadonlyArray<ApiKey>, Failure<never>, HttpClient | Credentials> =>
  Effect.gen(function* () {
    const { gone } = yield* Ref.get(state)
    const unseen = unseenBy(index, viewpoint).filter((id) => !gone.has(id))
    const mark = Option.getOrUndefined(parseMarked(viewpoint.held.name).mark)
    const got = yield* Effect.forEach(
      unseen,
      (id) =>
        mark?._tag === "Rotates" && mark.predecessor === id
          ? Effect.catchIf(getIfThere(state, id), isInvalid, () => Effect.succeedNone)
          : getIfThere(state, id),
    )
    return got.flatMap(Option.toArray)
  })

const getIfThere = <E>(
  state: Ref.Ref<State<E>>,
  id: ApiKeyId,
): Effect.Effect<Option.Option<ApiKey>, Failure<never>, HttpClient | Credentials> =>
  api(
    getApiKey(id).pipe(
      // Otherwise the rotation would look for the same key for ever.
      Effect.filterOrFail((key) => key.id === id, anotherKey),
      Effect.asSome,
      Effect.catchTag(
        "NotFound",
        () => Effect.zipRight(Ref.update(state, noteGone(id)), Effect.succeedNone),
      ),
    ),
  )

const anotherKey = (): ApiKeyError =>
  mismatched(
    { operation: Operation.getApiKey, attempts: 1, mayHaveApplied: false },
    200,
    "the key in its body is not the one that was asked for",
  ).error

/** Makes a key, unless the store says that it could not take its secret. */
const make = <E, R>(acting: Acting<E, R>, step: Extract<Step, { _tag: "Make" }>): Act<E, R> =>
  Effect.zipRight(
    inTime(acting.plan, acting.store.check ?? Effect.void),
    makeUnchecked(acting, step),
  )

const makeUnchecked = <E, R>(
  { noteMade, plan, state }: Acting<E, R>,
  { name, predecessor, serviceAccountId }: Extract<Step, { _tag: "Make" }>,
): Act<E, R> =>
  Effect.uninterruptibleMask((restore) =>
    createMarked({
      name,
      serviceAccountId,
      mark: (nonce) =>
        Option.match(predecessor, {
          onNone: () => ({ _tag: "First", nonce }),
          onSome: (predecessor) => ({ _tag: "Rotates", predecessor, nonce }),
        }),
      maxClockSkew: plan.lease / 4,
    }, restore).pipe(
      Effect.catchAll(({ cause, leftBehind }) =>
        Effect.zipRight(
          Ref.update(state, noteDoubtful(leftBehind)),
          Effect.fail<Failure<E>>(failedCall(cause)),
        )
      ),
      Effect.tap(({ apiKey, doubtful, sentAt }) =>
        Effect.zipRight(noteMade(apiKey, sentAt), Ref.update(state, noteDoubtful(doubtful)))
      ),
      Effect.flatMap(({ apiKey, secret, sentAt }) =>
        Ref.update(state, (state) => ({
          ...state,
          own: Option.some({ apiKey, secret }),
          view: { ...state.view, keys: [...state.view.keys, apiKey], listed: false },
          run: {
            ...state.run,
            made: Option.some({
              id: apiKey.id,
              before: state.view.held,
              sentAt,
              state: "unwritten" as const,
            }),
          },
        }))
      ),
    )
  )

/** Makes a call with the secret. A 403 proves it too: the API knows the caller. */
const prove = <E, R>({ state }: Acting<E, R>, id: ApiKeyId): Act<E, R> =>
  Effect.gen(function* () {
    const { heldSecret, own } = yield* Ref.get(state)
    const ownSecret = Option.filter(own, ({ apiKey }) => apiKey.id === id).pipe(
      Option.map(({ secret }) => secret),
    )
    const isHeld = Option.contains(Option.flatMap(heldSecret, apiKeyIdOf), id)
    const secret = Option.getOrThrow(isHeld ? heldSecret : ownSecret)
    const isAccepted = yield* api(
      getApiKey(id).pipe(
        Effect.as(true),
        Effect.catchTags({
          Forbidden: () => Effect.succeed(true),
          Unauthorized: () => Effect.succeed(false),
          NotFound: () => Effect.succeed(false),
        }),
        Effect.updateService(Credentials, (credentials) => ({
          ...credentials,
          token: secret,
          vanityName: Option.none(),
          username: Option.none(),
        })),
      ),
    )
    yield* Ref.update(state, (state) => ({
      ...state,
      run: isAccepted
        ? { ...state.run, proven: Option.some(id), refusals: 0 }
        : { ...state.run, refusals: state.run.refusals + 1 },
    }))
  })

const storeTimeout = (plan: Plan): Duration.Duration => wholeMillis(Duration.millis(plan.lease / 4))

const write = <E, R>({ plan, state, store }: Acting<E, R>): Act<E, R> =>
  Effect.gen(function* () {
    const { own } = yield* Ref.get(state)
    // Noted before the write: if that is broken off, it may still have happened.
    yield* Ref.update(state, setOwn("written"))
    const failed = yield* store.write(Option.getOrThrow(own).secret).pipe(
      Effect.as(Option.none<E | undefined>()),
      Effect.disconnect,
      Effect.timeoutTo({
        duration: storeTimeout(plan),
        onSuccess: (none) => none,
        onTimeout: () => Option.some(undefined),
      }),
      Effect.catchAll((error: E) => Effect.succeed(Option.some<E | undefined>(error))),
    )
    if (Option.isSome(failed)) {
      yield* Ref.update(
        state,
        (state) => ({ ...setOwn("abandoned")(state), writeFailure: failed }),
      )
    }
  })

const remove = <E, R>({ following, state }: Acting<E, R>, id: ApiKeyId): Act<E, R> =>
  Effect.gen(function* () {
    const { heldSecret, own } = yield* Ref.get(state)
    if (Option.isSome(heldSecret)) yield* following.replace(id, heldSecret.value)
    const isDeleted = yield* api(removeApiKey(id))
    const isOwn = Option.exists(own, ({ apiKey }) => apiKey.id === id)
    yield* Ref.update(state, (state) => ({
      ...noteGone(id)(forgetDoubtful(id)(isOwn ? setOwn("deleted")(state) : state)),
      deleted: isDeleted ? [...state.deleted, id] : state.deleted,
    }))
  })

const unmark = <E, R>({ state }: Acting<E, R>, id: ApiKeyId, name: string): Act<E, R> =>
  Effect.gen(function* () {
    const renamed = yield* api(
      updateApiKey(id, { name }).pipe(
        Effect.asSome,
        // Another run has rotated this key in its turn.
        Effect.catchTag("NotFound", () => Effect.succeedNone),
      ),
    )
    yield* Ref.update(state, (state) => ({
      ...state,
      run: { ...state.run, finished: true },
      view: {
        ...state.view,
        keys: [
          ...state.view.keys.filter((key) => key.id !== id),
          ...Option.toArray(renamed),
        ],
        listed: state.view.listed && Option.isSome(renamed),
      },
    }))
  })

/** Notes what became of the key that the run made. */
export const setOwn =
  (to: "written" | "abandoned" | "deleted") => <E>(state: State<E>): State<E> => ({
    ...state,
    run: { ...state.run, made: Option.map(state.run.made, (own) => ({ ...own, state: to })) },
  })

const noteGone = (id: ApiKeyId) => <E>(state: State<E>): State<E> => ({
  ...state,
  gone: new Set(state.gone).add(id),
  view: { ...state.view, keys: state.view.keys.filter((key) => key.id !== id) },
})

const noteDoubtful = (leftBehind: ReadonlyArray<LeftBehind>) => <E>(state: State<E>): State<E> => ({
  ...state,
  run: { ...state.run, doubtful: [...state.run.doubtful, ...leftBehind] },
})

const forgetDoubtful = (id: ApiKeyId) => <E>(state: State<E>): State<E> => {
  const key = state.view.keys.find((key) => key.id === id)
  return key === undefined ? state : {
    ...state,
    run: { ...state.run, doubtful: state.run.doubtful.filter((doubt) => !isSame(doubt, key)) },
  }
}

const api = <A, R>(
  call: Effect.Effect<A, ApiKeyError, R>,
): Effect.Effect<A, Failure<never>, R> => Effect.mapError(call, failedCall)

const failedCall = (cause: ApiKeyError): Failure<never> => ({
  reason: "Api",
  cause,
  what: `${cause.message}. Run it again to go on`,
})
