/**
 * Finds the operation that a request asks for, by its method and path.
 *
 * @module
 */
import * as Option from "effect/Option"
import { type Operation, operations } from "../operation.ts"

/** What a method and a path match. */
export type Route =
  | {
    readonly _tag: "Operation"
    readonly operation: Operation
    /** The parameters in the path, decoded. */
    readonly path: Readonly<Record<string, string>>
  }
  | {
    readonly _tag: "MethodNotAllowed"
    /** The methods that the path has. */
    readonly allowed: ReadonlyArray<string>
  }
  | { readonly _tag: "NotFound" }

const decode = (segment: string): Option.Option<string> => {
  try {
    return Option.some(decodeURIComponent(segment))
  } catch {
    return Option.none()
  }
}

const matchPath = (
  pattern: string,
  path: string,
): Option.Option<Readonly<Record<string, string>>> => {
  const names = pattern.split("/")
  const segments = path.split("/")
  if (names.length !== segments.length) return Option.none()
  const parameters: Record<string, string> = {}
  for (const [index, name] of names.entries()) {
    const segment = segments[index] ?? ""
    if (!name.startsWith("{")) {
      if (name !== segment) return Option.none()
      continue
    }
    const value = decode(segment)
    if (segment === "" || Option.isNone(value)) return Option.none()
    parameters[name.slice(1, -1)] = value.value
  }
  return Option.some(parameters)
}

/** Matches a method and a path without its query. It ignores a slash at the end. */
export const route = (method: string, path: string): Route => {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path
  const allowed: Array<string> = []
  for (const facts of Object.values(operations)) {
    const parameters = matchPath(facts.path, trimmed)
    if (Option.isNone(parameters)) continue
    if (facts.method === method) {
      return { _tag: "Operation", operation: facts.name, path: parameters.value }
    }
    allowed.push(facts.method)
  }
  return allowed.length > 0 ? { _tag: "MethodNotAllowed", allowed } : { _tag: "NotFound" }
}
