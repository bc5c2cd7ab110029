import { campaign, type Instant } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, signal, dispatch, report } = commands

const email = { id: 'one', kind: 'email' }
const wait = { id: 'wait', kind: 'email', timer: { after: 'P1D' } }

/** asked → nurture → reminded → remind → bought → onboarding; and, separate from it, news. */
const pool = campaign({
  id: 'pool',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted', match: { form: 'guide' } }, next: ['nurture'] },
    { id: 'reminded', when: { kind: 'link-clicked' }, achievableBy: 'members', next: ['remind'] },
    {
      id: 'bought',
      when: [
        { kind: 'purchased', match: { product: 'robot' } },
        { kind: 'stage-moved', match: { stage: 'won' } },
      ],
      next: ['onboarding'],
    },
    { id: 'left', when: { kind: 'tag-applied', match: { tag: 'stop-mail' } } },
    { id: 'noted', when: { kind: 'note-added' }, next: ['news'] },
  ],
  sequences: [
    { id: 'nurture', steps: [email, wait], next: ['reminded', 'left'] },
    { id: 'remind', steps: [email, wait], next: ['bought', 'left'] },
    { id: 'onboarding', steps: [email, wait] },
    { id: 'news', steps: [email, wait] },
  ],
})
const garden = campaign({
  id: 'garden',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, achievableBy: 'members' }],
  sequences: [{ id: 'nurture', steps: [wait], next: ['bought'] }],
})

const story = scenario({ campaigns: [pool, garden] })
const robot = { data: { product: 'robot', price: 900 } }
const inGarden = { campaignId: 'garden' }

describe('matching', () => {
  it('GOAL-1: a signal that matches nothing returns an empty list', () => {
    story.when(signal('api-called')).thenNothing({ goals: [] })
    story.when(signal('form-submitted', { data: { form: 'other' } })).thenNothing({ goals: [] })
    story.when(signal('form-submitted')).thenNothing({ goals: [] })
  })

  it('GOAL-1: each match is answered by itself', () => {
    story
      .given(start('remind'))
      .when(signal('purchased', robot))
      .thenAnswer({
        goals: [
          { campaignId: 'garden', goalId: 'bought', outcome: 'not_member', stopped: [], started: [] },
          {
            campaignId: 'pool',
            goalId: 'bought',
            outcome: 'satisfied',
            stopped: [{ sequenceId: 'remind', run: 1 }],
            started: [{ sequenceId: 'onboarding', run: 1, outcome: 'started' }],
          },
        ],
      })
  })

  it('GOAL-1: any of several patterns will do, and the event says which', () => {
    story.when(signal('purchased', robot)).thenEvents(['GoalSatisfied', { pattern: 0 }], 'SequenceStarted')
    story
      .when(signal('stage-moved', { data: { stage: 'won' } }))
      .thenEvents(['GoalSatisfied', { pattern: 1 }], 'SequenceStarted')
  })

  it('GOAL-1: a pattern matches values that are exactly equal, and own keys only', () => {
    const strict = campaign({
      id: 'strict',
      goals: [
        { id: 'one', when: { kind: 'k', match: { n: 1 } } },
        { id: 'name', when: { kind: 'named', match: { constructor: 'x' } } },
      ],
      sequences: [],
    })
    const story = scenario({ campaigns: [strict] })
    story.when(signal('k', { data: { n: '1' } })).thenNothing({ goals: [] })
    story.when(signal('k', { data: { n: true } })).thenNothing({ goals: [] })
    story.when(signal('k', { data: { n: 1 } })).thenEvents('GoalSatisfied')
    story.when(signal('named')).thenNothing({ goals: [] })
    story.when(signal('named', { data: { constructor: 'x' } })).thenEvents('GoalSatisfied')
  })

  it('GOAL-2: by default anyone may achieve a goal', () => {
    story
      .when(signal('form-submitted', { data: { form: 'guide' } }))
      .thenEvents(['GoalSatisfied', { goalId: 'asked' }], ['SequenceStarted', { sequenceId: 'nurture' }])
  })

  it('GOAL-2: a goal for members is not achieved by others', () => {
    const notMember = [
      { campaignId: 'pool', goalId: 'reminded', outcome: 'not_member' as const, stopped: [], started: [] },
    ]
    story.when(signal('link-clicked')).thenNothing({ goals: notMember })
    story.given(start('nurture', inGarden)).when(signal('link-clicked')).thenNothing({ goals: notMember })
    story.given(start('news'), stop('news')).when(signal('link-clicked')).thenNothing({ goals: notMember })
    story.given(start('news')).passed('P2D').when(signal('link-clicked')).thenNothing({ goals: notMember })
  })

  it('GOAL-2: a contact that is active, paused or waiting in any of its sequences is a member', () => {
    const satisfied = ['GoalSatisfied', { goalId: 'reminded' }] as const
    story.given(start('news')).when(signal('link-clicked')).thenEvents(satisfied, 'SequenceStarted')
    story.given(start('news'), pause('news')).when(signal('link-clicked')).thenEvents(satisfied, 'SequenceStarted')
    story
      .given(start('nurture'))
      .passed('P1D')
      .when(signal('link-clicked'))
      .thenEvents(satisfied, 'SequenceStopped', 'SequenceStarted')
  })
})

