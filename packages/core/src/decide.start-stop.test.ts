import { campaign, createCatalog, decideOnce, fold, initialContact, instantOf, isLeft } from '@enfold/core'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, restart, stopAll, suppress, unsuppress, erase, signal, resend, cancel, pause, resume, report } =
  commands

const pool = campaign({
  id: 'pool',
  goals: [
    { id: 'asked', when: { kind: 'form-submitted' }, next: ['nurture'] },
    { id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] },
  ],
  sequences: [
    {
      id: 'nurture',
      steps: [
        { id: 'one', kind: 'email' },
        { id: 'two', kind: 'email', timer: { after: 'P1D' } },
      ],
      next: ['bought'],
    },
    { id: 'onboarding', steps: [{ id: 'hello', kind: 'email' }], next: ['care'] },
    { id: 'care', steps: [{ id: 'call', kind: 'task', timer: { after: 'P30D' } }] },
  ],
})
const garden = campaign({
  id: 'garden',
  goals: [],
  sequences: [{ id: 'nurture', steps: [{ id: 'seed', kind: 'email', timer: { after: 'P1D' } }] }],
})

const story = scenario({ campaigns: [pool, garden] })
const gardenNurture = { campaignId: 'garden' }

describe('starting by hand', () => {
  it('START-1: a start opens run 1 at the first step', () => {
    const { after } = story
      .when(start('nurture'))
      .thenEvents(['SequenceStarted', { campaignId: 'pool', sequenceId: 'nurture', run: 1, campaignVersion: 1 }])
      .thenAnswer({ outcome: 'started', run: 1 })
    expect(after.plan.due).toMatchObject([{ action: 'dispatch', stepId: 'one', run: 1, dueAt: story.now }])
  })

  it('START-1: a contact that had some of the sequence before has all of it again', () => {
    const { after } = story
      .given(start('nurture'))
      .dispatched()
      .given(stop('nurture'))
      .when(start('nurture'))
      .thenAnswer({ outcome: 'started', run: 2 })
    expect(after.plan.due).toMatchObject([{ action: 'dispatch', stepId: 'one', run: 2 }])
  })

  it('START-2: starting an active sequence changes nothing', () => {
    const before = story.given(start('nurture')).dispatched().at('PT5H')
    const { after } = before.when(start('nurture')).thenNothing({ outcome: 'already_active', run: 1 })
    expect(after.state).toEqual(before.state)
    expect(after.plan.upcoming).toMatchObject([{ stepId: 'two', dueAt: '2026-03-03T09:00:00.000Z' }])
  })

  it('START-2: starting a paused sequence changes nothing', () => {
    story
      .given(start('nurture'), pause('nurture'))
      .when(start('nurture'))
      .thenNothing({ outcome: 'already_active', run: 1 })
  })

  it('START-3: a restart stops and starts in one append', () => {
    story
      .given(start('nurture'))
      .when(restart('nurture'))
      .thenEvents(['SequenceStopped', { run: 1 }], ['SequenceStarted', { run: 2 }])
      .thenAnswer({ outcome: 'restarted', run: 2 })
  })

  it('START-3: a restart of what does not run is a start', () => {
    story
      .when(restart('nurture'))
      .thenEvents(['SequenceStarted', { run: 1 }])
      .thenAnswer({ outcome: 'started', run: 1 })
  })

  it('START-3: a restart of a waiting run stops it, too', () => {
    story
      .given(start('nurture'))
      .passed('P1D')
      .when(restart('nurture'))
      .thenEvents(['SequenceStopped', { run: 1 }], ['SequenceStarted', { run: 2 }])
      .thenAnswer({ outcome: 'restarted', run: 2 })
  })

  it('START-3: a restart that cannot start does not stop either', () => {
    story.given(start('nurture')).unpublish().when(restart('nurture')).thenRejected('CampaignNotPublished')
  })

  it('START-4: a start of a stopped enrollment opens the next run', () => {
    story
      .given(start('nurture'), stop('nurture'))
      .when(start('nurture'))
      .thenEvents(['SequenceStarted', { run: 2 }])
  })

  it('START-4: a start of a completed enrollment opens the next run', () => {
    story
      .given(start('care'))
      .passed('P30D')
      .when(start('care'))
      .thenEvents(['SequenceStarted', { run: 2 }])
  })

  it('START-4: a start of a waiting enrollment opens the next run, and the old one waits no more', () => {
    const waiting = story.given(start('nurture')).passed('P1D')
    expect(waiting.state.enrollments[0]?.runs[0]?.status).toBe('waiting')
    const { after } = waiting.when(start('nurture')).thenEvents(['SequenceStarted', { run: 2 }])
    expect(after.state.enrollments[0]?.runs.map((run) => run.status)).toEqual(['completed', 'active'])
  })

  it('START-5: a start by hand satisfies no goal and stops nothing else', () => {
    const { after } = story
      .given(start('nurture'))
      .when(start('onboarding'))
      .thenEvents({
        type: 'SequenceStarted',
        data: { sequenceId: 'onboarding' },
        cause: { by: 'operator' },
      })
    expect(after.state.enrollments[0]?.runs[0]?.status).toBe('active')
  })

  it('START-6: an unknown campaign', () => {
    story
      .when(start('nurture', { campaignId: 'lake' }))
      .thenRejected('CampaignUnknown', { campaignId: 'lake', known: ['garden', 'pool'] })
  })

  it('START-6: a campaign that is not published', () => {
    story.unpublish().when(start('nurture')).thenRejected('CampaignNotPublished', { campaignId: 'pool' })
  })

  it('START-6: an unknown sequence; a goal is none', () => {
    story.when(start('nowhere')).thenRejected('SequenceUnknown', { campaignId: 'pool', sequenceId: 'nowhere' })
    story.when(start('asked')).thenRejected('SequenceUnknown', { sequenceId: 'asked' })
    story.when(start('__proto__')).thenRejected('SequenceUnknown', { sequenceId: '__proto__' })
  })

  it('START-6: a start of a contact that the directory does not know is rejected', () => {
    for (const command of [start('nurture'), restart('nurture')])
      story.facts(null).when(command).thenRejected('ContactUnknown', { contactId: 'contact' })
  })

  it('START-6: a suppressed contact', () => {
    for (const command of [start('nurture'), restart('nurture')])
      story.given(suppress()).when(command).thenRejected('ContactSuppressed', { contactId: 'contact', until: null })
  })

  it('START-6: an erased contact', () => {
    for (const command of [start('nurture'), restart('nurture')])
      story.given(erase()).when(command).thenRejected('ContactErased', { contactId: 'contact' })
  })
})

