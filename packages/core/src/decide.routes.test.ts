import { type Condition, campaign, decideRoutes, type Facts, type Route } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, signal, dispatch, report } = commands
const email = { id: 'one', kind: 'email' }
const wait = { id: 'wait', kind: 'email', timer: { after: 'P1D' } }

const facts: Facts = {
  tags: ['customer', '__proto__'],
  fields: { spend: 1200, country: 'DE', vip: true, zero: 0, empty: '', none: null, list: [1] },
}
const holds = (condition: Condition, of: Facts = facts) =>
  decideRoutes([{ to: 'there', if: condition }], of, () => false).routes[0]?.open

describe('conditions', () => {
  it.each<[boolean, Condition]>([
    [true, { tag: 'customer' }],
    [true, { tag: '__proto__' }],
    [false, { tag: 'Customer' }],
    [true, { field: 'country', equals: 'DE' }],
    [false, { field: 'country', equals: 'de' }],
    [false, { field: 'spend', equals: '1200' }],
    [true, { field: 'vip', equals: true }],
    [true, { field: 'zero', equals: 0 }],
    [false, { field: 'zero', equals: false }],
    [true, { field: 'country', in: ['AT', 'DE'] }],
    [false, { field: 'country', in: [] }],
    [true, { field: 'spend', atLeast: 1200 }],
    [false, { field: 'spend', atLeast: 1201 }],
    [true, { field: 'spend', atMost: 1200 }],
    [false, { field: 'spend', atMost: 1199 }],
    [false, { field: 'country', atLeast: 0 }],
    [true, { field: 'zero', exists: true }],
    [true, { field: 'missing', exists: false }],
    [false, { field: 'missing', exists: true }],
    [true, { all: [{ tag: 'customer' }, { field: 'vip', equals: true }] }],
    [false, { all: [{ tag: 'customer' }, { tag: 'lost' }] }],
    [true, { any: [{ tag: 'lost' }, { tag: 'customer' }] }],
    [false, { any: [{ tag: 'lost' }] }],
    [true, { none: [{ tag: 'lost' }] }],
    [false, { none: [{ tag: 'lost' }, { tag: 'customer' }] }],
    [true, { all: [] }],
    [false, { any: [] }],
    [true, { none: [] }],
    [true, { all: [{ none: [{ any: [{ tag: 'lost' }] }] }] }],
  ])('ROUTE-1: %s: %j', (expected, condition) => {
    expect(holds(condition)).toBe(expected)
  })

  it('ROUTE-1: an absent field equals nothing and is in no range, not even through the prototype', () => {
    for (const field of ['missing', 'none', 'empty', 'constructor', '__proto__', 'toString']) {
      for (const condition of [{ equals: null }, { equals: '' }, { in: [null, ''] }, { atLeast: -1 }, { atMost: 1e9 }])
        expect(holds({ field, ...condition } as Condition)).toBe(false)
      expect(holds({ field, exists: true })).toBe(false)
    }
    expect(holds({ field: 'x', exists: false }, {})).toBe(true)
  })
})

describe('routes', () => {
  const open = (next: readonly Route[], of: Facts = facts) =>
    decideRoutes(next, of, () => false).routes.flatMap((route) => (route.open ? [route.to] : []))

  it('ROUTE-2: all routes whose condition holds are taken, and the unconditional ones', () => {
    expect(open(['a', { to: 'b', if: { tag: 'customer' } }, { to: 'c', if: { tag: 'lost' } }])).toEqual(['a', 'b'])
  })

  it('ROUTE-2: otherwise is taken only if no other is, wherever it stands', () => {
    const otherwise: Route = { to: 'rest', otherwise: true }
    expect(open([otherwise, { to: 'b', if: { tag: 'customer' } }])).toEqual(['b'])
    expect(open([otherwise, { to: 'b', if: { tag: 'lost' } }])).toEqual(['rest'])
    expect(open([otherwise])).toEqual(['rest'])
    expect(open([otherwise, 'a'])).toEqual(['a'])
  })

  it('ROUTE-2: a target with several conditions is taken once, if any of them holds', () => {
    expect(
      open([
        { to: 'a', if: { tag: 'lost' } },
        { to: 'a', if: { tag: 'customer' } },
      ]),
    ).toEqual(['a'])
  })

  it('ROUTE-3: what a decision saw is complete, in order, each once', () => {
    const decided = decideRoutes(
      [
        {
          to: 'a',
          if: { any: [{ tag: 'customer' }, { field: 'spend', atLeast: 1 }, { field: 'gone', exists: true }] },
        },
        { to: 'b', if: { field: 'spend', atMost: 1 } },
      ],
      facts,
      () => false,
    )
    expect(decided.saw).toEqual([
      { tag: 'customer', present: true },
      { field: 'spend', value: 1200 },
      { field: 'gone', value: null },
    ])
  })
})

