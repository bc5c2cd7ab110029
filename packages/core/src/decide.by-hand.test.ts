import { campaign, idempotencyKeyOf } from '@enfold/core'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, resume, suppress, erase, resend, cancel, dispatch, report } = commands
const sent = { outcome: 'sent' } as const
const failed = { outcome: 'failed', reason: 'smtp-451' } as const
const lost = { inFlight: new Set<string>() }

const course = campaign({
  id: 'course',
  goals: [{ id: 'done', when: { kind: 'done' } }],
  sequences: [
    {
      id: 's',
      steps: [
        { id: 'a', kind: 'email' },
        { id: 'b', kind: 'email', timer: { after: 'P1D' } },
        { id: 'c', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['done'],
    },
    {
      id: 'careful',
      steps: [
        { id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'hold' },
        { id: 'b', kind: 'email', timer: { after: 'P1D' } },
      ],
    },
    { id: 'after', steps: [{ id: 'a', kind: 'email' }] },
    { id: 'before', steps: [{ id: 'a', kind: 'email', timer: { after: 'P1D' } }], next: ['after'] },
    {
      id: 'draft',
      steps: [
        { id: 'a', kind: 'email', draft: true },
        { id: 'b', kind: 'email', timer: { after: 'P1D' } },
      ],
    },
  ],
})

const story = scenario({ campaigns: [course] })
/** `a` is sent, `b` is due in a day. */
const underway = story.given(start('s')).dispatched()
const recordOf = (scene: Scenario, stepId: string) =>
  scene.state.enrollments[0]?.runs.at(-1)?.steps.find((step) => step.stepId === stepId)

describe('sending one step again', () => {
  it('RESEND-1: now, with a dispatch of its own, and due times do not move', () => {
    const { after } = underway
      .at('PT3H')
      .when(resend('s', 'a'))
      .thenEvents({
        type: 'StepResent',
        data: { sequenceId: 's', run: 1, stepId: 'a', resend: 1 },
        cause: { by: 'operator' },
      })
      .thenAnswer({ outcome: 'resent', run: 1, resend: 1 })
    expect(after.plan.upcoming).toEqual(underway.plan.upcoming)
    const dispatched = after
      .when(dispatch())
      .thenEvents(['StepDispatched', { stepId: 'a', resend: 1, attempt: 1, timing: null }]).after
    const done = dispatched.at('PT1H').given(report('s', 'a', sent, { resend: 1 }))
    expect(done.plan.upcoming).toEqual(underway.plan.upcoming)
    expect(recordOf(done, 'a')).toMatchObject({ status: 'sent', at: underway.now, resends: [{ status: 'sent' }] })
  })

  it('RESEND-1: a resend of the last step that was sent does not move what is counted from it', () => {
    const done = underway.at('PT3H').given(resend('s', 'a')).dispatched()
    expect(done.plan.wakeAt).toBe('2026-03-03T09:00:00.000Z')
  })

  it('RESEND-2: a step that was sent, failed or skipped', () => {
    const outcomes = [sent, { ...failed, permanent: true }, { outcome: 'skipped', reason: 'unsubscribed' } as const]
    for (const outcome of outcomes)
      story
        .given(start('s'), dispatch(), report('s', 'a', outcome))
        .when(resend('s', 'a'))
        .thenEvents('StepResent')
    story.given(start('draft'), dispatch()).when(resend('draft', 'a')).thenEvents('StepResent')
  })

  it('RESEND-2: a step is sent again in a run of any status', () => {
    const waiting = underway.passed('P5D')
    const all = [underway, underway.given(pause('s')), waiting, underway.given(stop('s')), waiting.given(stop('s'))]
    expect(all.map((scene) => scene.state.enrollments[0]?.runs[0]?.status)).toEqual([
      'active',
      'paused',
      'waiting',
      'stopped',
      'stopped',
    ])
    for (const scene of all) {
      const { after } = scene.when(resend('s', 'a')).thenEvents('StepResent')
      after
        .when(dispatch())
        .thenEvents(['StepDispatched', { stepId: 'a', resend: 1 }])
        .after.when(report('s', 'a', sent, { resend: 1 }))
        .thenEvents(['StepSent', { resend: 1 }])
    }
  })

  it('RESEND-2: a step is sent again in an older run, if that is named', () => {
    const second = underway.given(stop('s'), start('s'))
    second.when(resend('s', 'a')).thenRejected('StepNotReached', { run: 2, stepId: 'a' })
    second.when(resend('s', 'a', { run: 1 })).thenAnswer({ outcome: 'resent', run: 1, resend: 1 })
    second.when(resend('s', 'a', { run: 3 })).thenRejected('RunUnknown', { run: 3, newest: 2 })
  })

  it('RESEND-2: what was never dispatched, or is cancelled, was not reached', () => {
    underway.when(resend('s', 'b')).thenRejected('StepNotReached', { sequenceId: 's', run: 1, stepId: 'b' })
    underway.given(cancel('s', 'b')).when(resend('s', 'b')).thenRejected('StepNotReached', { stepId: 'b' })
  })

  it('RESEND-2: what is in flight', () => {
    story.given(start('s'), dispatch()).when(resend('s', 'a')).thenRejected('StepInFlight', { run: 1, stepId: 'a' })
    underway.given(resend('s', 'a'), dispatch()).when(resend('s', 'a')).thenRejected('StepInFlight', { stepId: 'a' })
  })

  it('RESEND-2: between two attempts the schedule itself sends the step again', () => {
    story
      .given(start('s'), dispatch(), report('s', 'a', failed))
      .when(resend('s', 'a'))
      .thenRejected('StepInFlight', { stepId: 'a' })
  })

  it('RESEND-2: a step that failed and whose retry fell with a stop can be sent again', () => {
    const stopped = story.given(start('s'), dispatch(), report('s', 'a', failed), stop('s'))
    const { after } = stopped.when(resend('s', 'a')).thenEvents('StepResent')
    after.when(dispatch()).thenEvents(['StepDispatched', { resend: 1 }])
  })

  it('RESEND-2: a resend is refused for a contact that is suppressed, erased or unknown, and for what does not exist', () => {
    underway.given(suppress()).when(resend('s', 'a')).thenRejected('ContactSuppressed')
    underway.given(erase()).when(resend('s', 'a')).thenRejected('ContactErased')
    underway.facts(null).when(resend('s', 'a')).thenRejected('ContactUnknown')
    underway
      .when(resend('s', 'x'))
      .thenRejected('StepUnknown', { stepId: 'x', campaignVersion: 1, known: ['a', 'b', 'c'] })
    underway.when(resend('careful', 'a')).thenRejected('EnrollmentNotActive', { run: 0, status: null })
    underway.when(resend('x', 'a')).thenRejected('SequenceUnknown', { sequenceId: 'x' })
    underway.when(resend('s', 'a', { campaignId: 'x' })).thenRejected('CampaignUnknown', { campaignId: 'x' })
  })

  it('RESEND-2: a ban that comes before the dispatch skips the resend', () => {
    underway
      .given(stop('s'), resend('s', 'a'), suppress())
      .when(dispatch())
      .thenEvents(['StepSkipped', { stepId: 'a', resend: 1, attempt: 0, reason: 'suppressed' }])
  })

  it('RESEND-3: resending twice sends twice, each with its number and key', () => {
    const twice = underway.given(resend('s', 'a')).dispatched().given(resend('s', 'a')).dispatched()
    const key = (resend: number) =>
      idempotencyKeyOf({ contactId: 'contact', campaignId: 'course', sequenceId: 's', run: 1, stepId: 'a', resend })
    expect(twice.events.flatMap((e) => (e.type === 'StepDispatched' ? [e.data.idempotencyKey] : []))).toEqual([
      key(0),
      key(1),
      key(2),
    ])
  })

  it('RESEND-3: the same command id twice sends once', () => {
    underway
      .given(resend('s', 'a', { commandId: 'k' }))
      .dispatched()
      .when(resend('s', 'a', { commandId: 'k' }))
      .thenNothing({ outcome: 'resent', run: 1, resend: 1 })
  })

  it('RESEND-3: a resend that fails is tried again with its own key, up to maxAttempts', () => {
    const story = underway.given(resend('s', 'a')).passed('PT1H', () => failed)
    expect(
      story.events.flatMap((e) =>
        e.type === 'StepFailed' ? [[e.data.resend, e.data.attempt, e.data.consequence]] : [],
      ),
    ).toEqual([
      [1, 1, 'retry'],
      [1, 2, 'retry'],
      [1, 3, 'retry'],
      [1, 4, 'retry'],
      [1, 5, 'continue'],
    ])
    expect(recordOf(story, 'a')?.status).toBe('sent')
  })

  it('RESEND-3: a resend in flight when its run ends by itself is tried again all the same', () => {
    const s = underway.at('P2D').dispatched().at('P1D').given(resend('s', 'a'), dispatch())
    s.given(report('s', 'c', sent))
      .when(report('s', 'a', failed, { resend: 1 }))
      .thenEvents(['StepFailed', { resend: 1, attempt: 1, consequence: 'retry' }])
  })

  it('RESEND-4: a held step that is sent again lets the run go on from there', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed)).at('P7D')
    expect(held.plan.wakeAt).toBeNull()
    const done = held.given(resend('careful', 'a')).dispatched()
    expect(done.plan).toMatchObject({ wakeAt: '2026-03-10T09:00:00.000Z', upcoming: [{ stepId: 'b' }] })
  })

  it('RESEND-4: sending it again without success leaves it held', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed), resend('careful', 'a'))
    const again = held.dispatched(() => failed)
    expect(again.plan).toMatchObject({ wakeAt: null, upcoming: [{ stepId: 'a', status: 'held' }] })
    again.when(resend('careful', 'a')).thenAnswer({ outcome: 'resent', run: 1, resend: 2 })
  })

  it('STEP-6: a resend whose worker died is tried again with the same key', () => {
    const { after } = underway
      .given(resend('s', 'a'), dispatch())
      .when(dispatch(lost))
      .thenEvents(['StepDispatched', { resend: 1, attempt: 2 }])
    const keys = after.events.flatMap((e) =>
      e.type === 'StepDispatched' && e.data.resend === 1 ? [e.data.idempotencyKey] : [],
    )
    expect(new Set(keys).size).toBe(1)
  })

  it('STEP-6: a resend whose worker died is tried again also when its run has ended by itself meanwhile', () => {
    const both = underway.at('P2D').dispatched().at('P1D').given(resend('s', 'a'), dispatch())
    const ended = both.given(report('s', 'c', sent))
    expect(ended.state.enrollments[0]?.runs[0]?.status).toBe('waiting')
    ended.when(dispatch(lost)).thenEvents(['StepDispatched', { resend: 1, attempt: 2 }])
  })

  it('STOP-4: a resend that was in flight when a ban began is not tried again', () => {
    const inFlight = underway.given(stop('s')).at('PT1S').given(resend('s', 'a'), dispatch())
    const banned = inFlight.at('PT1S').given(suppress())
    const final = { stepId: 'a', resend: 1, consequence: 'continue', retryAt: null } as const
    banned.when(report('s', 'a', failed, { resend: 1 })).thenEvents(['StepFailed', final])
    banned.when(dispatch(lost)).thenEvents(['StepFailed', { ...final, reason: 'unknown-outcome' }])
  })

  it('ERASE-1: a resend that was in flight at the erasure is recorded, and not tried again', () => {
    underway
      .given(stop('s'))
      .at('PT1S')
      .given(resend('s', 'a'), dispatch(), erase())
      .when(report('s', 'a', failed, { resend: 1 }))
      .thenEvents(['StepFailed', { resend: 1, consequence: 'continue', retryAt: null }])
  })

  it('RESEND-1: a resend takes nothing off a wait that a pause made longer', () => {
    const shifted = underway
      .given(pause('s'))
      .at('P5D')
      .given(resume('s', { shift: true }))
    expect(shifted.plan.wakeAt).toBe('2026-03-08T09:00:00.000Z')
    const done = shifted.given(resend('s', 'a')).dispatched()
    expect(done.plan.upcoming).toMatchObject([{ stepId: 'b', dueAt: '2026-03-08T09:00:00.000Z' }])
  })

  it('RESEND-4: what a pause added while the step was held is not added to the wait after it', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed), pause('careful'))
    const resumed = held.at('P3D').given(resume('careful', { shift: true }))
    const done = resumed.given(resend('careful', 'a')).dispatched()
    expect(done.plan.wakeAt).toBe('2026-03-06T09:00:00.000Z')
  })

  it('STOP-6: a resend that was in flight at the stop is recorded, and not tried again', () => {
    const stopped = underway.given(resend('s', 'a'), dispatch()).at('PT1S').given(stop('s'))
    stopped
      .when(report('s', 'a', failed, { resend: 1 }))
      .thenEvents(['StepFailed', { resend: 1, consequence: 'continue', retryAt: null }])
    stopped.when(dispatch(lost)).thenEvents(['StepFailed', { resend: 1, reason: 'unknown-outcome' }])
  })
})

