import {
  ContactFold,
  campaign,
  createCatalog,
  decidePublish,
  fold,
  isRight,
  type RecordedEvent,
  tagOf,
} from '@enfold/core'
import { changesOf, diff, explain, explainNot, membersAt, nowFor, replay, stateAt, verify } from '@enfold/core/log'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, signal, suppress, cancel } = commands

const pool = campaign({
  id: 'pool',
  goals: [{ id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] }],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
        { id: 'three', kind: 'email', timer: { after: 'P1D' }, draft: true },
      ],
    },
  ],
})
const NOON = '2026-03-01T12:00:00.000Z'
const ada = scenario({ campaigns: [pool], contactId: 'ada', now: NOON })
  .given(signal('form-submitted'))
  .dispatched()
  .passed('P1D')
const bob = scenario({ campaigns: [pool], contactId: 'bob', now: NOON })
  .at('PT1H')
  .given(start('nurture'))
  .dispatched()
  .at('PT2H')
  .given(stop('nurture'))

/** The publication, then ada's and bob's events by instant, placed as a store would place them. */
function log(): RecordedEvent[] {
  const command = { type: 'PublishCampaign', definition: pool, commandId: 'p', actor: null } as const
  const published = decidePublish(command, createCatalog(), NOON)
  if (!isRight(published)) throw new Error('The definition is not valid.')
  const events = [...ada.events, ...bob.events].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  const publication = { ...published.right.events[0], stream: 'campaign-pool', version: 1 } as RecordedEvent
  return [publication, ...events].map((event, i) => ({ ...event, position: i + 1 }))
}

it('LOG-5: a contact that is folded event by event has the same state as one that is folded at once', () => {
  const folded = new ContactFold()
  for (const [i, event] of bob.events.entries()) {
    folded.add(event)
    expect(folded.state).toEqual(fold(bob.events.slice(0, i + 1)))
  }
})

describe('given a log and nothing else', () => {
  it('AUDIT-2: replaying it gives the state of every contact and the index', async () => {
    const replayed = await replay(log())
    expect(replayed.contacts.get('ada')).toEqual(ada.state)
    expect(replayed.contacts.get('bob')).toEqual(bob.state)
    expect(replayed.index.tagsOf('ada')).toEqual([tagOf('pool', 'nurture')])
    expect(replayed.index.tagsOf('bob')).toEqual([])
    expect(replayed.events).toBe(log().length)
  })

  it('AUDIT-2: a contact as it was at an instant, that instant included', async () => {
    expect((await stateAt(log(), 'bob', '2026-03-01T12:59:59.999Z')).enrollments).toEqual([])
    expect((await stateAt(log(), 'bob', '2026-03-01T13:00:00.000Z')).enrollments[0]?.runs[0]?.status).toBe('active')
    expect((await stateAt(log(), 'bob', '2026-03-05T13:00:00.000Z')).enrollments[0]?.runs[0]?.status).toBe('stopped')
  })

  it('AUDIT-2: the log says which contacts were in a sequence at an instant', async () => {
    const sequence = { campaignId: 'pool', sequenceId: 'nurture' }
    expect(await membersAt(log(), sequence, '2026-03-01T11:00:00.000Z')).toEqual([])
    expect(await membersAt(log(), sequence, NOON)).toEqual(['ada'])
    expect(await membersAt(log(), sequence, '2026-03-01T13:00:00.000Z')).toEqual(['ada', 'bob'])
    expect(await membersAt(log(), sequence, '2026-03-01T15:00:00.000Z')).toEqual(['ada'])
    expect(await membersAt(log(), { ...sequence, status: 'waiting' }, '2026-03-01T15:00:00.000Z')).toEqual([])
  })

  it('AUDIT-2: the difference between two instants', async () => {
    const [one, ...others] = await diff(log(), '2026-03-01T13:30:00.000Z', '2026-03-01T15:00:00.000Z')
    expect(others).toEqual([])
    expect(one).toMatchObject({ contactId: 'bob', left: [tagOf('pool', 'nurture')], entered: [] })
    expect(one?.events.map((event) => event.type)).toEqual(['SequenceStopped'])
  })

  it('AUDIT-2: what each event changed, as patches that lead from state to state', () => {
    const changes = changesOf(bob.events)
    expect(changes.map(({ event }) => event.type)).toEqual(bob.events.map((event) => event.type))
    const last = changes.at(-1)
    expect(last?.patches).toContainEqual({
      op: 'replace',
      path: ['enrollments', 0, 'runs', 0, 'status'],
      value: 'stopped',
    })
  })
})

