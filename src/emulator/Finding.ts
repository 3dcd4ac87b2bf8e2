/**
 * The problems that a check can find in a value.
 *
 * @module
 */

/** The fields that lead to a place, outermost first. */
export type Path = ReadonlyArray<PropertyKey>

/** A problem in a value. */
export interface Finding {
  readonly path: Path
  /** What is allowed, with ` | ` between alternatives: `a UUID | a list`. */
  readonly allowed: string
  /** The names that are allowed, if it is the field itself that is not. */
  readonly names?: ReadonlyArray<string>
}
