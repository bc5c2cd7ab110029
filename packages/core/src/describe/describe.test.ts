import { describe, expect, it } from 'vitest'
import type { ContactEvent, EventType, NewEvent } from '../events.ts'
import type { NotRun } from '../explain.ts'
import { durationInWords } from './duration.ts'
import {
  describeCause,
  describeEvent,
  describeEvidence,
  describeNotRun,
  describeNotSatisfied,
  idInWords,
  type Wording,
} from './index.ts'

const AT = '2026-03-02T09:00:00.000Z'
const run = { campaignId: 'pool', sequenceId: 'a/b', run: 2 }
const step = { ...run, stepId: 'one', resend: 0, attempt: 1 }

const META = {
  id: 'e1',
  schema: 1,
  at: AT,
  commandId: 'c1',
  correlationId: 'c1',
  causationId: 'c1',
  actor: null,
  cause: { by: 'operator' },
} as const

type Typed = { [E in NewEvent as E['type']]: Pick<E, 'type' | 'data'> }[EventType]

function event(one: Typed, meta: Partial<Pick<ContactEvent, 'cause' | 'actor'>> = {}): NewEvent {
  // Type and data belong together; the union of both cannot be spread without losing that.
  return { ...META, ...meta, ...one } as NewEvent
}

const names: Wording = {
  name: ({ goalId, sequenceId, stepId }) => {
    if (stepId !== undefined) return `Step ${stepId.toUpperCase()}`
    if (sequenceId === 'a/b') return 'Seven mistakes'
    return goalId === 'bought' ? 'A purchase' : undefined
  },
  instant: (instant) => instant.slice(0, 10),
}

