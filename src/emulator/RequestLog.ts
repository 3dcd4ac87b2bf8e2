/**
 * The log of the requests that an emulator has seen. It holds no secret.
 *
 * @module
 */
import type * as DateTime from "effect/DateTime"
import type { Operation } from "../operation.ts"
import type { FaultRule } from "./FaultPlan.ts"

/** What happened to a request. */
export type Outcome =
  /** Not answered yet. */
  | "Pending"
  | "Answered"
  /** A fault broke the connection before the answer or within it. */
  | "Dropped"
  /** The client gave up before it had the answer. */
  | "Aborted"

/** A request, as the server saw it. */
export interface SeenRequest {
  /** Its number, counted from 1. */
  readonly number: number
  /** When it came, by the emulator's clock. */
  readonly at: DateTime.Utc
  /** The operation; undefined if the API does not have the path or the method. */
  readonly operation: Operation | undefined
  /** The method, like `GET`. */
  readonly method: string
  /** The path as it came: still encoded, without the query. */
  readonly path: string
  /** The query, decoded. A parameter that came several times has a list of all its values. */
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  /** The headers, by lower-case name. The value of `authorization` is `<redacted>`. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * The first 16,384 characters of the body. It is empty if none came, or if the emulator did not
   * read it: because it has more than 1 MiB, its token is unknown, or the API has no such
   * operation.
   */
  readonly body: string
  /** The service account or user that called; undefined if the bearer token did not tell. */
  readonly identity: string | undefined
  /** The status of the answer; undefined while there is none, or if none was sent. */
  readonly status: number | undefined
  /** What happened to it. */
  readonly outcome: Outcome
  /** Whether the rate limit refused it. */
  readonly rateLimited: boolean
  /** The rule of the fault plan that applied to it. */
  readonly fault: FaultRule | undefined
}

/** What the emulator learns about a request while it handles it. */
export type Progress = Partial<
  Pick<SeenRequest, "body" | "identity" | "status" | "outcome" | "rateLimited" | "fault">
>

/** An entry of the log. It changes until its request is over. */
export interface Entry {
  readonly current: () => SeenRequest
  readonly update: (progress: Progress) => void
}

/** The log itself. */
export interface RequestLog {
  readonly add: (request: Omit<SeenRequest, "number" | keyof Progress>) => Entry
  /** The requests that are kept, oldest first. */
  readonly all: () => ReadonlyArray<SeenRequest>
  /** How many requests the rate limit has refused, including those no longer kept. */
  readonly refused: () => number
  readonly clear: () => void
}

/** Makes a log that keeps the newest `size` requests. */
export const make = (size: number): RequestLog => {
  let entries: Array<Entry> = []
  let count = 0
  let refused = 0
  return {
    add: (request) => {
      const current: SeenRequest = {
        ...request,
        number: count += 1,
        body: "",
        identity: undefined,
        status: undefined,
        outcome: "Pending",
        rateLimited: false,
        fault: undefined,
      }
      const entry: Entry = {
        current: () => ({ ...current }),
        update: (progress) => {
          if (progress.rateLimited === true) refused += 1
          Object.assign(current, progress)
        },
      }
      entries.push(entry)
      // Drops many at a time, because each time copies all entries that stay.
      if (entries.length >= 2 * size) entries = size === 0 ? [] : entries.slice(-size)
      return entry
    },
    all: () => (size === 0 ? [] : entries.slice(-size)).map((entry) => entry.current()),
    refused: () => refused,
    clear: () => {
      entries = []
      count = 0
      refused = 0
    },
  }
}

const bodyStart = 16_384

/** The part of a body that the log keeps. */
export const startOf = (body: string): string =>
  body.length <= bodyStart
    ? body
    // A copy, because a slice keeps the whole string in memory.
    : new TextDecoder().decode(new TextEncoder().encode(body.slice(0, bodyStart)))

/** Hides the bearer token in a request's headers. */
export const redact = (
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  "authorization" in headers ? { ...headers, authorization: "<redacted>" } : headers
