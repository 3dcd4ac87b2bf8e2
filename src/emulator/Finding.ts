/**
 * What may be found wrong with a value.
 *
 * @module
 */

/** The fields that lead to a place, the outermost first. */
export type Path = ReadonlyArray<PropertyKey>

/** Something that is wrong. */
export interface Finding {
  readonly path: Path
  /** What is allowed, one or another: `a UUID | a list`. */
  readonly allowed: string
  /** Where the field itself is not allowed, the names of those that are. */
  readonly names?: ReadonlyArray<string>
}
