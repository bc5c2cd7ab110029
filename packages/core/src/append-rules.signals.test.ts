import {
  campaign,
  campaignStream,
  createCatalog,
  decidePublish,
  eventIdOf,
  isLeft,
  type RecordedEvent,
} from '@enfold/core'
import { verify } from '@enfold/core/log'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, signal } = commands

const shop = campaign({
  id: 'shop',
  signals: { purchased: { keep: ['total'] } },
  goals: [
    { id: 'bought', when: { kind: 'purchased' }, next: ['thanks'] },
    { id: 'won', when: { kind: 'purchased' }, achievableBy: 'members' },
  ],
  sequences: [{ id: 'thanks', steps: [{ id: 'one', kind: 'email' }], next: ['won'] }],
})
const story = scenario({ campaigns: [shop] })

const order = { type: 'PublishCampaign', definition: shop, commandId: 'p', actor: null } as const
const published = decidePublish(order, createCatalog(), '2026-03-01T09:00:00.000Z')
if (isLeft(published)) throw new Error('The campaign is invalid.')
const publications = published.right.events.map((event) => ({
  ...event,
  stream: campaignStream('shop'),
  version: 1,
  position: 1,
}))

type Forged = Omit<RecordedEvent, 'data' | 'order'> & { readonly data: object; readonly order?: string | undefined }

/** Of a log of the publication and these events of the contact, without hashes; numbers are those among the events. */
async function faultsOf(events: readonly Forged[]): Promise<readonly object[]> {
  const log = [...publications, ...events.map((event, i) => ({ ...event, position: i + 2 }))]
  const { faults } = await verify(log as unknown as readonly RecordedEvent[])
  return faults.map(({ rule, number }) => ({ rule, number: number - 1 }))
}

describe('a signal in a log', () => {
  const { events } = story.given(start('thanks'), signal('purchased', { signalId: 's1', data: { total: 1 } }))
  const at = events.findIndex(({ type }) => type === 'SignalReceived')
  const received = events[at] as RecordedEvent

  it('SIGNAL-2: a signal as it was decided has no fault', async () => {
    expect(await faultsOf(events)).toEqual([])
  })

  it('SIGNAL-2: a signal is first in its append, and what follows from it names it as its cause', () => {
    expect(at).toBeGreaterThan(0)
    expect(events[at + 1]).toMatchObject({
      type: 'GoalSatisfied',
      causationId: received.id,
      commandId: received.commandId,
    })
  })

  it('SIGNAL-2: a signal that is not the first event of its append is a fault', async () => {
    const moved = [...events, { ...received, version: events.length + 1, position: events.length + 1 }].map(
      (event, i) =>
        i < events.length
          ? event
          : { ...event, id: eventIdOf(event.stream, event.commandId, events.length - at), order: undefined },
    )
    expect(await faultsOf(moved)).toContainEqual({ rule: 'SIGNAL-2', number: moved.length })
  })

  it('SIGNAL-5: a goal that is unmet and satisfied by the same signal is a fault', async () => {
    const lied = events.map((event) =>
      event.type === 'SignalReceived'
        ? {
            ...event,
            data: { ...event.data, unmet: [{ campaignId: 'shop', goalId: 'bought', because: 'suppressed', saw: [] }] },
          }
        : event,
    )
    expect(await faultsOf(lied)).toContainEqual({ rule: 'GOAL-10', number: at + 2 })
  })

  it('GOAL-3: two signals in one append are a fault', async () => {
    const lied = events.map((event) =>
      event.type === 'GoalSatisfied' && event.data.goalId === 'won'
        ? { ...event, data: { ...event.data, signalId: 's2' }, cause: { ...event.cause, signalId: 's2' } }
        : event,
    )
    expect((await faultsOf(lied)).map((fault) => (fault as { rule: string }).rule)).toContain('GOAL-3')
  })
})
