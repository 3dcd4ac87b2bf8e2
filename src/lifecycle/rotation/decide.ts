/**
 * Decides what a rotation does next: a pure function of what the store and the API show.
 *
 * Any number of runs may rotate the same key at the same time, and each may be killed at any point.
 * Neither the store nor the API has a compare-and-set. This comment says why no run ever deletes a
 * key that the store holds, or that it may still come to hold.
 *
 * The words:
 *
 * - A *run* is one call of `rotateApiKey`.
 * - The *held* key is the key whose secret the store holds.
 * - The *predecessor* is the key to replace. A *successor* is a key that a run made to replace it.
 *   Its name ends in a *mark* until the rotation is done.
 * - The *lease* is the age at which a marked key belongs to no run any more.
 *
 * The store holds one of four things: nothing, an unmarked key, a marked successor, or a key that
 * is gone.
 *
 * ## The rules
 *
 * 1. A run writes only the key that it made itself, and only once. Before it writes, it checks that
 *    the store still holds what it held when the run made that key.
 *    Two runs can both pass the check, and then both write. But a run checks after it made its key,
 *    and the check fails once anybody has written. So every key that is ever written was made
 *    before the first write. A list that begins after a write shows every key that can still be
 *    written.
 * 2. A run writes its key only while that key is younger than half a lease.
 *    A write may take a quarter of a lease, and clocks may differ by the last quarter. So nobody
 *    writes a key that is older than a lease. If such a key is marked and not held, it may be
 *    deleted.
 * 3. A run takes the mark off the held key only when no other key with the same mark is younger
 *    than a lease.
 *    Until then, another run may still push the held key out of the store. So no key loses its mark
 *    before it is safe from that.
 *
 * Rule 3 needs runs that make the same marks. Runs that begin with an empty store, or with a key
 * that is gone, must be given the same `target` and `first`. A run cannot wait for keys with other
 * marks: most of them belong to other stores of the account, and their rotations take as long as
 * their grace.
 *
 * ## Why a shared list is enough
 *
 * A run may use a list that another rotation made. The list must have begun after this run asked
 * for it: when it saw the store change, or after a wait. The list may be minutes old when the run
 * uses it. That does no harm:
 *
 * - No rule asks who made the list, only what it shows. Every key that can still be written was
 *   made before the first write, so a list that begins after that write shows it. Newer keys do not
 *   matter.
 * - A key that is older than a lease stays so, and a run reads the store again before every step.
 *   So if rule 2 allows a deletion when the list is made, it allows it later too.
 * - The mark of the held key says whether the predecessor may be deleted. The list does not.
 * - If a key on the list is gone by now, that costs a useless request, or a wait and another list.
 *
 * ## What a list does not prove
 *
 * A list proves that a key was there when the list began. If a key is absent, that proves nothing:
 * the pages of a list are not of one moment, and a list may be a few seconds behind. So:
 *
 * - A run decides by the absence of three keys: the held one, its predecessor, and the one that the
 *   caller names. It gets each of them by its id.
 * - A run cannot know the ids of other runs' keys. Before it takes the mark off, it needs one of
 *   two things. The list began {@link listLag} or more after this run first saw the store
 *   hold the key: a list is no further behind, so it shows all that was made before the write. Or else
 *   the key is two leases old. A run that returns instead of sleeping needs the second, since it
 *   does not know what an earlier run saw.
 *
 * Two leases are enough for this reason. By rule 2 the held key was written less than a lease after
 * it was made. By rule 1 every key that can still replace it was made before that write. So all of
 * those are older than a lease, and by rule 2 nobody writes them any more.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import type { LeftBehind } from "../LeftBehind.ts"
import { type Mark, parseMarked } from "../mark.ts"

/** What the caller wants. Times are in milliseconds. */
export interface Plan {
  /** The key to replace, if the caller names it. */
  readonly target: Option.Option<ApiKey>
  /** The key to make if there is none to replace. */
  readonly first: Option.Option<{ readonly name: string; readonly serviceAccountId: string }>
  readonly grace: number
  readonly lease: number
  /** How old a key must be to be replaced. If undefined, any age will do. */
  readonly olderThan: number | undefined
  readonly onWait: OnWait
}

