/**
 * Writes the second line's sources into the folder that is named on the command line.
 *
 * @module
 */
import { writeTree } from "./tree.ts"

const [, , to = ""] = process.argv
writeTree({ root: process.cwd(), to })
