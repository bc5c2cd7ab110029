/**
 * Whole logs, line by line: bytes in, events or problems out, and events to lines. Rules AUDIT-1, AUDIT-5.
 * What one line means is in `codec.ts`; whether the events fit together is asked of `verify`. Opens no file.
 */

import {
  type DecodeProblem,
  decodeEvent,
  decodeForeignEvent,
  encodeEvent,
  MAX_LINE_LENGTH,
  scanEvent,
  type Upcasters,
} from './codec.ts'
import { isLeft } from './either.ts'
import type { RecordedEvent } from './events.ts'
import { EnfoldFault } from './fault.ts'

/**
 * A log in its order, one by one or in batches: what `store.readAll()` yields, or the decoded lines of a file. Batches
 * spare a turn of the event loop for each event: a million of them are read in 4.2 s instead of 5.0.
 */
export type Log = AsyncIterable<RecordedEvent | readonly RecordedEvent[]> | Iterable<RecordedEvent>

/** Why a line is no event. `message` is a sentence without a subject, for people. Rule AUDIT-5. */
export type LineProblem =
  | DecodeProblem
  | { readonly reason: 'not-utf8'; readonly message: string }
  /** The last line, which has no end, and is no event as it stands. */
  | { readonly reason: 'cut'; readonly message: string }

/** One line of a log. `line` is 1 for the first. */
export type LogEntry =
  | { readonly line: number; readonly event: RecordedEvent; readonly problem?: never }
  | { readonly line: number; readonly problem: LineProblem; readonly event?: never }

export interface ReadLogOptions {
  /** Default false: the first bad line is the last that is yielded. True: the rest is read as well. */
  readonly keepGoing?: boolean
  /**
   * The longest line that is read, in bytes without its end. Default 16,777,216 (16 MiB). A longer one is passed over
   * without being kept, and is `wrong-data`.
   */
  readonly maxLineBytes?: number
  /**
   * Takes what other programs make of a log as well: a byte order mark at its beginning, blank lines at its end, lines that
   * end with "\r\n", extension attributes anywhere in a line, and any RFC 3339 form of `time`. Default false. The events are
   * those that the canonical lines would give.
   */
  readonly foreign?: boolean
  /**
   * Asked of the bytes of each line before it is parsed: true passes it over. What is wrong with such a line is not found:
   * so only for readers who share out the lines of one log among them, each of which is read by exactly one.
   */
  readonly skip?: (line: Uint8Array) => boolean
  /** Steps that bring lines of older schema versions up to date. Default: those that this release knows. */
  readonly upcasters?: Upcasters
}

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/**
 * Reads a log: every line gives exactly one entry, in order, an empty line a problem like any other. An empty log gives
 * none. The last line may lack its end. At most one line is kept at a time, and of one that is too long only the count.
 *
 * @param chunks bytes of UTF-8, or text, cut anywhere
 * @throws EnfoldFault `INVALID_INPUT` for options that cannot be; whatever `chunks` throws. No line makes it throw.
 * @example
 * for await (const { line, event, problem } of readLog(createReadStream('log.jsonl')))
 *   if (problem !== undefined) console.error(`log.jsonl:${line}: ${problem.reason}: ${problem.message}`)
 *   else state = evolve(state, event)
 */
export async function* readLog(
  chunks: AsyncIterable<Uint8Array | string>,
  options: ReadLogOptions = {},
): AsyncGenerator<LogEntry, void> {
  for await (const entries of readLogBatches(chunks, options)) yield* entries
}

const BATCH = 100

/** As `readLog`, in batches of up to 100 lines: for programs that read long logs. */
export async function* readLogBatches(
  chunks: AsyncIterable<Uint8Array | string>,
  options: ReadLogOptions = {},
): AsyncGenerator<readonly LogEntry[], void> {
  const { keepGoing = false, maxLineBytes = MAX_LINE_LENGTH, skip, upcasters, foreign = false } = options
  if (!(Number.isSafeInteger(maxLineBytes) && maxLineBytes >= 1))
    throw EnfoldFault.invalidInput('readLog.maxLineBytes', maxLineBytes, 'a whole number of bytes from 1')
  const splitter = createLineSplitter(maxLineBytes)
  const decode = foreign ? decodeForeignEvent : decodeEvent
  let line = 0
  let batch: LogEntry[] = []
  // The first and the last of those that end the log, as far as it was read.
  let blank: readonly [number, number] | null = null

  /** Of one line: mostly one, none of a blank line until another follows. */
  function* entriesOf(raw: RawLine): Generator<LogEntry> {
    line += 1
    const own = foreign ? withoutReturn(line === 1 ? withoutMark(raw) : raw) : raw
    if (foreign && isBlank(own)) {
      blank = [blank?.[0] ?? line, line]
      return
    }
    for (let at = blank?.[0] ?? line; at < line; at++) yield { line: at, problem: BLANK_LINE }
    blank = null
    if (skip !== undefined && own.bytes !== null && own.hasEnd && skip(bytesIn(own.bytes, own))) return
    const scanned = own.bytes === null ? null : scanEvent(own.bytes, own.from, own.from + own.length)
    if (scanned !== null) yield { line, event: scanned }
    else yield entryOf(line, own, maxLineBytes, (text) => decode(text, upcasters))
  }

  function* entries(lines: Iterable<RawLine>): Generator<readonly LogEntry[], boolean> {
    for (const raw of lines)
      for (const entry of entriesOf(raw)) {
        batch.push(entry)
        const ends = entry.problem !== undefined && !keepGoing
        if (!ends && batch.length < BATCH) continue
        yield batch
        batch = []
        if (ends) return true
      }
    // What is there is given: the rest of the log may be long in coming.
    if (batch.length > 0) yield batch
    batch = []
    return false
  }

  for await (const chunk of bytesOf(chunks)) if (yield* entries(splitter.push(chunk))) return
  yield* entries(splitter.end())
}