/** What a run does when it has to wait. It sleeps, or it ends and a later run goes on. */
export type OnWait = "sleep" | "return"

/** What the run sees. Times are in milliseconds since 1970. */
export interface View {
  readonly now: number
  /** The key whose secret the store holds. */
  readonly held: Option.Option<ApiKeyId>
  /** When the run first saw the store hold that key. */
  readonly heldSince: number
  /** The live keys of its service account that the run knows. */
  readonly keys: ReadonlyArray<ApiKey>
  /**
   * Whether `keys` has all keys that this rotation decides by. They must be from a list that began
   * after the store was last seen to change, and after the last wait.
   */
  readonly listed: boolean
}

/** What the run itself has done so far. */
export interface Run {
  /** The key that the run made, if it made one. */
  readonly made: Option.Option<{
    readonly id: ApiKeyId
    /** What the store held when it was made. */
    readonly before: Option.Option<ApiKeyId>
    /** When its create was sent, by the local clock. */
    readonly sentAt: number
    /** `"abandoned"`: the write failed, but the key may still get into the store. */
    readonly state: "unwritten" | "written" | "abandoned" | "deleted"
  }>
  /**
   * Keys of the run's other creates that had no answer, and that it did not find. Nobody has their
   * secrets.
   */
  readonly doubtful: ReadonlyArray<LeftBehind>
  /** The key whose secret the API has accepted. */
  readonly proven: Option.Option<ApiKeyId>
  /** How many times in a row the API has refused the secret that the run tries to prove. */
  readonly refusals: number
  /** How many times in a row the store has not shown what was written. */
  readonly rereads: number
  /** Whether it has taken the mark off a successor. */
  readonly finished: boolean
}

/** Why a rotation cannot go on. */
export type Obstacle =
  /** The store is empty, and neither `apiKey` nor `first` says what to make. */
  | "NothingHeld"
  /** The key in the store is deleted, and neither `apiKey` nor `first` says what to make. */
  | "HeldKeyGone"
  /** The store holds neither the key to replace nor its successor. */
  | "StoreHoldsAnother"
  /** The API does not accept the secret. */
  | "SecretRefused"
  /** The store does not show what was written, or it lost what it held. */
  | "NotStored"
  /** The new key is too old to be written safely: the run was held up. */
  | "LeaseOver"

/** What a rotation does next. */
export type Step =
  /** Get the key that the store holds. Once it is known, list the keys beside it. */
  | { readonly _tag: "Look" }
  | {
    readonly _tag: "Make"
    readonly predecessor: Option.Option<ApiKeyId>
    readonly name: string
    readonly serviceAccountId: string
  }
  /** Make a call with the secret: the one in the store, or that of the run's own key. */
  | { readonly _tag: "Prove"; readonly id: ApiKeyId; readonly after: number }
  | { readonly _tag: "Write" }
  | { readonly _tag: "Reread"; readonly after: number }
  | {
    readonly _tag: "Wait"
    readonly until: number
    /** For the readers of the predecessor's secret, or for a run that may be at work. */
    readonly reason: "Grace" | "OtherRun"
    /** The key that the store holds. */
    readonly apiKey: ApiKey
  }
  | { readonly _tag: "Delete"; readonly id: ApiKeyId }
  | { readonly _tag: "Unmark"; readonly id: ApiKeyId; readonly name: string }
  | {
    readonly _tag: "Done"
    readonly apiKey: ApiKey
    /** Marked keys that are not in the store and may not be deleted, or not yet. */
    readonly leftBehind: ReadonlyArray<ApiKey>
  }
  | { readonly _tag: "Fail"; readonly obstacle: Obstacle }

/** How many milliseconds a list may be behind: 5 seconds if the lease is 10 minutes. */
export const listLag = (plan: Plan): number => plan.lease / 120

