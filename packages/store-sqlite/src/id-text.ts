/**
 * Ids as SQLite keeps them. U+0000 is a legal character of an id (LOG-6), but the SQLite of Node 22 cuts what it reads
 * at the first one, and so does every tool written in C. It is kept as U+0001 U+0001, and U+0001 as U+0001 U+0002:
 * no two ids become one, and their order stays.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the two that are replaced.
const SPECIAL = /[\u0000\u0001]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const ESCAPED = /\u0001[\u0001\u0002]/g

export function escapeNul(id: string): string {
  return id.replace(SPECIAL, (character) => (character === '\u0000' ? '\u0001\u0001' : '\u0001\u0002'))
}

export function unescapeNul(text: string): string {
  return text.replace(ESCAPED, (pair) => (pair === '\u0001\u0001' ? '\u0000' : '\u0001'))
}
