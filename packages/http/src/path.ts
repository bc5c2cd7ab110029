/** Ids in paths. */

/**
 * An id as a segment of a path. `.` and `..` cannot stand there in any encoding: URLs resolve them. So a segment that
 * begins with `~` is the rest of it, and that is needed for these two and for ids that begin with `~`.
 *
 * @example
 * pathSegment('a/b') // 'a%2Fb'
 * pathSegment('..')  // '~..'
 */
export function pathSegment(id: string): string {
  const encoded = encodeURIComponent(id)
  return id === '.' || id === '..' || id.startsWith('~') ? `~${encoded}` : encoded
}

/** The id that a raw segment stands for; `null` if it is not encoded as it must be. */
export function idOfSegment(segment: string): string | null {
  try {
    const decoded = decodeURIComponent(segment)
    return decoded.startsWith('~') ? decoded.slice(1) : decoded
  } catch {
    return null
  }
}
