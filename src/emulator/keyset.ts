/**
 * Keyset pagination over sorted keys: the last page costs no more than the first.
 *
 * @module
 */
import type { SortOrder } from "./definition.ts"
import type { Cursor, Position } from "./PageToken.ts"

/** A page, and the cursors of the pages before and after it, if there are any. */
export interface Page<A> {
  readonly items: ReadonlyArray<A>
  readonly next: Cursor | undefined
  readonly previous: Cursor | undefined
}

const precedes = (left: Position, right: Position): boolean =>
  left.createdAt === right.createdAt ? left.id < right.id : left.createdAt < right.createdAt

/** The index of the first item that does not precede a position, by bisection. */
export const lowerBound = (sorted: ReadonlyArray<Position>, position: Position): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    // `middle` is below the length of the array, so there is an item.
    const item = sorted[middle] as Position
    if (precedes(item, position)) low = middle + 1
    else high = middle
  }
  return low
}

/** Inserts an item in order: usually at the end, because new keys are the newest. */
export const insert = <A extends Position>(sorted: Array<A>, item: A): void => {
  sorted.splice(lowerBound(sorted, item), 0, item)
}

/** Removes an item. */
export const remove = <A extends Position>(sorted: Array<A>, item: A): void => {
  const index = lowerBound(sorted, item)
  if (sorted[index] === item) sorted.splice(index, 1)
}

/**
 * Reads the page at a cursor.
 *
 * @param sorted ascending by (created_at, id)
 * @param visible whether the query shows an item
 */
export const page = <A extends Position>(
  sorted: ReadonlyArray<A>,
  visible: (item: A) => boolean,
  query: { readonly sortOrder: SortOrder; readonly cursor: Cursor; readonly limit: number },
): Page<A> => {
  const forward = query.sortOrder === "ASC" ? 1 : -1
  const step = query.cursor._tag === "Before" ? -forward : forward
  const items: Array<A> = []
  let index = firstIndex(sorted, query.cursor, step)
  for (; index >= 0 && index < sorted.length && items.length < query.limit; index += step) {
    // The loop's own condition keeps the index within the array.
    const item = sorted[index] as A
    if (visible(item)) items.push(item)
  }
  if (query.cursor._tag === "Before") items.reverse()
  const first = items[0]
  const last = items[items.length - 1]
  return {
    items,
    next: last !== undefined && anyBeyond(sorted, visible, last, forward)
      ? { _tag: "After", position: positionOf(last) }
      : undefined,
    previous: first !== undefined && anyBeyond(sorted, visible, first, -forward)
      ? { _tag: "Before", position: positionOf(first) }
      : undefined,
  }
}

const positionOf = ({ createdAt, id }: Position): Position => ({ createdAt, id })

/** The index at which a walk begins: an end, or the place beside the cursor's position. */
const firstIndex = (sorted: ReadonlyArray<Position>, cursor: Cursor, step: number): number => {
  if (cursor._tag === "Start") return step > 0 ? 0 : sorted.length - 1
  return beside(sorted, cursor.position, step)
}

const beside = (sorted: ReadonlyArray<Position>, position: Position, step: number): number => {
  const index = lowerBound(sorted, position)
  if (step < 0) return index - 1
  return sorted[index]?.id === position.id ? index + 1 : index
}

const anyBeyond = <A extends Position>(
  sorted: ReadonlyArray<A>,
  visible: (item: A) => boolean,
  position: Position,
  step: number,
): boolean => {
  let index = beside(sorted, position, step)
  for (; index >= 0 && index < sorted.length; index += step) {
    // The loop's own condition keeps the index within the array.
    if (visible(sorted[index] as A)) return true
  }
  return false
}