const said: { readonly [Type in EventType]: readonly [Extract<Typed, { type: Type }>, string, string][] } = {
  CampaignPublished: [
    [
      {
        type: 'CampaignPublished',
        data: { campaignId: 'pool', campaignVersion: 3, definition: { id: 'pool', goals: [], sequences: [] } },
      },
      'Published version 3 of pool',
      'Published version 3 of pool',
    ],
  ],
  CampaignUnpublished: [
    [
      { type: 'CampaignUnpublished', data: { campaignId: 'pool', campaignVersion: 3 } },
      'Unpublished pool',
      'Unpublished pool',
    ],
  ],
  CampaignPaused: [
    [
      {
        type: 'CampaignPaused',
        data: { campaignId: 'pool', campaignVersion: 3, sequences: null, entries: 'open' },
      },
      'Paused pool',
      'Paused pool',
    ],
    [
      {
        type: 'CampaignPaused',
        data: { campaignId: 'pool', campaignVersion: 3, sequences: ['a/b', 'c'], entries: 'closed' },
      },
      'Paused "a/b", c of pool, closed to entries',
      'Paused Seven mistakes, c of pool, closed to entries',
    ],
  ],
  CampaignResumed: [
    [
      { type: 'CampaignResumed', data: { campaignId: 'pool', campaignVersion: 3, overdue: 'shift' } },
      'Resumed pool: waits are longer by the pause',
      'Resumed pool: waits are longer by the pause',
    ],
    [
      {
        type: 'CampaignResumed',
        data: { campaignId: 'pool', campaignVersion: 3, overdue: 'send', pace: { most: 100, per: 'PT1H' } },
      },
      'Resumed pool: what fell due is due now, at most 100 overdue steps in 1 hour',
      'Resumed pool: what fell due is due now, at most 100 overdue steps in 1 hour',
    ],
  ],
  CampaignUnchanged: [
    [
      { type: 'CampaignUnchanged', data: { campaignId: 'pool', campaignVersion: 3, outcome: 'unchanged' } },
      'Left pool as it was: published already, as version 3',
      'Left pool as it was: published already, as version 3',
    ],
    [
      { type: 'CampaignUnchanged', data: { campaignId: 'pool', campaignVersion: 3, outcome: 'superseded' } },
      'Left pool as it was: version 3 has a higher revision',
      'Left pool as it was: version 3 has a higher revision',
    ],
    [
      { type: 'CampaignUnchanged', data: { campaignId: 'pool', campaignVersion: 3, outcome: 'not_published' } },
      'Left pool as it was: not published',
      'Left pool as it was: not published',
    ],
  ],
  SequenceStarted: [
    [
      { type: 'SequenceStarted', data: { ...run, campaignVersion: 3 } },
      'Started pool/"a/b", run 2 (version 3)',
      'Started Seven mistakes, run 2 (version 3)',
    ],
    [
      { type: 'SequenceStarted', data: { ...run, campaignVersion: 3, continues: 1 } },
      'Restored pool/"a/b", run 2 (version 3), which goes on where run 1 stood',
      'Restored Seven mistakes, run 2 (version 3), which goes on where run 1 stood',
    ],
  ],
  RunUndone: [
    [
      { type: 'RunUndone', data: { ...run, waiting: false } },
      'Undid the start of pool/"a/b", run 2',
      'Undid the start of Seven mistakes, run 2',
    ],
    [
      { type: 'RunUndone', data: { ...run, waiting: true } },
      'Undid the start of pool/"a/b", run 2; the run before it waits again',
      'Undid the start of Seven mistakes, run 2; the run before it waits again',
    ],
  ],
  SignalRetracted: [
    [
      { type: 'SignalRetracted', data: { signalId: 'order-1', goals: [], results: [] } },
      'Retracted the signal order-1',
      'Retracted the signal order-1',
    ],
  ],
  SequenceStopped: [
    [{ type: 'SequenceStopped', data: run }, 'Stopped pool/"a/b", run 2', 'Stopped Seven mistakes, run 2'],
  ],
  SequencePaused: [[{ type: 'SequencePaused', data: run }, 'Paused pool/"a/b", run 2', 'Paused Seven mistakes, run 2']],
  SequenceResumed: [
    [
      { type: 'SequenceResumed', data: { ...run, shiftMs: 0 } },
      'Resumed pool/"a/b", run 2',
      'Resumed Seven mistakes, run 2',
    ],
    [
      { type: 'SequenceResumed', data: { ...run, shiftMs: 300_000 } },
      'Resumed pool/"a/b", run 2; the wait is 5 minutes longer',
      'Resumed Seven mistakes, run 2; the wait is 5 minutes longer',
    ],
  ],
  SequenceCompleted: [
    [
      { type: 'SequenceCompleted', data: { ...run, waiting: false, routes: [], saw: [] } },
      'Completed pool/"a/b", run 2',
      'Completed Seven mistakes, run 2',
    ],
    [
      { type: 'SequenceCompleted', data: { ...run, waiting: true, routes: [], saw: [] } },
      'Completed pool/"a/b", run 2, and waits for a goal',
      'Completed Seven mistakes, run 2, and waits for a goal',
    ],
  ],
  SignalReceived: [
    [
      {
        type: 'SignalReceived',
        data: {
          ...{ signalId: 'order-1', kind: 'purchased', occurredAt: AT, automated: false },
          ...{ data: {}, clipped: [], tests: [], unmet: [] },
        },
      },
      'Received the signal order-1 (purchased)',
      'Received the signal order-1 (purchased)',
    ],
    [
      {
        type: 'SignalReceived',
        data: {
          ...{ signalId: 'a b', kind: 'clicked', occurredAt: AT, automated: true },
          ...{ data: {}, clipped: [], tests: [], unmet: [] },
        },
      },
      'Received the automated signal "a b" (clicked)',
      'Received the automated signal "a b" (clicked)',
    ],
  ],
  SignalsDropped: [
    [
      { type: 'SignalsDropped', data: { count: 1, signalId: 's', unmet: [] } },
      'Dropped a signal: too many are kept',
      'Dropped a signal: too many are kept',
    ],
    [
      { type: 'SignalsDropped', data: { count: 3, signalId: 's', unmet: [] } },
      'Dropped 3 signals: too many are kept',
      'Dropped 3 signals: too many are kept',
    ],
  ],
  GoalSatisfied: [
    [
      {
        type: 'GoalSatisfied',
        data: {
          ...{ campaignId: 'pool', goalId: 'bought', campaignVersion: 1, signalId: 's', kind: 'purchased' },
          ...{ occurredAt: AT, pattern: 0, routes: [], saw: [] },
        },
      },
      'Satisfied the goal pool/bought',
      'Satisfied the goal A purchase',
    ],
  ],
  StepDispatched: [
    [
      { type: 'StepDispatched', data: { ...step, idempotencyKey: 'k', timing: null } },
      'Dispatched one of pool/"a/b", run 2',
      'Dispatched Step ONE of Seven mistakes, run 2',
    ],
    [
      { type: 'StepDispatched', data: { ...step, resend: 1, attempt: 3, idempotencyKey: 'k', timing: null } },
      'Dispatched one of pool/"a/b", run 2, resend 1, attempt 3',
      'Dispatched Step ONE of Seven mistakes, run 2, resend 1, attempt 3',
    ],
  ],
  StepSent: [
    [{ type: 'StepSent', data: step }, 'Sent one of pool/"a/b", run 2', 'Sent Step ONE of Seven mistakes, run 2'],
    [
      { type: 'StepSent', data: { ...step, deliverTo: 'me@example.com' } },
      'Sent one of pool/"a/b", run 2, delivered to me@example.com instead',
      'Sent Step ONE of Seven mistakes, run 2, delivered to me@example.com instead',
    ],
    [
      { type: 'StepSent', data: { ...step, deliverTo: 'nobody' } },
      'Did not send one of pool/"a/b", run 2: delivered to nobody (deliverTo)',
      'Did not send Step ONE of Seven mistakes, run 2: delivered to nobody (deliverTo)',
    ],
  ],
  StepFailed: [
    [
      { type: 'StepFailed', data: { ...step, reason: 'timeout', consequence: 'retry', retryAt: AT } },
      `Failed one of pool/"a/b", run 2: timeout; the next attempt is due ${AT}`,
      'Failed Step ONE of Seven mistakes, run 2: timeout; the next attempt is due 2026-03-02',
    ],
    [
      { type: 'StepFailed', data: { ...step, reason: 'timeout', consequence: 'continue', retryAt: null } },
      'Failed one of pool/"a/b", run 2: timeout; the sequence goes on',
      'Failed Step ONE of Seven mistakes, run 2: timeout; the sequence goes on',
    ],
    [
      { type: 'StepFailed', data: { ...step, reason: 'timeout', consequence: 'stop', retryAt: null } },
      'Failed one of pool/"a/b", run 2: timeout; the sequence stops',
      'Failed Step ONE of Seven mistakes, run 2: timeout; the sequence stops',
    ],
    [
      { type: 'StepFailed', data: { ...step, reason: 'evil\u202e', consequence: 'hold', retryAt: null } },
      'Failed one of pool/"a/b", run 2: evil\\u{202e}; held for an operator',
      'Failed Step ONE of Seven mistakes, run 2: evil\\u{202e}; held for an operator',
    ],
  ],
  StepSkipped: [
    [
      { type: 'StepSkipped', data: { ...step, attempt: 0, reason: 'late', timing: null } },
      'Skipped one of pool/"a/b", run 2: late',
      'Skipped Step ONE of Seven mistakes, run 2: late',
    ],
  ],
  StepResent: [
    [
      { type: 'StepResent', data: { ...run, stepId: 'one', resend: 2 } },
      'Ordered one of pool/"a/b", run 2, resend 2',
      'Ordered Step ONE of Seven mistakes, run 2, resend 2',
    ],
  ],
  StepRescheduled: [
    [
      { type: 'StepRescheduled', data: { ...run, stepId: 'one', dueAt: '2026-03-02T09:00:00.000Z' } },
      'Rescheduled one of pool/"a/b", run 2 to 2026-03-02T09:00:00.000Z',
      'Rescheduled Step ONE of Seven mistakes, run 2 to 2026-03-02',
    ],
    [
      { type: 'StepRescheduled', data: { ...run, stepId: 'one', dueAt: null } },
      'Gave one of pool/"a/b", run 2 back to its timer',
      'Gave Step ONE of Seven mistakes, run 2 back to its timer',
    ],
    [
      { type: 'StepRescheduled', data: { ...run, stepId: 'one', dueAt: '2026-03-02T09:00:00.000Z', now: true } },
      'Ordered one of pool/"a/b", run 2 to be sent now',
      'Ordered Step ONE of Seven mistakes, run 2 to be sent now',
    ],
  ],
  RunShifted: [
    [
      { type: 'RunShifted', data: { ...run, byMs: 172_800_000 } },
      'Shifted pool/"a/b", run 2: waits end 2 days later',
      'Shifted Seven mistakes, run 2: waits end 2 days later',
    ],
    [
      { type: 'RunShifted', data: { ...run, byMs: -3_600_000 } },
      'Shifted pool/"a/b", run 2: waits end 1 hour earlier',
      'Shifted Seven mistakes, run 2: waits end 1 hour earlier',
    ],
  ],
  RunMoved: [
    [
      { type: 'RunMoved', data: { ...run, from: null, to: 'one', standsAt: 'one', wait: 'keep', again: [] } },
      'Moved pool/"a/b", run 2 to one',
      'Moved Seven mistakes, run 2 to Step ONE',
    ],
  ],
  OrderUndone: [
    [
      { type: 'OrderUndone', data: { ...run, undoes: 'e', order: 'skip', stepId: 'one' } },
      'Undid the skip of one of pool/"a/b", run 2',
      'Undid the skip of Step ONE of Seven mistakes, run 2',
    ],
    [
      { type: 'OrderUndone', data: { ...run, undoes: 'e', order: 'move' } },
      'Undid the move of pool/"a/b", run 2',
      'Undid the move of Seven mistakes, run 2',
    ],
  ],
  StepCancelled: [
    [
      { type: 'StepCancelled', data: { ...run, stepId: 'one' } },
      'Cancelled one of pool/"a/b", run 2',
      'Cancelled Step ONE of Seven mistakes, run 2',
    ],
  ],
  ContactSuppressed: [
    [{ type: 'ContactSuppressed', data: { until: null } }, 'Suppressed without end', 'Suppressed without end'],
    [{ type: 'ContactSuppressed', data: { until: AT } }, `Suppressed until ${AT}`, 'Suppressed until 2026-03-02'],
  ],
  ContactUnsuppressed: [[{ type: 'ContactUnsuppressed', data: {} }, 'No longer suppressed', 'No longer suppressed']],
  ContactErased: [[{ type: 'ContactErased', data: {} }, 'Erased', 'Erased']],
}

