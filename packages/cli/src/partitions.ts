/**
 * A long log read by several threads at once. Each contact belongs to one partition of the lines; a thread reads the whole
 * file, parses its partition, and answers for it. What the partitions say is put together by who asked.
 */
import { createReadStream } from 'node:fs'
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import {
  type ContactId,
  contactOf,
  createTagIndex,
  type Instant,
  isCampaignEvent,
  type MemoryTagIndex,
  type Page,
  type RecordedEvent,
  type SequenceRef,
  tagChanges,
} from '@enfold/core'
import { batchesOf, type Enrolled, enrolledAt, type Log, readLogBatches } from '@enfold/core/log'
import { type Ahead, NOT_AHEAD, withAhead } from './ahead.ts'
import { otherPartitions } from './line-filter.ts'

/** A question that contacts answer independently of one another. */
export type Question = {
  readonly now: Instant
} /** Who is where: of the whole state only the index, which takes a tenth of the memory. */ & (
  | { readonly ask: 'replay'; readonly until: Instant | null }
  | {
      readonly ask: 'members'
      readonly campaignId: string
      readonly sequenceId: string
      readonly status: 'active' | 'waiting' | 'either'
      readonly at: Instant
    }
)

export interface Partition {
  readonly events: number
  readonly contacts: number
  readonly position: number
  /** Of those that were asked about, the events after now. */
  readonly ahead: Ahead
  /** Of `members`: whether the log tells of the sequence at all. */
  readonly known: boolean
  /** Contacts by tag, each once for each of its keys; of `members`, the one list under "". */
  readonly lists: ReadonlyMap<string, readonly Enrolled[]>
}

export interface BadLine {
  readonly line: number
  readonly reason: string
  readonly message: string
}

/** Results for the contacts of a log, or of a partition of one. */
export async function answerFor(question: Question, log: Log): Promise<Partition> {
  if (question.ask === 'members') {
    const { at, now, ...sequence } = question
    let known = false
    let ahead = NOT_AHEAD
    async function* watched() {
      for await (const batch of batchesOf(log)) {
        known ||= batch.some((event) => tellsOf(event, sequence))
        for (const event of batch) if (event.at > now && event.at <= at) ahead = withAhead(ahead, event.at)
        yield batch
      }
    }
    const members = await enrolledAt(watched(), sequence, at)
    return { events: 0, contacts: 0, position: 0, ahead, known, lists: new Map([['', members]]) }
  }
  const index = createTagIndex()
  const contacts = new Set<ContactId>()
  let [events, position, ahead] = [0, 0, NOT_AHEAD]
  for await (const batch of batchesOf(log))
    for (const event of batch) {
      if (question.until !== null && event.at > question.until) continue
      events += 1
      position = event.position
      if (event.at > question.now) ahead = withAhead(ahead, event.at)
      if (isCampaignEvent(event)) continue
      const contactId = contactOf(event.stream) as ContactId
      contacts.add(contactId)
      index.apply(tagChanges(contactId, event))
    }
  const lists = new Map(index.tags().map((tag) => [tag, enrolledIn(index, tag)]))
  return { events, contacts: contacts.size, position, ahead, known: true, lists }
}

function enrolledIn(index: MemoryTagIndex, tag: string): readonly Enrolled[] {
  const members: Enrolled[] = []
  for (let page: Page = { after: null, limit: 10_000 }; ; ) {
    const { contacts, keys = [], next, nextKey } = index.members(tag, page)
    for (const [i, contactId] of contacts.entries()) {
      const key = keys[i] ?? ''
      members.push(key === '' ? { contactId } : { contactId, key })
    }
    if (next === null) return members
    page = { ...page, after: next, ...(nextKey === undefined ? {} : { afterKey: nextKey }) }
  }
}

/** A version that has the sequence, or a contact's event in it: a log may hold contacts alone. */
function tellsOf(event: RecordedEvent, { campaignId, sequenceId }: SequenceRef): boolean {
  if (event.type === 'CampaignPublished')
    return event.data.campaignId === campaignId && event.data.definition.sequences.some(({ id }) => id === sequenceId)
  const data = event.data as Partial<SequenceRef>
  return data.sequenceId === sequenceId && data.campaignId === campaignId
}

/** How many threads pay for a file of so many bytes: starting one takes as long as reading 30 MB. */
export function partitionsFor(bytes: number): number {
  return bytes < 64 * 1024 * 1024 ? 1 : Math.min(4, availableParallelism())
}

interface Order {
  readonly enfoldPartition: number
  readonly of: number
  readonly path: string
  readonly keepGoing: boolean
  readonly question: Question
}

type Message =
  | { readonly line: number; readonly bytesRead: number }
  | { readonly partition: Partition; readonly bad: readonly BadLine[] }

/**
 * Reads a file of JSON lines in partitions.
 *
 * @param onProgress lines read so far, and bytes, by the thread of the first partition
 * @returns the answer of each partition, and all bad lines in order; without `keepGoing` those before the first bad line count
 */
export async function scanInParallel(
  path: string,
  of: number,
  keepGoing: boolean,
  question: Question,
  onProgress: (line: number, bytesRead: number) => void,
): Promise<{ readonly partitions: readonly Partition[]; readonly bad: readonly BadLine[] }> {
  const orders = Array.from({ length: of }, (_, i): Order => ({ enfoldPartition: i, of, path, keepGoing, question }))
  const workers = orders.map((order) => new Worker(new URL(import.meta.url), { workerData: order }))
  try {
    const answers = await Promise.all(
      workers.map(
        (worker, i) =>
          new Promise<{ partition: Partition; bad: readonly BadLine[] }>((resolve, reject) => {
            worker.on('message', (message: Message) => {
              if ('partition' in message) resolve(message)
              else if (i === 0) onProgress(message.line, message.bytesRead)
            })
            worker.on('error', reject)
            worker.on('exit', (code) => reject(new Error(`A thread ended with ${code} before it had answered.`)))
          }),
      ),
    )
    const bad = answers.flatMap((answer) => answer.bad).sort((a, b) => a.line - b.line)
    return { partitions: answers.map(({ partition }) => partition), bad: keepGoing ? bad : bad.slice(0, 1) }
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

async function work({ enfoldPartition, of, path, keepGoing, question }: Order): Promise<void> {
  const file = createReadStream(path, { highWaterMark: 256 * 1024 })
  const bad: BadLine[] = []
  const skip = otherPartitions(enfoldPartition, of)
  async function* batches() {
    let told = 0
    for await (const entries of readLogBatches(file, { keepGoing, skip })) {
      for (const { line, problem } of entries)
        if (problem !== undefined) bad.push({ line, reason: problem.reason, message: problem.message })
      yield entries.flatMap(({ event }) => event ?? [])
      if (file.bytesRead - told < 8 * 1024 * 1024) continue
      told = file.bytesRead
      parentPort?.postMessage({ line: entries.at(-1)?.line ?? 0, bytesRead: told } satisfies Message)
    }
  }
  const partition = await answerFor(question, batches())
  parentPort?.postMessage({ partition, bad } satisfies Message)
}

if (!isMainThread && typeof workerData?.enfoldPartition === 'number') await work(workerData)
