/**
 * Marks. The lifecycle functions write them at the end of a key's name, since a program can choose
 * nothing else that the API keeps about a key.
 *
 * @module
 */
import * as Option from "effect/Option"
import { ApiKeyId } from "../ApiKey.ts"

/** What a marked key is for. Each create draws its own nonce of 8 lower-case letters or digits. */
export type Mark =
  /** `[once 1a2b3c4d]`: made by createApiKeyOnce, which has not handed it out yet. */
  | { readonly _tag: "Once"; readonly nonce: string }
  /** `[expires 2026-01-01T00:00:00Z 1a2b3c4d]`: lent until `at`, in milliseconds since 1970. */
  | { readonly _tag: "Expires"; readonly at: number; readonly nonce: string }
  /** `[rotates CCDB1_… 1a2b3c4d]`: made to replace that key. */
  | { readonly _tag: "Rotates"; readonly predecessor: ApiKeyId; readonly nonce: string }
  /** `[first 1a2b3c4d]`: made for a secret store that held nothing. */
  | { readonly _tag: "First"; readonly nonce: string }

/** A name and its mark. */
export interface MarkedName {
  /** The name without its mark. The whole name if it has none. */
  readonly name: string
  /** None if the name does not end in a mark. */
  readonly mark: Option.Option<Mark>
}

/** Writes a mark behind a name. It rounds an expiry up to a whole second. */
export const formatMarked = (name: string, mark: Mark): string => `${name} [${describe(mark)}]`

const describe = (mark: Mark): string => {
  switch (mark._tag) {
    case "Once":
      return `once ${mark.nonce}`
    case "First":
      return `first ${mark.nonce}`
    case "Expires":
      return `expires ${formatSecond(mark.at)} ${mark.nonce}`
    case "Rotates":
      // No known id needs to be encoded. An unknown one could end the mark early if it were not.
      return `rotates ${encode(mark.predecessor)} ${mark.nonce}`
  }
}

// Half of a surrogate pair cannot be encoded.
const encode = (text: string): string =>
  encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"))

const formatSecond = (millis: number): string =>
  new Date(Math.ceil(millis / 1000) * 1000).toISOString().replace(".000Z", "Z")

/**
 * Reads the mark at the end of a name. If a marked name was marked again, the inner mark stays part
 * of the name. Text that differs at all from what {@link formatMarked} writes is no mark.
 *
 * @example
 * ```ts
 * import { parseMarked } from "@effect-crdb/api-keys"
 *
 * parseMarked("billing [once 1a2b3c4d]").name // "billing"
 * ```
 */
export const parseMarked = (text: string): MarkedName => {
  const unmarked: MarkedName = { name: text, mark: Option.none() }
  const end = text.lastIndexOf(" [")
  const match = /\[(once|first|expires|rotates) (?:([!-~]+) )?([a-z0-9]{8})\]/.exec(text.slice(end))
  if (match === null) return unmarked
  const name = text.slice(0, end)
  const [, kind = "", argument = "", nonce = ""] = match
  const mark = readMark(kind, argument, nonce)
  return mark !== undefined && formatMarked(name, mark) === text
    ? { name, mark: Option.some(mark) }
    : unmarked
}

// It need not check for a missing or a surplus argument: parseMarked writes the mark again and
// compares.
const readMark = (kind: string, argument: string, nonce: string): Mark | undefined => {
  switch (kind) {
    case "once":
      return { _tag: "Once", nonce }
    case "first":
      return { _tag: "First", nonce }
    case "expires": {
      const at = Date.parse(argument)
      return Number.isNaN(at) ? undefined : { _tag: "Expires", at, nonce }
    }
    default:
      return { _tag: "Rotates", predecessor: ApiKeyId(decode(argument)), nonce }
  }
}

// Text that cannot be decoded fails the same comparison.
const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
