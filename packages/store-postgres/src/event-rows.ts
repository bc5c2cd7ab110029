/** Rows of the events table, as events. */
import type { NewEvent, Position, RecordedEvent, StreamId, Version } from '@enfold/core'
import { type EventPage, nextSizeOf } from '@enfold/core/store'
import { unescapeNul } from './pg-text.ts'

export interface Row {
  readonly position: string
  readonly version: string
  readonly stream: string
  readonly id: string
  readonly hash: string | null
  readonly body: string
}

export const COLUMNS = `e.position::text, e.version::text, e.stream, e.id, encode(e.hash, 'hex') AS hash, e.body`

export function placed(
  event: NewEvent,
  stream: StreamId,
  version: Version,
  position: Position,
  hash?: string,
): RecordedEvent {
  return { ...event, stream, version, position, ...(hash === undefined ? {} : { hash }) } as RecordedEvent
}

export function eventOf({ position, stream, version, id, hash, body }: Row): RecordedEvent {
  const event = { ...(JSON.parse(body) as NewEvent), id: unescapeNul(id) }
  return placed(event, unescapeNul(stream), Number(version), Number(position), hash ?? undefined)
}

export function pageOf(rows: readonly Row[], size: number): EventPage {
  const characters = rows.reduce((sum, { body }) => sum + body.length, 0)
  return { events: rows.map(eventOf), isLast: rows.length < size, nextSize: nextSizeOf(rows.length, characters) }
}