const diamond = campaign({
  id: 'diamond',
  fields: { health: { private: true } },
  goals: [
    {
      id: 'bought',
      when: { kind: 'purchased' },
      next: [
        { to: 'vip', if: { field: 'spend', atLeast: 1000 } },
        { to: 'friend', if: { tag: 'friend' } },
        { to: 'plain', otherwise: true },
      ],
    },
    { id: 'weighed', when: { kind: 'weighed' }, next: [{ to: 'vip', if: { field: 'health', atLeast: 5 } }] },
  ],
  sequences: [
    { id: 'vip', steps: [email] },
    { id: 'friend', steps: [email] },
    { id: 'plain', steps: [email] },
  ],
})

describe('decision diamonds', () => {
  const story = scenario({ campaigns: [diamond] })

  it('ROUTE-1: a goal leads to each sequence whose condition holds', () => {
    story
      .facts({ tags: ['friend'], fields: { spend: 1000 } })
      .when(signal('purchased'))
      .thenEvents(
        [
          'GoalSatisfied',
          {
            routes: [
              { to: 'vip', outcome: 'started', run: 1 },
              { to: 'friend', outcome: 'started', run: 1 },
              { to: 'plain', outcome: 'closed' },
            ],
            saw: [
              { field: 'spend', value: 1000 },
              { tag: 'friend', present: true },
            ],
          },
        ],
        ['SequenceStarted', { sequenceId: 'vip' }],
        ['SequenceStarted', { sequenceId: 'friend' }],
      )
  })

  it('ROUTE-2: "otherwise" leads on where no condition holds', () => {
    story.when(signal('purchased')).thenEvents('GoalSatisfied', ['SequenceStarted', { sequenceId: 'plain' }])
  })

  it('ROUTE-3: with no open route the contact goes nowhere, and the event says what was seen', () => {
    const { after } = story
      .facts({ fields: { health: 4 } })
      .when(signal('weighed'))
      .thenEvents(['GoalSatisfied', { routes: [{ to: 'vip', outcome: 'closed' }] }])
    expect(after.state.enrollments).toEqual([])
  })

  it('LOG-4: a private field is recorded as the test and its outcome only', () => {
    const { after } = story
      .facts({ fields: { health: 4.25 } })
      .when(signal('weighed'))
      .thenEvents(['GoalSatisfied', { saw: [{ field: 'health', test: '{"atLeast":5}', holds: false }] }])
    expect(JSON.stringify(after.events)).not.toContain('4.25')
  })
})