describe('an event in words', () => {
  const all: readonly [string, readonly (readonly [Typed, string, string])[]][] = Object.entries(said)
  for (const [type, cases] of all)
    it.each(cases)(`AUDIT-1: ${type} is said by its ids, or by the host's names: %j`, (one, byIds, byNames) => {
      expect(describeEvent(event(one))).toBe(byIds)
      expect(describeEvent(event(one), names)).toBe(byNames)
    })
})

describe('a cause in words', () => {
  const stopped = (meta: Partial<Pick<ContactEvent, 'cause' | 'actor'>>) =>
    event({ type: 'SequenceStopped', data: run }, meta)

  it.each<[Partial<Pick<ContactEvent, 'cause' | 'actor'>>, string]>([
    [{ cause: { by: 'operator' } }, 'by an operator'],
    [{ cause: { by: 'operator', reason: 'a\nb' }, actor: 'luis' }, 'by luis: "a\\nb"'],
    [{ cause: { by: 'bulk', actionId: 'x1' } }, 'by the bulk action x1'],
    [
      { cause: { by: 'bulk', actionId: 'x1', reason: 'sold' }, actor: 'luis' },
      'by the bulk action x1, ordered by luis: "sold"',
    ],
    [{ cause: { by: 'signal', signalId: 's1', kind: 'purchased' } }, 'by the signal s1 (purchased)'],
    [
      { cause: { by: 'signal', signalId: 's1', kind: 'purchased' }, actor: 'shop' },
      'by the signal s1 (purchased), given by shop',
    ],
    [{ cause: { by: 'goal', campaignId: 'pool', goalId: 'bought' } }, 'by the goal pool/bought'],
    [{ cause: { by: 'sequence', ...run } }, 'by the end of pool/"a/b", run 2'],
    [{ cause: { by: 'step', stepId: 'one' } }, 'by the step one'],
  ])('AUDIT-3: %j', (meta, expected) => {
    expect(describeCause(stopped(meta))).toBe(expected)
  })

  it('AUDIT-3: names of the host stand in it', () => {
    const causes: readonly ContactEvent['cause'][] = [
      { by: 'goal', campaignId: 'pool', goalId: 'bought' },
      { by: 'sequence', ...run },
      { by: 'step', stepId: 'one' },
    ]
    expect(causes.map((cause) => describeCause(stopped({ cause }), names))).toEqual([
      'by the goal A purchase',
      'by the end of Seven mistakes, run 2',
      'by the step Step ONE',
    ])
  })

  it.each<[Typed, string]>([
    [{ type: 'StepDispatched', data: { ...step, idempotencyKey: 'k', timing: null } }, 'on its schedule'],
    [{ type: 'StepDispatched', data: { ...step, resend: 1, idempotencyKey: 'k', timing: null } }, 'as ordered'],
    [
      { type: 'StepDispatched', data: { ...step, attempt: 2, idempotencyKey: 'k', timing: null } },
      'as the next attempt',
    ],
    [{ type: 'StepSkipped', data: { ...step, attempt: 0, reason: 'draft', timing: null } }, 'on its schedule'],
    [{ type: 'StepSkipped', data: { ...step, reason: 'no-address', timing: null } }, 'by the step one'],
    [{ type: 'StepSent', data: step }, 'by its handler'],
    [{ type: 'StepSent', data: { ...step, deliverTo: 'nobody' } }, 'without its handler'],
  ])("AUDIT-3: a step's own event says what moved it: %j", (one, expected) => {
    expect(describeCause(event(one, { cause: { by: 'step', stepId: 'one' } }))).toBe(expected)
  })
})

