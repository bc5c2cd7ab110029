/**
 * Seals: a small record of what a log was, kept outside of it, by which any later change is found (AUDIT-4).
 * Anyone who can write the log can also write its hash chain again; not so a seal that somebody else keeps.
 * Signing it is left to the caller: core has no keys.
 */
import { chainHash, digestOf, type Hash } from './chain.ts'
import type { RecordedEvent } from './events.ts'
import { sha256 } from './hash.ts'
import { compareIds, type Instant, type Position, type StreamId, type Version } from './ids.ts'
import { canonicalJson } from './json.ts'
import { batchesOf, type Log } from './log-file.ts'

/** What a log was, up to a position. Plain JSON; 20 to 40 KB for a log of any size above 2,000 events. */
export interface Seal {
  readonly type: 'dev.enfold.Seal'
  readonly format: 1
  readonly sealedAt: Instant
  /** How many events were sealed, and of how many streams. */
  readonly events: number
  readonly streams: number
  /** Of the last of them; 0 for an empty log. */
  readonly position: Position
  /** The root of a Merkle tree over the heads of all streams (`merkleRoot`). */
  readonly root: Hash
  /** Over all events in the order of the log, with their positions (`LogDigest`). */
  readonly log: Hash
  /** That digest after each `every` events, its first 16 digits: where a change is looked for. */
  readonly every: number
  readonly marks: readonly string[]
}

/** Where a log is no longer what was sealed. */
export interface SealBreach {
  /** A sentence without a subject, for people. */
  readonly message: string
  /** Of the first event that is not what was sealed: it lies among these, 1 for the first of the log. */
  readonly from: number
  readonly to: number
}

/** The bytes that a signature covers: the seal as canonical JSON (RFC 8785), without a signature. */
export function sealText(seal: Seal): string {
  const { type, format, sealedAt, events, streams, position, root, log, every, marks } = seal
  return canonicalJson({ type, format, sealedAt, events, streams, position, root, log, every, marks })
}

/**
 * Seals a whole log. Keeps one hash for each stream in memory.
 *
 * @param sealedAt by the caller's clock
 * @example
 * const seal = await sealOf(store.readAll(), new Date().toISOString())
 */
export async function sealOf(log: Log, sealedAt: Instant): Promise<Seal> {
  const digest = new LogDigest()
  let every = 1
  let marks: string[] = []
  for await (const batch of batchesOf(log))
    for (const event of batch) {
      digest.add(event)
      if (digest.events % every !== 0) continue
      marks.push(digest.mark())
      if (marks.length < MAX_MARKS) continue
      every *= 2
      marks = marks.filter((_, i) => i % 2 === 1)
    }
  const { events, position } = digest
  const sums = { root: digest.root(), log: digest.log }
  return {
    type: 'dev.enfold.Seal',
    format: 1,
    sealedAt,
    events,
    streams: digest.streams,
    position,
    ...sums,
    every,
    marks,
  }
}

/** Half of them are dropped when there are so many: 1,024 to 2,048 remain. */
const MAX_MARKS = 2048

/** Holds a log against a seal, event by event. What was appended after the seal is counted and not judged. */
export class SealCheck {
  readonly seal: Seal
  readonly #digest = new LogDigest()
  #after = 0
  #breach: SealBreach | null = null

  constructor(seal: Seal) {
    this.seal = seal
  }

  /** Events after those that were sealed. */
  get after(): number {
    return this.#after
  }

  add(event: RecordedEvent): void {
    const { seal } = this
    const digest = this.#digest
    if (this.#breach !== null) return
    if (digest.events === seal.events) {
      this.#after += 1
      if (event.position <= seal.position)
        this.#breach = at(digest.events + this.#after, 'stands where only sealed events were')
      return
    }
    digest.add(event)
    const number = digest.events
    // Where positions had no gaps, the first that is another names the very event.
    if (seal.position === seal.events && event.position !== number)
      this.#breach = at(number, `has position ${event.position}; sealed was an event with position ${number} here`)
    else if (number % seal.every === 0 && seal.marks[number / seal.every - 1] !== digest.mark())
      this.#breach = this.#among(number)
  }

  /** Asked when the log is at its end; `null`: it still holds exactly what was sealed. */
  breach(): SealBreach | null {
    const { seal } = this
    const digest = this.#digest
    if (this.#breach !== null) return this.#breach
    if (digest.events < seal.events)
      return at(digest.events + 1, `is gone: the log ends before it, and ${seal.events} events were sealed`)
    if (digest.log !== seal.log) return this.#among(digest.events)
    if (digest.root() === seal.root && digest.streams === seal.streams && digest.position === seal.position) return null
    return { message: 'contradict the seal, which contradicts itself', from: 1, to: seal.events }
  }

  /** Up to the last mark everything was right. */
  #among(number: number): SealBreach {
    const from = number - ((number - 1) % this.seal.every)
    const message = from === number ? 'is not the event that was sealed' : 'are not the events that were sealed'
    return { message, from, to: number }
  }
}

function at(number: number, message: string): SealBreach {
  return { message, from: number, to: number }
}

/**
 * What a log is, in one hash that grows: SHA-256 of itself so far (nothing at first), the event's position, a colon, and
 * the event's hash in the chain of its stream; and its extension attributes, where it has some, as canonical JSON: no hash
 * covers those. The chain is computed here from the beginning, whatever hashes the events
 * carry.
 */
class LogDigest {
  log: Hash = ''
  events = 0
  position: Position = 0
  readonly #heads = new Map<StreamId, { version: Version; hash: Hash }>()

  get streams(): number {
    return this.#heads.size
  }

  add(event: RecordedEvent): void {
    const { stream, version, position } = event
    const head = this.#heads.get(stream)
    const hash = chainHash(head?.hash ?? null, digestOf(event))
    if (head === undefined) this.#heads.set(stream, { version, hash })
    else {
      head.version = version
      head.hash = hash
    }
    const { extensions } = event
    this.log = sha256(`${this.log}${position}:${hash}${extensions === undefined ? '' : canonicalJson(extensions)}`)
    this.events += 1
    this.position = position
  }

  mark(): string {
    return this.log.slice(0, 16)
  }

  root(): Hash {
    const heads = [...this.#heads].sort(([a], [b]) => compareIds(a, b))
    return merkleRoot(heads.map(([stream, { version, hash }]) => canonicalJson([stream, version, hash])))
  }
}

/**
 * The root of a Merkle tree, shaped as in RFC 6962: a leaf is SHA-256 of "0" and its text, a node SHA-256 of "1" and the
 * hashes of its two sides. So the history of one stream can be proved against a seal with a few hashes, without the rest
 * of the log. Of no leaves: SHA-256 of nothing.
 */
function merkleRoot(leaves: readonly string[]): Hash {
  if (leaves.length === 0) return sha256('')
  let row = leaves.map((leaf) => sha256(`0${leaf}`))
  while (row.length > 1) {
    const above: Hash[] = []
    for (let i = 0; i < row.length; i += 2) {
      const [left, right] = [row[i] as Hash, row[i + 1]]
      above.push(right === undefined ? left : sha256(`1${left}${right}`))
    }
    row = above
  }
  return row[0] as Hash
}
