/**
 * Writes a log of a million events to measure with: the first 5,082 of the fixture of schema version 1 (the demo), told
 * again and again of other contacts. `node packages/bench/src/make-log.ts FILE [EVENTS]`
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import {
  contactStream,
  eventIdOf,
  idempotencyKeyOf,
  isCampaignEvent,
  type RecordedContactEvent,
  type RecordedEvent,
} from '@enfold/core'
import { chainHash, digestOf, encodeEvent, readLog } from '@enfold/core/log'

const [path = '', count = '1000000'] = process.argv.slice(2)
const fixture = createReadStream(join(import.meta.dirname, '../../cli/fixtures/schema-1.jsonl.gz')).pipe(createGunzip())
const told: RecordedEvent[] = []
for await (const { event } of readLog(fixture))
  if (event !== undefined && /^(contact-p-\d+|campaign-pool-owners)$/.test(event.stream)) told.push(event)

function* lines(): Generator<string> {
  const heads = new Map<string, string>()
  for (let [position, round] = [1, 0]; position <= Number(count); round++) {
    counts.clear()
    for (const event of told) {
      if (position > Number(count)) return
      if (isCampaignEvent(event) && round > 0) continue
      const placed = isCampaignEvent(event) ? event : ofContact(event, `${event.stream.slice(8)}-${round}`)
      const hash = chainHash(heads.get(placed.stream) ?? null, digestOf(placed))
      heads.set(placed.stream, hash)
      yield `${encodeEvent({ ...placed, position: position++, hash })}\n`
    }
  }
}

/** The ids of the events of one contact, as its copy has them: an id is made of stream, command and index. */
const ids = new Map<string, string>()
const counts = new Map<string, number>()

function ofContact(event: RecordedContactEvent, contactId: string): RecordedEvent {
  const stream = contactStream(contactId)
  const { commandId, causationId } = event
  const key = JSON.stringify([event.stream, commandId])
  const index = counts.get(key) ?? 0
  counts.set(key, index + 1)
  const id = eventIdOf(stream, commandId, index)
  ids.set(event.id, id)
  const copy = { ...event, stream, id, causationId: ids.get(causationId) ?? causationId }
  if (copy.type !== 'StepDispatched') return copy
  return { ...copy, data: { ...copy.data, idempotencyKey: idempotencyKeyOf({ contactId, ...copy.data }) } }
}

await pipeline(Readable.from(lines()), createWriteStream(path))
