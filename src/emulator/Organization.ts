/**
 * An organization: its service accounts, its keys, and the history of its keys.
 *
 * @module
 */
import * as Option from "effect/Option"
import type { AdminRole } from "../operation.ts"
import type { Identifiers } from "./Identifiers.ts"
import * as Keyset from "./keyset.ts"
import * as Microseconds from "./microseconds.ts"
import type { BoundQuery, Cursor } from "./PageToken.ts"
import * as Timeline from "./timeline.ts"

/** What a caller may do: `ORG_ADMIN` everything, `CLUSTER_ADMIN` list and get, `NONE` nothing. */
export type Role = AdminRole | "NONE"

/** A service account. */
export interface ServiceAccount {
  /** A UUID. */
  readonly id: string
  /** Its name. */
  readonly name: string
  /** Its role. */
  readonly role: Role
}

/** A key, live or deleted, with its former names. */
export interface StoredKey {
  readonly id: string
  readonly serviceAccountId: string
  readonly createdAt: Microseconds.Microseconds
  /** `createdAt` as the API writes it. It is formatted once, because lists need it often. */
  readonly createdAtText: string
  readonly name: string
  /** Former names, oldest first, each with the instant at which it ended. */
  readonly formerNames: ReadonlyArray<
    { readonly name: string; readonly until: Microseconds.Microseconds }
  >
  readonly deletedAt: Microseconds.Microseconds | undefined
}

/** Something that happened to a key. */
export interface StoredEvent {
  readonly _tag: "Created" | "Renamed" | "Deleted"
  readonly at: Microseconds.Microseconds
  readonly apiKeyId: string
  /** The name after the event. */
  readonly name: string
  readonly serviceAccountId: string
  /** The service account or user that made the request. */
  readonly by: string
}

/** How much of the past an organization keeps; all by default. */
export interface Memory {
  /** For how many microseconds it keeps deleted keys, former names and events. */
  readonly history?: number | undefined
  /** How many of the newest events it keeps. */
  readonly events?: number | undefined
}

/**
 * The state of an organization. Each change is atomic, because nothing in here waits. The ids of
 * service accounts are UUIDs. It accepts them in any case, and keeps and shows them in lower case.
 */
export interface Organization {
  readonly serviceAccounts: () => ReadonlyArray<ServiceAccount>
  readonly serviceAccount: (id: string) => Option.Option<ServiceAccount>
  readonly addServiceAccount: (account: ServiceAccount) => ServiceAccount
  /** The live keys, sorted by (created_at, id). */
  readonly keys: () => ReadonlyArray<StoredKey>
  readonly keysOf: (serviceAccountId: string) => ReadonlyArray<StoredKey>
  readonly find: (id: string) => Option.Option<StoredKey>
  readonly create: (key: {
    readonly name: string
    readonly serviceAccountId: string
    readonly now: Microseconds.Microseconds
    /** When the key was made. By default now, or just after the newest event if that is later. */
    readonly createdAt?: Microseconds.Microseconds | undefined
    readonly by: Option.Option<string>
  }) => StoredKey
  readonly rename: (
    id: string,
    name: string,
    now: Microseconds.Microseconds,
    by: string,
  ) => Option.Option<StoredKey>
  readonly delete: (
    id: string,
    now: Microseconds.Microseconds,
    by: string,
  ) => Option.Option<StoredKey>
  readonly list: (
    query: BoundQuery,
    cursor: Cursor,
    limit: number,
  ) => Keyset.Page<StoredKey>
  /** The earliest instant that a list can show. Forgets what ended up to then. */
  readonly historyFrom: (now: Microseconds.Microseconds) => Microseconds.Microseconds
  readonly events: (now: Microseconds.Microseconds) => ReadonlyArray<StoredEvent>
  readonly clearEvents: () => void
  /** How many items it holds in all: its memory grows with this number. */
  readonly size: () => number
}

// An entry never changes its place in an index. Its key does change.
interface Entry {
  readonly id: string
  readonly createdAt: Microseconds.Microseconds
  key: StoredKey
}

/** Keys in order: the live keys, and all keys there ever were, for lists as of an earlier time. */
interface Index {
  readonly live: Array<Entry>
  ever: Array<Entry>
  /** How many entries of `ever` no list can show any more. */
  forgotten: number
}

const emptyIndex = (): Index => ({ live: [], ever: [], forgotten: 0 })

/** The end of a key or of one of its names. */
interface Ended {
  readonly at: Microseconds.Microseconds
  readonly entry: Entry
  readonly what: "key" | "name"
}

