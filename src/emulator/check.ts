/**
 * What the values that a program or a file gives must be, and one line that says where they are not.
 *
 * A schema's description is a phrase that fits after "must be".
 *
 * @module
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { printable } from "./printable.ts"

/** A whole number within bounds. */
export const wholeNumber = (from: number, to: number = Infinity): Schema.Schema<number> =>
  Schema.Number.pipe(
    Schema.filter((value) => Number.isSafeInteger(value) && value >= from && value <= to, {
      description: to === Infinity
        ? `a whole number from ${from}`
        : `a whole number from ${from} to ${to}`,
    }),
  )

/** A whole number from a bound on, or `Infinity`. */
export const unbounded = (from: number): Schema.Schema<number> =>
  Schema.Union(wholeNumber(from), Schema.Literal(Infinity))

/** A number within bounds. */
export const numberBetween = (from: number, to: number): Schema.Schema<number> =>
  Schema.Number.pipe(
    Schema.filter((value) => value >= from && value <= to, {
      description: `a number from ${from} to ${to}`,
    }),
  )

/** Reads a duration that is not negative: Effect takes a negative one for none at all. */
export const durationOf = (value: unknown): Option.Option<Duration.Duration> =>
  Option.filter(Duration.decodeUnknown(value), () => !isBelowZero(value))

// Of what Effect reads as a duration; compared so that NaN counts as below zero.
const isBelowZero = (value: unknown): boolean =>
  Array.isArray(value)
    ? !(value[0] * 1e9 + value[1] >= 0)
    : typeof value === "number" || typeof value === "bigint"
    ? !(value >= 0)
    : typeof value === "string" && value.startsWith("-")

/** A duration that is not negative, in any form that Effect reads. */
export const anyDuration: Schema.Schema<Duration.DurationInput> = Schema.declare(
  (value): value is Duration.DurationInput => Option.isSome(durationOf(value)),
  { description: 'a duration like "250 millis" or "2 seconds"' },
)

/** A duration within bounds, in any form that Effect reads. */
export const durationBetween = (
  from: `${number} ${Duration.Unit}`,
  to: `${number} ${Duration.Unit}`,
): Schema.Schema<Duration.DurationInput> =>
  Schema.declare(
    (value): value is Duration.DurationInput =>
      Option.exists(durationOf(value), Duration.between({ minimum: from, maximum: to })),
    { description: `a duration from "${from}" to "${to}"` },
  )

/** Checks a value, or says the first thing that is wrong: which field, and what is allowed there. */
export const check = <A>(
  schema: Schema.Schema<A>,
  name: string,
  value: unknown,
): Either.Either<A, string> =>
  Either.mapLeft(Schema.validateEither(schema)(value), ({ issue }) => {
    const found = findings(issue, [], [])
    // Of the members of a union, the one that was meant is the one that could be read furthest.
    const depth = Math.max(...found.map(({ path }) => path.length))
    const [first, ...others] = found.filter(({ path }) => path.length === depth)
    if (first === undefined) return `${name} is not as it must be`
    const field = `${name}${first.path.map(step).join("")}`
    if (first.names) return `${field} is no such option${whatIsMeant(first, first.names)}`
    const allowed = [first, ...others].flatMap((finding) => finding.allowed.split(" | "))
    // What may be left out may be undefined, which nobody needs to be told.
    const told = new Set(allowed.filter((one) => one !== "undefined"))
    return `${field} must be ${new Intl.ListFormat("en", { type: "disjunction" }).format(told)}`
  })

type Path = ReadonlyArray<PropertyKey>

interface Finding {
  readonly path: Path
  readonly allowed: string
  /** Where the field itself is not allowed, the names of those that are. */
  readonly names?: ReadonlyArray<string>
}

const findings = (
  issue: ParseResult.ParseIssue,
  path: Path,
  fields: ReadonlyArray<PropertyKey>,
): ReadonlyArray<Finding> => {
  switch (issue._tag) {
    case "Pointer":
      return findings(issue.issue, [...path, ...[issue.path].flat()], fields)
    case "Composite":
      return [issue.issues].flat()
        .flatMap((one) => findings(one, path, fieldsOf(issue.ast)))
    case "Unexpected":
      return [{ path, allowed: "", names: fields.map(String) }]
    case "Missing":
      return [{ path, allowed: String(issue.ast.type) }]
    case "Refinement": {
      const within = findings(issue.issue, path, fields)
        .filter((finding) => finding.path.length > path.length)
      return within.length > 0 ? within : [{ path, allowed: String(issue.ast) }]
    }
    case "Type":
      return [{ path, allowed: issue.message ?? String(issue.ast) }]
    default:
      return [{ path, allowed: String(issue.ast) }]
  }
}

/** The name that was meant, if one is near, and all that there are. */
const whatIsMeant = ({ path }: Finding, names: ReadonlyArray<string>): string => {
  const given = String(path[path.length - 1]).slice(0, 40).toLowerCase()
  const distances = names.map((name) => distance(given, name.toLowerCase()))
  const least = Math.min(...distances)
  const nearest = least > given.length / 2
    ? ""
    : `, the nearest is ${names[distances.indexOf(least)]}`
  return `${nearest}; allowed: ${names.join(", ")}`
}

/** How many letters have to be put in, taken out or replaced to turn one text into another. */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1]
    for (const [column, other] of [...to].entries()) {
      const [beside = 0, above = 0, across = 0] = [next[column], row[column + 1], row[column]]
      next.push(Math.min(beside + 1, above + 1, letter === other ? across : across + 1))
    }
    row = next
  }
  return row[row.length - 1] ?? 0
}

const fieldsOf = (ast: AST.Annotated): ReadonlyArray<PropertyKey> =>
  ast instanceof AST.TypeLiteral ? ast.propertySignatures.map(({ name }) => name) : []

const step = (key: PropertyKey): string =>
  typeof key === "number"
    ? `[${key}]`
    : /^\w{1,40}$/.test(String(key))
    ? `.${String(key)}`
    : `["${printable(String(key), 40)}"]`