describe('stopping by hand', () => {
  it('STOP-1: no step of a stopped run is dispatched, and nothing that follows the sequence starts', () => {
    const { after } = story
      .given(start('onboarding'))
      .when(stop('onboarding'))
      .thenEvents({
        type: 'SequenceStopped',
        data: { campaignId: 'pool', sequenceId: 'onboarding', run: 1 },
        cause: { by: 'operator' },
        actor: 'operator',
      })
      .thenAnswer({ outcome: 'stopped', run: 1 })
    expect(after.plan).toEqual({ due: [], upcoming: [], wakeAt: null, lane: null })
    expect(after.passed('P400D').events.map((event) => event.type)).toEqual(['SequenceStarted', 'SequenceStopped'])
  })

  it('STOP-2: other sequences go on untouched, also those of the same name in another campaign', () => {
    const before = story.given(start('nurture'), start('care'), start('nurture', gardenNurture))
    const { after } = before.when(stop('nurture')).thenEvents('SequenceStopped')
    expect(after.plan.upcoming).toEqual(before.plan.upcoming.filter((step) => step.stepId !== 'one'))
    expect(after.plan.upcoming).toHaveLength(2)
  })

  it('STOP-3: stopAll stops each run in progress or waiting, in one append', () => {
    story
      .given(start('nurture'))
      .passed('P1D')
      .given(start('care'), start('nurture', gardenNurture), pause('nurture', gardenNurture), start('onboarding'))
      .given(stop('onboarding'))
      .when(stopAll())
      .thenEvents(
        ['SequenceStopped', { campaignId: 'pool', sequenceId: 'nurture' }],
        ['SequenceStopped', { campaignId: 'pool', sequenceId: 'care' }],
        ['SequenceStopped', { campaignId: 'garden', sequenceId: 'nurture' }],
      )
      .thenAnswer({
        outcome: 'stopped',
        stopped: [
          { campaignId: 'pool', sequenceId: 'nurture', run: 1 },
          { campaignId: 'pool', sequenceId: 'care', run: 1 },
          { campaignId: 'garden', sequenceId: 'nurture', run: 1 },
        ],
      })
  })

  it('STOP-3: stopAll of a contact without runs changes nothing', () => {
    story.given(start('care'), stop('care')).when(stopAll()).thenNothing({ outcome: 'not_active', stopped: [] })
  })

  it('STOP-4: a stop is no ban: a goal starts its sequences again', () => {
    story
      .given(start('nurture'), stop('nurture'))
      .when(signal('form-submitted'))
      .thenEvents('GoalSatisfied', ['SequenceStarted', { sequenceId: 'nurture', run: 2 }])
  })

  it('STOP-4: suppressing stops runs in progress and waiting in the same append', () => {
    story
      .given(start('nurture'))
      .passed('P1D')
      .given(start('care'))
      .when(suppress())
      .thenEvents(
        ['ContactSuppressed', { until: null }],
        ['SequenceStopped', { sequenceId: 'nurture' }],
        ['SequenceStopped', { sequenceId: 'care' }],
      )
      .thenAnswer({
        outcome: 'suppressed',
        stopped: [
          { campaignId: 'pool', sequenceId: 'nurture', run: 1 },
          { campaignId: 'pool', sequenceId: 'care', run: 1 },
        ],
      })
  })

  it('STOP-4: no goal starts anything for a suppressed contact, and the answer says so', () => {
    story
      .given(suppress())
      .when(signal('form-submitted'))
      .thenNothing({
        goals: [{ campaignId: 'pool', goalId: 'asked', outcome: 'suppressed', stopped: [], started: [] }],
      })
  })

  it('STOP-4: a step in flight when the ban began starts no sequence when it is done', () => {
    const inFlight = story.given(start('onboarding'), commands.dispatch(), suppress())
    inFlight.when(report('onboarding', 'hello', { outcome: 'sent' })).thenEvents('StepSent')
  })

  it('STOP-4: a ban with an end ends by itself, at that very instant', () => {
    const until = '2026-03-09T09:00:00.000Z'
    const banned = story.given(suppress({ until }))
    banned.at('2026-03-09T08:59:59.999Z').when(start('nurture')).thenRejected('ContactSuppressed', { until })
    banned.at(until).when(start('nurture')).thenEvents('SequenceStarted')
    banned.at(until).when(unsuppress()).thenNothing({ outcome: 'not_suppressed' })
  })

  it('STOP-4: a ban is lifted by hand', () => {
    story
      .given(suppress())
      .when(unsuppress())
      .thenEvents('ContactUnsuppressed')
      .thenAnswer({ outcome: 'unsuppressed' })
      .after.when(start('nurture'))
      .thenEvents('SequenceStarted')
    story.when(unsuppress()).thenNothing({ outcome: 'not_suppressed' })
  })

  it('STOP-4: the same ban again changes nothing; another end replaces it', () => {
    const until = '2026-03-09T09:00:00.000Z'
    const banned = story.given(suppress({ until }))
    banned.when(suppress({ until })).thenNothing({ outcome: 'already_suppressed', stopped: [] })
    banned
      .when(suppress())
      .thenEvents(['ContactSuppressed', { until: null }])
      .after.at('P30D')
      .when(start('nurture'))
      .thenRejected('ContactSuppressed')
  })

  it('STOP-5: a waiting run can be stopped', () => {
    story
      .given(start('nurture'))
      .passed('P1D')
      .when(stop('nurture'))
      .thenEvents(['SequenceStopped', { run: 1 }])
      .thenAnswer({ outcome: 'stopped', run: 1 })
  })

  it('STOP-5: stopping a run that is over, or never began, returns not_active', () => {
    story.given(start('care')).passed('P30D').when(stop('care')).thenNothing({ outcome: 'not_active', run: 1 })
    story.given(start('care'), stop('care')).when(stop('care')).thenNothing({ outcome: 'not_active', run: 1 })
    story.when(stop('care')).thenNothing({ outcome: 'not_active', run: 0 })
  })

  it('STOP-5: stopping what no version of the campaign has is refused', () => {
    story.when(stop('nowhere')).thenRejected('SequenceUnknown')
    story.when(stop('care', { campaignId: 'lake' })).thenRejected('CampaignUnknown')
  })

  it('STOP-6: what was in flight at the stop is recorded, and nothing follows from it', () => {
    const stopped = story.given(start('onboarding'), commands.dispatch(), stop('onboarding'))
    const { after } = stopped
      .when(report('onboarding', 'hello', { outcome: 'sent', receipt: 'r-1' }))
      .thenEvents(['StepSent', { stepId: 'hello', attempt: 1, receipt: 'r-1' }])
      .thenAnswer({ outcome: 'recorded' })
    expect(after.plan).toEqual({ due: [], upcoming: [], wakeAt: null, lane: null })
  })

  it('STOP-6: what failed in flight is recorded, and not tried again', () => {
    const stopped = story.given(start('onboarding'), commands.dispatch(), stop('onboarding'))
    const { after } = stopped
      .when(report('onboarding', 'hello', { outcome: 'failed', reason: 'refused' }))
      .thenEvents(['StepFailed', { consequence: 'continue', retryAt: null }])
    expect(after.plan.wakeAt).toBeNull()
  })

  it('STOP-6: a step that waits for its retry is not tried again after the stop', () => {
    const { after } = story
      .given(start('onboarding'), commands.dispatch())
      .given(report('onboarding', 'hello', { outcome: 'failed', reason: 'refused' }))
      .when(stop('onboarding'))
    expect(after.plan).toEqual({ due: [], upcoming: [], wakeAt: null, lane: null })
    after.at('P1D').when(commands.dispatch()).thenNothing()
  })

  it('STOP-6: a worker that died before the stop leaves an unknown outcome, not another dispatch', () => {
    story
      .given(start('onboarding'), commands.dispatch(), stop('onboarding'))
      .when(commands.dispatch({ inFlight: new Set() }))
      .thenEvents(['StepFailed', { stepId: 'hello', reason: 'unknown-outcome', consequence: 'continue' }])
  })

  it('STOP-6: a resend that was ordered before the stop and not begun falls with it', () => {
    const { after } = story
      .given(start('nurture'))
      .dispatched()
      .given(resend('nurture', 'one'))
      .when(stop('nurture'))
      .thenEvents('SequenceStopped')
    expect(after.plan.due).toEqual([])
    after.when(commands.dispatch()).thenNothing()
  })

  it('STOP-6: a run that its own failing step stops dispatches nothing more in the same append', () => {
    const fragile = campaign({
      id: 'fragile',
      goals: [],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'one', kind: 'email' },
            { id: 'two', kind: 'email', maxAttempts: 1, onFailure: 'stop' },
          ],
        },
      ],
    })
    const { after } = scenario({ campaigns: [fragile] })
      .given(start('s'), commands.dispatch(), report('s', 'one', { outcome: 'sent' }), commands.dispatch())
      .at('PT1H')
      .given(resend('s', 'one'))
      .when(commands.dispatch({ inFlight: new Set() }))
      .thenEvents(['StepFailed', { stepId: 'two', consequence: 'stop' }], ['SequenceStopped', { run: 1 }])
    after.when(commands.dispatch()).thenNothing()
  })
})

