import {
  type ContactEvent,
  type ContactEventData,
  type ContactEventType,
  evolve,
  fold,
  idempotencyKeyOf,
  initialContact,
  instantOf,
} from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, resume, resend, cancel, suppress, erase, dispatch, report } = commands

const story = scenario({
  campaigns: [
    {
      id: 'c',
      goals: [],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'a', kind: 'email' },
            { id: 'b', kind: 'email', timer: { after: 'P1D' } },
          ],
        },
      ],
    },
  ],
})
const { campaigns } = story.context
const run = { campaignId: 'c', sequenceId: 's', run: 1 }
const a = { ...run, stepId: 'a', resend: 0, attempt: 1 }
const b = { ...a, stepId: 'b' }

/** An event as nobody decided it. */
function forged<Type extends ContactEventType>(type: Type, data: ContactEventData[Type], at = story.now): ContactEvent {
  const meta = { id: 'x', schema: 1, at, commandId: 'k', correlationId: 'k', causationId: 'k', actor: null }
  return { type, data, ...meta, cause: { by: 'operator' } } as unknown as ContactEvent
}
const started = (n: number) => forged('SequenceStarted', { ...run, run: n, campaignVersion: 1 })
const completed = (n = 1) => forged('SequenceCompleted', { ...run, run: n, waiting: false, routes: [], saw: [] })
const dispatched = (ref: typeof a, wrongKey?: string) =>
  forged('StepDispatched', {
    ...ref,
    idempotencyKey: wrongKey ?? idempotencyKeyOf({ contactId: 'contact', ...ref }),
    timing: null,
  })
const sent = (ref: typeof a) => forged('StepSent', ref)
const failed = (ref: typeof a) => forged('StepFailed', { ...ref, reason: 'x', consequence: 'continue', retryAt: null })
const skipped = (ref: typeof a) => forged('StepSkipped', { ...ref, reason: 'x', timing: null })
const goal = forged('GoalSatisfied', {
  campaignId: 'c',
  goalId: 'g',
  campaignVersion: 1,
  signalId: 's',
  kind: 'k',
  occurredAt: story.now,
  pattern: 0,
  routes: [],
  saw: [],
})

const began = story.given(start('s'))
const inFlight = began.given(dispatch())
const underway = inFlight.given(report('s', 'a', { outcome: 'sent' }))
const stopped = underway.given(stop('s'))
const failedOnce = inFlight.given(report('s', 'a', { outcome: 'failed', reason: 'busy' }))
const done = began.passed('P1D')
const resent = underway.given(resend('s', 'a'))

