/** Logs from one place to another: out of a store or file, and into a store (AUDIT-1). */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'
import {
  type ContactId,
  contactOf,
  contactStream,
  type EventStore,
  fold,
  isCampaignEvent,
  marksOf,
  membershipsAfter,
  type ReadModel,
  type RecordedContactEvent,
  type RecordedEvent,
  type StreamAppend,
  tagChanges,
} from '@enfold/core'
import { encodeEvent, LogCheck, type LogFault, writeLog } from '@enfold/core/log'
import { recountLog } from '@enfold/engine'
import { InvalidLogError, UsageError } from './errors.ts'
import { createNewFile } from './new-file.ts'
import { placeName, placeText } from './places.ts'
import type { Answer } from './questions.ts'
import type { Source } from './source.ts'
import { logOpenerFor, openStore, STORE_URLS } from './store-url.ts'
import { counted, plain } from './text.ts'

/** Fewer and larger writes: a line at a time costs a system call each. */
const CHUNK_CHARACTERS = 64 * 1024

/** @param path a new file, packed if it ends in `.gz` or `.zst`; `null`: to `stdout`, and no answer */
export async function exportLog(source: Source, path: string | null, stdout: Writable): Promise<Answer | null> {
  let events = 0
  async function* tallied() {
    for await (const event of source.events()) {
      events += 1
      yield event
    }
  }
  const lines = Readable.from(inChunks(writeLog(tallied())), { objectMode: false })
  if (path === null) {
    for await (const chunk of lines) if (!stdout.write(chunk)) await once(stdout, 'drain')
    return null
  }
  const file = createNewFile(path, 0o644, 'an export overwrites nothing')
  try {
    await pipeline([lines, ...packing(path), createWriteStream(path, { fd: file.fd })])
  } catch (error) {
    // Half a log looks like a whole one.
    file.discard()
    throw error
  }
  return {
    json: { out: placeText(path), events },
    text: () => `${counted(events, 'event')} in ${placeText(path)}`,
  }
}

async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let chunk = ''
  for await (const line of lines) {
    chunk += line
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield Buffer.from(chunk)
    chunk = ''
  }
  if (chunk !== '') yield Buffer.from(chunk)
}

function packing(path: string): (NodeJS.ReadWriteStream & Writable)[] {
  if (path.endsWith('.gz')) return [createGzip()]
  return path.endsWith('.zst') ? [createZstdCompress()] : []
}

/**
 * Into a store that is empty, or that holds a beginning of this very log: then the rest is added, so that an
 * import that was cut short is simply repeated. Any other store is refused, and stays as it is.
 * Positions are those that the store gives, in the order of the log. What `verify` would find is refused with its line;
 * hashes are written for those events that have one.
 *
 * @param gateMs as for `verify`
 */
export async function importLog(source: Source, into: string, gateMs: number): Promise<Answer> {
  const hashed = await openTarget(into, true)
  const plain = await openTarget(into, false)
  if (hashed === null || plain === null) throw new UsageError(`--into is ${placeName(into)}; expected ${STORE_URLS}.`)
  const target: Target = { hashed, plain, isServer: logOpenerFor(into) !== undefined, hasWritten: false }
  try {
    return await importInto(target, source, placeText(into), gateMs)
  } finally {
    // What stands in numbers follows from whole histories, also where the import ended in the middle.
    if (target.hasWritten && isReadModel(plain)) await recountLog({ store: plain, readModel: plain })
    await hashed.close()
    await plain.close()
  }
}

const BATCH = 500

/** One place, opened twice: as a log that writes hashes, and as one that does not. */
interface Target {
  readonly hashed: EventStore
  readonly plain: Opened
  /** It takes each append by itself, and commits those of different streams as it likes. */
  readonly isServer: boolean
  hasWritten: boolean
}

/** A server is a log alone, and has no rows to set. */
type Opened = EventStore & Partial<ReadModel>

function isReadModel(store: Opened): store is EventStore & ReadModel {
  return store.restore !== undefined
}

/** A log on a server needs no read model for this: its workers feed one from the log. */
async function openTarget(into: string, hashChain: boolean): Promise<Opened | null> {
  if (into.startsWith('module:'))
    throw new UsageError('--into takes no store of a module: an import opens a store twice, with hashes and without.')
  const openLog = logOpenerFor(into)
  return openLog === undefined
    ? await openStore(into, 'create', { hashChain })
    : openLog(into, { hashChain, inOrder: true })
}

/** Sets the marks of a contact with failed steps (`stepsWaiting`): they follow from all its events together. */
async function mark(
  contactId: ContactId,
  read: EventStore['readStream'],
  restore: ReadModel['restore'],
): Promise<void> {
  const events: RecordedContactEvent[] = []
  for await (const event of read(contactStream(contactId))) events.push(event as RecordedContactEvent)
  const memberships = membershipsAfter(contactId, events)
  const tags = memberships.flatMap(({ tag, key }) => (key === undefined ? [tag] : []))
  const keyed = memberships.flatMap(({ tag, key }) => (key === undefined ? [] : [{ tag, key }]))
  const row = { contactId, version: events.length, tags: [...tags, ...marksOf(fold(events))], keyed }
  await restore({ ...row, wakeAt: events.at(-1)?.at ?? null })
}

