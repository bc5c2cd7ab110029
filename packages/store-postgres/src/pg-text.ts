/**
 * Values as texts that PostgreSQL takes. Every parameter goes as text and every answer comes as text, so that any driver
 * can carry them, whatever it makes of numbers, arrays and JSON.
 *
 * U+0000 is a legal character of an id (LOG-6), but no text of PostgreSQL holds it. It is kept as U+0001 U+0001, and
 * U+0001 as U+0001 U+0002: no two ids become one, and their order stays.
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

/** An array of texts, as PostgreSQL writes it. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`
}

/** An array of numbers or truth values. */
export function plainArray(values: readonly (number | boolean | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`
}
