/**
 * Marks: what the lifecycle writes at the end of a key's name, since the API keeps nothing else
 * about a key that a program can choose.
 *
 * @module
 */
import * as Option from "effect/Option"
import { ApiKeyId } from "../ApiKey.ts"

/** What a marked key is for. The nonce, 8 lower-case letters or digits, is one create's own. */
export type Mark =
  /** `[once 1a2b3c4d]`: made by createApiKeyOnce, and its secret not handed out yet. */
  | { readonly _tag: "Once"; readonly nonce: string }
  /** `[expires 2026-01-01T00:00:00Z 1a2b3c4d]`: lent until then, in milliseconds since 1970. */
  | { readonly _tag: "Expires"; readonly at: number; readonly nonce: string }
  /** `[rotates CCDB1_… 1a2b3c4d]`: made to replace that key. */
  | { readonly _tag: "Rotates"; readonly predecessor: ApiKeyId; readonly nonce: string }
  /** `[first 1a2b3c4d]`: made for a secret store that held nothing. */
  | { readonly _tag: "First"; readonly nonce: string }

/** A name taken apart; one without a mark is whole in `name`. */
export interface MarkedName {
  /** The name without its mark. */
  readonly name: string
  /** None where the name does not end in one. */
  readonly mark: Option.Option<Mark>
}

/** Writes a mark behind a name. Of an expiry the fraction of a second is rounded up. */
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
      // No id that we know of needs it; encoded, none whatever could end the mark early.
      return `rotates ${encodeURIComponent(mark.predecessor)} ${mark.nonce}`
  }
}

const formatSecond = (millis: number): string =>
  new Date(Math.ceil(millis / 1000) * 1000).toISOString().replace(".000Z", "Z")

/**
 * Reads the last mark of a name: of a marked name that is marked again the inner mark stays part
 * of the name. What is not written exactly as {@link formatMarked} writes it is no mark.
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

// What has an argument too many, or too few, is written otherwise, and so is no mark.
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

// What cannot be decoded is written otherwise too.
const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
