/**
 * Every request that an emulator has seen, with no secret in it.
 *
 * @module
 */
import type * as DateTime from "effect/DateTime"
import type { Operation } from "../operation.ts"
import type { FaultRule } from "./FaultPlan.ts"

/** What became of a request. */
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
  /** Counted from 1. */
  readonly number: number
  /** When it came, by the emulator's clock. */
  readonly at: DateTime.Utc
  /** Nothing for a path or method that the API does not have. */
  readonly operation: Operation | undefined
  /** As in `GET`. */
  readonly method: string
  /** As it came, encoded and without the query. */
  readonly path: string
  /** Decoded; of a parameter that came several times, every value. */
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  /** By lower-case name; `Authorization` is `<redacted>`. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * What came, up to its 16,384th character. Empty where there is none, and where it was not read:
   * over 1 MiB, without a token that the emulator knows, or to no operation.
   */
  readonly body: string
  /** The service account or user that called, where the bearer told. */
  readonly identity: string | undefined
  /** What was answered: nothing as long as it is pending, nor where no answer came to be sent. */
  readonly status: number | undefined
  /** What became of it. */
  readonly outcome: Outcome
  /** Whether the rate limit refused it. */
  readonly rateLimited: boolean
  /** The rule of the fault plan that it met. */
  readonly fault: FaultRule | undefined
}

/** What a request turned out to be. */
export type Progress = Partial<
  Pick<SeenRequest, "body" | "identity" | "status" | "outcome" | "rateLimited" | "fault">
>

/** An entry that is written on until its request is over. */
export interface Entry {
  readonly current: () => SeenRequest
  readonly update: (progress: Progress) => void
}

/** The log itself. */
export interface RequestLog {
  readonly add: (request: Omit<SeenRequest, "number" | keyof Progress>) => Entry
  /** The newest requests, as many as are kept, the oldest first. */
  readonly all: () => ReadonlyArray<SeenRequest>
  /** How many requests the rate limit has refused, those no longer kept included. */
  readonly refused: () => number
  readonly clear: () => void
}

/** Makes a log that keeps so many of the newest requests. */
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
      // Dropped many at a time, since each time moves all that are kept.
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

/** As much of a body as the log keeps. */
export const startOf = (body: string): string =>
  body.length <= bodyStart
    ? body
    // Copied, since a part of a string keeps the whole in memory.
    : new TextDecoder().decode(new TextEncoder().encode(body.slice(0, bodyStart)))

/** The headers of a request without its bearer token. */
export const redact = (
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  "authorization" in headers ? { ...headers, authorization: "<redacted>" } : headers
