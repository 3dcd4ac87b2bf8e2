/**
 * Events in order, of which the oldest are forgotten.
 *
 * @module
 */
import type { Microseconds } from "./microseconds.ts"

/** Something that happened at an instant. */
export interface Dated {
  readonly at: Microseconds
}

/** Events, oldest first. */
export interface Timeline<A extends Dated> {
  /** Adds an item, which must be no older than those before it. */
  readonly add: (item: A) => void
  /** Forgets all items up to an instant, and gives them back, oldest first. */
  readonly forget: (until: Microseconds) => ReadonlyArray<A>
  readonly all: () => ReadonlyArray<A>
  readonly clear: () => void
}

/** Makes a timeline that keeps the newest `size` items. */
export const make = <A extends Dated>(size: number): Timeline<A> => {
  let items: Array<A> = []
  let first = 0

  /** Forgets the items before an index. It copies the rest only once that is less than half. */
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