const maxRefusals = 6
const maxRereads = 6

/** Decides the next step. */
export const nextStep = (plan: Plan, view: View, run: Run): Step => {
  const late = view.keys.find((key) => run.doubtful.some((doubt) => isSame(doubt, key)))
  if (late !== undefined) return { _tag: "Delete", id: late.id }
  const own = Option.getOrUndefined(run.made)
  if (own?.state === "unwritten" || own?.state === "written" && !isHeld(view, own.id)) {
    const step = withOwnUnheld(plan, view, run, own)
    if (step !== undefined) return step
  }
  if (Option.isNone(view.held)) return make(plan, view, run, "NothingHeld")
  const held = find(view, view.held.value)
  if (held === undefined) {
    return view.listed ? make(plan, view, run, "HeldKeyGone") : { _tag: "Look" }
  }
  const { mark, name } = parseMarked(held.name)
  return Option.isSome(mark) && isSuccessor(mark.value)
    ? withSuccessorHeld(plan, view, run, { key: held, mark: mark.value, name })
    : withUnmarkedHeld(plan, view, run, held)
}

const withOwnUnheld = (
  plan: Plan,
  view: View,
  run: Run,
  own: Option.Option.Value<Run["made"]>,
): Step | undefined => {
  const isUnchanged = Option.getOrUndefined(view.held) === Option.getOrUndefined(own.before)
  // Another run has written, so this one will not write again.
  if (!isUnchanged && Option.isSome(view.held)) {
    return mayBeRead(plan, view, own) ? undefined : { _tag: "Delete", id: own.id }
  }
  if (!isUnchanged || own.state === "written") {
    // The store may only be slow to show the key. If it is deleted now, the store may hold a dead one.
    return run.rereads >= maxRereads
      ? { _tag: "Fail", obstacle: "NotStored" }
      : { _tag: "Reread", after: backoff(run.rereads) }
  }
  if (!isProven(run, own.id)) return prove(run, own.id)
  return view.now - own.sentAt >= plan.lease / 2
    ? { _tag: "Fail", obstacle: "LeaseOver" }
    : { _tag: "Write" }
}

const withSuccessorHeld = (
  plan: Plan,
  view: View,
  run: Run,
  held: { readonly key: ApiKey; readonly mark: SuccessorMark; readonly name: string },
): Step => {
  const { key } = held
  const comesBack = plan.onWait === "return"
  // A run that comes back too early must cost little: it proves the secret before a deletion alone.
  if (!comesBack && !isProven(run, key.id)) return prove(run, key.id)

  const predecessor = predecessorOf(view, held)
  const graceEnd = plan.grace + Option.match(run.made, {
    onNone: () => createdAt(key),
    // If the local clock is ahead of the API's, that must not cut the grace short.
    onSome: ({ id, sentAt }) => id === key.id ? Math.max(createdAt(key), sentAt) : createdAt(key),
  })
  if (predecessor !== undefined && view.now < graceEnd) {
    return { _tag: "Wait", until: graceEnd, reason: "Grace", apiKey: key }
  }
  if (comesBack && predecessor !== undefined) {
    return isProven(run, key.id) ? { _tag: "Delete", id: predecessor.id } : prove(run, key.id)
  }
  const shownFrom = shownFromBy(plan, view, key)
  if (view.now < shownFrom) {
    return { _tag: "Wait", until: shownFrom, reason: "OtherRun", apiKey: key }
  }
  if (!isProven(run, key.id)) return prove(run, key.id)
  if (!view.listed) return { _tag: "Look" }
  if (predecessor !== undefined) return { _tag: "Delete", id: predecessor.id }

  const siblings = view.keys.filter(({ id, name }) =>
    id !== key.id && isSibling(held, parseMarked(name))
  )
  const orphan = siblings.find((sibling) => mayDelete(plan, view, sibling))
  if (orphan !== undefined) return { _tag: "Delete", id: orphan.id }
  const young = siblings.filter((sibling) => age(view, sibling) < plan.lease)
  if (young.length > 0) {
    return {
      _tag: "Wait",
      until: lookAgainAt(plan, view, young),
      reason: "OtherRun",
      apiKey: key,
    }
  }
  return { _tag: "Unmark", id: key.id, name: held.name }
}

