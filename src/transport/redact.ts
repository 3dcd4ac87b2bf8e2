/**
 * Makes text from outside safe to show: without secrets, without control characters, and cut.
 *
 * @module
 */

/** Takes the place of a secret. */
export const redacted = "<redacted>"

/** A longer text from outside is cut to this many characters and an ellipsis. */
export const maxTextLength = 500

/** Details are cut below this depth. */
const maxDetailsDepth = 8
/** At most this many values of all details together are shown. */
const maxDetailsValues = 500

// Matches a secret to its very end: if it contains a second one, nothing of that may be left. It
// has no repeated group, since a RegExp remembers each round of one, and a long text has too many.
const keySecret = /CCDB1_[A-Za-z0-9]+_[A-Za-z0-9][A-Za-z0-9_]*/g

// In the API's answers, only a secret has 40 letters or digits in a row, whatever precedes them.
const secretLike = new RegExp(`(?<![A-Za-z0-9])[A-Za-z0-9]{40,}|${keySecret.source}`, "g")

/** This many characters of a secret in a row give it away. */
const revealing = 8

/** An answer with more secrets than this is not from the API. */
const maxSecrets = 100

/** Only the beginning of a longer secret is looked for: a server can make one up of any length. */
const maxSecretLength = 1024

/** Replaces what a text must not show. Its time grows linearly with the text. */
export type Redact = (text: string) => string

/**
 * Replaces each of the given secrets, any eight characters in a row of its secret part, everything
 * that has the form of a secret, and every 40 letters or digits in a row.
 */
export const redactor = (secrets: ReadonlyArray<string>): Redact => {
  let hidden: Hidden | undefined
  let known = 0
  return (text) => {
    // The list grows when a token is renewed while its request waits.
    if (hidden === undefined || known < secrets.length) hidden = hide(secrets)
    known = secrets.length
    let shown = text.replace(secretLike, redacted)
    for (const secret of hidden.short) shown = shown.replaceAll(secret, redacted)
    return replaceRuns(shown, hidden.parts)
  }
}

interface Hidden {
  /** The secrets that are too short for {@link parts}. */
  readonly short: ReadonlyArray<string>
  /** Every {@link revealing} characters in a row. */
  readonly parts: ReadonlySet<string>
}

const hide = (secrets: ReadonlyArray<string>): Hidden => {
  const known = secrets.map(secretPart).filter((part) => part !== "")
  const spellings = [...new Set(known.flatMap(spellingsOf))]
  return {
    short: spellings.filter(({ length }) => length < revealing),
    parts: partsOf(spellings),
  }
}

// URLs and JSON write some characters in other ways.
const spellingsOf = (part: string): ReadonlyArray<string> => [
  part,
  JSON.stringify(part).slice(1, -1),
  String(new URLSearchParams({ "": part })).slice(1),
  encodeURIComponent(part),
]

// A secret of the API starts with its key's id, which is not secret.
const secretPart = (secret: string): string =>
  /^CCDB1_[A-Za-z0-9]+_/.test(secret) ? secret.slice(secret.indexOf("_", 6) + 1) : secret

const partsOf = (spellings: Iterable<string>): ReadonlySet<string> => {
  const parts = new Set<string>()
  for (const spelling of spellings) {
    for (let i = 0; i + revealing <= spelling.length; i++) {
      parts.add(spelling.slice(i, i + revealing))
    }
  }
  return parts
}

const replaceRuns = (text: string, hidden: ReadonlySet<string>): string => {
  let result = ""
  let shownTo = 0
  let i = 0
  while (i < text.length) {
    if (!hidden.has(text.slice(i, i + revealing))) {
      i++
      continue
    }
    result += text.slice(shownTo, i) + redacted
    i += revealing
    while (hidden.has(text.slice(i - revealing + 1, i + 1))) i++
    shownTo = i
  }
  return result + text.slice(shownTo)
}

/** Whether a text holds the current token, or a whole secret of the API. */
export const holdsSecret = (text: string, token: string): boolean =>
  /CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}/.test(text) ||
  // A shorter token comes from a test, and may be part of any word.
  token.length >= 16 && text.includes(token)

/** The secrets in a text. Undefined if there are too many to look for. */
export const secretsIn = (text: string): ReadonlyArray<string> | undefined => {
  const secrets = new Set<string>()
  for (const [secret] of text.matchAll(keySecret)) {
    secrets.add(secret.slice(0, maxSecretLength))
    if (secrets.size > maxSecrets) return undefined
  }
  return [...secrets]
}

/** Escapes what a terminal or a log would act on, and cuts the text. */
export const escapeText = (text: string): string => {
  const escaped = text.slice(0, maxTextLength + 1).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  )
  return escaped.length > maxTextLength ? `${escaped.slice(0, maxTextLength)}…` : escaped
}

/** Makes text from outside safe to show. */
export const showText = (text: string, redact: Redact): string =>
  escapeText(redactStart(text, 8 * maxTextLength, redact))

/** Redacts the beginning of a text from outside. It looks at no more of the text. */
export const redactStart = (text: string, maxLength: number, redact: Redact): string => {
  if (text.length <= maxLength) return redact(text)
  // Nothing recognizes a secret that was cut, so it is left out whole.
  let end = maxLength
  while (end > 0 && /[A-Za-z0-9_]/.test(text.charAt(end - 1))) end--
  return `${redact(text.slice(0, end))}…`
}

/** Whether a number may be shown. Its digits can be part of a secret. */
export const isFit = (value: number, redact: Redact): boolean => {
  const digits = String(value)
  return redact(digits) === digits
}

/**
 * Makes JSON from outside safe to show: every key and string in it, to a bounded depth and size.
 */
export const showDetails = (
  details: ReadonlyArray<unknown>,
  redact: Redact,
): ReadonlyArray<unknown> => {
  let left = maxDetailsValues
  const show = (value: unknown, depth: number): unknown => {
    if (typeof value === "string") return showText(value, redact)
    if (typeof value === "number") return isFit(value, redact) ? value : redacted
    if (typeof value !== "object" || value === null) return value
    if (depth === 0) return "…"
    if (Array.isArray(value)) return showAll(value, depth)
    const shown: Array<readonly [string, unknown]> = []
    for (const [key, item] of Object.entries(value)) {
      if (left-- <= 0) break
      // Code that assigns this key to another object would change its prototype.
      if (key !== "__proto__") shown.push([showText(key, redact), show(item, depth - 1)])
    }
    return Object.fromEntries(shown)
  }
  const showAll = (values: ReadonlyArray<unknown>, depth: number): ReadonlyArray<unknown> => {
    const shown: Array<unknown> = []
    for (const value of values) {
      if (left-- <= 0) break
      shown.push(show(value, depth - 1))
    }
    return shown
  }
  return showAll(details, maxDetailsDepth)
}
