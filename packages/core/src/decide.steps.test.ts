import { campaign, idempotencyKeyOf, type StepDefinition } from '@enfold/core'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, resume, dispatch, report, resend, signal } = commands

/** A campaign of one sequence `s`. */
const one = (...steps: readonly (Partial<StepDefinition> & { id: string })[]) =>
  scenario({
    campaigns: [{ id: 'c', goals: [], sequences: [{ id: 's', steps: steps.map((s) => ({ kind: 'email', ...s })) }] }],
  })
const sent = { outcome: 'sent' } as const
const failed = { outcome: 'failed', reason: 'smtp-451' } as const
const statusOf = (story: Scenario) => story.state.enrollments[0]?.runs.at(-1)?.status
const stepsOf = (story: Scenario) =>
  story.state.enrollments[0]?.runs.at(-1)?.steps.map(({ stepId, status }) => [stepId, status])
const lost = { inFlight: new Set<string>() }

describe('the order of steps', () => {
  const a = { id: 'a', timer: { after: 'PT2H' } }
  const b = { id: 'b', timer: { after: 'P1D' } }

  it('STEP-1: the anchor of the first step is the start of the run', () => {
    const started = one(a, b).given(start('s'))
    expect(started.plan).toMatchObject({ due: [], wakeAt: '2026-03-02T11:00:00.000Z' })
    started.at('2026-03-02T10:59:59.999Z').when(dispatch()).thenNothing()
    started
      .at('2026-03-02T11:00:00.000Z')
      .when(dispatch())
      .thenEvents([
        'StepDispatched',
        { stepId: 'a', timing: { anchor: '2026-03-02T09:00:00.000Z', dueAt: '2026-03-02T11:00:00.000Z' } },
      ])
  })

  it('STEP-1: a step waits until its predecessor is sent, and is counted from that instant', () => {
    const inFlight = one(a, b).given(start('s')).at('PT2H').given(dispatch())
    inFlight.at('P30D').when(dispatch()).thenNothing()
    const after = inFlight.at('PT3H').given(report('s', 'a', sent))
    expect(after.plan.wakeAt).toBe('2026-03-03T14:00:00.000Z')
  })

  it('STEP-1: the anchor after a step that failed for good, or was skipped, is that instant', () => {
    const inFlight = one(a, b).given(start('s')).at('PT2H').given(dispatch()).at('PT1H')
    const outcomes = [{ ...failed, permanent: true }, { outcome: 'skipped', reason: 'unsubscribed' } as const]
    for (const outcome of outcomes)
      expect(inFlight.given(report('s', 'a', outcome)).plan.wakeAt).toBe('2026-03-03T12:00:00.000Z')
  })

  it('STEP-1: the anchor after a cancelled step is the instant at which it would have been due', () => {
    const after = one(a, b).given(start('s')).at('PT1H').given(commands.cancel('s', 'a'))
    expect(after.plan.wakeAt).toBe('2026-03-03T11:00:00.000Z')
  })

  it('STEP-2: a step without a timer is due at once', () => {
    const after = one({ id: 'a' }, { id: 'b' }).given(start('s'))
    expect(after.plan.wakeAt).toBe(after.now)
    after
      .given(dispatch())
      .at('PT5M')
      .given(report('s', 'a', sent))
      .when(dispatch())
      .thenEvents(['StepDispatched', { stepId: 'b', timing: { dueAt: '2026-03-02T09:05:00.000Z' } }])
  })

  it('STEP-3: a draft is skipped when it is due', () => {
    one({ ...a, draft: true }, b)
      .given(start('s'))
      .at('PT2H')
      .when(dispatch())
      .thenEvents([
        'StepSkipped',
        { stepId: 'a', attempt: 0, reason: 'draft', timing: { dueAt: '2026-03-02T11:00:00.000Z' } },
      ])
  })

  it('STEP-3: drafts are passed over in one append, and the last one ends the run', () => {
    one({ id: 'a', draft: true }, { id: 'b', draft: true })
      .given(start('s'))
      .when(dispatch())
      .thenEvents(['StepSkipped', { stepId: 'a' }], ['StepSkipped', { stepId: 'b' }], 'SequenceCompleted')
      .thenAnswer({ dispatched: 0, skipped: 2, failed: 0, completed: 1 })
  })

  it('STEP-3: a draft that is finished later is not caught up, not even in a run of that version', () => {
    const draft = {
      id: 'c',
      goals: [],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'a', kind: 'email', draft: true },
            { ...b, kind: 'email' },
          ],
        },
      ],
    }
    const ready = {
      ...draft,
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'a', kind: 'email' },
            { ...b, kind: 'email' },
          ],
        },
      ],
    }
    const after = scenario({ campaigns: [draft] })
      .given(start('s'))
      .dispatched()
      .publish(ready)
      .passed('P3D')
    expect(after.events.flatMap((e) => (e.type === 'StepDispatched' ? [e.data.stepId] : []))).toEqual(['b'])
  })
})

