/**
 * What must not be seen, and the search for it.
 *
 * @module
 */

export const id = "CCDB1_12345abcdefGHIJKLMnopq"

/** The tokens that calls are made with: one of each kind. */
export const tokens = {
  apiKey: `${id}_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K`,
  jwt: "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJlLW9mLXRoZS1hZG1pbg",
  // Of signs that URLs and JSON write in other ways, and that stand for an error's code.
  opaque: "TOKEN_IN_CAPITALS_0123456789/+=\"\\'&%<>TOKEN_AT_ITS_END",
}

/** What a create answers. */
export const newSecret = "CCDB1_zyxwvutsrqponmlkjihgfe_qW3rT5yU7iO9pA1sD2fG4hJ6kL8zX0cV5bN7mQ2w"

/** The part of a secret that is secret. */
export const secretPart = (secret: string): string =>
  secret.startsWith("CCDB1_") ? secret.slice(secret.lastIndexOf("_") + 1) : secret

const giveaway = 12

const parts = (length: number): ReadonlyArray<string> =>
  [...Object.values(tokens), newSecret].map(secretPart).flatMap((part) =>
    Array.from({ length: part.length - length + 1 }, (_, i) => part.slice(i, i + length))
  )

const giveaways = parts(giveaway)
const halves = new Set(parts(giveaway / 2))

/** Any twelve characters in a row of a secret that stand in a text. */
export const leakIn = (text: string): string | undefined => {
  // Wherever twelve stand, six of them start at a multiple of six: most texts need no closer look.
  for (let i = 0; i < text.length; i += giveaway / 2) {
    if (halves.has(text.slice(i, i + giveaway / 2))) {
      return giveaways.find((part) => text.includes(part))
    }
  }
  return undefined
}
