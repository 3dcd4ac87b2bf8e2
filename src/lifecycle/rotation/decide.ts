/**
 * What a rotation does next: a pure function of what the store and the API show.
 *
 * The store can hold four things: nothing, the key to be replaced (unmarked), a successor (marked),
 * or a key that is gone. Neither it nor the API has a compare-and-set; what makes the rest safe:
 *
 * 1. A run writes only the key that it made itself, once, and only while the store still holds what
 *    it held when that key was made. So every key that ever gets written was made before the first
 *    of them was written, and a list that follows a write shows all that can still be written.
 * 2. A run writes only while its key is younger than half a lease. So nobody writes a key that is
 *    older than a lease, and what is that old, marked and not in the store may be deleted.
 * 3. The mark comes off only when no other key with the same mark is left that is younger than a
 *    lease. So no key that another run may yet push out of the store has lost its mark by then.
 *
 * The third holds where the runs on one store make the same marks: those that begin with a store which
 * is empty, or whose key is gone, must be told the same `target` and `first`. Another's mark cannot be
 * waited for, since it is most often that of another store of the account, whose rotation takes as long
 * as its grace.
 *
 * A list may be another rotation's, if it began after this one asked for it: when the store was seen to
 * change, or after a wait. It may be minutes old when it is used. Both are enough, since
 *
 * - no rule asks who listed, only what was there by then: what can still be written was made before the
 *   first write, so that a list which begins after that shows it, and nothing newer matters;
 * - what is older than a lease stays so, and what the store holds is read anew before every step, so that
 *   what may be deleted by rule 2 when the list is made may be deleted later too;
 * - whether the predecessor may be deleted, the mark of the key in the store says, not the list;
 * - a key that the list shows and that is gone by now costs a vain request, or a wait and another list.
 *
 * A list proves that a key was there when the list began. Absence from it proves nothing: it has several
 * pages, which are not of one moment, and it may be a few seconds behind. So
 *
 * - the keys that the rotation would decide by the absence of are got by their ids: the one that the store
 *   holds, its predecessor, and the one that the caller names;
 * - other runs' keys have no ids yet that this run could know. So the mark comes off by a list that began
 *   {@link listLag} or more after this run first saw the store hold the key, or when the key is two leases
 *   old, which is what a run goes by that comes back later and does not know what an earlier one saw: by rule 2 it was then written less than a lease after it was made, every key that can follow it was
 *   made before that, and none of those may be written any more.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import type { LeftBehind } from "../LeftBehind.ts"
import { type Mark, parseMarked } from "../mark.ts"

/** What is wanted; times in milliseconds. */
export interface Plan {
  /** The key to be replaced, where the caller says so. */
  readonly target: Option.Option<ApiKey>
  /** What to make where there is no key to be replaced. */
  readonly first: Option.Option<{ readonly name: string; readonly serviceAccountId: string }>
  readonly grace: number
  readonly lease: number
  /** How old a key must be to be replaced; undefined replaces it whatever its age. */
  readonly olderThan: number | undefined
  readonly onWait: OnWait
}

/** What a run does where it has to wait: it sleeps, or it ends, and a later one goes on. */
export type OnWait = "sleep" | "return"

/** What the run sees; times in milliseconds since 1970. */
export interface View {
  readonly now: number
  /** The key whose secret the store holds. */
  readonly held: Option.Option<ApiKeyId>
  /** When the run first saw the store hold it. */
  readonly heldSince: number
  /** Live keys of its service account, as far as they are known. */
  readonly keys: ReadonlyArray<ApiKey>
  /**
   * Whether `keys` is all of them that this rotation decides by, from a list that began since the
   * store was last seen to change, or since the last wait.
   */
  readonly listed: boolean
}