describe('dispatching', () => {
  const key = (resend: number, run = 1) =>
    idempotencyKeyOf({ contactId: 'contact', campaignId: 'c', sequenceId: 's', run, stepId: 'a', resend })

  it('STEP-4: a step is dispatched with attempt and key, then sent with the receipt', () => {
    one({ id: 'a' }, { id: 'b' })
      .given(start('s'))
      .when(dispatch())
      .thenEvents({
        type: 'StepDispatched',
        data: { campaignId: 'c', sequenceId: 's', run: 1, stepId: 'a', resend: 0, attempt: 1, idempotencyKey: key(0) },
        cause: { by: 'step', stepId: 'a' },
        actor: null,
      })
      .thenAnswer({ dispatched: 1, skipped: 0, failed: 0, completed: 0 })
      .after.when(report('s', 'a', { outcome: 'sent', receipt: 'r-1' }))
      .thenEvents(['StepSent', { stepId: 'a', attempt: 1, receipt: 'r-1' }])
      .thenAnswer({ outcome: 'recorded' })
  })

  it('STEP-4: what is in flight is not dispatched again', () => {
    one({ id: 'a' }).given(start('s'), dispatch()).when(dispatch()).thenNothing()
  })

  it('STEP-4: the handler says why it skips', () => {
    one({ id: 'a' }, { id: 'b' })
      .given(start('s'), dispatch())
      .when(report('s', 'a', { outcome: 'skipped', reason: 'unsubscribed' }))
      .thenEvents(['StepSkipped', { stepId: 'a', attempt: 1, reason: 'unsubscribed' }])
  })

  it('STEP-4: the key is the same for every attempt, another for each run, step and resend', () => {
    const story = one({ id: 'a' }, { id: 'b' })
      .given(start('s'), dispatch(), report('s', 'a', failed))
      .at('PT1M')
      .given(dispatch(), report('s', 'a', sent), resend('s', 'a'), dispatch(), report('s', 'b', sent), start('s'))
      .given(dispatch())
    const keys = story.events.flatMap((e) => (e.type === 'StepDispatched' ? [e.data.idempotencyKey] : []))
    expect(keys.slice(0, 2)).toEqual([key(0), key(0)])
    expect(keys).toContain(key(1))
    expect(keys).toContain(key(0, 2))
    expect(new Set(keys).size).toBe(keys.length - 1)
  })

  it('STEP-4: an outcome that says nothing new is stale', () => {
    const story = one({ id: 'a' }, { id: 'b' }).given(start('s'), dispatch())
    const done = story.given(report('s', 'a', sent))
    done.when(report('s', 'a', sent)).thenNothing({ outcome: 'stale' })
    done.when(report('s', 'a', failed)).thenNothing({ outcome: 'stale' })
    story.when(report('s', 'a', sent, { attempt: 2 })).thenNothing({ outcome: 'stale' })
    story.when(report('s', 'b', sent, { attempt: 1 })).thenNothing({ outcome: 'stale' })
    story.when(report('s', 'a', sent, { run: 2 })).thenNothing({ outcome: 'stale' })
    story.when(report('s', 'a', sent, { resend: 1 })).thenNothing({ outcome: 'stale' })
  })

  it('STEP-4: at most `limit` things are done, the rest is due at once', () => {
    const story = scenario({
      campaigns: [
        { id: 'c', goals: [], sequences: ['x', 'y', 'z'].map((id) => ({ id, steps: [{ id: 'a', kind: 'email' }] })) },
      ],
    }).given(start('x'), start('y'), start('z'))
    const { after } = story.when(dispatch({ limit: 2 })).thenEvents('StepDispatched', 'StepDispatched')
    expect(after.plan.due).toMatchObject([{ sequenceId: 'z' }])
  })

  it('STEP-7: one sequence’s failing step does not hold up another sequence', () => {
    const story = scenario({
      campaigns: [
        {
          id: 'c',
          goals: [],
          sequences: [
            { id: 'bad', steps: [{ id: 'a', kind: 'email', onFailure: 'hold', maxAttempts: 1 }] },
            { id: 'good', steps: [{ id: 'a', kind: 'email' }] },
          ],
        },
      ],
    }).given(start('bad'), start('good'), dispatch())
    const held = story.given(report('bad', 'a', failed))
    held.when(report('good', 'a', sent)).thenEvents('StepSent', 'SequenceCompleted')
  })
})

