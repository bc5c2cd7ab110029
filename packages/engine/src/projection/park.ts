/**
 * What cannot be projected. What concerns one contact only is tried a few times; then the projection stops, or it parks
 * the contact: its rows stay as they are, except that nothing is due and it has a tag by which any process finds it.
 */
import {
  type ContactId,
  contactOf,
  EnfoldFault,
  type EventId,
  type EventType,
  isEnfoldFault,
  type Members,
  type Position,
  type ReadModel,
  type RecordedContactEvent,
  type StreamId,
  type Tag,
  type Version,
} from '@enfold/core'
import { isFaultOfStore } from '../batch.ts'
import { realWait } from '../clock.ts'
import type { EngineContext } from '../engine-context.ts'
import { lineOf } from '../fault-words.ts'
import { restoreContact } from '../index-repair.ts'
import { pages } from '../paging.ts'
import { nameOf, placeOf } from './rows.ts'

/** A contact that could not be projected and waits for somebody to decide. */
export interface ParkedContact {
  readonly contactId: ContactId
  /** The event that could not be projected; `null` if the log gives no such event any more. */
  readonly event: null | {
    readonly id: EventId
    readonly type: EventType
    readonly stream: StreamId
    readonly version: Version
    readonly position: Position
  }
  /** What was thrown; `null` if another process met it, or this one before a restart. */
  readonly reason: string | null
}

export type RetryOutcome =
  | { readonly outcome: 'projected' }
  | { readonly outcome: 'not_parked' }
  | { readonly outcome: 'still_parked'; readonly reason: string }

/** What operators do about contacts that the projection has parked (`onPoison: 'park'`). */
export interface ParkedContacts {
  /** In a fixed order: those after `after`. Default `limit` 100, at most 1,000. */
  parked(page?: {
    readonly after?: ContactId | null
    readonly limit?: number
  }): Promise<{ readonly contacts: readonly ParkedContact[]; readonly next: ContactId | null }>
  /** Projects the contact again, with all that has waited. */
  retry(contactId: ContactId): Promise<RetryOutcome>
  /** Gives up on what has waited: the contact leaves index and agenda until its next event is projected. */
  discard(contactId: ContactId): Promise<{ readonly outcome: 'discarded' | 'not_parked' }>
}

/** The tag of parked contacts. No tag of a sequence is like it: those have a slash. */
export const PARKED: Tag = '~parked'
/** A second tag, which names the event. */
const parkedAt = (version: Version): Tag => `${PARKED}@${version}`

const TRIES = 3
const FIRST_PAUSE_MS = 100

export interface Parking {
  readonly context: EngineContext
  readonly readModel: ReadModel
  readonly onPoison: 'stop' | 'park'
  /** Contacts that are parked, as far as is known here, and why. */
  readonly reasons: Map<ContactId, string | null>
}

/** Tries what concerns one contact only, a few times; `null`: it failed each time, and the contact is parked. */
export async function tried<T>(
  parking: Parking,
  event: RecordedContactEvent,
  work: () => Promise<T>,
): Promise<T | null> {
  for (let attempt = 1; ; attempt++)
    try {
      return await work()
    } catch (error) {
      if (isFaultOfStore(error) || isFaultCode(error, 'PROJECTION_OUT_OF_ORDER')) throw error
      if (attempt < TRIES) await realWait(FIRST_PAUSE_MS * 2 ** attempt * parking.context.random())
      else if (parking.onPoison === 'park') return park(parking, event, error)
      else throw poisoned(event, error)
    }
}

async function park(
  { context, readModel, reasons }: Parking,
  event: RecordedContactEvent,
  error: unknown,
): Promise<null> {
  const { version, stream } = event
  const contactId = contactOf(stream) as ContactId
  const mark = [PARKED, parkedAt(version)].map((tag) => ({ change: 'add', contactId, tag }) as const)
  await readModel.apply([{ contactId, version, derived: { tags: mark, wakeAt: null } }], 0).catch((unmarked) => {
    throw isFaultOfStore(unmarked) ? unmarked : poisoned(event, error)
  })
  reasons.set(contactId, lineOf(error))
  context.observe({ type: 'contact-parked', contactId, event: placeOf(event), error })
  return null
}

/** Takes note of the contacts that are parked already, by this process or another. */
export async function findParked({ readModel, reasons }: Parking): Promise<void> {
  for await (const { contacts } of pages<ContactId, Members>((after) =>
    readModel.members(PARKED, { after, limit: 1000 }),
  ))
    for (const contactId of contacts) if (!reasons.has(contactId)) reasons.set(contactId, null)
}

/** Whether the contact is parked still; another process may have retried or discarded it. */
export async function isStillParked({ readModel, reasons }: Parking, contactId: ContactId): Promise<boolean> {
  if (!reasons.has(contactId)) return false
  if (await isParked(readModel, contactId)) return true
  reasons.delete(contactId)
  return false
}

export async function isParked(readModel: ReadModel, contactId: ContactId): Promise<boolean> {
  return (await readModel.tagsOf(contactId)).includes(PARKED)
}

/** The event for which the contact is parked; `null`: it is not parked, or the log gives no such event any more. */
export async function parkedEvent(
  { context, readModel }: Parking,
  contactId: ContactId,
): Promise<RecordedContactEvent | null> {
  const tags = await readModel.tagsOf(contactId)
  const mark = tags.find((tag) => tag.startsWith(`${PARKED}@`))
  const version = Number(mark?.slice(PARKED.length + 1))
  const history = await context.historyOf(contactId).catch(() => [])
  return history[version - 1] ?? null
}

export async function parkedPage(
  parking: Parking,
  { after = null, limit = 100 }: NonNullable<Parameters<ParkedContacts['parked']>[0]> = {},
): ReturnType<ParkedContacts['parked']> {
  const { contacts, next } = await parking.readModel.members(PARKED, { after, limit })
  const found: ParkedContact[] = []
  for (const contactId of contacts) {
    const event = await parkedEvent(parking, contactId)
    const reason = parking.reasons.get(contactId) ?? null
    found.push({ contactId, event: event === null ? null : placeOf(event), reason })
  }
  return { contacts: found, next }
}

/** Of a contact that is parked. */
export async function retryParked(
  { context, readModel, reasons }: Parking,
  contactId: ContactId,
): Promise<RetryOutcome> {
  try {
    await restoreContact(context, readModel, contactId)
  } catch (error) {
    if (isFaultOfStore(error)) throw error
    reasons.set(contactId, lineOf(error))
    return { outcome: 'still_parked', reason: lineOf(error) }
  }
  reasons.delete(contactId)
  context.wakeUp()
  return { outcome: 'projected' }
}

/** Of a contact that is parked. */
export async function discardParked(
  { context, readModel, reasons }: Parking,
  contactId: ContactId,
): Promise<{ readonly outcome: 'discarded' }> {
  const version = (await context.historyOf(contactId)).length
  await readModel.restore({ contactId, version, tags: [], wakeAt: null })
  reasons.delete(contactId)
  return { outcome: 'discarded' }
}

export function isFaultCode(error: unknown, code: string): boolean {
  return isEnfoldFault(error) && error.code === code
}

function poisoned(event: RecordedContactEvent, error: unknown): EnfoldFault {
  return new EnfoldFault(
    'PROJECTION_STOPPED',
    `${nameOf(event)} could not be projected in ${TRIES} tries: ${lineOf(error)}. Fix that and run the projection again; or run it with onPoison "park", which leaves this contact out and goes on with the others.`,
    placeOf(event),
    error,
  )
}
