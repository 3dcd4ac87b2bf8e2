/**
 * The versions of Node that `npm run test:nodes` runs `npm test` on, beside the one at hand.
 *
 * @module
 */

/** By their majors, of each the newest. */
export const nodes: ReadonlyArray<string> = ["22", "24", "26"]