describe('sequences that follow sequences', () => {
  const chain = campaign({
    id: 'chain',
    goals: [{ id: 'bought', when: { kind: 'purchased' } }],
    sequences: [
      { id: 'first', steps: [email], next: ['second', { to: 'third', if: { tag: 'x' } }] },
      { id: 'second', steps: [email], next: [{ to: 'third', if: { tag: 'x' } }] },
      { id: 'third', steps: [wait], next: ['bought'] },
      { id: 'loop', steps: [wait], next: ['loop'] },
      { id: 'before', steps: [email], next: ['third'] },
      { id: 'maybe', steps: [email], next: [{ to: 'third', if: { tag: 'x' } }] },
      { id: 'last', steps: [email] },
    ],
  })
  const story = scenario({ campaigns: [chain] })
  const sent = { outcome: 'sent' } as const

  it('ROUTE-4: when its steps are done, the next sequence starts in the same append', () => {
    const { after } = story
      .given(start('first'), dispatch())
      .when(report('first', 'one', sent))
      .thenEvents(
        'StepSent',
        {
          type: 'SequenceCompleted',
          data: {
            sequenceId: 'first',
            run: 1,
            waiting: false,
            routes: [
              { to: 'second', outcome: 'started', run: 1 },
              { to: 'third', outcome: 'closed' },
            ],
            saw: [{ tag: 'x', present: false }],
          },
          cause: { by: 'step', stepId: 'one' },
        },
        {
          type: 'SequenceStarted',
          data: { sequenceId: 'second', run: 1 },
          cause: { by: 'sequence', campaignId: 'chain', sequenceId: 'first', run: 1 },
        },
      )
    expect(after.plan.due).toMatchObject([{ sequenceId: 'second', stepId: 'one' }])
  })

  it('ROUTE-4: after a stop the next sequence does not start', () => {
    const stopped = story.given(start('first'), dispatch(), stop('first'))
    stopped.when(report('first', 'one', sent)).thenEvents('StepSent')
  })

  it('ROUTE-4: a next sequence that runs already goes on as it is', () => {
    const before = story.given(start('second'), dispatch(), start('first'), dispatch())
    before
      .when(report('first', 'one', sent))
      .thenEvents('StepSent', [
        'SequenceCompleted',
        { waiting: false, routes: [{ outcome: 'already_active', run: 1 }, {}] },
      ])
  })

  it('ROUTE-4: a sequence that leads to itself starts again', () => {
    const { after } = story
      .given(start('loop'))
      .at('P1D')
      .given(dispatch())
      .when(report('loop', 'wait', sent))
    expect(after.plan.upcoming).toMatchObject([{ sequenceId: 'loop', run: 2, dueAt: '2026-03-04T09:00:00.000Z' }])
  })

  it('VERSION-1: what follows starts in the published version, or in the run’s own if that lacks it', () => {
    const inFlight = story.given(start('first'), dispatch())
    const reported = report('first', 'one', sent)
    const starts = (campaignVersion: number) => ['SequenceStarted', { sequenceId: 'second', campaignVersion }] as const
    inFlight
      .publish({ ...chain, name: 'Two' })
      .when(reported)
      .thenEvents('StepSent', 'SequenceCompleted', starts(2))
    const alone = { id: 'chain', goals: [], sequences: [{ id: 'first', steps: [email] }] }
    inFlight.publish(alone).when(reported).thenEvents('StepSent', 'SequenceCompleted', starts(1))
  })

  it('ROUTE-4: nothing starts after the sequences of an unpublished campaign', () => {
    story
      .given(start('last'), start('first'), dispatch())
      .unpublish()
      .when(report('first', 'one', sent))
      .thenEvents('StepSent', ['SequenceCompleted', { routes: [{ to: 'second', outcome: 'not_published' }, {}] }])
  })

  it('ROUTE-5: a run without an open route to a sequence waits if a goal can be reached, also through others', () => {
    for (const sequenceId of ['maybe', 'second'])
      story
        .given(start(sequenceId), dispatch())
        .when(report(sequenceId, 'one', sent))
        .thenEvents('StepSent', ['SequenceCompleted', { sequenceId, waiting: true }])
    const { after } = story.given(start('third')).passed('P1D').when(dispatch()).thenNothing()
    expect(after.state.enrollments[0]?.runs[0]?.status).toBe('waiting')
  })

  it('ROUTE-5: a run that moved on by itself does not wait', () => {
    story
      .given(start('before'), dispatch())
      .when(report('before', 'one', sent))
      .thenEvents('StepSent', ['SequenceCompleted', { waiting: false }], ['SequenceStarted', { sequenceId: 'third' }])
  })

  it('ROUTE-5: a run with no goal in reach is completed', () => {
    story
      .given(start('last'), dispatch())
      .when(report('last', 'one', sent))
      .thenEvents('StepSent', ['SequenceCompleted', { waiting: false, routes: [] }])
  })
})
