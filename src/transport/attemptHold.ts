/**
 * Decides what holding requests back does to their attempt: how much of its time counts, and whether
 * anything of it has been sent.
 *
 * @module
 */
import * as Cause from "effect/Cause"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"

/** Where an attempt stands with its requests. A client can have several of its own under way. */
export interface AttemptHold {
  /** How many wait. */
  readonly waiting: number
  /** How many have waited, have been sent, and have no answer yet. */
  readonly underWay: number
  /** Whether any has been sent after a wait, or may have been sent without. */
  readonly isSent: boolean
  /** Whether all that the attempt has asked for so far is a wait. */
  readonly isHeldBack: boolean
  /** Why the latest wait that was cut off ended. */
  readonly cutOff: Cause.Cause<unknown> | undefined
  /** How many milliseconds counted until the latest change. */
  readonly counted: number
  /** When the latest change was. */
  readonly changedAt: number
}

/** An attempt that begins now, and has not asked for a wait. */
export const begun = (now: number): AttemptHold => ({
  waiting: 0,
  underWay: 0,
  isSent: false,
  isHeldBack: false,
  cutOff: undefined,
  counted: 0,
  changedAt: now,
})

/** How much of an attempt's time counts: all but that in which requests wait and none is under way. */
export const activeMillis = (
  { changedAt, counted, underWay, waiting }: AttemptHold,
  now: number,
): number => waiting > 0 && underWay === 0 ? counted : counted + now - changedAt

/** What becomes of an attempt at a moment. */
export type Change = (hold: AttemptHold, now: number) => AttemptHold

const change = (by: (hold: AttemptHold) => Partial<AttemptHold>): Change => (hold, now) => ({
  ...hold,
  counted: activeMillis(hold, now),
  changedAt: now,
  ...by(hold),
})

/**
 * A request begins to wait. A client that repeats by itself may have sent a request already. Then the
 * attempt is not held back.
 */
export const toWaiting: Change = change(({ isSent, waiting }) => ({
  waiting: waiting + 1,
  isHeldBack: !isSent,
}))

/** A request has waited, and is sent. */
export const toSent: Change = change(({ underWay, waiting }) => ({
  waiting: waiting - 1,
  underWay: underWay + 1,
  isSent: true,
  isHeldBack: false,
}))

/** A request that was sent has its answer, or will have none. */
export const toAnswered: Change = change(({ underWay }) => ({ underWay: underWay - 1 }))

/** A request's wait ends without its being sent. */
export const toCutOff = (cause: Cause.Cause<unknown>): Change =>
  change(({ waiting }) => ({ waiting: waiting - 1, cutOff: cause }))

/** The attempt goes on without the wait that it asked for, and may have sent something. */
export const toGoneOn: Change = change(() => ({ isSent: true, isHeldBack: false }))

/**
 * Decides whether the attempt ended because its wait ended. Otherwise it went on without the wait, and
 * may have sent something.
 */
export const endsWaiting = (
  { cutOff }: AttemptHold,
  exit: Exit.Exit<unknown, unknown>,
): boolean =>
  Exit.isFailure(exit) && (Cause.isInterruptedOnly(exit.cause) || Equal.equals(exit.cause, cutOff))
