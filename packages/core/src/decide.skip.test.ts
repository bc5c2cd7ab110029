import { campaign, newestRun } from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, resume, cancel, skip, resend, dispatch, report } = commands
const sent = { outcome: 'sent' } as const
const failed = { outcome: 'failed', reason: 'smtp-451' } as const

const daily = (id: string) => ({ id, kind: 'email', timer: { after: 'P1D' } })
const course = campaign({
  id: 'course',
  goals: [{ id: 'done', when: { kind: 'done' } }],
  sequences: [
    { id: 's', steps: [{ id: 'a', kind: 'email' }, daily('b'), daily('c'), daily('d')], next: ['done'] },
    { id: 'careful', steps: [{ id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'hold' }, daily('b')] },
    { id: 'retried', steps: [{ id: 'a', kind: 'email' }, daily('b')] },
    { id: 'short', steps: [daily('a')], next: ['after'] },
    { id: 'asking', steps: [daily('a')], next: [{ to: 'after', if: { tag: 'vip' } }] },
    { id: 'after', steps: [{ id: 'a', kind: 'email' }] },
    { id: 'moments', steps: [daily('a'), { id: 'b', kind: 'email', timer: { on: '2026-03-02T15:00' } }] },
  ],
})

const story = scenario({ campaigns: [course] })
/** `a` is sent at 9:00 of 2 March, `b` is due in a day. */
const underway = story.given(start('s')).dispatched()
const nextOf = ({ plan }: Scenario) => plan.upcoming.map(({ stepId, dueAt }) => `${stepId} ${dueAt.slice(5, 16)}`)
const sentOf = ({ events }: Scenario) =>
  events.flatMap((e) => (e.type === 'StepSent' ? [`${e.data.stepId} ${e.at.slice(5, 16)}`] : []))