describe('pausing by hand', () => {
  const paused = story.given(start('nurture')).dispatched().at('PT6H').given(pause('nurture'))

  it('PAUSE-1: a paused run dispatches nothing, however long it is paused', () => {
    expect(paused.at('P30D').plan).toMatchObject({ due: [], wakeAt: null, upcoming: [{ stepId: 'two', paused: true }] })
    paused.at('P30D').when(commands.dispatch()).thenNothing()
  })

  it('PAUSE-1: a failed step is not tried again while paused', () => {
    const failed = story
      .given(start('nurture'), commands.dispatch())
      .given(report('nurture', 'one', { outcome: 'failed', reason: 'refused' }), pause('nurture'))
    failed.at('P1D').when(commands.dispatch()).thenNothing()
    failed
      .at('P1D')
      .given(resume('nurture'))
      .when(commands.dispatch())
      .thenEvents(['StepDispatched', { attempt: 2 }])
  })

  it('PAUSE-1: stops and goals still apply to a paused run, and a start returns already_active', () => {
    paused.when(stop('nurture')).thenEvents(['SequenceStopped', { run: 1 }])
    paused
      .when(signal('purchased'))
      .thenEvents('GoalSatisfied', ['SequenceStopped', { sequenceId: 'nurture' }], 'SequenceStarted')
    paused.when(start('nurture')).thenNothing({ outcome: 'already_active', run: 1 })
  })

  it('PAUSE-1: the outcome of what was in flight is recorded while paused', () => {
    story
      .given(start('nurture'), commands.dispatch(), pause('nurture'))
      .when(report('nurture', 'one', { outcome: 'sent' }))
      .thenEvents('StepSent')
  })

  it('PAUSE-2: resuming keeps due times as they were', () => {
    const { after } = paused
      .at('PT6H')
      .when(resume('nurture'))
      .thenEvents(['SequenceResumed', { shiftMs: 0 }])
    expect(after.plan.wakeAt).toBe('2026-03-03T09:00:00.000Z')
  })

  it('PAUSE-2: what fell due meanwhile is due now', () => {
    const { after } = paused.at('P3D').when(resume('nurture')).thenAnswer({ outcome: 'resumed', run: 1 })
    expect(after.plan.due).toMatchObject([{ action: 'dispatch', stepId: 'two', dueAt: '2026-03-03T09:00:00.000Z' }])
  })

  it('PAUSE-2: what expired meanwhile is skipped as late', () => {
    const urgent = campaign({
      id: 'urgent',
      goals: [],
      sequences: [{ id: 's', steps: [{ id: 'offer', kind: 'email', timer: { after: 'P1D' }, expiresAfter: 'P2D' }] }],
    })
    const resumed = scenario({ campaigns: [urgent] })
      .given(start('s'), pause('s'))
      .at('P4D')
      .given(resume('s'))
    resumed.when(commands.dispatch()).thenEvents(['StepSkipped', { reason: 'late' }], 'SequenceCompleted')
  })

  it('PAUSE-2: resuming with shift makes the remaining wait longer by the pause, and the event says so', () => {
    const { after } = paused
      .at('P3D')
      .when(resume('nurture', { shift: true }))
      .thenEvents(['SequenceResumed', { shiftMs: 3 * 86_400_000 }])
    expect(after.plan.wakeAt).toBe('2026-03-06T09:00:00.000Z')
  })

  it('PAUSE-2: two shifting pauses of one wait add up; a plain one between them does not', () => {
    const after = paused
      .at('P1D')
      .given(resume('nurture', { shift: true }), pause('nurture'))
      .at('PT1H')
      .given(resume('nurture'), pause('nurture'))
      .at('PT2H')
      .given(resume('nurture', { shift: true }))
    expect(after.plan.wakeAt).toBe('2026-03-04T11:00:00.000Z')
  })

  it('PAUSE-2: the wait after a step in flight when the pause began grows only from its outcome on', () => {
    const resumed = story
      .given(start('nurture'), commands.dispatch(), pause('nurture'))
      .at('PT1H')
      .given(report('nurture', 'one', { outcome: 'sent' }))
      .at('PT2H')
      .when(resume('nurture', { shift: true }))
      .thenEvents(['SequenceResumed', { shiftMs: 2 * 3_600_000 }]).after
    expect(resumed.plan.wakeAt).toBe('2026-03-03T12:00:00.000Z')
  })

  it('PAUSE-2: cancelling a step during the pause takes nothing off the shift', () => {
    const { after } = paused
      .at('P1D')
      .given(cancel('nurture', 'two'))
      .at('P1D')
      .when(resume('nurture', { shift: true }))
      .thenEvents(['SequenceResumed', { shiftMs: 2 * 86_400_000 }])
    expect(after.plan.wakeAt).toBe('2026-03-05T09:00:00.000Z')
  })

  it('PAUSE-2: a shift is over once the step that waited is resolved', () => {
    const later = campaign({
      id: 'later',
      goals: [],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'one', kind: 'email', timer: { after: 'P1D' } },
            { id: 'two', kind: 'email', timer: { after: 'P1D' } },
          ],
        },
      ],
    })
    const story = scenario({ campaigns: [later] })
      .given(start('s'), pause('s'))
      .at('P10D')
    const resumed = story.given(resume('s', { shift: true })).passed('P1D')
    expect(resumed.plan.wakeAt).toBe(instantOf(Date.parse('2026-03-02T09:00:00Z') + 12 * 86_400_000))
  })

  it('PAUSE-3: pausing twice returns already_paused, resuming a running run not_paused', () => {
    paused.when(pause('nurture')).thenNothing({ outcome: 'already_paused', run: 1 })
    story.given(start('nurture')).when(resume('nurture')).thenNothing({ outcome: 'not_paused', run: 1 })
  })

  it('PAUSE-3: ids that were never published are named, with the nearest; those of an unpublished campaign are known', () => {
    for (const order of [pause, resume]) {
      const known = ['nurture', 'onboarding', 'care']
      story.when(order('nurtur')).thenRejected('SequenceUnknown', { campaignId: 'pool', sequenceId: 'nurtur', known })
      story.when(order('nurture', { campaignId: 'poo' })).thenRejected('CampaignUnknown', { known: ['pool', 'garden'] })
      story.unpublish().when(order('nurture')).thenRejected('EnrollmentNotActive', { run: 0, status: null })
    }
  })

  it('PAUSE-3: a run that is not in progress is refused', () => {
    const waiting = story.given(start('nurture')).passed('P1D')
    for (const command of [pause('nurture'), resume('nurture')]) {
      story.when(command).thenRejected('EnrollmentNotActive', { run: 0, status: null })
      story
        .given(start('nurture'), stop('nurture'))
        .when(command)
        .thenRejected('EnrollmentNotActive', { run: 1, status: 'stopped' })
      waiting.when(command).thenRejected('EnrollmentNotActive', { run: 1, status: 'waiting' })
    }
  })
})