describe('effects', () => {
  it('GOAL-3: one append: the goal, then stops of each upstream run in progress or waiting, then starts', () => {
    story
      .given(start('remind'))
      .passed('P1D')
      .given(start('nurture'))
      .when(signal('purchased', { ...robot, signalId: 's-7' }))
      .thenEvents(
        {
          type: 'GoalSatisfied',
          data: { campaignId: 'pool', goalId: 'bought', campaignVersion: 1, signalId: 's-7', kind: 'purchased' },
          cause: { by: 'signal', signalId: 's-7', kind: 'purchased' },
        },
        {
          type: 'SequenceStopped',
          data: { sequenceId: 'remind', run: 1 },
          cause: { by: 'goal', campaignId: 'pool', goalId: 'bought' },
        },
        { type: 'SequenceStopped', data: { sequenceId: 'nurture', run: 1 }, cause: { by: 'goal', goalId: 'bought' } },
        {
          type: 'SequenceStarted',
          data: { sequenceId: 'onboarding', run: 1 },
          cause: { by: 'goal', goalId: 'bought' },
        },
      )
  })

  it('GOAL-3: campaigns are handled by id, goals in the order of the definition', () => {
    const order = (id: string, goals: readonly string[]) => ({
      id,
      goals: goals.map((goal) => ({ id: goal, when: { kind: 'k' } })),
      sequences: [],
    })
    scenario({ campaigns: [order('b', ['z', 'a']), order('😀', ['q']), order('\uffff', ['q']), order('B', ['m'])] })
      .when(signal('k'))
      .thenEvents(
        ['GoalSatisfied', { campaignId: 'B', goalId: 'm' }],
        ['GoalSatisfied', { campaignId: 'b', goalId: 'z' }],
        ['GoalSatisfied', { campaignId: 'b', goalId: 'a' }],
        ['GoalSatisfied', { campaignId: '\uffff' }],
        ['GoalSatisfied', { campaignId: '😀' }],
      )
  })

  it('GOAL-3: each goal is handled on the state that the one before left', () => {
    const chain = campaign({
      id: 'chain',
      goals: [
        { id: 'entry', when: { kind: 'k' }, next: ['first'] },
        { id: 'exit', when: { kind: 'k' }, achievableBy: 'members', next: ['second'] },
        { id: 'late', when: { kind: 'k' }, next: ['second'] },
      ],
      sequences: [
        { id: 'first', steps: [wait], next: ['exit'] },
        { id: 'second', steps: [wait] },
      ],
    })
    scenario({ campaigns: [chain] })
      .when(signal('k'))
      .thenEvents(
        ['GoalSatisfied', { goalId: 'entry' }],
        ['SequenceStarted', { sequenceId: 'first' }],
        ['GoalSatisfied', { goalId: 'exit' }],
        ['SequenceStopped', { sequenceId: 'first' }],
        ['SequenceStarted', { sequenceId: 'second' }],
        ['GoalSatisfied', { goalId: 'late' }],
      )
      .thenAnswer({
        goals: [
          {
            campaignId: 'chain',
            goalId: 'entry',
            outcome: 'satisfied',
            stopped: [],
            started: [{ sequenceId: 'first', run: 1, outcome: 'started' }],
          },
          {
            campaignId: 'chain',
            goalId: 'exit',
            outcome: 'satisfied',
            stopped: [{ sequenceId: 'first', run: 1 }],
            started: [{ sequenceId: 'second', run: 1, outcome: 'started' }],
          },
          {
            campaignId: 'chain',
            goalId: 'late',
            outcome: 'satisfied',
            stopped: [],
            started: [{ sequenceId: 'second', run: 1, outcome: 'already_active' }],
          },
        ],
      })
  })

  it('GOAL-4: sequences upstream through others are stopped, those in between are jumped over', () => {
    story
      .given(start('nurture'))
      .when(signal('purchased', robot))
      .thenEvents(
        'GoalSatisfied',
        ['SequenceStopped', { sequenceId: 'nurture' }],
        ['SequenceStarted', { sequenceId: 'onboarding' }],
      )
  })

  it('GOAL-4: upstream goes through loops', () => {
    const loop = campaign({
      id: 'loop',
      goals: [{ id: 'done', when: { kind: 'k' } }],
      sequences: [
        { id: 'a', steps: [wait], next: ['b'] },
        { id: 'b', steps: [wait], next: ['a', 'done'] },
        { id: 'c', steps: [wait] },
      ],
    })
    scenario({ campaigns: [loop] })
      .given(start('a'), start('b'), start('c'))
      .when(signal('k'))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'a' }], ['SequenceStopped', { sequenceId: 'b' }])
  })

  it('GOAL-4: a run of an older version is stopped along that version’s graph', () => {
    const without = { ...pool, sequences: pool.sequences.map((sequence) => ({ ...sequence, next: [] })) }
    story
      .given(start('remind'))
      .publish(without)
      .when(signal('purchased', robot))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'remind' }], 'SequenceStarted')
  })

  it('GOAL-4: a run of an older version is stopped along the published graph, too', () => {
    const without = { ...pool, sequences: pool.sequences.map((sequence) => ({ ...sequence, next: [] })) }
    scenario({ campaigns: [without] })
      .given(start('remind'))
      .publish(pool)
      .when(signal('purchased', robot))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'remind' }], 'SequenceStarted')
  })

  it('GOAL-4: a run whose sequence the published version no longer has is stopped along its own graph', () => {
    const removed = {
      ...pool,
      sequences: pool.sequences.filter(({ id }) => id !== 'remind'),
      goals: pool.goals.filter(({ id }) => id !== 'reminded'),
    }
    const lean = {
      ...removed,
      sequences: removed.sequences.map((sequence) => ({ ...sequence, next: [] })),
    }
    story
      .given(start('remind'))
      .publish(lean)
      .when(signal('purchased', robot))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'remind' }], 'SequenceStarted')
  })

  it('GOAL-5: a sequence marked runToCompletion is not stopped by goals', () => {
    const course = campaign({
      id: 'course',
      goals: [{ id: 'bought', when: { kind: 'purchased' } }],
      sequences: [
        { id: 'lessons', steps: [wait], onGoal: 'runToCompletion', next: ['bought'] },
        { id: 'offers', steps: [wait], onGoal: 'stop', next: ['bought'] },
      ],
    })
    const { after } = scenario({ campaigns: [course] })
      .given(start('lessons'), start('offers'))
      .when(signal('purchased'))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'offers' }])
    expect(after.plan.upcoming).toMatchObject([{ sequenceId: 'lessons', stepId: 'wait' }])
  })

  const again = campaign({
    id: 'again',
    goals: [{ id: 'clicked', when: { kind: 'link-clicked' }, next: ['series'] }],
    sequences: [{ id: 'series', steps: [email, wait], next: ['clicked'] }],
  })

  it('GOAL-6: the sequence that the goal leads to is neither stopped nor reset, and gets already_active', () => {
    const before = scenario({ campaigns: [again] })
      .given(start('series'))
      .dispatched()
      .at('PT1H')
    const { after } = before
      .when(signal('link-clicked'))
      .thenEvents(['GoalSatisfied', { routes: [{ to: 'series', outcome: 'already_active', run: 1 }] }])
      .thenAnswer({
        goals: [
          {
            campaignId: 'again',
            goalId: 'clicked',
            outcome: 'satisfied',
            stopped: [],
            started: [{ sequenceId: 'series', run: 1, outcome: 'already_active' }],
          },
        ],
      })
    expect(after.plan).toEqual(before.plan)
  })

  it('GOAL-6: if the sequence that the goal leads to is waiting, it starts again', () => {
    scenario({ campaigns: [again] })
      .given(start('series'))
      .passed('P1D')
      .when(signal('link-clicked'))
      .thenEvents('GoalSatisfied', ['SequenceStarted', { sequenceId: 'series', run: 2 }])
  })

  it('GOAL-7: sequences that do not lead to the goal, and other campaigns, are untouched', () => {
    const before = story.given(start('news'), start('onboarding'), start('nurture', inGarden))
    const { after } = before
      .when(signal('stage-moved', { data: { stage: 'won' } }))
      .thenEvents(['GoalSatisfied', { routes: [{ to: 'onboarding', outcome: 'already_active', run: 1 }] }])
    expect(after.state.enrollments).toEqual(before.state.enrollments)
  })

  it('GOAL-8: a goal that leads nowhere only stops', () => {
    story
      .given(start('nurture'), start('news'))
      .when(signal('tag-applied', { data: { tag: 'stop-mail' } }))
      .thenEvents(['GoalSatisfied', { goalId: 'left', routes: [] }], ['SequenceStopped', { sequenceId: 'nurture' }])
  })

  it('GOAL-9: publishing a goal does not satisfy it for past signals', () => {
    const bare = { ...pool, goals: [], sequences: pool.sequences.map((sequence) => ({ ...sequence, next: [] })) }
    const told = scenario({ campaigns: [bare] }).given(start('nurture'), signal('purchased', robot))
    const { after } = told.publish(pool).when(dispatch())
    expect(after.events.map((event) => event.type)).toEqual(['SequenceStarted', 'StepDispatched'])
  })

  it('GOAL-9: removing a tag satisfies and undoes nothing', () => {
    const left = story.given(start('nurture'), signal('tag-applied', { data: { tag: 'stop-mail' } }))
    left.when(signal('tag-removed', { data: { tag: 'stop-mail' } })).thenNothing({ goals: [] })
    expect(left.facts({ tags: [] }).plan.due).toEqual([])
  })

  it('GOAL-10: the same signal id twice has one effect and the same answer', () => {
    const first = story.given(start('remind')).when(signal('purchased', { ...robot, signalId: 's-1' }))
    const answer = {
      goals: [
        { campaignId: 'garden', goalId: 'bought', outcome: 'not_member' as const, stopped: [], started: [] },
        {
          campaignId: 'pool',
          goalId: 'bought',
          outcome: 'satisfied' as const,
          stopped: [{ sequenceId: 'remind', run: 1 }],
          started: [{ sequenceId: 'onboarding', run: 1, outcome: 'started' as const }],
        },
      ],
    }
    first.thenAnswer(answer)
    first.after
      .given(start('remind'), stop('onboarding'), start('nurture', inGarden))
      .at('P1D')
      .when(signal('purchased', { ...robot, signalId: 's-1' }))
      .thenNothing(answer)
  })

  it('GOAL-11: the note of a sequence’s own step satisfies no note goal', () => {
    story.when(signal('note-added', { fromStep: true })).thenNothing({ goals: [] })
    story.when(signal('note-added')).thenEvents('GoalSatisfied', 'SequenceStarted')
  })

  it('GOAL-11: other signals of a sequence’s own step count', () => {
    story.when(signal('purchased', { ...robot, fromStep: true })).thenEvents('GoalSatisfied', 'SequenceStarted')
  })

  it('GOAL-12: if the goal comes first, no step of a run that it stopped is dispatched', () => {
    const due = story.given(start('remind')).at('P1D')
    expect(due.plan.due).toMatchObject([{ sequenceId: 'remind', stepId: 'one' }])
    due
      .given(signal('purchased', robot))
      .when(dispatch())
      .thenEvents(['StepDispatched', { sequenceId: 'onboarding', stepId: 'one' }])
  })

  it('GOAL-12: if the step comes first, its outcome is recorded, and nothing of the run follows', () => {
    const both = story.given(start('remind'), dispatch(), signal('purchased', robot), dispatch())
    both.when(report('remind', 'one', { outcome: 'sent' })).thenEvents('StepSent')
    const { after } = both.when(report('remind', 'one', { outcome: 'failed', reason: 'gone' })).thenEvents('StepFailed')
    expect(after.plan.upcoming).toMatchObject([{ sequenceId: 'onboarding' }])
  })

  it('GOAL-12: what a goal starts is due at that very instant', () => {
    const now: Instant = '2026-03-05T12:34:56.789Z'
    const { after } = story.at(now).when(signal('purchased', robot))
    expect(after.plan).toMatchObject({ wakeAt: now, due: [{ sequenceId: 'onboarding', dueAt: now }] })
  })

  it('VERSION-3: an unpublished campaign has no goals', () => {
    story
      .unpublish()
      .when(signal('form-submitted', { data: { form: 'guide' } }))
      .thenNothing({ goals: [] })
  })

  it('START-6: a signal about a contact that the directory does not know is refused', () => {
    story.facts(null).when(signal('purchased', robot)).thenRejected('ContactUnknown', { contactId: 'contact' })
  })
})