// A run that comes back later does not know when the store first held the key.
const shownFromBy = (plan: Plan, view: View, key: ApiKey): number => {
  const always = createdAt(key) + 2 * plan.lease
  return plan.onWait === "return" ? always : Math.min(always, view.heldSince + listLag(plan))
}

// Anybody can write a name. No rotation makes a successor in another account, or of itself.
const predecessorOf = (
  view: View,
  { key, mark }: { readonly key: ApiKey; readonly mark: SuccessorMark },
): ApiKey | undefined => {
  const named = mark._tag === "Rotates" ? find(view, mark.predecessor) : undefined
  return named?.serviceAccountId === key.serviceAccountId && named.id !== key.id ? named : undefined
}

const withUnmarkedHeld = (plan: Plan, view: View, run: Run, held: ApiKey): Step => {
  const target = Option.getOrElse(plan.target, () => held)
  if (target.id !== held.id) {
    if (!view.listed) return { _tag: "Look" }
    // If neither is so, a key of its account has replaced the target, and the target is gone. A
    // marked target is lent, or another rotation's successor, and stays as it is.
    const isMarked = Option.isSome(parseMarked(target.name).mark)
    if (
      !isMarked &&
      (target.serviceAccountId !== held.serviceAccountId || find(view, target.id) !== undefined)
    ) {
      return { _tag: "Fail", obstacle: "StoreHoldsAnother" }
    }
  } else if (isDue(plan, view, run, held)) {
    return make(plan, view, run, "HeldKeyGone", held)
  }
  if (!view.listed) return { _tag: "Look" }
  const orphans = view.keys.filter(({ name }) => {
    const mark = Option.getOrUndefined(parseMarked(name).mark)
    return mark?._tag === "Rotates" && mark.predecessor === held.id
  })
  const orphan = orphans.find((orphan) => mayDelete(plan, view, orphan))
  if (orphan !== undefined) return { _tag: "Delete", id: orphan.id }
  // The run's own key, if it may be read: by its mark no run that finds this key would delete it.
  const own = view.keys.filter((key) => isOwn(run, key) && key.id !== held.id)
  const leftBehind = new Set([...orphans, ...strays(plan, view, held), ...own])
  return { _tag: "Done", apiKey: held, leftBehind: [...leftBehind] }
}

const make = (
  plan: Plan,
  view: View,
  run: Run,
  obstacle: Obstacle,
  predecessor: ApiKey | undefined = Option.getOrUndefined(plan.target),
): Step => {
  if (Option.isSome(run.made)) return { _tag: "Fail", obstacle }
  if (predecessor !== undefined) {
    if (isReplaceable(plan, view, predecessor)) {
      const { id, name, serviceAccountId } = predecessor
      return { _tag: "Make", predecessor: Option.some(id), name, serviceAccountId }
    }
    // If the caller named the key that the store holds, it may have been deleted since.
    if (Option.isSome(view.held) && !view.listed) return { _tag: "Look" }
    const isGone = Option.exists(view.held, (id) => find(view, id) === undefined)
    return isGone
      ? { _tag: "Fail", obstacle }
      : { _tag: "Done", apiKey: predecessor, leftBehind: [] }
  }
  return Option.match(plan.first, {
    onNone: () => ({ _tag: "Fail", obstacle }),
    onSome: (first) => ({ _tag: "Make", predecessor: view.held, ...first }),
  })
}

// A younger key stays as it is. So does a marked one: it is lent, or unfinished, or a successor that
// another store may hold.
const isReplaceable = (plan: Plan, view: View, key: ApiKey): boolean =>
  (plan.olderThan === undefined || age(view, key) >= plan.olderThan) &&
  Option.isNone(parseMarked(key.name).mark)

