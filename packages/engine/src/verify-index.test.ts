import {
  type ContactId,
  contactStream,
  eventIdOf,
  type NewEvent,
  type ReadModel,
  type RecordedContactEvent,
  type Store,
  tagOf,
} from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { describe, expect, it } from 'vitest'
import { createCampaigns } from './campaigns.ts'
import type { HeldAtMost } from './logged-contacts.ts'
import { verifyIndex } from './verify-index.ts'

const nurture = { campaignId: 'pool', sequenceId: 'nurture', run: 1 }
const active = tagOf('pool', 'nurture')
const CONTACTS = ['ann', 'bob', 'cid', 'dan', 'eve']

function eventsOf(contactId: ContactId): NewEvent[] {
  const attempt = { ...nurture, stepId: 'one', resend: 0, attempt: 1 }
  const facts = {
    schema: 1,
    at: '2026-03-02T09:00:00.000Z',
    commandId: 'c',
    correlationId: 'c',
    causationId: 'c',
    actor: 'olga',
    cause: { by: 'operator' },
  } as const
  return [
    {
      ...facts,
      id: eventIdOf(contactStream(contactId), 'c', 0),
      type: 'SequenceStarted',
      data: { ...nurture, campaignVersion: 1 },
    },
    {
      ...facts,
      id: eventIdOf(contactStream(contactId), 'c', 1),
      type: 'StepDispatched',
      data: { ...attempt, idempotencyKey: `key of ${contactId}`, timing: null },
    },
    { ...facts, id: eventIdOf(contactStream(contactId), 'c', 2), type: 'StepSent', data: attempt },
  ]
}

/** Five contacts whose events alternate in the log. `wrong`: those without their tag in the index, and one that only the index has. */
async function given(wrong: readonly ContactId[]): Promise<Store> {
  const store = createMemoryStore()
  for (const [i] of eventsOf('ann').entries())
    for (const contactId of CONTACTS)
      await store.append(contactStream(contactId), eventsOf(contactId).slice(i, i + 1), i === 0 ? 'no-stream' : i)
  for (const contactId of CONTACTS)
    await store.restore({ contactId, version: 3, tags: wrong.includes(contactId) ? [] : [active], wakeAt: null })
  if (wrong.includes('ghost')) await store.restore({ contactId: 'ghost', version: 1, tags: [active], wakeAt: null })
  return store
}

/** What was found, and which contacts were read from their streams before anything was looked at again. */
async function verified(store: Store, heldAtMost?: HeldAtMost) {
  const streams: string[] = []
  const watched: Store = {
    ...store,
    readMany(asked) {
      streams.push(...asked)
      return store.readMany(asked)
    },
  }
  const historyOf = async (contactId: ContactId) =>
    ((await store.readMany([contactStream(contactId)])).get(contactStream(contactId)) ?? []) as RecordedContactEvent[]
  const context = { store: watched, historyOf, campaigns: createCampaigns(store, 1000) }
  const { contacts, differences } = await verifyIndex(context, store as ReadModel, async () => {}, heldAtMost)
  return { contacts, different: differences.map(({ contactId }) => contactId).sort(), streams }
}

describe.each<[string, HeldAtMost | undefined, readonly ContactId[]]>([
  ['all are held', undefined, []],
  ['two contacts may be held', { contacts: 2, events: 1000 }, ['ann', 'bob', 'cid']],
  ['seven events may be held', { contacts: 1000, events: 7 }, ['ann', 'bob', 'cid']],
  ['one event may be held, fewer than a contact has', { contacts: 1000, events: 1 }, ['ann', 'bob', 'cid', 'dan']],
])('INDEX-3: when %s while the log is read', (_, heldAtMost, readAgain) => {
  it('every contact is looked at, and those that were not held are read from their streams', async () => {
    const { contacts, different, streams } = await verified(await given([]), heldAtMost)
    expect({ contacts, different }).toEqual({ contacts: 5, different: [] })
    expect([...new Set(streams)].sort()).toEqual(readAgain.map(contactStream))
  })

  it('what differs is found, in each contact once, and a contact that only the index has', async () => {
    const { contacts, different } = await verified(await given(['ann', 'eve', 'ghost']), heldAtMost)
    expect({ contacts, different }).toEqual({ contacts: 6, different: ['ann', 'eve', 'ghost'] })
  })
})

it('INDEX-3: a contact whose first event is missing in what the log gives is looked at by its stream', async () => {
  const store = await given(['ann'])
  const { contacts, different, streams } = await verified({
    ...store,
    async *readAll(...asked) {
      for await (const event of store.readAll(...asked)) if (event.position > 1) yield event
    },
  })
  expect({ contacts, different }).toEqual({ contacts: 5, different: ['ann'] })
  expect(new Set(streams)).toEqual(new Set([contactStream('ann')]))
})
