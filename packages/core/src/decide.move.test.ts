import { campaign, idempotencyKeyOf, recordOf as recordIn } from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const {
  start,
  stop,
  pause,
  resume,
  cancel,
  skip,
  resend,
  reschedule,
  suppress,
  shift,
  move,
  signal,
  dispatch,
  report,
} = commands
const sent = { outcome: 'sent' } as const
const failed = { outcome: 'failed', reason: 'smtp-451' } as const
const lost = { inFlight: new Set<string>() }

const daily = (id: string) => ({ id, kind: 'email', timer: { after: 'P1D' } })
const birthday = { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'next' } as const
const course = campaign({
  id: 'course',
  goals: [{ id: 'done', when: { kind: 'done' } }],
  sequences: [
    { id: 's', steps: [{ id: 'a', kind: 'email' }, daily('b'), daily('c'), daily('d')], next: ['done'] },
    { id: 'careful', steps: [{ id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'hold' }, daily('b'), daily('c')] },
    { id: 'vip', steps: [daily('x'), daily('y')] },
    { id: 'keyed', per: 'o', vars: { o: { data: 'o' } }, steps: [daily('x'), daily('y')] },
    {
      id: 'office',
      steps: [daily('a'), { ...daily('b'), timer: { after: 'P1D', window: { from: '08:00', to: '18:00' } } }],
    },
    { id: 'yearly', steps: [daily('a'), { id: 'b', kind: 'email', timer: birthday }] },
    { id: 'fromStart', steps: [daily('a'), { id: 'b', kind: 'email', timer: { after: 'P5D', from: 'start' } }] },
  ],
})

const story = scenario({ campaigns: [course] })
/** `a` is sent at 9:00 of 2 March, `b` is due in a day. */
const underway = story.given(start('s')).dispatched()
/** `a`, `b` and `c` are sent, `d` is due on 5 March. */
const late = underway.passed('P2D')
const nextOf = ({ plan }: Scenario) => plan.upcoming.map(({ stepId, dueAt }) => `${stepId} ${dueAt.slice(5, 16)}`)
const sentOf = ({ events }: Scenario) =>
  events.flatMap((e) => (e.type === 'StepSent' ? [`${e.data.stepId} ${e.at.slice(5, 16)}`] : []))
const recordOf = ({ state }: Scenario, stepId: string) => {
  const run = state.enrollments[0]?.runs.at(-1)
  return run === undefined ? undefined : recordIn(run, stepId)
}

describe('starting at a step', () => {
  it('START-7: the run opens there, its wait is counted from the start, and earlier steps are passed', () => {
    const { after } = story
      .when(start('s', { atStep: 'c' }))
      .thenEvents(['SequenceStarted', { atStep: 'c', run: 1 }])
      .thenAnswer({ outcome: 'started', run: 1 })
    expect(nextOf(after)).toEqual(['c 03-03T09:00'])
    expect(sentOf(after.passed('P9D'))).toEqual(['c 03-03T09:00', 'd 03-04T09:00'])
    for (const order of [skip('s', 'a'), cancel('s', 'a'), reschedule('s', 'a', { dueAt: '2026-03-09T09:00:00.000Z' })])
      after.when(order).thenRejected('StepAlreadyResolved')
    after.when(resend('s', 'a')).thenRejected('StepNotReached')
  })

  it('START-7, START-2: a run in progress keeps its place, and an unknown step opens none', () => {
    underway.when(start('s', { atStep: 'd' })).thenNothing({ outcome: 'already_active', run: 1 })
    story.when(start('s', { atStep: 'z' })).thenRejected('StepUnknown')
  })

  it('START-7, TIME-4, TIME-7: the step that a run starts at is its first, and what is counted from the start is so', () => {
    const born = story.facts({ fields: { birthday: '1980-03-02' } }).given(start('yearly', { atStep: 'b' }))
    // The first occurrence after the start, which is at that very moment.
    expect(born.plan.upcoming.map(({ dueAt }) => dueAt)).toEqual(['2027-03-02T09:00:00.000Z'])
    expect(nextOf(story.given(start('fromStart', { atStep: 'b' })))).toEqual(['b 03-07T09:00'])
  })

  it('START-7, VERSION-1, KEY-1: the step is one of the published version, and each key has its own place', () => {
    const shorter = {
      ...course,
      sequences: course.sequences.map((one) => (one.id === 's' ? { ...one, steps: one.steps.slice(0, 2) } : one)),
    }
    const republished = story.given(start('s', { atStep: 'c' })).publish(shorter)
    expect(nextOf(republished)).toEqual(['c 03-03T09:00'])
    republished
      .given(stop('s'))
      .when(start('s', { atStep: 'c' }))
      .thenRejected('StepUnknown')
    const two = story.given(start('keyed', { key: '1', atStep: 'y' }), start('keyed', { key: '2' }))
    expect(nextOf(two)).toEqual(['y 03-03T09:00', 'x 03-03T09:00'])
  })
})