describe('an event that breaks the order', () => {
  it.each<[string, string, { readonly events: readonly ContactEvent[] }, ContactEvent]>([
    ['START-1', 'a run is left out', stopped, started(3)],
    ['START-1', 'the first run is the second', story, started(2)],
    ['START-1', 'a stop of an older run', stopped.given(start('s')), forged('SequenceStopped', run)],
    ['START-1', 'a stop of what never began', story, forged('SequenceStopped', run)],
    ['START-1', 'a step of a run that was never opened', story, dispatched(a)],
    ['START-2', 'a run is opened twice', underway, started(2)],
    ['START-2', 'a run is opened while it is paused', underway.given(pause('s')), started(2)],
    ['STOP-4', 'a start of a suppressed contact', story.given(suppress()), started(1)],
    ['STOP-4', 'a goal of a suppressed contact', story.given(suppress()), goal],
    ['STOP-4', 'the end of no ban', story, forged('ContactUnsuppressed', {})],
    [
      'STOP-4',
      'a resend to a suppressed contact',
      stopped.given(resend('s', 'a'), suppress()),
      dispatched({ ...a, resend: 1 }),
    ],
    ['STOP-5', 'a run is stopped twice', stopped, forged('SequenceStopped', run)],
    ['STOP-5', 'a run is stopped that is over', done, forged('SequenceStopped', run)],
    ['STOP-6', 'a dispatch after a stop', stopped, dispatched(b)],
    ['STOP-6', 'a skip after a stop', stopped, skipped({ ...b, attempt: 0 })],
    ['PAUSE-1', 'a dispatch while paused', underway.given(pause('s')), dispatched(b)],
    ['PAUSE-3', 'a pause of what is paused', underway.given(pause('s')), forged('SequencePaused', run)],
    ['PAUSE-3', 'a pause of what is stopped', stopped, forged('SequencePaused', run)],
    ['PAUSE-3', 'a resume of what runs', underway, forged('SequenceResumed', { ...run, shiftMs: 0 })],
    ['STEP-1', 'a dispatch before its predecessor is resolved', inFlight, dispatched(b)],
    ['STEP-1', 'a dispatch of what was sent', underway, dispatched({ ...a, attempt: 2 })],
    ['STEP-1', 'a skip of what was sent', underway, skipped({ ...a, attempt: 0 })],
    ['STEP-4', 'an idempotency key of another sending', began, dispatched(a, 'another')],
    ['STEP-4', 'the first attempt is the second', began, dispatched({ ...a, attempt: 2 })],
    ['STEP-4', 'an attempt is made twice', failedOnce, dispatched(a)],
    ['STEP-4', 'an outcome of what was never dispatched', began, sent(a)],
    ['STEP-4', 'an outcome of an attempt that was never made', inFlight, sent({ ...a, attempt: 2 })],
    ['STEP-4', 'a second outcome', underway, sent(a)],
    ['STEP-4', 'a failure of what was sent', underway, failed(a)],
    ['STEP-4', 'an outcome of no attempt', inFlight, failed({ ...a, attempt: 0 })],
    ['STEP-8', 'the end before the last step', underway, completed()],
    ['STEP-8', 'the end of what is over', done, completed()],
    ['STEP-8', 'the end of what was stopped', stopped, completed()],
    ['STEP-8', 'a dispatch after the end', done, dispatched({ ...b, attempt: 2 })],
    ['RESEND-1', 'a dispatch of a resend that nobody ordered', underway, dispatched({ ...a, resend: 1 })],
    ['RESEND-1', 'a skip of a resend that nobody ordered', underway, skipped({ ...a, resend: 1, attempt: 0 })],
    [
      'RESEND-2',
      'a resend of what was not reached',
      underway,
      forged('StepResent', { ...run, stepId: 'b', resend: 1 }),
    ],
    ['RESEND-2', 'a resend of what is in flight', inFlight, forged('StepResent', { ...run, stepId: 'a', resend: 1 })],
    [
      'RESEND-2',
      'a resend of what is cancelled',
      underway.given(cancel('s', 'b')),
      forged('StepResent', { ...run, stepId: 'b', resend: 1 }),
    ],
    ['RESEND-3', 'a resend is left out', resent, forged('StepResent', { ...run, stepId: 'a', resend: 3 })],
    ['RESEND-3', 'a resend is numbered twice', resent, forged('StepResent', { ...run, stepId: 'a', resend: 1 })],
    ['CANCEL-1', 'a cancelled step of a stopped run', stopped, forged('StepCancelled', { ...run, stepId: 'b' })],
    ['CANCEL-2', 'a cancelled step that was sent', underway, forged('StepCancelled', { ...run, stepId: 'a' })],
    ['CANCEL-2', 'a cancelled step that is in flight', inFlight, forged('StepCancelled', { ...run, stepId: 'a' })],
    [
      'CANCEL-2',
      'a step that is cancelled twice',
      underway.given(cancel('s', 'b')),
      forged('StepCancelled', { ...run, stepId: 'b' }),
    ],
    ['VERSION-1', 'a step that the version lacks', began, dispatched({ ...a, stepId: 'x' })],
    ['VERSION-1', 'an outcome of a step that the version lacks', began, sent({ ...a, stepId: 'x' })],
    [
      'VERSION-1',
      'a step of a version that was never published',
      { events: [forged('SequenceStarted', { ...run, campaignVersion: 2 })] },
      dispatched(a),
    ],
    ['ERASE-1', 'a start after the erasure', story.given(erase()), started(1)],
    ['ERASE-1', 'a dispatch after the erasure', underway.given(erase()), dispatched(b)],
    ['ERASE-1', 'an erasure after the erasure', story.given(erase()), forged('ContactErased', {})],
  ])('AUDIT-4: %s: %s', (rule, _, history, event) => {
    const found = violationOf('contact', fold(history.events), event, campaigns)
    expect(found).toMatchObject({ rule })
    expect(found?.message).not.toBe('')
  })
})