describe('evidence in words', () => {
  it('SIGNAL-5: a signal shows what is kept of it, and which goals it did not satisfy', () => {
    const received = event({
      type: 'SignalReceived',
      data: {
        ...{ signalId: 's', kind: 'purchased', occurredAt: AT, automated: true, data: { total: 20 } },
        clipped: ['items'],
        tests: [{ field: 'coupon', test: '{"exists":true}', holds: true }],
        unmet: [
          { campaignId: 'pool', goalId: 'bought', because: 'automated', saw: [] },
          { campaignId: 'pool', goalId: 'left', because: 'not_member', saw: [] },
          { campaignId: 'pool', goalId: 'asked', because: 'suppressed', saw: [] },
        ],
      },
    })
    expect(describeEvidence(received, names)).toEqual([
      'Happened at 2026-03-02',
      'Kept total: 20',
      'Could not keep items: no scalar, too long or one too many',
      'Saw that the private field coupon passes the test {"exists":true}',
      'Did not satisfy the goal A purchase: it takes no automated signals',
      'Did not satisfy the goal pool/left: the contact was no member of the campaign',
      'Did not satisfy the goal pool/asked: the contact was suppressed',
    ])
  })

  it('AUDIT-3: a goal shows when it happened, its routes, and what their conditions read', () => {
    const satisfied = event({
      type: 'GoalSatisfied',
      data: {
        ...{ campaignId: 'pool', goalId: 'bought', campaignVersion: 1, signalId: 's', kind: 'purchased' },
        ...{ occurredAt: AT, pattern: 0 },
        routes: [
          { to: 'a/b', outcome: 'started', run: 2 },
          { to: 'c', outcome: 'closed' },
          { to: 'd', outcome: 'already_active', run: 1 },
          { to: 'bought', outcome: 'goal' },
          { to: 'e', outcome: 'not_published' },
          { to: 'f', outcome: 'brake' },
        ],
        saw: [
          { tag: 'customer', present: true },
          { tag: 'a b', present: false },
          { field: 'spend', value: 1200 },
          { field: 'income', test: '{"atLeast":1000}', holds: false },
        ],
      },
    })
    const seen = [
      'Saw the tag customer',
      'Saw no tag "a b"',
      'Saw the field spend: 1200',
      'Saw that the private field income fails the test {"atLeast":1000}',
    ]
    expect(describeEvidence(satisfied)).toEqual([
      `Happened at ${AT}`,
      'Route to "a/b": started, run 2',
      'Route to c: its condition did not hold',
      'Route to d: already in progress, run 1',
      'Route to bought: a goal, which waits for its signal',
      'Route to e: can no longer be started',
      'Route to f: started too often within an hour',
      ...seen,
    ])
    expect(describeEvidence(satisfied, names)).toEqual([
      'Happened at 2026-03-02',
      'Route to Seven mistakes: started, run 2',
      'Route to c: its condition did not hold',
      'Route to d: already in progress, run 1',
      'Route to A purchase: a goal, which waits for its signal',
      'Route to e: can no longer be started',
      'Route to f: started too often within an hour',
      ...seen,
    ])
  })

  it('AUDIT-3: a dispatch shows how its due instant was found, and its key', () => {
    const timing = { anchor: AT, dueAt: AT, timeZone: 'UTC', invalidTimeZone: 'Mars', field: { name: 'birthday' } }
    expect(
      describeEvidence(event({ type: 'StepDispatched', data: { ...step, idempotencyKey: 'k', timing } }), names),
    ).toEqual([
      'Due 2026-03-02, counted from 2026-03-02, in UTC ("Mars" is no time zone)',
      'Read the field birthday, which is private',
      'Idempotency key k',
    ])
    const field = { name: 'birthday', value: '1980-01-01' }
    expect(
      describeEvidence(
        event({ type: 'StepSkipped', data: { ...step, reason: 'past', timing: { anchor: AT, dueAt: AT, field } } }),
      ),
    ).toEqual([`Due ${AT}, counted from ${AT}`, 'Read the field birthday: "1980-01-01"'])
  })

  it('VAR-1, VAR-2: the variables that a run began with, and those that a decision read, have a line each', () => {
    const vars = JSON.parse('{"total":20,"gift":true,"a b":"20","__proto__":"x"}')
    const data = { ...run, campaignVersion: 1, key: 'cart 1', vars }
    expect(describeEvidence(event({ type: 'SequenceStarted', data }))).toEqual([
      'Began with total: 20',
      'Began with gift: true',
      'Began with "a b": "20"',
      'Began with __proto__: "x"',
    ])
    const timing = { anchor: AT, dueAt: AT, var: { name: 'departure', value: '2026-03-03' } }
    const saw = [{ var: 'total', value: 20 } as const, { var: 'a b', value: null } as const]
    const dispatched = event({ type: 'StepDispatched', data: { ...step, idempotencyKey: 'k', timing, saw } })
    expect(describeEvidence(dispatched)).toEqual([
      `Due ${AT}, counted from ${AT}`,
      'Read the variable departure: "2026-03-03"',
      'Saw the variable total: 20',
      'Saw the variable "a b": null',
      'Idempotency key k',
    ])
    const skipped = {
      ...step,
      reason: 'variable-empty',
      timing: { ...timing, var: { name: 'departure', value: null } },
    }
    expect(describeEvidence(event({ type: 'StepSkipped', data: skipped }))).toContain(
      'Read the variable departure: null',
    )
  })

  it('KEY-1, KEY-3, KEY-5: a goal shows whose runs it stops, and for which keys its routes start', () => {
    const satisfied = event({
      type: 'GoalSatisfied',
      data: {
        ...{ campaignId: 'pool', goalId: 'bought', campaignVersion: 1, signalId: 's', kind: 'purchased' },
        ...{ occurredAt: AT, pattern: 0, same: 'cart 1', saw: [] },
        routes: [
          { to: 'a/b', outcome: 'started', key: 'cart 1', run: 1 },
          { to: 'c', outcome: 'key_missing' },
          { to: 'd', outcome: 'too_many_runs', key: 'c9' },
        ],
      },
    })
    expect(describeEvidence(satisfied)).toEqual([
      `Happened at ${AT}`,
      'Stops runs of the key "cart 1"',
      'Route to "a/b": started for "cart 1", run 1',
      'Route to c: not started, because no value says its key',
      'Route to d: not started for c9, because too many runs with other keys are open',
    ])
  })

  it('RESEND-1: a resend is outside the schedule; a retry says nothing of it', () => {
    const dispatched = (data: Partial<typeof step>) =>
      describeEvidence(event({ type: 'StepDispatched', data: { ...step, ...data, idempotencyKey: 'k', timing: null } }))
    expect(dispatched({ resend: 1 })).toEqual(['Outside the schedule', 'Idempotency key k'])
    expect(dispatched({ attempt: 2 })).toEqual(['Idempotency key k'])
  })

  it('AUDIT-3: a sending shows its receipt, and other events show nothing', () => {
    expect(describeEvidence(event({ type: 'StepSent', data: { ...step, receipt: 'smtp-250' } }))).toEqual([
      'Receipt smtp-250',
    ])
    expect(describeEvidence(event({ type: 'StepSent', data: step }))).toEqual([])
    expect(describeEvidence(event({ type: 'SequenceStopped', data: run }))).toEqual([])
  })
})

