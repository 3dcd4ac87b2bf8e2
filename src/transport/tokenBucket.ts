/**
 * Decides when a token comes back, from what is known of its request and of earlier ones.
 *
 * A server counts a request when it arrives, at some moment between its sending and its answer. If
 * each token came back one window after the answer, no stretch of one window would hold more than
 * the limit. But that would waste the time of the trip to the server, of its work and of the trip
 * back. If the trip to the server always takes about as long, requests arrive at the pace at which
 * they were sent, however slow their answers are. So a token comes back one window after its
 * request was sent, plus a margin for differences between trips. The margin is three hundredths of
 * the window. It grows by what the answer took beyond the fastest recent one, up to seven
 * hundredths more.
 *
 * If the server still refuses a request, trips differ by more, or others share the limit. The
 * bucket is then cautious for a while. The margin grows by all that an answer took beyond the
 * fastest one, and a token without an answer stays out, for ten windows at most. One refusal may be
 * an accident, so the bucket is cautious for twenty windows. If another refusal comes soon after,
 * it is cautious for twice as long, up to sixty windows.
 *
 * @module
 */

/** A token that is out. */
export interface Token {
  readonly takenAt: number
  /** How its request ended. Undefined until then. */
  ended: Ended | undefined
}

/** The times of a request that has ended, in milliseconds. */
export interface Ended {
  /** The time from sending to the end. */
  readonly took: number
  /** How much later than others it may have reached the server. At most `took`. */
  readonly lag: number
}

/** How long recent answers took, in milliseconds. */
export interface Latencies {
  readonly fastest: number
  readonly slowest: number
}

/** What a bucket remembers of its answers. Times are in milliseconds. */
export interface Memory {
  /** The answers of this epoch, and of the one before it. */
  readonly epochs: readonly [Latencies, Latencies]
  readonly epochEndsAt: number
  /** Until when the bucket is cautious, and how long that time is or was. */
  readonly cautiousUntil: number
  readonly cautiousFor: number
}

const spareShare = 0.03
const mostLagShare = 0.07
/** A cautious bucket waits for an answer for this many windows at most. */
const mostWindowsOut = 10
const epochWindows = 10
const leastCautiousWindows = 20
const mostCautiousWindows = 60

/** After this many windows, what a bucket remembers no longer matters. */
export const memoryWindows: number = 2 * Math.max(epochWindows, mostCautiousWindows)

const unknown: Latencies = { fastest: Infinity, slowest: -Infinity }

const merge = (one: Latencies, other: Latencies): Latencies => ({
  fastest: Math.min(one.fastest, other.fastest),
  slowest: Math.max(one.slowest, other.slowest),
})

/** The memory of a bucket that has seen no answer. */
export const nothing: Memory = {
  epochs: [unknown, unknown],
  epochEndsAt: -Infinity,
  cautiousUntil: -Infinity,
  cautiousFor: 0,
}

/** Adds an answer that took this long. Forgets what is older than two epochs. */
export const withAnswer = (memory: Memory, took: number, now: number, window: number): Memory => {
  const [latest, previous] = memory.epochs
  const answer = { fastest: took, slowest: took }
  if (now < memory.epochEndsAt) return { ...memory, epochs: [merge(latest, answer), previous] }
  const epoch = epochWindows * window
  return {
    ...memory,
    epochs: [answer, now < memory.epochEndsAt + epoch ? latest : unknown],
    epochEndsAt: now + epoch,
  }
}

/**
 * Adds an answer that says the limit was exceeded. The bucket is then cautious, for twice as long
 * if it was so shortly before.
 */
export const withRefusal = (memory: Memory, now: number, window: number): Memory => {
  const most = mostCautiousWindows * window
  const cautiousFor = now < memory.cautiousUntil
    ? memory.cautiousFor
    : now < memory.cautiousUntil + most
    ? Math.min(2 * memory.cautiousFor, most)
    : leastCautiousWindows * window
  return { ...memory, cautiousFor, cautiousUntil: now + cautiousFor }
}

/**
 * How much later than others a request may have reached the server, given how long its answer took.
 */
export const lagOf = ({ epochs: [latest, previous] }: Memory, took: number): number =>
  took - merge(latest, previous).fastest

/** When a token comes back, as far as is known now. */
export const comesBackAt = (
  { ended, takenAt }: Token,
  memory: Memory,
  now: number,
  window: number,
): number => {
  const spare = spareShare * window
  // One window after its request has ended, a token is back whatever happened to the request.
  const out = ({ lag, took }: Ended) => Math.min(took, spare + lag)
  if (now < memory.cautiousUntil) {
    return takenAt + Math.min(mostWindowsOut * window, window + (ended ? out(ended) : Infinity))
  }
  const { lag, took } = ended ?? { took: Infinity, lag: lagUntilNow(memory, now - takenAt) }
  return takenAt + window + out({ took, lag: Math.min(lag, mostLagShare * window) })
}

// Assumes an answer as slow as the slowest recent one, or slower if it already takes longer.
const lagUntilNow = ({ epochs: [latest, previous] }: Memory, underWayFor: number): number => {
  const { fastest, slowest } = merge(latest, previous)
  return fastest === Infinity ? Infinity : Math.max(slowest, underWayFor) - fastest
}

/**
 * When to look again whether a token is back. If its request ends first, the token may be back
 * sooner.
 */
export const lookAgainAt = (
  token: Token,
  memory: Memory,
  now: number,
  window: number,
): number => {
  const back = comesBackAt(token, memory, now, window)
  if (token.ended !== undefined) return back
  // If its request ends by then, it may be back at one of these. After them, look now and then.
  const looks = [token.takenAt + window, token.takenAt + (1 + spareShare) * window]
  return Math.min(back, looks.find((at) => at > now) ?? now + window / 25)
}
