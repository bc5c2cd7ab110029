/** How deep JSON may be nested before anything here walks it: what recurses would end in a RangeError. */

/** How deep a line of a log may be nested: far deeper than anybody writes, and far from the end of any stack. */
export const MAX_JSON_DEPTH = 128

/**
 * Whether objects and lists are nested deeper than this, the value itself counted.
 *
 * @returns the keys that lead to the first that is; `null`: none is
 */
export function tooDeepIn(value: unknown, depth: number): readonly string[] | null {
  if (typeof value !== 'object' || value === null) return null
  if (depth === 0) return []
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = tooDeepIn(value[i], depth - 1)
      if (found !== null) return [String(i), ...found]
    }
    return null
  }
  for (const key of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[key]
    if (typeof member !== 'object' || member === null) continue
    const found = tooDeepIn(member, depth - 1)
    if (found !== null) return [key, ...found]
  }
  return null
}
