/**
 * Checks values by a schema, and says what is wrong, where it is, and what is allowed there.
 *
 * @module
 */
import * as Either from "effect/Either"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type { Finding, Path } from "./Finding.ts"

/** Checks values. A failure is the first problem; in a union, the first problem of each member. */
export const validate = <A>(
  schema: Schema.Schema<A>,
): (value: unknown) => Either.Either<A, ReadonlyArray<Finding>> => {
  const read = Schema.validateEither(schema)
  return (value) => Either.mapLeft(read(value), ({ issue }) => ofIssue(issue, [], []))
}

/**
 * Makes a schema refuse unknown fields at every level of a value, and copy what it reads.
 */
export const exact = <A>(schema: Schema.Schema<A>): Schema.Schema<A> =>
  schema.annotations({ parseOptions: { onExcessProperty: "error" } })

const ofIssue = (
  issue: ParseResult.ParseIssue,
  path: Path,
  fields: ReadonlyArray<PropertyKey>,
): ReadonlyArray<Finding> => {
  switch (issue._tag) {
    case "Pointer":
      return ofIssue(issue.issue, [...path, ...[issue.path].flat()], fields)
    case "Composite":
      return [issue.issues].flat().flatMap((one) => ofIssue(one, path, fieldsOf(issue.ast)))
    case "Unexpected":
      return [{ path, allowed: "", names: fields.map(String) }]
    case "Missing":
      return [{ path, allowed: String(issue.ast.type) }]
    case "Refinement": {
      const within = ofIssue(issue.issue, path, fields)
        .filter((finding) => finding.path.length > path.length)
      return within.length > 0 ? within : [{ path, allowed: String(issue.ast) }]
    }
    case "Type":
      return [{ path, allowed: issue.message ?? String(issue.ast) }]
    default:
      return [{ path, allowed: String(issue.ast) }]
  }
}

const fieldsOf = (ast: AST.Annotated): ReadonlyArray<PropertyKey> =>
  ast instanceof AST.TypeLiteral ? ast.propertySignatures.map(({ name }) => name) : []
