/**
 * Keeps state for each key, and forgets it when it no longer matters.
 *
 * @module
 */

/** The state of one key. From `idleAt` on, new state would say the same. */
export interface Forgettable {
  idleAt: number
}

/** The state of each key. */
export interface Buckets<B extends Forgettable> {
  /** The state of a key, or new state if there is none. */
  readonly of: (key: string, now: number) => B
  /** How many keys have state. */
  readonly count: () => number
}

/**
 * Makes an empty collection. Each call of `of` also looks at two others in turn, and forgets those
 * that are idle. It adds at most one, so idle ones do not pile up.
 */
export const makeBuckets = <B extends Forgettable>(make: () => B): Buckets<B> => {
  const buckets = new Map<string, B>()
  return {
    of: (key, now) => {
      for (const [other, bucket] of firstOf(buckets, 2)) {
        buckets.delete(other)
        if (bucket.idleAt > now) buckets.set(other, bucket)
      }
      const bucket = buckets.get(key) ?? make()
      buckets.set(key, bucket)
      return bucket
    },
    count: () => buckets.size,
  }
}

// Collects them first: an entry that goes back into a Map during a walk would come up again.
const firstOf = <K, V>(map: ReadonlyMap<K, V>, count: number): ReadonlyArray<[K, V]> => {
  const first: Array<[K, V]> = []
  for (const entry of map) {
    if (first.push(entry) === count) break
  }
  return first
}