describe('failures', () => {
  it('STEP-5: a failure is tried again at the instant that the dispatcher names, and not before', () => {
    const { after } = one({ id: 'a' })
      .given(start('s'), dispatch())
      .when(report('s', 'a', failed, { retryAt: '2026-03-02T09:10:00.000Z' }))
      .thenEvents([
        'StepFailed',
        { attempt: 1, reason: 'smtp-451', consequence: 'retry', retryAt: '2026-03-02T09:10:00.000Z' },
      ])
    expect(after.plan).toMatchObject({ due: [], wakeAt: '2026-03-02T09:10:00.000Z' })
    after
      .at('2026-03-02T09:10:00.000Z')
      .when(dispatch())
      .thenEvents(['StepDispatched', { attempt: 2 }])
  })

  const exhausted = (onFailure?: StepDefinition['onFailure'], maxAttempts?: number) =>
    one(
      { id: 'a', ...(onFailure && { onFailure }), ...(maxAttempts && { maxAttempts }) },
      { id: 'b', timer: { after: 'P1D' } },
    )
      .given(start('s'))
      .passed('P9D', ({ stepId }) => (stepId === 'a' ? failed : sent))

  it('STEP-5: by default five attempts are made, then the run goes on', () => {
    const story = exhausted()
    expect(story.events.filter((e) => e.type === 'StepDispatched' && e.data.stepId === 'a')).toHaveLength(5)
    expect(story.events.flatMap((e) => (e.type === 'StepFailed' ? [e.data.consequence] : []))).toEqual([
      'retry',
      'retry',
      'retry',
      'retry',
      'continue',
    ])
    expect(stepsOf(story)).toEqual([
      ['a', 'failed'],
      ['b', 'sent'],
    ])
  })

  it('STEP-5: maxAttempts counts all attempts', () => {
    expect(exhausted('continue', 2).events.filter((e) => e.type === 'StepFailed')).toHaveLength(2)
    expect(exhausted('continue', 1).events.filter((e) => e.type === 'StepFailed')).toHaveLength(1)
  })

  it('STEP-5: a permanent failure is final at once', () => {
    one({ id: 'a' }, { id: 'b' })
      .given(start('s'), dispatch())
      .when(report('s', 'a', { ...failed, permanent: true }))
      .thenEvents(['StepFailed', { consequence: 'continue', retryAt: null }])
  })

  it('STEP-5: onFailure stop ends the run, and nothing that follows the sequence starts', () => {
    scenario({
      campaigns: [
        campaign({
          id: 'c',
          goals: [],
          sequences: [
            { id: 's', steps: [{ id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'stop' }], next: ['t'] },
            { id: 't', steps: [{ id: 'a', kind: 'email' }] },
          ],
        }),
      ],
    })
      .given(start('s'), dispatch())
      .when(report('s', 'a', failed))
      .thenEvents(['StepFailed', { consequence: 'stop' }], {
        type: 'SequenceStopped',
        data: { sequenceId: 's', run: 1 },
        cause: { by: 'step', stepId: 'a' },
      })
  })

  it('STEP-5: onFailure hold waits for an operator, however long', () => {
    const held = exhausted('hold', 2)
    expect(statusOf(held)).toBe('active')
    expect(stepsOf(held)).toEqual([['a', 'held']])
    expect(held.at('P400D').plan).toMatchObject({ due: [], wakeAt: null, upcoming: [{ stepId: 'a', status: 'held' }] })
  })
})