describe('repeats', () => {
  const every = [
    start('care', { commandId: 'again' }),
    stop('nurture', { commandId: 'again' }),
    restart('nurture', { commandId: 'again' }),
    pause('nurture', { commandId: 'again' }),
    resend('nurture', 'one', { commandId: 'again' }),
    cancel('nurture', 'two', { commandId: 'again' }),
    stopAll({ commandId: 'again' }),
    suppress({ commandId: 'again' }),
    signal('purchased', { commandId: 'again', signalId: 's-1' }),
    commands.dispatch({ commandId: 'again', inFlight: new Set() }),
    erase({ commandId: 'again' }),
  ]
  const busy = story.given(start('nurture')).dispatched().at('P1D')

  it.each(every.map((command) => [command.type, command] as const))(
    'ONCE-1: %s with the same command id has one effect and the same answer, whatever happened in between',
    (_, command) => {
      const first = busy.when(command as never)
      expect(first.after.events.length).toBeGreaterThan(busy.events.length)
      const meanwhile = first.after
        .at('P2D')
        .publish({ ...pool, name: 'Two' })
        .facts(null)
      const later = isLeft(meanwhile.when(erase()).result) ? meanwhile : meanwhile.given(stopAll(), erase())
      const second = later.when(command as never).thenEvents()
      expect(isLeft(second.result)).toBe(false)
      if (isLeft(first.result) || isLeft(second.result)) throw new Error('unreachable')
      expect(second.result.right.answer).toEqual(first.result.right.answer)
    },
  )

  it('ONCE-1: the outcome of a handler that is reported twice is recorded once', () => {
    const command = report('nurture', 'one', { outcome: 'sent' }, { commandId: 'again' })
    story
      .given(start('nurture'), commands.dispatch())
      .when(command)
      .thenEvents('StepSent')
      .after.when(command)
      .thenNothing({ outcome: 'recorded' })
  })

  it('ONCE-1: a command that changed nothing left no trace, and is decided again', () => {
    story
      .given(start('nurture'), start('nurture', { commandId: 'again' }), stop('nurture'))
      .when(start('nurture', { commandId: 'again' }))
      .thenEvents(['SequenceStarted', { run: 2 }])
  })

  it('ONCE-1: a command id that was used for another command is refused', () => {
    const used = story.given(start('nurture', { commandId: 'k1' }))
    used.when(start('care', { commandId: 'k1' })).thenRejected('CommandIdReused', { commandId: 'k1' })
    used
      .when(stop('nurture', { commandId: 'k1' }))
      .thenRejected('CommandIdReused', { commandId: 'k1', usedFor: 'SequenceStarted' })
  })
})

