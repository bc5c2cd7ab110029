/** Lines of a log, and lines that are nearly ones: what the scanner and the decoder must read alike. */

import { encodeEvent, judgeLine, scanEvent } from './codec.ts'
import { isRight } from './either.ts'
import type { RecordedEvent } from './events.ts'
import { respelt, SPELLINGS } from './spellings.fixture.ts'

/** A whole number from 0 up to and without its argument. */
type Pick = (count: number) => number

const SIGNS = [...'0123456789aZ-.,:{}[]"\\ _Tz+/', 'true', 'null', '""', '\u007f', '\u0001', 'é', '🏊', '1e5', '00']
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g
const ODD_INSTANTS = [
  '2024-02-29T00:00:00.000Z',
  '2023-02-29T00:00:00.000Z',
  '1900-02-29T00:00:00.000Z',
  '2000-02-29T23:59:59.999Z',
  '2026-04-31T00:00:00.000Z',
  '2026-12-31T24:00:00.000Z',
  '2026-13-01T00:00:00.000Z',
  '2026-00-01T00:00:00.000Z',
  '2026-01-01T00:60:00.000Z',
  '0000-01-01T00:00:00.000Z',
  '2026-01-01T00:00:00.00Z',
  '2026-01-01t00:00:00.000z',
]
const ODD_NUMBERS = [
  '0',
  '-0',
  '01',
  '1.0',
  '9007199254740991',
  '9007199254740992',
  '2147483648',
  '-1',
  '1e3',
  '123456789012345',
]

/** One of a log's lines as it stands, or one thing in it is other. */
export function nearLine(lines: readonly string[], pick: Pick): string {
  const line = lines[pick(lines.length)] ?? ''
  const put = (at: number, length: number, text: string) => line.slice(0, at) + text + line.slice(at + length)
  const sign = () => SIGNS[pick(SIGNS.length)] ?? ''
  switch (pick(8)) {
    case 0:
      return line
    case 1:
      return put(pick(line.length), 1, sign())
    case 2:
      return put(pick(line.length), pick(4), '')
    case 3:
      return put(pick(line.length), 0, sign())
    case 4:
      return respelt(line, SPELLINGS[pick(SPELLINGS.length)] ?? 'escape', pick) ?? line
    case 5:
      return otherwise(line, INSTANT, ODD_INSTANTS, pick)
    case 6:
      return otherwise(line, /(?<=:)\d+(?=[,}\]])/g, ODD_NUMBERS, pick)
    default: {
      // From one member on it is another line.
      const other = lines[pick(lines.length)] ?? ''
      const name = /"(\w+)":/g
      const names = [...line.matchAll(name)]
      const [member] = [names[pick(names.length)]]
      const at = member === undefined ? -1 : other.indexOf(member[0])
      return member === undefined || at < 0 ? line : line.slice(0, member.index) + other.slice(at)
    }
  }
}

function otherwise(line: string, what: RegExp, others: readonly string[], pick: Pick): string {
  const found = [...line.matchAll(what)]
  const one = found[pick(Math.max(1, found.length))]
  if (one === undefined) return line
  return line.slice(0, one.index) + (others[pick(others.length)] ?? '') + line.slice(one.index + one[0].length)
}

/** The lines of a log with the generator's hostile texts, and the same lines with plain texts: the scanner's own. */
export function linesOf(log: readonly RecordedEvent[]): {
  readonly all: readonly string[]
  readonly plain: readonly string[]
} {
  const all = log.map(encodeEvent)
  const plain = all.map((line) => line.replace(/\\(?:u[0-9a-f]{4}|.)|[^ -~]/g, 'u')).filter(isOrdinary)
  return { all: [...all, ...plain], plain }
}

/** Of a contact, and without what is rare: numbers that are not whole or have a sign, values that are lists or objects. */
function isOrdinary(line: string): boolean {
  const isRare = /":-|":\d+[.e]|\d{16}[,}]|"value":[[{]|"(?:\d[^"]*|__proto__|constructor|valueOf|toString)":/.test(
    line,
  )
  return !isRare && line.includes('"source":"/enfold/contacts"')
}

export type Verdict = 'scanned' | 'left to the decoder' | 'refused'

/**
 * What became of a line, by the scanner and by the decoder.
 *
 * @returns a sentence if they read it differently
 */
export function compared(line: string): { readonly verdict: Verdict; readonly problem: string | null } {
  const bytes = new TextEncoder().encode(`x${line}x`)
  const event = scanEvent(bytes, 1, bytes.length - 1)
  const judged = judgeLine(line)
  const read = JSON.stringify(isRight(judged) ? judged.right : judged.left)
  if (event !== null && JSON.stringify(event) !== read)
    return { verdict: 'scanned', problem: `${line} is scanned as ${JSON.stringify(event)}, and decoded as ${read}` }
  return { verdict: event !== null ? 'scanned' : isRight(judged) ? 'left to the decoder' : 'refused', problem: null }
}

/** Picks that come again for the same seed. */
export function pickBy(seed: number): Pick {
  let state = seed >>> 0
  return (count) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return (state >>> 4) % count
  }
}