/** Makes an organization with nothing in it. */
export const make = (
  identifiers: Identifiers,
  { events: eventCount = Infinity, history = Infinity }: Memory = {},
): Organization => {
  const serviceAccounts = new Map<string, ServiceAccount>()
  const live = new Map<string, Entry>()
  const all = emptyIndex()
  const byServiceAccount = new Map<string, Index>()
  const events = Timeline.make<StoredEvent>(eventCount)
  const ended = Timeline.make<Ended>(Infinity)
  let begin = -Infinity
  let latest = Number.MIN_SAFE_INTEGER

  // No two events share an instant: at every instant it is clear what existed.
  const tick = (now: Microseconds.Microseconds) => {
    latest = Math.max(latest + 1, now)
    return latest
  }

  const historyFrom = (now: Microseconds.Microseconds) => {
    begin = Math.max(begin, now - history)
    events.forget(begin)
    const touched = new Set<Index>()
    for (const { entry, what } of ended.forget(begin)) {
      if (what === "name") {
        const formerNames = entry.key.formerNames.filter(({ until }) => until > begin)
        entry.key = { ...entry.key, formerNames }
        continue
      }
      for (const index of [all, indexOf(entry.key.serviceAccountId)]) {
        index.forgotten += 1
        touched.add(index)
      }
    }
    for (const index of touched) {
      // Filters rarely, because each time copies all entries that stay.
      if (2 * index.forgotten <= index.ever.length) continue
      index.ever = index.ever.filter(({ key }) => (key.deletedAt ?? Infinity) > begin)
      index.forgotten = 0
    }
    return begin
  }

  const indexOf = (serviceAccountId: string): Index => {
    const known = byServiceAccount.get(serviceAccountId)
    if (known !== undefined) return known
    const index = emptyIndex()
    byServiceAccount.set(serviceAccountId, index)
    return index
  }

  const note = (
    _tag: StoredEvent["_tag"],
    at: Microseconds.Microseconds,
    { id, name, serviceAccountId }: StoredKey,
    by: string,
  ) => events.add({ _tag, at, apiKeyId: id, name, serviceAccountId, by })

  const freshId = (): string => {
    const id = identifiers.apiKeyId()
    return live.has(id) ? freshId() : id
  }

  return {
    serviceAccounts: () => [...serviceAccounts.values()],
    serviceAccount: (id) => Option.fromNullable(serviceAccounts.get(id.toLowerCase())),
    addServiceAccount: (account) => {
      const added = { ...account, id: account.id.toLowerCase() }
      serviceAccounts.set(added.id, added)
      return added
    },
    keys: () => all.live.map((entry) => entry.key),
    keysOf: (serviceAccountId) =>
      byServiceAccount.get(serviceAccountId.toLowerCase())?.live.map((entry) => entry.key) ?? [],
    find: (id) => Option.map(Option.fromNullable(live.get(id)), (entry) => entry.key),
    create: ({ name, now, createdAt = tick(now), by, ...given }) => {
      historyFrom(now)
      const id = freshId()
      const serviceAccountId = given.serviceAccountId.toLowerCase()
      const key: StoredKey = {
        id,
        serviceAccountId,
        createdAt,
        createdAtText: Microseconds.format(createdAt),
        name,
        formerNames: [],
        deletedAt: undefined,
      }
      const entry: Entry = { id, createdAt, key }
      live.set(id, entry)
      for (const index of [all, indexOf(serviceAccountId)]) {
        Keyset.insert(index.live, entry)
        Keyset.insert(index.ever, entry)
      }
      if (Option.isSome(by)) note("Created", createdAt, key, by.value)
      return key
    },
    rename: (id, name, now, by) =>
      Option.map(Option.fromNullable(live.get(id)), (entry) => {
        historyFrom(now)
        const until = tick(now)
        ended.add({ at: until, entry, what: "name" })
        const formerNames = [...entry.key.formerNames, { name: entry.key.name, until }]
        entry.key = { ...entry.key, name, formerNames }
        note("Renamed", until, entry.key, by)
        return entry.key
      }),
    delete: (id, now, by) =>
      Option.map(Option.fromNullable(live.get(id)), (entry) => {
        historyFrom(now)
        entry.key = { ...entry.key, deletedAt: tick(now) }
        ended.add({ at: latest, entry, what: "key" })
        live.delete(id)
        for (const index of [all, indexOf(entry.key.serviceAccountId)]) {
          Keyset.remove(index.live, entry)
        }
        note("Deleted", latest, entry.key, by)
        return entry.key
      }),
    list: (query, cursor, limit) => {
      const index = query.serviceAccountId === undefined
        ? all
        : byServiceAccount.get(query.serviceAccountId.toLowerCase()) ?? emptyIndex()
      const { asOfTime, sortOrder } = query
      const pageQuery = { sortOrder, cursor, limit }
      const page = asOfTime === undefined
        ? Keyset.page(index.live, () => true, pageQuery)
        : Keyset.page(index.ever, (entry) => existedAt(entry.key, asOfTime), pageQuery)
      return {
        ...page,
        items: page.items.map(({ key }) =>
          asOfTime === undefined ? key : { ...key, name: nameAt(key, asOfTime) }
        ),
      }
    },
    historyFrom,
    events: (now) => {
      historyFrom(now)
      return events.all()
    },
    clearEvents: events.clear,
    size: () =>
      [all, ...byServiceAccount.values()].reduce(
        (sum, { ever, live }) => sum + ever.length + live.length,
        all.ever.reduce(
          (sum, { key }) => sum + key.formerNames.length,
          ended.all().length + events.all().length,
        ),
      ),
  }
}

const existedAt = (key: StoredKey, at: Microseconds.Microseconds): boolean =>
  key.createdAt <= at && (key.deletedAt === undefined || key.deletedAt > at)

const nameAt = (key: StoredKey, at: Microseconds.Microseconds): string =>
  key.formerNames.find(({ until }) => until > at)?.name ?? key.name