describe('an id stands for one order', () => {
  const once = { commandId: 'once' }
  const busy = story.given(start('nurture')).dispatched().at('P1D')
  const orders = [
    start('care', once),
    stop('nurture', once),
    restart('nurture', once),
    pause('nurture', once),
    resend('nurture', 'one', once),
    cancel('nurture', 'two', once),
    stopAll(once),
    suppress(once),
    suppress({ ...once, until: '2027-01-01T00:00:00.000Z' }),
    signal('purchased', { ...once, signalId: 's-1', data: { total: 1 } }),
    signal('purchased', { ...once, signalId: 's-1', data: { total: 2 } }),
    signal('form-submitted', { ...once, signalId: 's-1', data: { total: 1 } }),
    erase(once),
  ]

  it.each(orders.map((order, i) => [i, order.type, order] as const))(
    'ONCE-1: the id of order %i (%s) with any other order is refused, and nothing is written',
    (_, __, order) => {
      const { after } = busy.when(order as never)
      expect(after.events.length).toBeGreaterThan(busy.events.length)
      for (const other of orders)
        if (other !== order) after.when(other as never).thenRejected('CommandIdReused', { commandId: 'once' })
    },
  )

  it('ONCE-1: only the first event of an append carries the digest, and who orders or why is no part of it', () => {
    const { after } = busy.when(restart('nurture', once))
    const [stopped, started] = after.events.slice(-2)
    expect(stopped?.order).toMatch(/^[0-9a-f]{16}$/)
    expect(started).not.toHaveProperty('order')
    const again = restart('nurture', { ...once, actor: 'somebody-else', reason: 'asked again' })
    after.when(again).thenNothing({ outcome: 'restarted', run: 2 })
  })

  it('ONCE-1: the digest of a signal holds four digits for its data; what was not stated is no part of the order', () => {
    const asked = signal('form-submitted', { ...once, signalId: 's-1', data: { email: 'ann@example.org' } })
    const { after } = story.when(asked)
    expect(after.events[0]?.order).toMatch(/^[0-9a-f]{16}-[0-9a-f]{4}$/)
    expect(story.when(signal('form-submitted', once)).after.events[0]?.order).toMatch(/^[0-9a-f]{16}$/)
    after.at('PT1H').when(asked).thenEvents()
    after.when({ ...asked, occurredAt: '2020-01-01T00:00:00.000Z' }).thenRejected('CommandIdReused', {})
  })

  it('ONCE-1: the events say what was ordered if an early release wrote no digest', () => {
    const decidedAgain = (type: string, more: object) => {
      const after = story.given(start('nurture', once))
      const [event] = after.events
      const { order: _, ...old } = event as NonNullable<typeof event>
      const place = { stream: 'contact-contact', version: 1, position: 2 }
      const command = { type, contactId: 'contact', campaignId: 'pool', actor: null, ...once, ...more }
      const context = { campaigns: createCatalog(), facts: {}, now: story.now }
      return decideOnce(command as never, [{ ...old, ...place } as never], context)
    }
    expect(decidedAgain('StartSequence', { sequenceId: 'nurture' })).toMatchObject({
      right: { answer: { run: 1 }, events: [] },
    })
    expect(decidedAgain('StopSequence', { sequenceId: 'nurture' })).toMatchObject({ left: { type: 'CommandIdReused' } })
    expect(decidedAgain('StartSequence', { sequenceId: 'care' })).toMatchObject({ left: { type: 'CommandIdReused' } })
  })
})