describe('skipping one step by hand', () => {
  it('SKIP-1: the step is resolved now, and the next is counted from now', () => {
    const { after } = underway
      .at('PT3H')
      .when(skip('s', 'b'))
      .thenEvents({
        type: 'StepSkipped',
        data: { stepId: 'b', resend: 0, attempt: 0, reason: 'operator', timing: null },
        cause: { by: 'operator' },
      })
      .thenAnswer({ outcome: 'skipped', run: 1 })
    expect(nextOf(after)).toEqual(['c 03-03T12:00'])
    expect(sentOf(after.passed('P9D'))).toEqual(['a 03-02T09:00', 'c 03-03T12:00', 'd 03-04T12:00'])
  })

  it('SKIP-1: the wait of a skipped step that the run has not come to is gone as well', () => {
    const ahead = underway.at('PT3H').given(skip('s', 'c'))
    expect(ahead.events.at(-1)?.data).toMatchObject({ stepId: 'c', ahead: true })
    expect(nextOf(ahead)).toEqual(['b 03-03T09:00'])
    expect(sentOf(ahead.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-03T09:00', 'd 03-04T09:00'])
  })

  it('SKIP-1: nothing is counted from a step skipped ahead, whatever happens to the one before it', () => {
    const ahead = underway.given(skip('s', 'c')).at('PT3H')
    expect(nextOf(ahead.given(skip('s', 'b')))).toEqual(['d 03-03T12:00'])
    // A cancelled step leaves its wait, and the one that was skipped ahead none.
    expect(nextOf(ahead.given(cancel('s', 'b')))).toEqual(['d 03-04T09:00'])
  })

  it('SKIP-1, CANCEL-1: skipping takes the wait that cancelled steps before it left', () => {
    const cancelled = underway.given(cancel('s', 'b')).at('PT3H')
    expect(nextOf(cancelled)).toEqual(['c 03-04T09:00'])
    expect(nextOf(cancelled.given(skip('s', 'c')))).toEqual(['d 03-03T12:00'])
  })

  it('SKIP-1: a second skip returns already_skipped, and so does one of a step that a handler skipped', () => {
    const skipped = underway.given(skip('s', 'b', { commandId: 'k' }))
    skipped.when(skip('s', 'b')).thenNothing({ outcome: 'already_skipped', run: 1 })
    skipped
      .at('P9D')
      .when(skip('s', 'b', { commandId: 'k' }))
      .thenNothing({ outcome: 'skipped', run: 1 })
    const byHandler = story.given(start('s'), dispatch(), report('s', 'a', { outcome: 'skipped', reason: 'no' }))
    byHandler.when(skip('s', 'a')).thenNothing({ outcome: 'already_skipped', run: 1 })
    skipped.when(skip('s', 'c', { commandId: 'k' })).thenRejected('CommandIdReused')
  })

  it('SKIP-1: what is sent, in flight, cancelled or not in the sequence cannot be skipped', () => {
    underway.when(skip('s', 'a')).thenRejected('StepAlreadySent')
    underway.when(skip('s', 'x')).thenRejected('StepUnknown')
    underway.given(cancel('s', 'b')).when(skip('s', 'b')).thenRejected('StepAlreadyResolved')
    underway.given(stop('s')).when(skip('s', 'b')).thenRejected('EnrollmentNotActive')
    story.given(start('s'), dispatch()).when(skip('s', 'a')).thenRejected('StepInFlight')
    story.when(skip('s', 'a')).thenRejected('EnrollmentNotActive')
    underway.given(skip('s', 'b')).when(cancel('s', 'b')).thenRejected('StepAlreadyResolved')
  })

  it('SKIP-1: a held step that is skipped lets the run go on from now, and drops a resend that has not begun', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed)).at('P7D')
    expect(nextOf(held.given(skip('careful', 'a')))).toEqual(['b 03-10T09:00'])
    const both = held.given(resend('careful', 'a'), skip('careful', 'a'))
    expect(both.plan.due).toEqual([])
    held.given(resend('careful', 'a'), dispatch()).when(skip('careful', 'a')).thenRejected('StepInFlight')
  })

  it('SKIP-1: between two attempts it is skipped with its attempts counted, and late news of them moves nothing', () => {
    const retrying = story.given(start('retried'), dispatch(), report('retried', 'a', failed)).at('PT30S')
    const { after } = retrying
      .when(skip('retried', 'a'))
      .thenEvents(['StepSkipped', { attempt: 1, reason: 'operator' }])
    expect(nextOf(after)).toEqual(['b 03-03T09:00'])
    after.when(report('retried', 'a', sent, { attempt: 1 })).thenNothing({ outcome: 'stale' })
  })

  it('SKIP-1, RESEND-2: a skipped step can be sent after all, outside the schedule', () => {
    const resent = underway.given(skip('s', 'b')).given(resend('s', 'b')).dispatched()
    expect(sentOf(resent)).toEqual(['a 03-02T09:00', 'b 03-02T09:00'])
    expect(nextOf(resent)).toEqual(['c 03-03T09:00'])
  })

  it('SKIP-1, STEP-8: the last step that is skipped ends its run in the same append, and what follows starts', () => {
    underway
      .given(skip('s', 'b'), skip('s', 'c'))
      .when(skip('s', 'd'))
      .thenEvents('StepSkipped', ['SequenceCompleted', { waiting: true }])
    story
      .given(start('short'))
      .when(skip('short', 'a'))
      .thenEvents('StepSkipped', 'SequenceCompleted', ['SequenceStarted', { sequenceId: 'after' }])
  })

  it('SKIP-1, FACTS-1: a skip reads no facts, so an end that depends on them is left to the dispatcher, due at once', () => {
    const asking = story
      .facts({ tags: ['vip'] })
      .given(start('asking'))
      .at('PT1H')
    const { after } = asking.facts(null).when(skip('asking', 'a')).thenEvents('StepSkipped')
    expect(after.plan.wakeAt).toBe(after.now)
    after
      .facts({ tags: ['vip'] })
      .when(dispatch())
      .thenEvents('SequenceCompleted', ['SequenceStarted', { sequenceId: 'after' }], 'StepDispatched')
  })

  it('SKIP-1, PAUSE-2: a step of a paused run is skipped, and a shift adds what of the pause came after', () => {
    const paused = underway.given(pause('s')).at('P2D').given(skip('s', 'b')).at('PT5H')
    expect(nextOf(paused.given(resume('s')))).toEqual(['c 03-05T09:00'])
    expect(nextOf(paused.given(resume('s', { shift: true })))).toEqual(['c 03-05T14:00'])
  })

  it('SKIP-1, TIME-3: the punctual arrival at the next step is the skip', () => {
    const before = story.given(start('moments')).at('PT2H').given(skip('moments', 'a'))
    expect(nextOf(before)).toEqual(['b 03-02T15:00'])
    const past = story.given(start('moments')).at('PT9H').given(skip('moments', 'a'))
    past.when(dispatch()).thenEvents(['StepSkipped', { stepId: 'b', reason: 'past' }], 'SequenceCompleted')
  })

  it('SKIP-1, AUDIT-4: a log that skips by hand what it could not is found out', () => {
    const skipped = underway.given(skip('s', 'b'))
    const event = skipped.events.at(-1)
    const { campaigns } = underway.context
    if (event?.type !== 'StepSkipped') throw new Error('not skipped')
    const ruleOf = (data: object, scene: Scenario = underway) =>
      violationOf('contact', scene.state, { ...event, data: { ...event.data, ...data } }, campaigns)?.rule ?? null
    expect(ruleOf({})).toBeNull()
    expect(ruleOf({ ahead: true })).toBe('SKIP-1')
    expect(ruleOf({ stepId: 'c' })).toBe('SKIP-1')
    expect(ruleOf({ stepId: 'a' })).toBe('SKIP-1')
    expect(ruleOf({ reason: 'draft' })).toBe('STEP-1')
    expect(ruleOf({ attempt: 1 })).toBe('SKIP-1')
    expect(ruleOf({}, skipped)).toBe('SKIP-1')
    expect(ruleOf({}, underway.given(stop('s')))).toBe('SKIP-1')
    expect(newestRun(skipped.state.enrollments[0])?.status).toBe('active')
  })
})
