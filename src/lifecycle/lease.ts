/**
 * From which age on the marked key of an unfinished run is nobody's.
 *
 * @module
 */

/** The default, in milliseconds, of everything that makes such keys and that cleans them up. */
export const defaultLeaseMillis: number = 10 * 60_000