/** What the run itself has done so far. */
export interface Run {
  /** The key that it made, if it did. */
  readonly made: Option.Option<{
    readonly id: ApiKeyId
    /** What the store held when it was made. */
    readonly before: Option.Option<ApiKeyId>
    /** When its create was sent, by the local clock. */
    readonly sentAt: number
    /** Abandoned: the write failed, so that the key may still get into the store. */
    readonly state: "unwritten" | "written" | "abandoned" | "deleted"
  }>
  /** What it asked for besides, without an answer and without finding it: nobody has its secret. */
  readonly doubtful: ReadonlyArray<LeftBehind>
  /** The key whose secret the API has accepted. */
  readonly proven: Option.Option<ApiKeyId>
  /** How often in a row the API has refused the secret that is to be proven. */
  readonly refusals: number
  /** How often in a row the store has not shown what was written. */
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
  /** The store holds neither the key to be replaced nor its successor. */
  | "StoreHoldsAnother"
  /** The API does not accept the secret. */
  | "SecretRefused"
  /** The store does not show what was written, or nothing where something was. */
  | "NotStored"
  /** The new key is too old to be written safely: the run was held up. */
  | "LeaseOver"

/** What a rotation does next. */
export type Step =
  /** Get the key that the store holds; once it is known, list those beside it. */
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

/** By how much a list may be behind, in milliseconds: 5 seconds of a lease of 10 minutes. */
export const listLag = (plan: Plan): number => plan.lease / 120

const maxRefusals = 6
const maxRereads = 6

/** Decides the next step. */
export const nextStep = (plan: Plan, view: View, run: Run): Step => {
  const late = view.keys.find((key) => run.doubtful.some((doubt) => isSame(doubt, key)))
  if (late !== undefined) return { _tag: "Delete", id: late.id }
  const own = Option.getOrUndefined(run.made)
  if (own?.state === "unwritten" || own?.state === "written" && !isHeld(view, own.id)) {
    return withOwnUnheld(plan, view, run, own)
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
): Step => {
  const isUnchanged = Option.getOrUndefined(view.held) === Option.getOrUndefined(own.before)
  // Another run has written, and this one never writes again: nobody will write this key.
  if (!isUnchanged && Option.isSome(view.held)) return { _tag: "Delete", id: own.id }
  if (!isUnchanged || own.state === "written") {
    // The store may only be slow to show it: to delete the key now could leave it with a dead one.
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
  // One that comes back too early is to cost little, so it proves the secret before it deletes by it.
  if (!comesBack && !isProven(run, key.id)) return prove(run, key.id)

  const predecessor = predecessorOf(view, held)
  const graceEnd = plan.grace + Option.match(run.made, {
    onNone: () => createdAt(key),
    // A local clock that is ahead of the API's must not cut the grace short.
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

// The run that comes back later does not know since when the store has held the key.
const shownFromBy = (plan: Plan, view: View, key: ApiKey): number => {
  const always = createdAt(key) + 2 * plan.lease
  return plan.onWait === "return" ? always : Math.min(always, view.heldSince + listLag(plan))
}

// A name can be anybody's work: no rotation makes a successor in another account, or of itself.
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
    // It has been replaced already, by a key of its account, or the store is not where its secret is.
    if (
      target.serviceAccountId !== held.serviceAccountId || find(view, target.id) !== undefined
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
  return orphan === undefined
    ? { _tag: "Done", apiKey: held, leftBehind: [...orphans, ...strays(plan, view, held)] }
    : { _tag: "Delete", id: orphan.id }
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
    // The caller may have named what the store holds, and it may be deleted since.
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

// A younger key stays as it is, and so does a marked one: it is lent, or not finished, or the successor
// of a rotation whose store may hold it.
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

/** Decides whether a marked key that the store does not hold is nobody's any more. */
const mayDelete = (plan: Plan, view: View, key: ApiKey): boolean =>
  // Nothing in a first key's mark says for which store it was made: it may be in another one.
  Option.exists(parseMarked(key.name).mark, ({ _tag }) => _tag === "Rotates") &&
  age(view, key) >= plan.lease && !isHeld(view, key.id)

// Overdue, of the same name, and with nothing that says for which store they were made.
const strays = (plan: Plan, view: View, held: ApiKey): ReadonlyArray<ApiKey> =>
  view.keys.filter((key) => {
    const { mark, name } = parseMarked(key.name)
    return name === held.name && age(view, key) >= plan.lease &&
      Option.exists(mark, (mark) =>
        mark._tag === "First" ||
        mark._tag === "Rotates" && find(view, mark.predecessor) === undefined)
  })

const isDue = (plan: Plan, view: View, run: Run, held: ApiKey): boolean => {
  if (Option.isSome(run.made)) return false
  return plan.olderThan === undefined ? !run.finished : age(view, held) >= plan.olderThan
}

// As long again as the youngest is old: a run that is at work ends soon, a dead one never.
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

/** Whether a key is the one that a run asked for; its marked name is that create's alone. */
export const isSame = (doubt: LeftBehind, { id, name }: ApiKey): boolean =>
  Option.contains(doubt.id, id) || doubt.name === name

const backoff = (times: number): number => 250 * 2 ** times

const isProven = (run: Run, id: ApiKeyId): boolean => Option.contains(run.proven, id)

const isHeld = (view: View, id: ApiKeyId): boolean => Option.contains(view.held, id)

const find = (view: View, id: ApiKeyId): ApiKey | undefined =>
  view.keys.find((key) => key.id === id)

const createdAt = (key: ApiKey): number => DateTime.toEpochMillis(key.createdAt)

const age = (view: View, key: ApiKey): number => view.now - createdAt(key)
