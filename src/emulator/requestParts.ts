/**
 * Reads the parts of a request by the schemas of the definition, or says which field is wrong.
 *
 * @module
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Reply from "./Reply.ts"

const invalid = (error: ParseResult.ParseError): Reply.Reply => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const field = issue?.path.join(".") ?? ""
  const message = issue?.message ?? "must be of another form"
  return Reply.failure(400, field === "" ? message : `${field}: ${message}`)
}

/** Reads a part that the definition has a schema for. */
export const part = <A>(
  schema: Option.Option<Schema.Schema<A, unknown>>,
): (input: unknown) => Either.Either<A, Reply.Reply> => {
  // Asked for by handlers only, each of which asks for the parts that its endpoint defines.
  const decode = Schema.decodeUnknownEither(Option.getOrThrow(schema))
  return (input) => Either.mapLeft(decode(input), invalid)
}

/** Reads a JSON body that the definition has a schema for. */
export const jsonBody = <A>(
  schema: Option.Option<Schema.Schema<A, unknown>>,
): (
  headers: Readonly<Record<string, string>>,
  body: string,
) => Either.Either<A, Reply.Reply> => {
  const read = part(schema)
  return (headers, body) => {
    const mediaType = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase()
    if (mediaType !== "application/json") {
      return Either.left(Reply.failure(400, "Content-Type must be application/json"))
    }
    return Either.flatMap(parse(body), read)
  }
}

const parse = (body: string): Either.Either<unknown, Reply.Reply> =>
  Either.try({
    try: (): unknown => JSON.parse(body),
    catch: () => Reply.failure(400, "the body must be JSON"),
  })