async function importInto(target: Target, source: Source, into: string, gateMs: number): Promise<Answer> {
  const stored = target.hashed.readAll()[Symbol.asyncIterator]()
  const check = new LogCheck({ gateMs })
  const batch = new ImportBatch(target, into)
  /** Contacts with something that may wait for a person. */
  const failed = new Set<ContactId>()
  let [events, known, moved] = [0, 0, 0]
  let storeGoesOn = true
  const refusal = ({ number, rule, message }: LogFault, imported: string) =>
    new InvalidLogError(
      `${plain(source.name)}:${source.lineOf(number)}: ${rule}: ${plain(message)}. Imported were ${imported}.`,
    )

  for await (const event of source.events()) {
    events += 1
    const fault = check.add(event)
    if (fault !== null) {
      await batch.flush()
      throw refusal(fault, `the ${counted(events - 1, 'event')} before it`)
    }
    const contactId = contactOf(event.stream)
    if (contactId !== null && event.type === 'StepFailed' && event.data.consequence !== 'retry') failed.add(contactId)
    if (event.position !== events) moved += 1
    if (storeGoesOn) {
      const next = await stored.next()
      storeGoesOn = next.done !== true
      if (next.done !== true && !isSame(next.value, event))
        throw new InvalidLogError(
          `${plain(into)} holds other events: number ${events} is another than in ${plain(source.name)}. Nothing was written.`,
        )
      if (storeGoesOn) known += 1
    }
    if (!storeGoesOn) await batch.add(event)
  }
  const [cut, ...others] = check.end()
  const leftOut = cut === undefined ? 0 : batch.keepWhole([cut, ...others])
  await batch.flush()
  if (cut !== undefined)
    throw refusal(
      cut,
      `the ${counted(events - leftOut, 'event')} that are whole appends; import the whole log to add the rest`,
    )
  if (target.plain.restore !== undefined)
    for (const contactId of failed) await mark(contactId, target.plain.readStream, target.plain.restore)
  return imported({ into, events, known, moved, isServer: target.isServer })
}

/** What an import came to. `moved`: how many events had another position than their number in the log. */
function imported({
  into,
  events,
  known,
  moved,
  isServer,
}: {
  readonly into: string
  readonly events: number
  readonly known: number
  readonly moved: number
  readonly isServer: boolean
}): Answer {
  const count = events - known
  return {
    json: { into, events, imported: count, known, renumbered: moved },
    text: () =>
      [
        `${counted(count, 'event')} imported into ${plain(into)}${known > 0 ? `, which held the ${known.toLocaleString('en')} before` : ''}`,
        ...(moved > 0 && !isServer
          ? [
              `${counted(moved, 'event')} had another position than its number in the log: positions are 1, 2, 3 … in the store.`,
            ]
          : []),
      ].join('\n'),
  }
}

/** Events that are about to be written, all with hashes or all without. */
class ImportBatch {
  readonly #target: Target
  /** As it is shown. */
  readonly #into: string
  #appends: StreamAppend[] = []
  #kind: 'hashed' | 'plain' = 'hashed'

  constructor(target: Target, into: string) {
    this.#target = target
    this.#into = into
  }

  async add(event: RecordedEvent): Promise<void> {
    const kind = event.hash === undefined ? 'plain' : 'hashed'
    // An append that turns out to be cut is left out whole: so what stands in one is written together, where it can be.
    const isFull = this.#appends.length >= BATCH && !isOfSameAppend(this.#appends.at(-1), event)
    if (isFull || this.#kind !== kind) await this.flush()
    this.#kind = kind
    this.#appends.push(appendOf(event))
  }

  async flush(): Promise<void> {
    const target = this.#target
    const appends = this.#appends
    this.#appends = []
    if (appends.length === 0) return
    target.hasWritten = true
    // The SQL stores, which alone get several at once here, write them in one transaction, in the order of the list.
    for (const together of target.isServer ? appends.map((one) => [one]) : [appends])
      for (const result of await target[this.#kind].appendMany(together))
        if (result.outcome !== 'appended')
          throw new InvalidLogError(
            `Another process writes to ${plain(this.#into)}. Stop it, and import into an empty store.`,
          )
  }

  /**
   * Leaves only what is a whole append, so that a store never begins with half of one.
   *
   * @returns how many events were left out
   */
  keepWhole(cut: readonly LogFault[]): number {
    const streams = new Set(cut.map(({ stream }) => stream))
    const commandOf = (append: StreamAppend | undefined) => append?.events.at(-1)?.commandId
    const last = new Map(this.#appends.map((append) => [append.stream, commandOf(append)]))
    const read = this.#appends.length
    this.#appends = this.#appends.filter(
      (append) => !streams.has(append.stream) || commandOf(append) !== last.get(append.stream),
    )
    return read - this.#appends.length
  }
}

function isOfSameAppend(before: StreamAppend | undefined, { stream, commandId }: RecordedEvent): boolean {
  return before?.stream === stream && before.events.at(-1)?.commandId === commandId
}

function isSame(a: RecordedEvent, b: RecordedEvent): boolean {
  return encodeEvent({ ...a, position: 1 }) === encodeEvent({ ...b, position: 1 })
}

function appendOf(event: RecordedEvent): StreamAppend {
  const { stream, version, position: _, ...body } = event
  const contactId = contactOf(stream)
  const append = { stream, events: [body as RecordedEvent], expected: version - 1 }
  if (contactId === null || isCampaignEvent(event)) return append
  // When something is due depends on the contact's facts, which a log does not hold: so the first dispatcher looks
  // at each contact once, and sets its wake right.
  return { ...append, derived: { tags: tagChanges(contactId, event), wakeAt: event.at } }
}