describe('cancelling one step', () => {
  it('CANCEL-1: a cancelled step is taken out, and later steps keep their due times', () => {
    const { after } = underway
      .at('PT3H')
      .when(cancel('s', 'b'))
      .thenEvents({ type: 'StepCancelled', data: { sequenceId: 's', run: 1, stepId: 'b' }, cause: { by: 'operator' } })
      .thenAnswer({ outcome: 'cancelled', run: 1 })
    expect(after.plan).toMatchObject({ wakeAt: '2026-03-04T09:00:00.000Z', upcoming: [{ stepId: 'c' }] })
    const sentSteps = after.passed('P9D').events.flatMap((e) => (e.type === 'StepSent' ? [e.data.stepId] : []))
    expect(sentSteps).toEqual(['a', 'c'])
  })

  it('CANCEL-1: a step that does not stand next can be cancelled, too', () => {
    const { after } = underway.when(cancel('s', 'c')).thenEvents('StepCancelled')
    expect(after.plan.upcoming).toMatchObject([{ stepId: 'b', dueAt: '2026-03-03T09:00:00.000Z' }])
  })

  it('CANCEL-1: a run whose last step is cancelled ends when that step would have been due', () => {
    const { after } = underway.given(cancel('s', 'b')).when(cancel('s', 'c')).thenEvents('StepCancelled')
    expect(after.plan).toMatchObject({ due: [], wakeAt: '2026-03-04T09:00:00.000Z', upcoming: [] })
    after.at('2026-03-04T08:59:59.999Z').when(dispatch()).thenNothing()
    after
      .at('2026-03-04T09:00:00.000Z')
      .when(dispatch())
      .thenEvents(['SequenceCompleted', { waiting: true }])
      .thenAnswer({ dispatched: 0, skipped: 0, failed: 0, completed: 1 })
  })

  it('CANCEL-1: if the last step is cancelled, what follows the sequence starts when it would have been due', () => {
    const cancelled = story.given(start('before')).at('PT1H').given(cancel('before', 'a'))
    cancelled
      .at('2026-03-03T09:00:00.000Z')
      .when(dispatch())
      .thenEvents(
        'SequenceCompleted',
        ['SequenceStarted', { sequenceId: 'after' }],
        ['StepDispatched', { sequenceId: 'after' }],
      )
  })

  it('CANCEL-1: a held step that is cancelled lets the run go on, counted from when it was due', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed)).at('PT5H')
    const { after } = held.when(cancel('careful', 'a')).thenEvents('StepCancelled')
    expect(after.plan.wakeAt).toBe('2026-03-03T09:00:00.000Z')
  })

  it('CANCEL-1: a held step was due when it was, with the pause that had shifted it', () => {
    const twice = scenario({
      campaigns: [
        {
          id: 'x',
          goals: [],
          sequences: [
            {
              id: 's',
              steps: [
                { id: 'a', kind: 'email', timer: { after: 'P1D' }, maxAttempts: 1, onFailure: 'hold' },
                { id: 'b', kind: 'email', timer: { after: 'P1D' } },
              ],
            },
          ],
        },
      ],
    })
    const shifted = twice
      .given(start('s'), pause('s'))
      .at('P10D')
      .given(resume('s', { shift: true }))
    expect(shifted.plan.wakeAt).toBe('2026-03-13T09:00:00.000Z')
    const held = shifted.at('P1D').given(dispatch(), report('s', 'a', failed))
    expect(held.given(cancel('s', 'a')).plan.wakeAt).toBe('2026-03-14T09:00:00.000Z')
    const pausedAgain = held
      .given(pause('s'))
      .at('P1D')
      .given(resume('s', { shift: true }), cancel('s', 'a'))
    expect(pausedAgain.plan.wakeAt).toBe('2026-03-15T09:00:00.000Z')
  })

  it('CANCEL-2: cancelling again returns already_cancelled', () => {
    underway.given(cancel('s', 'b')).when(cancel('s', 'b')).thenNothing({ outcome: 'already_cancelled', run: 1 })
  })

  it('CANCEL-2: what was sent, skipped or failed for good', () => {
    underway.when(cancel('s', 'a')).thenRejected('StepAlreadySent', { run: 1, stepId: 'a' })
    const inFlight = story.given(start('s'), dispatch())
    inFlight
      .given(report('s', 'a', { ...failed, permanent: true }))
      .when(cancel('s', 'a'))
      .thenRejected('StepAlreadyResolved', { status: 'failed' })
    inFlight
      .given(report('s', 'a', { outcome: 'skipped', reason: 'unsubscribed' }))
      .when(cancel('s', 'a'))
      .thenRejected('StepAlreadyResolved', { status: 'skipped' })
  })

  it('CANCEL-2: what is in flight', () => {
    story.given(start('s'), dispatch()).when(cancel('s', 'a')).thenRejected('StepInFlight', { run: 1, stepId: 'a' })
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed))
    held.given(resend('careful', 'a'), dispatch()).when(cancel('careful', 'a')).thenRejected('StepInFlight')
  })

  it('CANCEL-2: a contact that is not in the sequence is refused', () => {
    story.when(cancel('s', 'b')).thenRejected('EnrollmentNotActive', { run: 0, status: null })
    underway.given(stop('s')).when(cancel('s', 'b')).thenRejected('EnrollmentNotActive', { run: 1, status: 'stopped' })
    underway
      .given(stop('s'), start('s'))
      .when(cancel('s', 'b', { run: 1 }))
      .thenRejected('EnrollmentNotActive', { run: 1 })
    underway.when(cancel('x', 'b')).thenRejected('SequenceUnknown')
    underway.when(cancel('s', 'b', { run: 2 })).thenRejected('RunUnknown', { run: 2, newest: 1 })
  })

  it('CANCEL-2: a step that the run’s version does not have', () => {
    underway.when(cancel('s', 'x')).thenRejected('StepUnknown', { stepId: 'x', campaignVersion: 1 })
    const renamed = { ...course, sequences: [{ id: 's', steps: [{ id: 'x', kind: 'email' }], next: [] }], goals: [] }
    underway.publish(renamed).when(cancel('s', 'x')).thenRejected('StepUnknown', { campaignVersion: 1 })
    underway.publish(renamed).when(cancel('s', 'b')).thenEvents('StepCancelled')
  })

  it('CANCEL-3: a new run has the step again', () => {
    const again = underway.given(cancel('s', 'b'), stop('s'), start('s')).dispatched()
    expect(again.plan.upcoming).toMatchObject([{ run: 2, stepId: 'b' }])
  })

  it('CANCEL-1: the step of a paused run can be cancelled', () => {
    const { after } = underway.given(pause('s')).when(cancel('s', 'b')).thenEvents('StepCancelled')
    expect(after.given(resume('s')).plan.upcoming).toMatchObject([{ stepId: 'c' }])
  })

  it('CANCEL-1: a resend of a held step that was ordered before falls with the step', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed))
    const after = held.given(resend('careful', 'a'), cancel('careful', 'a'))
    expect(recordOf(after, 'a')?.resends).toMatchObject([{ resend: 1, status: 'cancelled' }])
    after.when(dispatch()).thenNothing()
  })

  it('PAUSE-1: the wait of a cancelled last step ends no paused run; resuming does', () => {
    const waiting = story.given(start('before'), cancel('before', 'a'), pause('before'))
    const { after } = waiting.at('P2D').when(dispatch()).thenNothing()
    after.given(resume('before')).when(dispatch()).thenEvents('SequenceCompleted', 'SequenceStarted', 'StepDispatched')
  })
})

describe('late news of a step that was given up', () => {
  it('STEP-1: late news of a step sets the record right and moves nothing that is counted from it', () => {
    const once = campaign({
      id: 'once',
      goals: [],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'a', kind: 'email', maxAttempts: 1 },
            { id: 'b', kind: 'email', timer: { after: 'P1D' } },
          ],
        },
      ],
    })
    const givenUp = scenario({ campaigns: [once] })
      .given(start('s'), dispatch())
      .at('PT1H')
      .given(dispatch(lost))
    expect(recordOf(givenUp, 'a')).toMatchObject({ status: 'failed', reason: 'unknown-outcome' })
    const { after } = givenUp
      .at('PT2H')
      .when(report('s', 'a', sent))
      .thenEvents('StepSent')
    expect(recordOf(after, 'a')).toMatchObject({ status: 'sent', reason: null })
    expect(after.plan.upcoming).toEqual(givenUp.plan.upcoming)
  })
})
