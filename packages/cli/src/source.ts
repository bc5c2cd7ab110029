/**
 * Where a log comes from: a file, the standard input or a store, told apart by the URL. Yields its events, and
 * reports each line that is none (AUDIT-5). What is asked of the events is in `questions.ts`.
 */
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import {
  type ContactId,
  contactOf,
  contactStream,
  isCampaignEvent,
  isLeft,
  type RecordedEvent,
  type Store,
} from '@enfold/core'
import { type DecodeProblem, decodeEvent, encodeEvent, readLogBatches } from '@enfold/core/log'
import { InvalidLogError, messageOf, UsageError } from './errors.ts'
import type { Log } from './eventstoredb.ts'
import { answerFor, type Partition, partitionsFor, type Question, scanInParallel } from './partitions.ts'
import { placeText, requireFile } from './places.ts'
import { createProgress, type Progress } from './progress.ts'
import { logOpenerFor, openStore, STORE_URLS, unknownScheme } from './store-url.ts'
import { jsonText, plain } from './text.ts'

export interface Source {
  /** As the caller named it, without a password. */
  readonly name: string
  /** The live store, with its index; `null` for a file, and for a log on a server alone. */
  readonly store: Store | null
  /**
   * For how long after an unpublishing a start by a late catalogue may stand in it, in milliseconds: 0 where the store
   * checks it in the append, and for a file, which does not say of which store it is.
   */
  readonly gateMs: number
  /** In the order of the log, once. Throws `InvalidLogError` at the first bad line, unless told to keep going. */
  batches(): AsyncGenerator<readonly RecordedEvent[]>
  /** Asks a question that each contact answers independently: a long file on several cores, anything else here. */
  ask(question: Question): Promise<readonly Partition[]>
  /** As `batches`, one by one. */
  events(): AsyncGenerator<RecordedEvent>
  /** As `events`: those of campaigns, and those of this contact only. */
  of(contactId: ContactId): AsyncGenerator<RecordedEvent>
  /** How many bad lines were reported so far. */
  badLines(): number
  /** The line of the n-th event (1 for the first); of a store, n. */
  lineOf(n: number): number
  close(): Promise<void>
}

export interface SourceOptions {
  readonly keepGoing: boolean
  /** Problems as JSON lines on the error output, for programs. */
  readonly json: boolean
  /** URL of the store that keeps the index of a log on a server. */
  readonly readModel?: string | undefined
  /** Default false. Lines that other programs have had in hand are read too: for an import, which makes them canonical. */
  readonly foreign?: boolean
  readonly stdin: Readable
  readonly stderr: NodeJS.WriteStream
}

/** @throws UsageError if there is no such file, or the URL is of a kind that is not known */
export async function openSource(url: string, options: SourceOptions): Promise<Source> {
  const { readModel } = options
  const openLog = readModel === undefined ? logOpenerFor(url) : undefined
  if (openLog !== undefined) return storeSource(placeText(url), openLog(url, { hashChain: true }), null, options)
  const store = await openStore(url, 'read', { readModel })
  return store === null ? logSource(url, options) : storeSource(placeText(url), store, store, options)
}

/** As an engine has it that was told nothing else. */
const GATE_MS = 2000

function storeSource(name: string, log: Log, store: Store | null, options: SourceOptions): Source {
  const bad = createBadLines(name, options)

  /**
   * Each held against what a line of a file is held against: what is stored may be no event either.
   *
   * @param placeOf what names an event: its number in the log, or its position where not all of the log is read
   */
  async function* checked(
    events: AsyncIterable<RecordedEvent>,
    placeOf: (event: RecordedEvent, number: number) => number,
  ): AsyncGenerator<RecordedEvent> {
    let number = 0
    for await (const event of events) {
      number += 1
      const problem = problemOf(event)
      if (problem === null) {
        yield event
        continue
      }
      const place = placeOf(event, number)
      bad.report(place, problem)
      if (!options.keepGoing) throw stopped('Event', place)
    }
  }
  const events = () => checked(watched(log.readAll(), createProgress(options.stderr)), (_, number) => number)

  return {
    name,
    store,
    gateMs: 'settled' in log && log.settled !== undefined ? 0 : GATE_MS,
    events,
    async *batches() {
      for await (const event of events()) yield [event]
    },
    ask: async (question) => [await answerFor(question, events())],
    async *of(contactId) {
      yield* checked(log.readAll(0, { streams: 'campaigns' }), positionOf)
      yield* checked(log.readStream(contactStream(contactId)), positionOf)
    },
    badLines: bad.count,
    lineOf: bad.lineOf,
    close: () => log.close(),
  }
}

const positionOf = ({ position }: RecordedEvent) => position