describe('a step that was passed over without an attempt', () => {
  const timing = { anchor: story.now, dueAt: story.now }
  const skip = (stepId: string, more: Partial<ContactEventData['StepSkipped']> = {}) =>
    forged('StepSkipped', { ...run, stepId, resend: 0, attempt: 0, reason: 'contact-unknown', timing, ...more })
  const nextDay = instantOf(Date.parse(story.now) + 86_400_000)

  it.each<[string, string, { readonly events: readonly ContactEvent[] }, ContactEvent]>([
    ['STEP-1', 'before its turn', began, skip('b')],
    ['STEP-1', 'before its turn, while another is in flight', inFlight, skip('b')],
    ['STEP-1', 'before it was due', began, skip('a', { timing: { anchor: story.now, dueAt: nextDay } })],
    ['TIME-1', 'after another wait than its timer says', underway, skip('b')],
    ['STEP-1', 'without its timing', began, skip('a', { timing: null })],
    ['STEP-1', 'for a reason of a handler', began, skip('a', { reason: 'no-address' })],
    ['STEP-1', 'as suppressed, which ends a run', began, skip('a', { reason: 'suppressed' })],
    ['STEP-3', 'as a draft, and is none', began, skip('a', { reason: 'draft' })],
    ['STEP-9', 'as late, and never is', began, skip('a', { reason: 'late' })],
    ['STEP-10', 'for a condition that it has not', began, skip('a', { reason: 'condition' })],
    ['TIME-3', 'as past, without a timer', began, skip('a', { reason: 'past' })],
    ['TIME-8', 'for a field that no timer reads', began, skip('a', { reason: 'field-empty' })],
    ['RESEND-1', 'a resend as suppressed, who is not', resent, skip('a', { resend: 1, reason: 'suppressed' })],
  ])('AUDIT-4: %s: %s', (rule, _, history, event) => {
    expect(violationOf('contact', fold(history.events), event, campaigns)).toMatchObject({ rule })
  })

  it('AUDIT-4: a step passed over in its turn, when it is due, for what may be so, is no fault', () => {
    expect(violationOf('contact', began.state, skip('a'), campaigns)).toBeNull()
    expect(
      violationOf('contact', resent.state, skip('a', { resend: 1, reason: 'contact-unknown' }), campaigns),
    ).toBeNull()
  })
})

