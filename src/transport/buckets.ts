/**
 * What a store keeps for each key, for as long as it matters.
 *
 * @module
 */

/** What is kept for one key; from a moment on it says nothing that a new one would not say. */
export interface Forgettable {
  idleAt: number
}

/** What is kept for each key. */
export interface Buckets<B extends Forgettable> {
  /** That of a key; a new one where there is none. */
  readonly of: (key: string, now: number) => B
  /** Of how many keys something is kept. */
  readonly count: () => number
}

/**
 * No buckets yet. With each question two others are looked at in turn, and forgotten where they are
 * idle: as many are added in a while as keys are used in it, so no more than these pile up.
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

// Taken out first: what is put back in while a Map is walked comes round again.
const firstOf = <K, V>(map: ReadonlyMap<K, V>, count: number): ReadonlyArray<[K, V]> => {
  const first: Array<[K, V]> = []
  for (const entry of map) {
    if (first.push(entry) === count) break
  }
  return first
}