describe('workers that die', () => {
  it('STEP-6: the step is tried again with the same key, as the next attempt', () => {
    const before = one({ id: 'a' }).given(start('s'), dispatch())
    before.when(dispatch(lost)).thenEvents(['StepDispatched', { attempt: 2, resend: 0 }])
    const keys = before
      .given(dispatch(lost))
      .events.flatMap((e) => (e.type === 'StepDispatched' ? [e.data.idempotencyKey] : []))
    expect(keys[0]).toBe(keys[1])
  })

  it('STEP-6: a step that kills every worker comes to an end after its last attempt', () => {
    const story = one({ id: 'a', maxAttempts: 2, onFailure: 'stop' }).given(start('s'), dispatch(), dispatch(lost))
    story
      .when(dispatch(lost))
      .thenEvents(['StepFailed', { attempt: 2, reason: 'unknown-outcome', consequence: 'stop' }], 'SequenceStopped')
      .thenAnswer({ dispatched: 0, skipped: 0, failed: 1, completed: 0 })
  })

  it('STEP-6: a step with onUnknown hold is not tried again', () => {
    const { after } = one({ id: 'a', onUnknown: 'hold' }, { id: 'b' })
      .given(start('s'), dispatch())
      .when(dispatch(lost))
      .thenEvents(['StepFailed', { attempt: 1, reason: 'unknown-outcome', consequence: 'hold', retryAt: null }])
    expect(stepsOf(after)).toEqual([['a', 'held']])
    after.at('P1D').when(dispatch(lost)).thenNothing()
  })

  it('STEP-6: a worker that was given up may still report that it sent', () => {
    const retried = one({ id: 'a' }, { id: 'b' }).given(start('s'), dispatch(), dispatch(lost))
    retried.when(report('s', 'a', sent, { attempt: 1 })).thenEvents(['StepSent', { attempt: 1 }])
    const held = one({ id: 'a', onUnknown: 'hold' }, { id: 'b' }).given(start('s'), dispatch(), dispatch(lost))
    const { after } = held.when(report('s', 'a', sent)).thenEvents(['StepSent', { attempt: 1 }])
    after.when(dispatch()).thenEvents(['StepDispatched', { stepId: 'b' }])
  })

  it('STEP-6: no later outcome counts after a handler has failed for good', () => {
    const failedForGood = one({ id: 'a' }, { id: 'b' }).given(start('s'), dispatch())
    failedForGood
      .given(report('s', 'a', { ...failed, permanent: true }))
      .when(report('s', 'a', sent))
      .thenNothing({ outcome: 'stale' })
  })

  it('STEP-6: a handler that cannot tell whether it sent is as a worker that died', () => {
    const unsure = { ...failed, unknown: true }
    one({ id: 'a', onUnknown: 'hold' })
      .given(start('s'), dispatch())
      .when(report('s', 'a', unsure))
      .thenEvents(['StepFailed', { consequence: 'hold', retryAt: null }])
    one({ id: 'a' })
      .given(start('s'), dispatch())
      .when(report('s', 'a', unsure))
      .thenEvents(['StepFailed', { consequence: 'retry' }])
  })

  it('PAUSE-1: a worker that died while the run is paused is found after it', () => {
    const paused = one({ id: 'a', onUnknown: 'hold' }).given(start('s'), dispatch(), pause('s'))
    paused.when(dispatch(lost)).thenNothing()
    paused
      .given(resume('s'))
      .when(dispatch(lost))
      .thenEvents(['StepFailed', { reason: 'unknown-outcome' }])
  })

  it('STEP-6: a failure that a given-up worker reports does not count', () => {
    const retried = one({ id: 'a' }).given(start('s'), dispatch(), dispatch(lost))
    retried.when(report('s', 'a', failed, { attempt: 1 })).thenNothing({ outcome: 'stale' })
  })
})

