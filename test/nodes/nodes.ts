/**
 * The versions of Node on which `npm run test:nodes` runs `npm test`, besides the installed one.
 *
 * @module
 */

/** Major versions. The newest of each counts. */
export const nodes: ReadonlyArray<string> = ["22", "24", "26"]