describe('given the question why', () => {
  it('AUDIT-3: a dispatch is explained back to the signal', () => {
    const second = ada.events.filter((event) => event.type === 'StepDispatched')[1]
    const chain = explain(ada.events, second?.id ?? '')
    expect(chain.map((event) => event.type)).toEqual([
      'StepDispatched',
      'StepSent',
      'StepDispatched',
      'SequenceStarted',
      'GoalSatisfied',
    ])
    expect(chain.at(-1)?.cause).toMatchObject({ by: 'signal', kind: 'form-submitted' })
    expect(explain(ada.events, 'no such event')).toEqual([])
  })

  it('AUDIT-3: a stop by a fast clock is a stop, and a step after it is not reported as due', () => {
    const step = { campaignId: 'pool', sequenceId: 'nurture', stepId: 'two' }
    const ask = (now: string) => explainNot('bob', bob.events, step, { campaigns: bob.context.campaigns, now })
    const before = '2026-03-01T13:30:00.000Z'
    expect(ask(before).reason).toBe('not-yet-due')
    expect(nowFor(bob.events, before)).toBe('2026-03-01T15:00:00.000Z')
    expect(ask(nowFor(bob.events, before)).reason).toBe('stopped')
    expect(nowFor(bob.events, '2026-04-01T00:00:00.000Z')).toBe('2026-04-01T00:00:00.000Z')
  })

  it('AUDIT-3: a step that did not run is explained with its evidence', () => {
    const ask = (scene: typeof bob, stepId: string) =>
      explainNot(scene.contactId, scene.events, { campaignId: 'pool', sequenceId: 'nurture', stepId }, scene.context)
    const types = (answer: ReturnType<typeof ask>) => answer.evidence.map((event) => event.type)

    expect(ask(ada, 'two')).toMatchObject({ reason: 'sent' })
    expect(ask(ada, 'three')).toMatchObject({ reason: 'not-yet-due', dueAt: '2026-03-03T12:00:00.000Z' })
    const late = { ...ada.context, now: '2026-03-09T12:00:00.000Z' }
    const askLate = (context: Parameters<typeof explainNot>[3]) =>
      explainNot('ada', ada.events, { campaignId: 'pool', sequenceId: 'nurture', stepId: 'three' }, context)
    const due = { reason: 'due', dueAt: '2026-03-03T12:00:00.000Z' }
    expect(askLate(late)).toMatchObject({ ...due, detail: 'draft' })
    // A log alone knows no facts, and so not what becomes of a step that is due.
    expect(askLate({ campaigns: late.campaigns, now: late.now })).toMatchObject({ ...due, detail: null })
    expect(ask(ada.passed('P2D'), 'three')).toMatchObject({ reason: 'skipped', detail: 'draft' })
    expect(ask(bob, 'two')).toMatchObject({ reason: 'stopped' })
    expect(types(ask(bob, 'two'))).toEqual(['SequenceStopped'])
    // Another campaign may have the same sequence, step and run: what happened there proves nothing here.
    const inBoth = scenario({ campaigns: [pool, { ...pool, id: 'spa' }] })
      .given({ ...start('nurture'), campaignId: 'spa' }, start('nurture'))
      .given({ ...stop('nurture'), campaignId: 'spa' }, stop('nurture'))
    expect(ask(inBoth, 'two').evidence.map(({ data }) => (data as { campaignId: string }).campaignId)).toEqual(['pool'])
    expect(ask(bob, 'nine')).toMatchObject({ reason: 'step-unknown' })
    const other = scenario({ campaigns: [pool] })
    expect(ask(other, 'one')).toMatchObject({ reason: 'never-started', evidence: [] })
    expect(ask(other.given(suppress()), 'one')).toMatchObject({ reason: 'suppressed' })
    const underway = other.given(start('nurture')).dispatched()
    expect(ask(underway, 'three')).toMatchObject({ reason: 'not-yet-due', detail: 'the step "two" stands before it' })
    expect(ask(underway.given(pause('nurture')), 'two')).toMatchObject({ reason: 'paused' })
    expect(ask(underway.given(cancel('nurture', 'two')), 'two')).toMatchObject({ reason: 'cancelled' })
  })
})

describe('given a log that was meddled with', () => {
  it('AUDIT-4: a sound one has no fault', async () => {
    expect(await verify(log())).toEqual({
      events: log().length,
      contacts: 2,
      hashed: 0,
      faults: [],
      warnings: [],
      warningCount: 0,
      seal: null,
    })
  })

  it('AUDIT-4: an event that is missing, doubled or moved is named with its number', async () => {
    const sound = log()
    const at = sound.findIndex((event) => event.type === 'StepSent')
    const missing = await verify([...sound.slice(0, at), ...sound.slice(at + 1)])
    // What shows the gap is the next event of the same stream, which has moved up by one.
    const next = sound.findIndex((event, i) => i > at && event.stream === 'contact-ada')
    expect(missing.faults[0]).toMatchObject({ rule: 'LOG-3', stream: 'contact-ada', number: next })
    const doubled = await verify([...sound.slice(0, at + 1), ...sound.slice(at)])
    expect(doubled.faults[0]).toMatchObject({ rule: 'LOG-3', number: at + 2 })
  })

  it('AUDIT-4: a dispatch after a stop breaks STOP-6, of each stream the first fault only', async () => {
    const sound = log()
    const dispatch = bob.events.find((event) => event.type === 'StepDispatched')
    const late = [1, 2].map((i) => ({
      ...(dispatch as RecordedEvent),
      version: bob.events.length + i,
      position: sound.length + i,
    }))
    const { faults } = await verify([...sound, ...late] as RecordedEvent[])
    expect(faults).toMatchObject([{ rule: 'STOP-6', stream: 'contact-bob', number: sound.length + 1 }])
  })

  it('AUDIT-4: a published definition that is not valid is a fault of its line, and ends nothing', async () => {
    const [published, ...rest] = log()
    const unusable = { ...published, data: { ...published?.data, definition: { ...pool, sequences: [] } } }
    const { faults, events } = await verify([unusable as RecordedEvent, ...rest])
    expect(events).toBe(log().length)
    expect(faults[0]).toMatchObject({ rule: 'VERSION-2', stream: 'campaign-pool', number: 1 })
    expect(faults[0]?.message).toContain('/goals/0/next/0')
  })

  it('AUDIT-4: folding the same events in another grouping changes nothing', () => {
    const half = Math.floor(ada.events.length / 2)
    expect(fold(ada.events.slice(half), fold(ada.events.slice(0, half)))).toEqual(ada.state)
  })
})
