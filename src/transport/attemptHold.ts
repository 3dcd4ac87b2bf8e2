/**
 * Decides what holding requests back does to their attempt: how much of its time counts, and
 * whether it has sent anything.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"

/** Where an attempt stands with its requests. A client can have several under way at once. */
export interface AttemptHold {
  /** How many requests wait. */
  readonly waiting: number
  /** How many requests have waited, were sent, and have no answer yet. */
  readonly underWay: number
  /** Whether a request was sent after a wait, or may have been sent without one. */
  readonly isSent: boolean
  /** Whether the attempt has done nothing but wait so far. */
  readonly isHeldBack: boolean
  /** The cause of the latest wait that was cut off. */
  readonly cutOff: Cause.Cause<unknown> | undefined
  /** How many milliseconds had counted by the latest change. */
  readonly counted: number
  /** When the latest change was. */
  readonly changedAt: number
}

/** An attempt that begins now and has not waited yet. */
export const begun = (now: number): AttemptHold => ({
  waiting: 0,
  underWay: 0,
  isSent: false,
  isHeldBack: false,
  cutOff: undefined,
  counted: 0,
  changedAt: now,
})

/**
 * How much of an attempt's time counts. Time in which requests wait and none is under way does not.
 */
export const activeMillis = (
  { changedAt, counted, underWay, waiting }: AttemptHold,
  now: number,
): number => waiting > 0 && underWay === 0 ? counted : counted + now - changedAt

/** Changes where an attempt stands, at a given time. */
export type Change = (hold: AttemptHold, now: number) => AttemptHold

const change = (by: (hold: AttemptHold) => Partial<AttemptHold>): Change => (hold, now) => ({
  ...hold,
  counted: activeMillis(hold, now),
  changedAt: now,
  ...by(hold),
})

/**
 * A request begins to wait. If a client that repeats by itself may have sent a request already, the
 * attempt is not held back.
 */
export const toWaiting: Change = change(({ isSent, waiting }) => ({
  waiting: waiting + 1,
  isHeldBack: !isSent,
}))

/** A request's wait is over, and it is sent. */
export const toSent: Change = change(({ underWay, waiting }) => ({
  waiting: waiting - 1,
  underWay: underWay + 1,
  isSent: true,
  isHeldBack: false,
}))

/** A sent request has its answer, or will get none. */
export const toAnswered: Change = change(({ underWay }) => ({ underWay: underWay - 1 }))

/** A request's wait ends, and it is not sent. */
export const toCutOff = (cause: Cause.Cause<unknown>): Change =>
  change(({ waiting }) => ({ waiting: waiting - 1, cutOff: cause }))

/** The attempt goes on without the wait that it asked for, and may have sent something. */
export const toGoneOn: Change = change(() => ({ isSent: true, isHeldBack: false }))

/**
 * Whether the attempt ended because its wait ended. Otherwise it went on without the wait, and may
 * have sent something.
 */
export const endsWaiting = (
  { cutOff }: AttemptHold,
  exit: Exit.Exit<unknown, unknown>,
): boolean =>
  Exit.isFailure(exit) && (Cause.isInterruptedOnly(exit.cause) || Equal.equals(exit.cause, cutOff))