/**
 * The lines of a log, each with its "\n". What `readLog` read from a log of this release comes out as the same bytes.
 *
 * @example
 * await pipeline(writeLog(store.readAll()), createWriteStream('log.jsonl'))
 */
export async function* writeLog(events: Log): AsyncGenerator<string, void> {
  for await (const batch of batchesOf(events)) for (const event of batch) yield `${encodeEvent(event)}\n`
}

/** The events of a log in batches, however it comes. */
export async function* batchesOf(log: Log): AsyncGenerator<readonly RecordedEvent[]> {
  if (Array.isArray(log)) yield log
  else for await (const item of log) yield Array.isArray(item) ? item : [item as RecordedEvent]
}

/** A line as it was found: `length` bytes of `bytes`, good until the next one is asked for; `null` if there were too many. */
interface RawLine {
  readonly bytes: Uint8Array | null
  readonly from: number
  readonly length: number
  readonly hasEnd: boolean
}

const bytesIn = (bytes: Uint8Array, { from, length }: RawLine): Uint8Array => bytes.subarray(from, from + length)

const BLANK_LINE = { reason: 'not-json', message: 'is blank; only the last lines of a log may be' } as const

/** What some programs write before the first character. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

function withoutMark(raw: RawLine): RawLine {
  const { bytes, from, length } = raw
  if (bytes === null || length < 3 || !BYTE_ORDER_MARK.every((byte, i) => bytes[from + i] === byte)) return raw
  return { ...raw, from: from + 3, length: length - 3 }
}

/** Some programs end a line with a carriage return as well. */
function withoutReturn(raw: RawLine): RawLine {
  const { bytes, from, length } = raw
  if (bytes === null || length === 0 || bytes[from + length - 1] !== CARRIAGE_RETURN) return raw
  return { ...raw, length: length - 1 }
}

/** Nothing, or what JSON takes for white space. */
function isBlank(raw: RawLine): boolean {
  if (raw.bytes === null) return false
  return bytesIn(raw.bytes, raw).every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

function entryOf(
  line: number,
  raw: RawLine,
  maxLineBytes: number,
  decode: (text: string) => ReturnType<typeof decodeEvent>,
): LogEntry {
  if (raw.bytes === null) {
    const message = `has ${raw.length} bytes; lines of up to ${maxLineBytes} are read`
    return { line, problem: { reason: 'wrong-data', path: '', message } }
  }
  const text = textOf(bytesIn(raw.bytes, raw))
  const cut = 'is cut: the log ends in the middle of it'
  if (text === null)
    return {
      line,
      problem: raw.hasEnd ? { reason: 'not-utf8', message: 'is not UTF-8' } : { reason: 'cut', message: cut },
    }
  const decoded = decode(text)
  if (!isLeft(decoded)) return { line, event: decoded.right }
  const problem = decoded.left
  return { line, problem: problem.reason === 'not-json' && !raw.hasEnd ? { reason: 'cut', message: cut } : problem }
}

/** `null` if the bytes are no UTF-8. A byte order mark stays: a line does not begin with one. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Cuts bytes into lines, wherever the bytes were cut before. */
function createLineSplitter(maxLineBytes: number) {
  // The beginning of a line whose end is in a later chunk.
  let held = new Uint8Array(0)
  let length = 0

  function hold(piece: Uint8Array): void {
    if (length + piece.length <= maxLineBytes) {
      if (length + piece.length > held.length) {
        const roomier = new Uint8Array(Math.min(maxLineBytes, 2 * (length + piece.length)))
        roomier.set(held.subarray(0, length))
        held = roomier
      }
      held.set(piece, length)
    } else held = new Uint8Array(0)
    length += piece.length
  }

  const line = (hasEnd: boolean): RawLine => ({
    bytes: length <= maxLineBytes ? held : null,
    from: 0,
    length,
    hasEnd,
  })

  return {
    *push(chunk: Uint8Array): Generator<RawLine> {
      let from = 0
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
        if (length === 0 && end - from <= maxLineBytes) yield { bytes: chunk, from, length: end - from, hasEnd: true }
        else {
          hold(chunk.subarray(from, end))
          yield line(true)
          length = 0
        }
        from = end + 1
      }
      if (from < chunk.length) hold(chunk.subarray(from))
    },
    *end(): Generator<RawLine> {
      if (length > 0) yield line(false)
    },
  }
}

/** Text as UTF-8. A lone surrogate, which UTF-8 cannot hold, becomes a byte that it does not know. */
async function* bytesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array, void> {
  const encoder = new TextEncoder()
  // Half of a character whose other half is in the next chunk.
  let half = ''
  for await (const chunk of chunks) {
    if (typeof chunk !== 'string') {
      if (half !== '') yield NO_UTF8
      half = ''
      yield chunk
      continue
    }
    const text = half + chunk
    half = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : ''
    const [first = '', ...others] = text.slice(0, text.length - half.length).split(/\p{Surrogate}/u)
    yield encoder.encode(first)
    for (const other of others) {
      yield NO_UTF8
      yield encoder.encode(other)
    }
  }
  if (half !== '') yield NO_UTF8
}

const NO_UTF8 = Uint8Array.of(0xff)
