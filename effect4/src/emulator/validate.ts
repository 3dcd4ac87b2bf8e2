// Effect 4 has other issues, takes no parse options in annotations, and copies nothing it reads.
/**
 * Checks values by a schema, and says what is wrong, where it is, and what is allowed there.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { Finding, Path } from "./Finding.ts"

/** Checks values. A failure is the first problem; in a union, the first problem of each member. */
export const validate = <A>(
  schema: Schema.Schema<A>,
): (value: unknown) => Either.Either<A, ReadonlyArray<Finding>> => {
  const read = SchemaParser.decodeUnknownResult(schema)
  return (value) => Either.mapLeft(read(value), (issue) => ofIssue(issue, { path: [], value }))
}

/**
 * Makes a schema refuse unknown fields at every level of a value, and copy what it reads.
 */
export const exact = <A>(schema: Schema.Schema<A>): Schema.Schema<A> =>
  Schema.declareConstructor<A>()(
    [schema],
    ([schema]) => {
      const decode = SchemaParser.decodeUnknownEffect(schema)
      return (value, _, options) =>
        Effect.map(
          decode(value, { ...options, onExcessProperty: "error" }),
          // A copy has the type of its original.
          (read) => copy(read) as A,
        )
    },
  )

// The value has been checked, so it nests no deeper than the schema.
const copy = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(copy)
  return Predicate.isRecord(value) && Object.getPrototypeOf(value) === Object.prototype
    ? Object.fromEntries(Object.entries(value).map(([name, field]) => [name, copy(field)]))
    : value
}

interface Place {
  readonly path: Path
  readonly value: unknown
  /** The object or the list that the place is in. */
  readonly within?: AST.AST
}

const ofIssue = (issue: SchemaIssue.Issue, place: Place): ReadonlyArray<Finding> => {
  const { path, value, within } = place
  switch (issue._tag) {
    case "Pointer":
      return ofIssue(issue.issue, issue.path.reduce(step, place))
    case "Composite":
      return issue.issues.flatMap((one) => ofIssue(one, { ...place, within: issue.ast }))
    case "AnyOf": {
      const deeper = issue.issues.flatMap((one) => ofIssue(one, place))
        .filter((finding) => finding.path.length > path.length)
      const told = deeper.length > 0 ? deeper : tagsOf(issue.ast, place)
      return [...told, { path, allowed: describe(issue.ast) }]
    }
    case "Filter": {
      const deeper = ofIssue(issue.issue, place)
        .filter((finding) => finding.path.length > path.length)
      return deeper.length > 0
        ? deeper
        : [{ path, allowed: issue.filter.annotations?.description ?? "" }]
    }
    case "UnexpectedKey":
      return [{ path, allowed: "", names: fieldsOf(issue.ast).map(({ name }) => String(name)) }]
    case "MissingKey": {
      const field = fieldsOf(within).find(({ name }) => name === path.at(-1))
      return [{ path, allowed: field ? describe(field.type) : "" }]
    }
    case "InvalidValue":
    case "Forbidden":
      return [{ path, allowed: issue.annotations?.message ?? "" }]
    case "Encoding":
      return ofIssue(issue.issue, { path, value })
    default:
      return [{ path, allowed: describe(issue.ast) }]
  }
}

const step = ({ path, value, within }: Place, key: PropertyKey): Place => ({
  path: [...path, key],
  value: Predicate.hasProperty(value, key) ? value[key] : undefined,
  ...(within && { within }),
})

const fieldsOf = (ast: AST.AST | undefined): ReadonlyArray<AST.PropertySignature> =>
  ast !== undefined && AST.isObjects(ast) ? ast.propertySignatures : []

/** What the tag may be. Effect 4 reports no issue in the members if the tag fits none of them. */
const tagsOf = (union: AST.Union, { path, value }: Place): ReadonlyArray<Finding> =>
  Predicate.isRecord(value)
    ? union.types.flatMap(fieldsOf).filter(({ name, type }) =>
      name === "_tag" && AST.isLiteral(type)
    ).map(({ name, type }) => ({ path: [...path, name], allowed: describe(type) }))
    : []

/** Describes what a schema allows; of a union, what its members allow. */
const describe = (ast: AST.AST): string =>
  AST.resolveTitle(ast) ?? AST.resolveDescription(ast) ??
    (AST.isUnion(ast)
      ? ast.types.map(describe).join(" | ")
      : AST.isLiteral(ast)
      ? typeof ast.literal === "string" ? JSON.stringify(ast.literal) : String(ast.literal)
      // An exact schema allows what its inner schema allows.
      : AST.isDeclaration(ast) && ast.typeParameters[0] !== undefined
      ? describe(ast.typeParameters[0])
      : ast._tag.toLowerCase())