describe('what is told of routes', () => {
  const spent = { field: 'spend', atLeast: 9 }
  const forks = scenario({
    campaigns: [
      {
        id: 'c',
        goals: [{ id: 'g', when: { kind: 'k' } }],
        sequences: [
          {
            id: 's',
            steps: [{ id: 'a', kind: 'email' }],
            next: ['t', 'g', { to: 'vip', if: spent }, { to: 'rest', otherwise: true }],
          },
          {
            id: 't',
            steps: [{ id: 'a', kind: 'email' }],
            next: [
              { to: 'vip', if: spent },
              { to: 'rest', otherwise: true },
            ],
          },
          { id: 'vip', steps: [{ id: 'a', kind: 'email' }] },
          { id: 'rest', steps: [{ id: 'a', kind: 'email' }] },
        ],
      },
    ],
  })
  const sent = { outcome: 'sent' } as const
  const found = (from: 's' | 't', change: (to: string, outcome: string) => object) => {
    const { state, events } = forks.given(start(from), dispatch(), report(from, 'a', sent))
    const ended = events.findIndex(({ type }) => type === 'SequenceCompleted')
    const event = events[ended] as Extract<ContactEvent, { type: 'SequenceCompleted' }>
    const routes = event.data.routes.map((route) => ({ ...route, ...change(route.to, route.outcome) }))
    expect(state.version).toBe(events.length)
    const told = { ...event, data: { ...event.data, routes } }
    return violationOf('contact', fold(events.slice(0, ended)), told, forks.context.campaigns)
  }
  const only = (one: string, outcome: string, run?: number) => (to: string) =>
    to === one ? { outcome, ...(run === undefined ? {} : { run }) } : {}

  it('AUDIT-4: as it was decided: no fault', () => {
    expect(found('s', () => ({}))).toBeNull()
    expect(found('t', () => ({}))).toBeNull()
  })

  it.each<[string, 's' | 't', string, (to: string) => object]>([
    ['ROUTE-1', 's', 'closed, without a condition', only('t', 'closed')],
    ['ROUTE-4', 's', 'already active, and is not', only('t', 'already_active', 1)],
    ['ROUTE-4', 's', 'not published, and is', only('t', 'not_published')],
    ['ROUTE-4', 's', 'held by a brake that holds nothing', only('t', 'brake')],
    ['ROUTE-4', 's', 'as a goal, and is a sequence', only('t', 'goal')],
    ['ROUTE-4', 's', 'as a sequence, and is a goal', only('g', 'not_published')],
    ['ROUTE-1', 's', 'open, for when no other is', only('rest', 'started', 1)],
    ['ROUTE-1', 't', 'closed, though no other is open', only('rest', 'closed')],
    ['ROUTE-1', 't', 'open, and so is the other', only('vip', 'started', 1)],
  ])('AUDIT-4: %s: from %s, %s', (rule, from, _, change) => {
    expect(found(from, change)).toMatchObject({ rule })
  })
})

describe('an event that keeps the order', () => {
  it('AUDIT-4: every event of a history that was decided may stand where it stands', () => {
    const rich = underway
      .given(pause('s'))
      .at('PT1H')
      .given(resume('s'), resend('s', 'a'), cancel('s', 'b'))
      .passed('P2D')
      .given(start('s'), dispatch(), suppress())
      .given(report('s', 'a', { outcome: 'failed', reason: 'gone' }), commands.unsuppress(), start('s'), erase())
    expect(rich.events.length).toBeGreaterThan(15)
    let state = initialContact
    for (const event of rich.events) {
      expect(violationOf('contact', state, event, rich.context.campaigns)).toBeNull()
      state = evolve(state, event)
    }
  })

  it('STOP-6: the outcome of what was in flight at a stop or an erasure', () => {
    for (const scene of [inFlight.given(stop('s')), inFlight.given(erase())])
      for (const event of [sent(a), failed(a), skipped(a)])
        expect(violationOf('contact', scene.state, event, campaigns)).toBeNull()
  })

  it('STEP-6: the late news that a step was sent which was given up', () => {
    const givenUp = { events: [...inFlight.events, failed(a)] }
    expect(violationOf('contact', fold(givenUp.events), sent(a), campaigns)).toBeNull()
    expect(violationOf('contact', fold(givenUp.events), failed(a), campaigns)).toMatchObject({ rule: 'STEP-4' })
  })

  it('STOP-4: a start at the instant at which the ban ends', () => {
    const until = instantOf(Date.parse(story.now) + 1000)
    const { state } = story.given(suppress({ until }))
    const at = (instant: string) => forged('SequenceStarted', { ...run, campaignVersion: 1 }, instant)
    expect(violationOf('contact', state, at(until), campaigns)).toBeNull()
    expect(violationOf('contact', state, at(story.now), campaigns)).toMatchObject({ rule: 'STOP-4' })
  })

  it('AUDIT-4: without a catalogue, what needs the definition is not judged', () => {
    expect(violationOf('contact', began.state, dispatched(b))).toBeNull()
    expect(violationOf('contact', underway.state, completed())).toBeNull()
    expect(violationOf('contact', stopped.state, dispatched(b))).toMatchObject({ rule: 'STOP-6' })
  })
})
