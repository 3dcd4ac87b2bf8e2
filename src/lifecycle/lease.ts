/**
 * The lease: the age at which an unfinished run's marked key belongs to nobody any more.
 *
 * @module
 */

/** The default, in milliseconds. All functions that make such keys, or clean them up, share it. */
export const defaultLeaseMillis: number = 10 * 60_000