describe('a ban until an instant', () => {
  it('SUPPRESS-1: a ban until an instant that is over, or now, is refused', () => {
    for (const until of ['2020-01-01T00:00:00.000Z', story.now])
      story.when(suppress({ until })).thenRejected('InstantPast', { instant: until, now: story.now })
  })
})

describe('forgetting a person', () => {
  const busy = story.given(start('nurture')).dispatched().given(start('care'), pause('care'))

  it('ERASE-1: erasing is one event that stops everything and empties the schedule', () => {
    const { after } = busy.when(erase()).thenEvents(['ContactErased', {}]).thenAnswer({ outcome: 'erased' })
    expect(after.plan).toEqual({ due: [], upcoming: [], wakeAt: null, lane: null })
    expect(after.state.enrollments.map(({ runs }) => runs[0]?.status)).toEqual(['stopped', 'stopped'])
    after.at('P400D').when(commands.dispatch()).thenNothing()
  })

  it('ERASE-1: all further commands are refused', () => {
    const erased = busy.given(erase())
    const all = [
      start('nurture'),
      stop('nurture'),
      restart('nurture'),
      pause('nurture'),
      resume('nurture'),
      stopAll(),
      suppress(),
      unsuppress(),
      signal('purchased'),
      resend('nurture', 'one'),
      cancel('nurture', 'two'),
      erase(),
    ]
    for (const command of all)
      erased.when(command as ReturnType<typeof start>).thenRejected('ContactErased', { contactId: 'contact' })
  })

  it('ERASE-1: what was in flight is recorded, nothing else follows', () => {
    story
      .given(start('nurture'), commands.dispatch(), erase())
      .when(report('nurture', 'one', { outcome: 'failed', reason: 'refused' }))
      .thenEvents(['StepFailed', { consequence: 'continue', retryAt: null }])
  })

  it('ERASE-1: a resend that was ordered before is not sent', () => {
    const ordered = story.given(start('nurture')).dispatched().given(stop('nurture'), resend('nurture', 'one'))
    expect(ordered.plan.due).toHaveLength(1)
    ordered.given(erase()).when(commands.dispatch()).thenNothing()
  })

  it('ERASE-1: the log keeps only the opaque id', () => {
    const { after } = busy.when(erase())
    const known = new Set(['contact-contact'])
    expect(after.events.filter((event) => !known.has(event.stream))).toEqual([])
    expect(fold(after.events)).toEqual(after.state)
    expect(initialContact.erased).toBe(false)
  })
})
