/**
 * Makes text from outside fit into one line of a message.
 *
 * @module
 */

/** Escapes everything but printable ASCII, and cuts text after `limit` characters. */
export const printable = (text: string, limit: number): string => {
  const shown = text.slice(0, limit).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
  return text.length > limit ? `${shown}…` : shown
}
