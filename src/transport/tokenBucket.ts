/**
 * When a token comes back: decided from what is known of its request and of others before it.
 *
 * A server counts a request when it arrives, at some moment between its sending and its answer, so
 * no stretch of one window holds more than the limit where a token comes back a window after its
 * answer. That would waste what the way to the server, its work and the way back take. Where the way
 * there always takes about as long, requests arrive in the rhythm in which they are sent, however
 * slow their answers are. So a token comes back a window after its request was sent, and a little
 * later for what the ways there may differ by: three hundredths of the window, and what the answer
 * took beyond the fastest one of late, up to seven hundredths more.
 *
 * Where the server refuses a request all the same, the ways there differ by more, or others share
 * the limit. For a while the bucket is then cautious: all that an answer took beyond the fastest one
 * counts, and a token without an answer stays out, for ten windows at most. Once may be an accident,
 * so that while is twenty windows. It is twice as long where a refusal comes again soon, up to sixty.
 *
 * @module
 */

/** A token that is out. */
export interface Token {
  readonly takenAt: number
  /** What is known since its request has ended; until then undefined. */
  ended: Ended | undefined
}

/** What the end of a request tells, in milliseconds. */
export interface Ended {
  /** From its sending to its end. */
  readonly took: number
  /** How much of that it may have been later at the server than others. */
  readonly lag: number
}

/** What the answers of late took, in milliseconds. */
export interface Latencies {
  readonly fastest: number
  readonly slowest: number
}

/** What a bucket remembers of its answers. Times are in milliseconds. */
export interface Memory {
  /** Of this epoch, and of the one before it. */
  readonly epochs: readonly [Latencies, Latencies]
  readonly epochEndsAt: number
  /** Until when the bucket is cautious, and for how long it was or is. */
  readonly cautiousUntil: number
  readonly cautiousFor: number
}

const spareShare = 0.03
const mostLagShare = 0.07
/** A cautious bucket waits for an answer for so many windows at most. */
const mostWindowsOut = 10
const epochWindows = 10
const leastCautiousWindows = 20
const mostCautiousWindows = 60

/** For so many windows what a bucket remembers may matter. */
export const memoryWindows: number = 2 * Math.max(epochWindows, mostCautiousWindows)

const unknown: Latencies = { fastest: Infinity, slowest: -Infinity }

const both = (one: Latencies, other: Latencies): Latencies => ({
  fastest: Math.min(one.fastest, other.fastest),
  slowest: Math.max(one.slowest, other.slowest),
})

/** Of a bucket that has heard of no answer. */
export const nothing: Memory = {
  epochs: [unknown, unknown],
  epochEndsAt: -Infinity,
  cautiousUntil: -Infinity,
  cautiousFor: 0,
}

/** With an answer that took so long; what is older than two epochs is forgotten. */
export const withAnswer = (memory: Memory, took: number, now: number, window: number): Memory => {
  const [latest, previous] = memory.epochs
  const answer = { fastest: took, slowest: took }
  if (now < memory.epochEndsAt) return { ...memory, epochs: [both(latest, answer), previous] }
  const epoch = epochWindows * window
  return {
    ...memory,
    epochs: [answer, now < memory.epochEndsAt + epoch ? latest : unknown],
    epochEndsAt: now + epoch,
  }
}

/** With an answer that says that the limit was exceeded: cautious, and for longer each time. */
export const withRefusal = (memory: Memory, now: number, window: number): Memory => {
  const most = mostCautiousWindows * window
  const cautiousFor = now < memory.cautiousUntil
    ? memory.cautiousFor
    : now < memory.cautiousUntil + most
    ? Math.min(2 * memory.cautiousFor, most)
    : leastCautiousWindows * window
  return { ...memory, cautiousFor, cautiousUntil: now + cautiousFor }
}

/** How much later than others a request may have been at the server, by what its answer took. */
export const lagOf = ({ epochs: [latest, previous] }: Memory, took: number): number =>
  took - both(latest, previous).fastest

/** When a token comes back, by what is known now. */
export const comesBackAt = (
  { ended, takenAt }: Token,
  memory: Memory,
  now: number,
  window: number,
): number => {
  const spare = spareShare * window
  // A window after the end of its request a token is back whatever the request may have met.
  const out = ({ lag, took }: Ended) => Math.min(took, spare + lag)
  if (now < memory.cautiousUntil) {
    return takenAt + Math.min(mostWindowsOut * window, window + (ended ? out(ended) : Infinity))
  }
  const { lag, took } = ended ?? { took: Infinity, lag: lagUntilNow(memory, now - takenAt) }
  return takenAt + window + out({ took, lag: Math.min(lag, mostLagShare * window) })
}

// As slow as the slowest one of late, unless it is under way for longer already.
const lagUntilNow = ({ epochs: [latest, previous] }: Memory, underWayFor: number): number => {
  const { fastest, slowest } = both(latest, previous)
  return fastest === Infinity ? Infinity : Math.max(slowest, underWayFor) - fastest
}

/** When to look again whether a token that is out is back; its request's end may bring it sooner. */
export const lookAgainAt = (
  token: Token,
  memory: Memory,
  now: number,
  window: number,
): number => {
  const back = comesBackAt(token, memory, now, window)
  if (token.ended !== undefined) return back
  // The two moments at which it may be back if its request has ended by then; later every now and then.
  const looks = [token.takenAt + window, token.takenAt + (1 + spareShare) * window]
  return Math.min(back, looks.find((at) => at > now) ?? now + window / 25)
}