it.each<[Pick<NotRun, 'reason' | 'detail' | 'dueAt'>, string]>([
  [
    { reason: 'sent', detail: 'delivered to nobody (deliverTo)', dueAt: null },
    'It counts as sent: delivered to nobody (deliverTo).',
  ],
  [{ reason: 'skipped', detail: 'late', dueAt: null }, 'It was skipped: late.'],
  [{ reason: 'not-yet-due', detail: null, dueAt: AT }, 'It is not due yet. It is due 2026-03-02.'],
  [
    { reason: 'window', detail: null, dueAt: AT },
    'It is due, and waits for its window to open. The window opens 2026-03-02.',
  ],
])('AUDIT-3: why a step did not run, in words: %j', (notRun, expected) => {
  expect(describeNotRun(notRun, names)).toBe(expected)
})

it.each([
  ['mistake-1', 'mistake-1'],
  ['ann@example.com', 'ann@example.com'],
  ['日本', '日本'],
  ['a/b', '"a/b"'],
  ['\u202egnp.exe', '"\\u{202e}gnp.exe"'],
])('LOG-6: the id %j is said as %s', (id, expected) => {
  expect(idInWords(id)).toBe(expected)
})

it.each([
  [0, 'no time'],
  [300, '300 milliseconds'],
  [1000, '1 second'],
  [300_000, '5 minutes'],
  [93_784_567, '1 day 2 hours 3 minutes 5 seconds'],
])('TIME-1: %d ms are said as %s', (ms, expected) => {
  expect(durationInWords(ms)).toBe(expected)
})

it.each([
  [{ reason: 'satisfied', detail: null }, 'Satisfied'],
  [
    { reason: 'no-match', detail: 'total was 20,\nexpected 100' },
    'Not satisfied: a value did not match (total was 20,\\u{a}expected 100)',
  ],
  [{ reason: 'not-recorded', detail: null }, 'Not known: nothing is recorded of the signal'],
] as const)('SIGNAL-5: why a signal did not satisfy a goal: %j', (why, expected) => {
  expect(describeNotSatisfied(why)).toBe(expected)
})