type SuccessorMark = Extract<Mark, { _tag: "Rotates" | "First" }>

const isSuccessor = (mark: Mark): mark is SuccessorMark =>
  mark._tag === "Rotates" || mark._tag === "First"

const isSibling = (
  held: { readonly mark: SuccessorMark; readonly name: string },
  other: { readonly mark: Option.Option<Mark>; readonly name: string },
): boolean => {
  if (Option.isNone(other.mark)) return false
  return held.mark._tag === "Rotates"
    ? other.mark.value._tag === "Rotates" &&
      other.mark.value.predecessor === held.mark.predecessor
    : other.mark.value._tag === "First" && other.name === held.name
}

/** Decides whether a marked key belongs to nobody any more. */
const mayDelete = (plan: Plan, view: View, key: ApiKey): boolean =>
  // The mark of a first key does not say for which store it was made. Another store may hold it.
  Option.exists(parseMarked(key.name).mark, ({ _tag }) => _tag === "Rotates") &&
  age(view, key) >= plan.lease && !isHeld(view, key.id)

// Keys of the same name, older than a lease. Nothing says for which store they were made.
const strays = (plan: Plan, view: View, held: ApiKey): ReadonlyArray<ApiKey> =>
  view.keys.filter((key) => {
    const { mark, name } = parseMarked(key.name)
    return name === held.name && age(view, key) >= plan.lease &&
      // The caller knows the one that it names.
      !Option.exists(plan.target, ({ id }) => id === key.id) &&
      Option.exists(mark, (mark) =>
        mark._tag === "First" ||
        mark._tag === "Rotates" && find(view, mark.predecessor) === undefined)
  })

const isDue = (plan: Plan, view: View, run: Run, held: ApiKey): boolean => {
  if (Option.isSome(run.made)) return false
  return plan.olderThan === undefined ? !run.finished : age(view, held) >= plan.olderThan
}

// It waits as long again as the youngest key is old: a run at work ends soon, a dead one never.
const lookAgainAt = (plan: Plan, view: View, young: ReadonlyArray<ApiKey>): number => {
  const ages = young.map((key) => age(view, key))
  const patience = plan.onWait === "return"
    ? Infinity
    : Math.min(30_000, Math.max(1000, Math.min(...ages)))
  return view.now + Math.min(patience, plan.lease - Math.max(...ages))
}

const prove = (run: Run, id: ApiKeyId): Step =>
  run.refusals >= maxRefusals
    ? { _tag: "Fail", obstacle: "SecretRefused" }
    : { _tag: "Prove", id, after: run.refusals === 0 ? 0 : backoff(run.refusals - 1) }

// Readers may have this key's secret from the time when the store held it, so they get the grace. After
// that the key goes like any other with the mark. One that was made to replace no key goes at once: by
// its mark no later run could delete it.
const mayBeRead = (plan: Plan, view: View, own: Option.Option.Value<Run["made"]>): boolean =>
  own.state === "written" && Option.isSome(Option.orElse(own.before, () => plan.target)) &&
  view.now < own.sentAt + plan.grace

/** Whether a key is the one that a run asked for. No other create has its marked name. */
export const isSame = (doubt: LeftBehind, { id, name }: ApiKey): boolean =>
  Option.contains(doubt.id, id) || doubt.name === name

const backoff = (times: number): number => 250 * 2 ** times

const isProven = (run: Run, id: ApiKeyId): boolean => Option.contains(run.proven, id)

const isOwn = (run: Run, { id }: ApiKey): boolean => Option.exists(run.made, (own) => own.id === id)

const isHeld = (view: View, id: ApiKeyId): boolean => Option.contains(view.held, id)

const find = (view: View, id: ApiKeyId): ApiKey | undefined =>
  view.keys.find((key) => key.id === id)

const createdAt = (key: ApiKey): number => DateTime.toEpochMillis(key.createdAt)

const age = (view: View, key: ApiKey): number => view.now - createdAt(key)
