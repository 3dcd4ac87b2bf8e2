/**
 * Text from outside, made fit to stand in one line of a message.
 *
 * @module
 */

/** Escapes all but printable ASCII, and cuts what is longer than so many characters. */
export const printable = (text: string, limit: number): string => {
  const shown = text.slice(0, limit).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
  return text.length > limit ? `${shown}…` : shown
}