describe('moving a run to a step', () => {
  it('JUMP-1: forwards, what lies between is passed, and the wait of the step is counted from now', () => {
    const { after } = underway
      .at('PT3H')
      .when(move('s', { toStep: 'd' }))
      .thenEvents(['RunMoved', { from: 'b', to: 'd', standsAt: 'd', wait: 'keep', again: [] }])
      .thenAnswer({ outcome: 'moved', run: 1 })
    expect(sentOf(after.passed('P9D'))).toEqual(['a 03-02T09:00', 'd 03-03T12:00'])
    expect(recordOf(after, 'b')?.status).toBe('passed')
  })

  it('JUMP-1: without a wait it is due now, and the next is counted from then', () => {
    const moved = underway.at('PT3H').given(move('s', { toStep: 'c', wait: 'none' }))
    expect(sentOf(moved.passed('P9D'))).toEqual(['a 03-02T09:00', 'c 03-02T12:00', 'd 03-03T12:00'])
    const sending = moved.given(dispatch()).events.at(-1)
    expect(sending?.causationId).toBe(moved.events.at(-1)?.id)
  })

  it('JUMP-1, TIME-2: the window of the step that a run moves to applies also without a wait', () => {
    const night = story
      .given(start('office'))
      .at('PT12H')
      .given(move('office', { toStep: 'b', wait: 'none' }))
    expect(night.plan.wakeAt).toBe('2026-03-03T08:00:00.000Z')
  })

  it('JUMP-1: backwards, what was sent is passed again, and takes no time', () => {
    const { after } = late
      .when(move('s', { toStep: 'b' }))
      .thenEvents(['RunMoved', { from: 'd', to: 'b', standsAt: 'd' }])
    expect(nextOf(after)).toEqual(['d 03-05T09:00'])
    expect(sentOf(after.passed('P9D'))).toEqual([...sentOf(late), 'd 03-05T09:00'])
  })

  it('JUMP-1: backwards with again, what was sent is sent again, each under a key of its own', () => {
    const moved = late.given(move('s', { toStep: 'b', again: true }))
    expect(sentOf(moved.passed('P9D')).slice(3)).toEqual(['b 03-05T09:00', 'c 03-06T09:00', 'd 03-07T09:00'])
    const keys = moved.passed('P9D').events.flatMap((e) => (e.type === 'StepDispatched' ? [e.data.idempotencyKey] : []))
    expect(new Set(keys).size).toBe(keys.length)
    const b = { contactId: 'contact', campaignId: 'course', sequenceId: 's', run: 1, stepId: 'b', resend: 0 }
    expect(keys).toContain(idempotencyKeyOf({ ...b, occurrence: 2 }))
    const third = moved.passed('P9D')
    expect(third.plan.upcoming).toEqual([])
  })

  it('JUMP-1: what was skipped or failed is done when the run comes to it; what is cancelled stays so', () => {
    const skipped = underway.given(skip('s', 'b')).passed('P1D')
    expect(sentOf(skipped.given(move('s', { toStep: 'a' })).passed('P9D')).slice(2)).toEqual([
      'b 03-04T09:00',
      'd 03-05T09:00',
    ])
    const cancelled = underway.given(cancel('s', 'b')).passed('P2D')
    expect(sentOf(cancelled.given(move('s', { toStep: 'a', again: true })).passed('P9D')).slice(2)).toEqual([
      'a 03-04T09:00',
      'c 03-06T09:00',
      'd 03-07T09:00',
    ])
    cancelled.when(move('s', { toStep: 'b' })).thenRejected('StepAlreadyResolved')
  })

  it('JUMP-1, SKIP-1, SHIFT-1: what was ordered for later steps stands', () => {
    const ordered = underway.given(skip('s', 'd'), reschedule('s', 'c', { dueAt: '2026-03-09T09:00:00.000Z' }))
    const moved = ordered.given(move('s', { toStep: 'a' }))
    expect(sentOf(moved.passed('P20D'))).toEqual(['a 03-02T09:00', 'b 03-03T09:00', 'c 03-09T09:00'])
    expect(nextOf(ordered.given(move('s', { toStep: 'd' })))).toEqual(['d 03-03T09:00'])
  })

  it('JUMP-1, STEP-4: a move is refused while a step is in flight; an older attempt that reports late moves nothing', () => {
    story
      .given(start('s'), dispatch())
      .when(move('s', { toStep: 'c' }))
      .thenRejected('StepInFlight')
    const retrying = story.given(start('s'), dispatch(), report('s', 'a', failed)).given(move('s', { toStep: 'a' }))
    expect(retrying.events.at(-1)?.data).toMatchObject({ again: ['a'] })
    retrying.when(report('s', 'a', sent, { attempt: 1 })).thenNothing({ outcome: 'stale' })
    const again = retrying.when(dispatch()).thenEvents(['StepDispatched', { stepId: 'a', occurrence: 2, attempt: 1 }])
    expect(recordOf(again.after.given(report('s', 'a', sent)), 'a')).toMatchObject({ status: 'sent', occurrence: 2 })
  })

  it('JUMP-1, STEP-6: a worker that died at a step done again leaves it to the next under the same key', () => {
    const begun = late.given(move('s', { toStep: 'b', again: true, wait: 'none' }), dispatch())
    const { after } = begun.when(dispatch(lost)).thenEvents(['StepDispatched', { occurrence: 2, attempt: 2 }])
    const keys = after.events.flatMap((e) =>
      e.type === 'StepDispatched' && e.data.occurrence === 2 ? [e.data.idempotencyKey] : [],
    )
    expect(new Set(keys).size).toBe(1)
  })

  it('JUMP-1, RESEND-4: a held step is passed, or done again; with a resend under way neither', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed))
    expect(nextOf(held.given(move('careful', { toStep: 'b' })))).toEqual(['b 03-03T09:00'])
    held
      .given(move('careful', { toStep: 'a' }))
      .when(dispatch())
      .thenEvents(['StepDispatched', { occurrence: 2 }])
    held
      .given(resend('careful', 'a'))
      .when(move('careful', { toStep: 'b' }))
      .thenRejected('StepInFlight')
    late
      .given(resend('s', 'b'))
      .when(move('s', { toStep: 'b', again: true }))
      .thenRejected('StepInFlight')
    expect(nextOf(late.given(resend('s', 'b'), move('s', { toStep: 'd' })))).toEqual(['d 03-05T09:00'])
  })

  it('JUMP-1, PAUSE-2, SHIFT-2: a paused run is moved, and a new wait has none of the shifts before', () => {
    const paused = underway
      .given(shift('s', { by: 'P5D' }), pause('s'))
      .at('P1D')
      .given(move('s', { toStep: 'c' }))
    expect(nextOf(paused.at('P1D').given(resume('s')))).toEqual(['c 03-04T09:00'])
    expect(nextOf(paused.at('P1D').given(resume('s', { shift: true })))).toEqual(['c 03-05T09:00'])
  })

  it('JUMP-1, GOAL-4: a goal stops a moved run like any other', () => {
    underway
      .given(move('s', { toStep: 'd' }))
      .when(signal('done'))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 's', run: 1 }])
  })

  it('JUMP-1, STEP-8: the run ends at the next look if no step is left', () => {
    const done = underway.given(cancel('s', 'b'), cancel('s', 'c'), cancel('s', 'd'))
    const moved = done.given(move('s', { toStep: 'a' }))
    expect(moved.events.at(-1)?.data).toMatchObject({ from: null, standsAt: null })
    moved.passed('P9D').when(dispatch()).thenNothing({ dispatched: 0, skipped: 0, failed: 0, completed: 0 })
  })

  it('JUMP-1, ONCE-1: the same order moves once, and what is not in progress or known is refused', () => {
    const order = move('s', { toStep: 'd', commandId: 'k' })
    underway.given(order).when(order).thenNothing({ outcome: 'moved', run: 1 })
    underway
      .given(order)
      .when(move('s', { toStep: 'c', commandId: 'k' }))
      .thenRejected('CommandIdReused')
    underway.when(move('s', { toStep: 'z' })).thenRejected('StepUnknown')
    underway
      .given(stop('s'))
      .when(move('s', { toStep: 'd' }))
      .thenRejected('EnrollmentNotActive')
    story.when(move('s', { toStep: 'd' })).thenRejected('EnrollmentNotActive')
    story
      .given(start('keyed', { key: '1' }))
      .when(move('keyed', { toStep: 'y' }))
      .thenRejected('KeyMissing')
    expect(() => underway.when(move('s'))).toThrow('`toStep` or `toSequence`')
    expect(() => underway.when(move('s', { toSequence: 'vip', again: true }))).toThrow('with `toSequence`')
  })

  it('JUMP-1, AUDIT-4: a log that lies about a move is found out', () => {
    const event = underway.given(move('s', { toStep: 'd' })).events.at(-1)
    if (event?.type !== 'RunMoved') throw new Error('not moved')
    const { campaigns } = underway.context
    const ruleOf = (data: object, scene = underway) =>
      violationOf('contact', scene.state, { ...event, data: { ...event.data, ...data } }, campaigns)?.rule ?? null
    expect(ruleOf({})).toBeNull()
    expect(ruleOf({ from: 'c' })).toBe('JUMP-1')
    expect(ruleOf({ standsAt: 'c' })).toBe('JUMP-1')
    expect(ruleOf({ again: ['d'] })).toBe('JUMP-1')
    expect(ruleOf({ to: 'z' })).toBe('VERSION-1')
    expect(ruleOf({}, underway.given(stop('s')))).toBe('JUMP-1')
    expect(ruleOf({ from: 'a' }, story.given(start('s'), dispatch()))).toBe('JUMP-1')
  })
})

