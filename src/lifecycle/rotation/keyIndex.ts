/**
 * Indexes one list of a service account's keys, once for all rotations that share it.
 *
 * @module
 */
import * as Option from "effect/Option"
import type { ApiKey, ApiKeyId } from "../../ApiKey.ts"
import type { LeftBehind } from "../LeftBehind.ts"
import { parseMarked } from "../mark.ts"
import { isSame } from "./decide.ts"

/** The keys of a list, by what rotations look for. */
export interface KeyIndex {
  readonly byId: ReadonlyMap<ApiKeyId, ApiKey>
  /** Successors, by the key that they were made to replace. */
  readonly successors: ReadonlyMap<ApiKeyId, ReadonlyArray<ApiKey>>
  /** First keys, by their name without its mark. */
  readonly firsts: ReadonlyMap<string, ReadonlyArray<ApiKey>>
  /** Successors whose predecessor is not in the list, by their name without its mark. */
  readonly strays: ReadonlyMap<string, ReadonlyArray<ApiKey>>
}

/** What a rotation knows when it looks at a list. */
export interface Viewpoint {
  /** The key that its store holds. */
  readonly held: ApiKey
  /** The key to replace, if the caller names it. */
  readonly target: Option.Option<ApiKey>
  /** The key that it made, if it made one. */
  readonly own: Option.Option<Pick<ApiKey, "id">>
  /** The keys that it asked for without an answer. */
  readonly doubtful: ReadonlyArray<LeftBehind>
}

// A rotation only reports them. If thousands of one name are at work, each would keep all of them.
const mostStrays = 100

/** Indexes the keys of a list. */
export const indexKeys = (keys: Iterable<ApiKey>): KeyIndex => {
  const byId = new Map<ApiKeyId, ApiKey>()
  for (const key of keys) byId.set(key.id, key)

  const successors = new Map<ApiKeyId, Array<ApiKey>>()
  const firsts = new Map<string, Array<ApiKey>>()
  const strays = new Map<string, Array<ApiKey>>()
  for (const key of byId.values()) {
    const { mark, name } = parseMarked(key.name)
    if (Option.isNone(mark)) continue
    if (mark.value._tag === "First") add(firsts, name, key)
    if (mark.value._tag !== "Rotates") continue
    add(successors, mark.value.predecessor, key)
    const known = strays.get(name)?.length ?? 0
    if (!byId.has(mark.value.predecessor) && known < mostStrays) add(strays, name, key)
  }
  return { byId, successors, firsts, strays }
}

const add = <K>(to: Map<K, Array<ApiKey>>, at: K, key: ApiKey): void => {
  const keys = to.get(at)
  if (keys === undefined) to.set(at, [key])
  else keys.push(key)
}

/**
 * The few keys that a rotation decides by. It decides as if it saw the whole list, with one
 * exception: of more than a hundred strays of its name, it reports the oldest hundred.
 */
export const keysAbout = (
  index: KeyIndex,
  { doubtful, held, target }: Pick<Viewpoint, "held" | "target" | "doubtful">,
): ReadonlyArray<ApiKey> => {
  const { mark, name } = parseMarked(held.name)
  const byId = [
    held.id,
    ...Option.toArray(target).map(({ id }) => id),
    ...Option.toArray(mark).flatMap((mark) => mark._tag === "Rotates" ? [mark.predecessor] : []),
    ...doubtful.flatMap(({ id }) => Option.toArray(id)),
  ].flatMap((id) => Option.toArray(Option.fromNullable(index.byId.get(id))))
  // No other create has this name, and its mark says where to look.
  const late = doubtful.flatMap((doubt) =>
    familyOf(index, doubt.name).filter((key) => isSame(doubt, key))
  )
  return [
    ...new Set([
      ...byId,
      ...late,
      ...familyOf(index, held.name),
      ...index.successors.get(held.id) ?? [],
      ...index.firsts.get(name) ?? [],
      ...index.strays.get(name) ?? [],
    ]),
  ]
}

/**
 * The keys that a rotation decides by, but that the list does not show. Their absence proves
 * nothing, so get them by their ids. Its own key is always one of them unless it is held: the list
 * may be of another account, or older than the key's deletion.
 */
export const unseenBy = (
  { byId }: KeyIndex,
  { held, own, target }: Pick<Viewpoint, "held" | "target" | "own">,
): ReadonlyArray<ApiKeyId> => {
  const mark = Option.getOrUndefined(parseMarked(held.name).mark)
  const ids = [
    held.id,
    ...mark?._tag === "Rotates" && isIdLike(mark.predecessor) ? [mark.predecessor] : [],
    ...[...Option.toArray(target), ...Option.toArray(own)].map(({ id }) => id),
  ]
  const isOwn = (id: ApiKeyId) => Option.exists(own, (key) => key.id === id)
  return [...new Set(ids)].filter((id) => !byId.has(id) || isOwn(id) && id !== held.id)
}

// A name may say anything here, and not every server answers a request for anything.
const isIdLike = (text: string): boolean => /^[\w-]{1,128}$/.test(text)

/** The keys whose mark is the same but for the nonce. */
const familyOf = ({ firsts, successors }: KeyIndex, text: string): ReadonlyArray<ApiKey> => {
  const { mark, name } = parseMarked(text)
  const family = Option.map(mark, (mark) => {
    switch (mark._tag) {
      case "First":
        return firsts.get(name)
      case "Rotates":
        return successors.get(mark.predecessor)
      default:
        return undefined
    }
  })
  return Option.getOrUndefined(family) ?? []
}
