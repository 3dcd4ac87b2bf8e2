/**
 * What happened, in its order, of which the oldest is forgotten.
 *
 * @module
 */
import type { Microseconds } from "./microseconds.ts"

/** Something that happened at an instant. */
export interface Dated {
  readonly at: Microseconds
}

/** Things that happened, the oldest first. */
export interface Timeline<A extends Dated> {
  /** Adds what is no older than all that is there. */
  readonly add: (item: A) => void
  /** Forgets what happened up to an instant, and says what that was, the oldest first. */
  readonly forget: (until: Microseconds) => ReadonlyArray<A>
  readonly all: () => ReadonlyArray<A>
  readonly clear: () => void
}

/** Makes a timeline that keeps so many of the newest. */
export const make = <A extends Dated>(size: number): Timeline<A> => {
  let items: Array<A> = []
  let first = 0

  /** Moves what is kept once it is no more than half of the array, so that a move is rare. */
  const leave = (index: number) => {
    first = index
    if (2 * first > items.length) {
      items = items.slice(first)
      first = 0
    }
  }

  return {
    add: (item) => {
      items.push(item)
      if (items.length - first > size) leave(first + 1)
    },
    forget: (until) => {
      let index = first
      while ((items[index]?.at ?? Infinity) <= until) index += 1
      const forgotten = items.slice(first, index)
      if (index > first) leave(index)
      return forgotten
    },
    all: () => items.slice(first),
    clear: () => {
      items = []
      first = 0
    },
  }
}