/** What would be wrong with the line of an event that a store gave. */
function problemOf(event: RecordedEvent): Pick<DecodeProblem, 'reason' | 'message'> | null {
  try {
    const decoded = decodeEvent(encodeEvent(event))
    return isLeft(decoded) ? decoded.left : null
  } catch (error) {
    return { reason: 'not-an-event', message: messageOf(error) }
  }
}

/** Says of each line that is no event what is wrong with it, and keeps its number. */
function createBadLines(name: string, { json, stderr }: SourceOptions) {
  const bad: number[] = []
  return {
    report(line: number, { reason, message }: { readonly reason: string; readonly message: string }): void {
      bad.push(line)
      const text = json
        ? jsonText({ file: name, line, reason, message })
        : `${plain(name)}:${line}: ${reason}: ${plain(message)}`
      stderr.write(`${text}\n`)
    },
    count: () => bad.length,
    first: () => bad[0],
    /** Bad lines are no events: each one before the n-th event moves it a line further. */
    lineOf(n: number): number {
      let line = n
      for (const one of bad) if (one <= line) line += 1
      return line
    },
  }
}

async function* watched(events: AsyncIterable<RecordedEvent>, progress: Progress): AsyncGenerator<RecordedEvent> {
  let count = 0
  try {
    for await (const event of events) {
      yield event
      count += 1
      if (count % 1000 === 0) progress.show(count, null)
    }
  } finally {
    progress.done()
  }
}

function logSource(path: string, options: SourceOptions): Source {
  const { keepGoing, foreign = false, stdin, stderr } = options
  const scheme = unknownScheme(path)
  if (scheme !== null) throw new UsageError(`${scheme}: is not read here; expected a file, "-" or ${STORE_URLS}.`)
  const size = path === '-' ? 0 : requireFile(path)
  const name = placeText(path)
  const bad = createBadLines(name, options)

  async function* batches(): AsyncGenerator<readonly RecordedEvent[]> {
    const file = path === '-' ? null : createReadStream(path, { highWaterMark: 256 * 1024 })
    const progress = createProgress(stderr)
    let lastLine = 0
    try {
      for await (const entries of readLogBatches(unpacked(path, file ?? stdin), { keepGoing, foreign })) {
        const events: RecordedEvent[] = []
        for (const { line, event, problem } of entries) {
          lastLine = line
          if (event !== undefined) events.push(event)
          else {
            progress.done()
            bad.report(line, problem)
          }
        }
        yield events
        if (bad.count() > 0 && !keepGoing) throw stopped('Line', lastLine)
        progress.show(lastLine, file === null || size === 0 ? null : Math.min(1, file.bytesRead / size))
      }
    } catch (error) {
      if (!isUnpacking(error)) throw error
      const message = `cannot be unpacked from about here on: ${(error as Error).message}`
      bad.report(lastLine + 1, { reason: 'not-unpacked', message })
      if (!keepGoing)
        throw new InvalidLogError(
          'The file is cut or damaged: stopped there. Commands that only read take --keep-going.',
        )
    } finally {
      progress.done()
      file?.destroy()
    }
  }

  async function ask(question: Question): Promise<readonly Partition[]> {
    const of = /\.(gz|zst)$/.test(path) ? 1 : partitionsFor(size)
    if (of === 1) return [await answerFor(question, batches())]
    const progress = createProgress(stderr)
    try {
      const answered = await scanInParallel(path, of, keepGoing, question, (line, bytesRead) =>
        progress.show(line, Math.min(1, bytesRead / size)),
      )
      progress.done()
      for (const one of answered.bad) bad.report(one.line, one)
      const first = bad.first()
      if (first !== undefined && !keepGoing) throw stopped('Line', first)
      return answered.partitions
    } finally {
      progress.done()
    }
  }

  return {
    name,
    store: null,
    gateMs: 0,
    batches,
    ask,
    async *events() {
      for await (const events of batches()) yield* events
    },
    async *of(contactId) {
      for await (const events of batches())
        for (const event of events) if (isCampaignEvent(event) || contactOf(event.stream) === contactId) yield event
    },
    badLines: bad.count,
    lineOf: bad.lineOf,
    async close() {},
  }
}

const stopped = (what: 'Line' | 'Event', number: number) =>
  new InvalidLogError(`${what} ${number} is no event: stopped before it. Commands that only read take --keep-going.`)

/** By the ending of its name. Left to itself, Node unpacks the first of several packed pieces and drops what follows. */
function unpacked(name: string, file: Readable): Readable {
  const unpack = name.endsWith('.gz')
    ? createGunzip({ rejectGarbageAfterEnd: true })
    : name.endsWith('.zst')
      ? createZstdDecompress({ rejectGarbageAfterEnd: true })
      : null
  // An error is thrown to the reader of the last of them.
  return unpack === null ? file : pipeline(file, unpack, () => {})
}

function isUnpacking(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code.startsWith('Z_') || code.startsWith('ZSTD_') || code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END'
}
