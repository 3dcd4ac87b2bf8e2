/**
 * Makes text from outside fit to be shown: without secrets, without control characters, cut.
 *
 * @module
 */

/** What stands where a secret stood. */
export const redacted = "<redacted>"

/** Text from outside is cut after this many characters. */
export const maxTextLength = 500

/** Details are cut below this depth. */
const maxDetailsDepth = 8
/** Details keep this many members of each object or array. */
const maxDetailsWidth = 50

const secretForm = /CCDB1_[A-Za-z0-9]+_[A-Za-z0-9]+/g

/** So many characters of a secret in a row give it away. */
const revealing = 8

/** The secrets that must not be shown: the token in use, and any that stand in an answer. */
export const secretsIn = (token: string, body: string): ReadonlyArray<string> => [
  token,
  ...(body.match(secretForm) ?? []),
]

/** Replaces each secret in a text, and any eight characters in a row of its secret part. */
export const redactText = (text: string, secrets: ReadonlyArray<string>): string => {
  const hidden = new Set<string>()
  let shown = text.replace(secretForm, redacted)
  for (const secret of secrets) {
    const part = secretPart(secret)
    if (part !== "" && part.length < revealing) shown = shown.replaceAll(part, redacted)
    for (let i = 0; i + revealing <= part.length; i++) hidden.add(part.slice(i, i + revealing))
  }
  let result = ""
  let i = 0
  while (i < shown.length) {
    if (!hidden.has(shown.slice(i, i + revealing))) {
      result += shown[i]
      i++
      continue
    }
    let end = i + revealing
    while (end < shown.length && hidden.has(shown.slice(end - revealing + 1, end + 1))) end++
    result += redacted
    i = end
  }
  return result
}

// A secret of the API starts with its key's id, which is no secret.
const secretPart = (secret: string): string =>
  /^CCDB1_[A-Za-z0-9]+_/.test(secret) ? secret.slice(secret.indexOf("_", 6) + 1) : secret

/** Escapes what a terminal or a log would act upon, and cuts the text. */
export const escapeText = (text: string): string => {
  const cut = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  )
}

/** Text from outside, fit to be shown. */
export const showText = (text: string, secrets: ReadonlyArray<string>): string =>
  escapeText(redactText(text.slice(0, 8 * maxTextLength), secrets))

/** JSON from outside, fit to be shown: every key and string in it, to a bounded depth and width. */
export const showJson = (
  value: unknown,
  secrets: ReadonlyArray<string>,
  depth: number = maxDetailsDepth,
): unknown => {
  if (typeof value === "string") return showText(value, secrets)
  if (typeof value !== "object" || value === null) return value
  if (depth === 0) return "…"
  if (Array.isArray(value)) {
    return value.slice(0, maxDetailsWidth).map((item) => showJson(item, secrets, depth - 1))
  }
  return Object.fromEntries(
    Object.entries(value).slice(0, maxDetailsWidth)
      .map(([key, item]) => [showText(key, secrets), showJson(item, secrets, depth - 1)]),
  )
}
