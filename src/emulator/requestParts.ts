/**
 * Reads the query and the body of a request by a schema, or says which field is wrong.
 *
 * @module
 */
import * as Either from "effect/Either"
import type * as Schema from "effect/Schema"
import * as Check from "./check.ts"
import * as Reply from "./Reply.ts"

const invalid = ({ path, problem }: Check.Problem): Reply.Reply =>
  Reply.failure(400, path.length === 0 ? `the body ${problem}` : `${path.join(".")}: ${problem}`)

/** Reads the query. */
export const query = <A>(
  schema: Schema.Schema<A>,
): (input: unknown) => Either.Either<A, Reply.Reply> => {
  const read = Check.read(schema)
  return (input) => Either.mapLeft(read(input), invalid)
}

/** Reads a JSON body. */
export const jsonBody = <A>(
  schema: Schema.Schema<A>,
): (
  headers: Readonly<Record<string, string>>,
  body: string,
) => Either.Either<A, Reply.Reply> => {
  const read = Check.read(schema)
  return (headers, body) => {
    const mediaType = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase()
    if (mediaType !== "application/json") {
      return Either.left(Reply.failure(400, "Content-Type must be application/json"))
    }
    return Either.flatMap(parse(body), (value) => Either.mapLeft(read(value), invalid))
  }
}

const parse = (body: string): Either.Either<unknown, Reply.Reply> =>
  Either.try({
    try: (): unknown => JSON.parse(body),
    catch: () => Reply.failure(400, "the body must be JSON"),
  })