describe('moving a run to another sequence', () => {
  it('JUMP-2: a stop and a start in one append', () => {
    underway
      .when(move('s', { toSequence: 'vip' }))
      .thenEvents(
        ['SequenceStopped', { sequenceId: 's', run: 1, movedTo: { sequenceId: 'vip', run: 1 } }],
        ['SequenceStarted', { sequenceId: 'vip', run: 1 }],
      )
      .thenAnswer({ outcome: 'moved', run: 1 })
    expect(nextOf(underway.given(move('s', { toSequence: 'vip', toStep: 'y' })))).toEqual(['y 03-03T09:00'])
  })

  it('JUMP-2: the same sequence begins again, and a waiting run can be moved', () => {
    expect(nextOf(late.given(move('s', { toSequence: 's', toStep: 'c' })))).toEqual(['c 03-05T09:00'])
    expect(nextOf(underway.passed('P9D').given(move('s', { toSequence: 'vip' })))).toEqual(['x 03-12T09:00'])
  })

  it('JUMP-2: what refuses a start refuses the move, and nothing is stopped', () => {
    underway
      .given(start('vip'))
      .when(move('s', { toSequence: 'vip' }))
      .thenRejected('EnrollmentActive')
    underway.when(move('s', { toSequence: 'none' })).thenRejected('SequenceUnknown')
    underway.when(move('s', { toSequence: 'vip', toStep: 'z' })).thenRejected('StepUnknown')
    underway.when(move('s', { toSequence: 'keyed' })).thenRejected('KeyMissing')
    underway
      .unpublish()
      .when(move('s', { toSequence: 'vip' }))
      .thenRejected('CampaignNotPublished')
    underway
      .facts(null)
      .when(move('s', { toSequence: 'vip' }))
      .thenRejected('ContactUnknown')
    underway
      .given(suppress())
      .when(move('s', { toSequence: 'vip' }))
      .thenRejected('EnrollmentNotActive')
  })

  it('JUMP-2, VAR-2, KEY-2: the new run has the variables of the old one, and its key from them', () => {
    const keyed = story.given(start('keyed', { key: '7' }))
    keyed
      .when(move('keyed', { key: '7', toSequence: 'keyed', toStep: 'y' }))
      .thenEvents('SequenceStopped', ['SequenceStarted', { key: '7', run: 2, vars: { o: '7' }, atStep: 'y' }])
      .thenAnswer({ outcome: 'moved', run: 2, key: '7' })
  })

  it('JUMP-2, ONCE-1: the same order moves once', () => {
    const order = move('s', { toSequence: 'vip', commandId: 'k' })
    underway.given(order).passed('P9D').when(order).thenNothing({ outcome: 'moved', run: 1 })
  })
})