describe('the end', () => {
  it('STEP-8: the last outcome and the end of the run are one append', () => {
    const last = one({ id: 'a' }).given(start('s'), dispatch())
    const outcomes = [sent, { ...failed, permanent: true }, { outcome: 'skipped', reason: 'unsubscribed' } as const]
    const types = ['StepSent', 'StepFailed', 'StepSkipped'] as const
    outcomes.forEach((outcome, i) => {
      last.when(report('s', 'a', outcome)).thenEvents(types[i] as 'StepSent', {
        type: 'SequenceCompleted',
        data: { sequenceId: 's', run: 1, waiting: false },
        cause: { by: 'step', stepId: 'a' },
      })
    })
  })

  it('STEP-8: a run does not end before its last step', () => {
    one({ id: 'a' }, { id: 'b' })
      .given(start('s'), dispatch())
      .when(report('s', 'a', sent))
      .thenEvents('StepSent')
  })

  it('STEP-8: a loop without a wait takes a turn at a time, and every turn ends', () => {
    const loop = scenario({
      campaigns: [
        { id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email', draft: true }], next: ['s'] }] },
      ],
    }).given(start('s'))
    const { after } = loop
      .when(dispatch({ limit: 1000 }))
      .thenEvents('StepSkipped', 'SequenceCompleted', ['SequenceStarted', { run: 2 }])
    after
      .when(dispatch({ limit: 1000 }))
      .thenEvents('StepSkipped', 'SequenceCompleted', ['SequenceStarted', { run: 3 }])
  })
})

describe('too late', () => {
  const offer = { id: 'a', timer: { after: 'P1D' }, expiresAfter: 'P2D' }

  it('STEP-9: up to the last instant it is sent', () => {
    one(offer).given(start('s')).at('P3D').when(dispatch()).thenEvents('StepDispatched')
  })

  it('STEP-9: a step that is begun later is skipped with reason late', () => {
    one(offer)
      .given(start('s'))
      .at('P3D')
      .at('PT0.001S')
      .when(dispatch())
      .thenEvents(
        ['StepSkipped', { attempt: 0, reason: 'late', timing: { dueAt: '2026-03-03T09:00:00.000Z' } }],
        'SequenceCompleted',
      )
  })

  it('STEP-9: a retry that comes too late is skipped, counted from when the step was due', () => {
    const retryAt = '2026-03-05T08:00:00.000Z'
    const failedOnce = one(offer)
      .given(start('s'))
      .at('P1D')
      .given(dispatch(), report('s', 'a', failed, { retryAt }))
    failedOnce
      .at('2026-03-05T09:00:00.000Z')
      .when(dispatch())
      .thenEvents(['StepDispatched', { attempt: 2 }])
    failedOnce
      .at('2026-03-05T09:00:00.001Z')
      .when(dispatch())
      .thenEvents(['StepSkipped', { attempt: 1, reason: 'late' }], 'SequenceCompleted')
  })

  it('STEP-9: a machine that was down for a month does not send a month of mail at once', () => {
    const daily = Array.from({ length: 5 }, (_, i) => ({ ...offer, id: `mail-${i}` }))
    const story = one(...daily)
      .given(start('s'))
      .at('P30D')
      .dispatched()
    expect(story.events.map((e) => e.type)).toEqual(['SequenceStarted', 'StepSkipped'])
  })

  it('STEP-9: a step without expiresAfter is sent however late', () => {
    one({ id: 'a' }).given(start('s')).at('P400D').when(dispatch()).thenEvents('StepDispatched')
  })
})

describe('what the directory no longer knows', () => {
  it('STEP-4: a step of a contact that the directory no longer knows is skipped, and the event says why', () => {
    one({ id: 'a' }, { id: 'b' })
      .given(start('s'))
      .facts(null)
      .when(dispatch())
      .thenEvents(
        ['StepSkipped', { stepId: 'a', reason: 'contact-unknown' }],
        ['StepSkipped', { stepId: 'b', reason: 'contact-unknown' }],
        'SequenceCompleted',
      )
  })
})

describe('versions', () => {
  const v = (...ids: readonly string[]) => ({
    id: 'c',
    goals: [],
    sequences: [{ id: 's', steps: ids.map((id) => ({ id, kind: 'email', timer: { after: 'P1D' } })) }],
  })

  it('VERSION-1: a run keeps the version that it started with, a new run has the new one', () => {
    const old = scenario({ campaigns: [v('a', 'b')] })
      .given(start('s'))
      .publish(v('x'))
    expect(old.passed('P9D').state.enrollments[0]?.runs[0]).toMatchObject({ campaignVersion: 1, status: 'completed' })
    expect(stepsOf(old.passed('P9D'))).toEqual([
      ['a', 'sent'],
      ['b', 'sent'],
    ])
    old
      .given(stop('s'))
      .when(start('s'))
      .thenEvents(['SequenceStarted', { run: 2, campaignVersion: 2 }])
  })

  it('VERSION-3: runs of an unpublished campaign go on', () => {
    const story = scenario({ campaigns: [v('a', 'b')] })
      .given(start('s'))
      .unpublish()
      .passed('P9D')
    expect(story.events.filter((e) => e.type === 'StepSent')).toHaveLength(2)
    expect(statusOf(story)).toBe('completed')
  })
})

describe('the log', () => {
  it('LOG-3: each event carries its command, its chain and its place', () => {
    const story = scenario({
      campaigns: [
        {
          id: 'c',
          goals: [{ id: 'g', when: { kind: 'k' }, next: ['s'] }],
          sequences: [
            { id: 's', steps: [{ id: 'a', kind: 'email' }], next: ['s2'] },
            { id: 's2', steps: [{ id: 'z', kind: 'email' }] },
          ],
        },
      ],
    })
      .given(signal('k', { signalId: 'sig', commandId: 'k-1', actor: 'anna' }))
      .at('PT1S')
      .dispatched()
    expect(story.events.map((e) => e.type)).toEqual([
      'GoalSatisfied',
      'SequenceStarted',
      'StepDispatched',
      'StepSent',
      'SequenceCompleted',
      'SequenceStarted',
      'StepDispatched',
      'StepSent',
      'SequenceCompleted',
    ])
    expect(story.events.map((e) => e.version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(new Set(story.events.map((e) => e.id)).size).toBe(9)
    for (const event of story.events) {
      expect(event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(event).toMatchObject({ schema: 1, correlationId: 'k-1' })
    }
    expect(story.events[0]).toMatchObject({ actor: 'anna', causationId: 'k-1', at: '2026-03-02T09:00:00.000Z' })
    // Each but the first is caused by an event that stands before it.
    story.events.slice(1).forEach((event, i) => {
      expect(story.events.slice(0, i + 1).map((e) => e.id)).toContain(event.causationId)
    })
    expect(story.events[5]?.causationId).toBe(story.events[4]?.id)
    expect(story.events[3]?.causationId).toBe(story.events[2]?.id)
  })

  it('LOG-3: the cause says the operator’s reason, the bulk action, and the chain that it belongs to', () => {
    const because = { reason: 'asked by phone', correlationId: 'ticket-7' }
    one({ id: 'a' })
      .when(start('s', because))
      .thenEvents({
        type: 'SequenceStarted',
        cause: { by: 'operator', reason: 'asked by phone' },
        correlationId: 'ticket-7',
      })
      .after.when(stop('s', { actionId: 'action-1', reason: 'clean-up' }))
      .thenEvents({ type: 'SequenceStopped', cause: { by: 'bulk', actionId: 'action-1', reason: 'clean-up' } })
  })

  it('LOG-3: the event id is a function of stream, command id and index alone', () => {
    const ids = (at: string) =>
      one({ id: 'a' })
        .at(at)
        .given(start('s', { commandId: 'k' }))
        .events.map((e) => e.id)
    expect(ids('P1D')).toEqual(ids('P2D'))
  })

  it('LOG-6: any string up to 200 characters is an id', () => {
    const hostile = [
      '__proto__',
      'constructor',
      'a/b',
      'ünï',
      '-dash',
      '😀'.repeat(100),
      '\u202eabc',
      '"\'\\',
      ' ',
      'x'.repeat(200),
    ]
    const definition = (id: string) => ({
      id,
      goals: [
        {
          id: `${id}`.slice(0, 190) === id ? `${id}-goal` : 'goal',
          when: { kind: 'k', match: { [id]: id } },
          next: [id],
        },
      ],
      sequences: [{ id, steps: hostile.map((stepId) => ({ id: stepId, kind: id })) }],
    })
    const story = scenario({ campaigns: hostile.map(definition), contactId: '__proto__' })
    for (const id of hostile) {
      const data = JSON.parse(`{${JSON.stringify(id)}:${JSON.stringify(id)}}`)
      const done = story
        .when(signal('k', { data }))
        .thenEvents(['GoalSatisfied', { campaignId: id }], ['SequenceStarted', { campaignId: id, sequenceId: id }])
        .after.dispatched()
      expect(stepsOf(done)).toEqual(hostile.map((stepId) => [stepId, 'sent']))
      expect(statusOf(done)).toBe('completed')
    }
  })
})
