/**
 * Which reader of a log takes which line, told by its bytes before anything is parsed. Nothing else is told so: a line that
 * nobody parses may hide anything, so every question reads every line, and each is read by exactly one reader.
 */
import { EVENT_TYPE_PREFIX } from '@enfold/core/log'

/** True: the line is another reader's. */
export type Skip = (line: Uint8Array) => boolean

const BEGINNING = Buffer.from(`{"specversion":"1.0","type":"${EVENT_TYPE_PREFIX}`)
const SUBJECT = Buffer.from('"subject":"')
const [QUOTE, BACKSLASH, BRACE] = [0x22, 0x5c, 0x7b]

/**
 * All but one partition of the lines. Of canonical lines each contact and campaign belongs to one partition; what cannot be told
 * belongs to the first. Any other line is refused by the partition that it falls to.
 */
export function otherPartitions(partition: number, of: number): Skip {
  return (line) => {
    const subject = subjectIn(Buffer.from(line.buffer, line.byteOffset, line.byteLength))
    let sum = 0
    for (const byte of subject ?? []) sum = (Math.imul(sum, 31) + byte) | 0
    return (sum >>> 0) % of !== partition
  }
}

/** The bytes of the subject; `null` where it cannot be told: not a line as Enfold writes it, or with an escape in it. */
function subjectIn(line: Buffer): Buffer | null {
  if (line.length <= BEGINNING.length || line.compare(BEGINNING, 0, BEGINNING.length, 0, BEGINNING.length) !== 0)
    return null
  const at = line.indexOf(SUBJECT, BEGINNING.length)
  // After another brace it would be a part of the data.
  if (at < 0 || line.subarray(1, at).includes(BRACE)) return null
  const from = at + SUBJECT.length
  const subject = line.subarray(from, Math.max(from, line.indexOf(QUOTE, from)))
  return subject.includes(BACKSLASH) ? null : subject
}
