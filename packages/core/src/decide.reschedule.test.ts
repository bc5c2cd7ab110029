import { campaign, createCatalog, decidePublish, type Instant, isLeft, plan, recordOf as recordIn } from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const {
  start,
  stop,
  move,
  pause,
  resume,
  cancel,
  skip,
  resend,
  suppress,
  sendNow,
  reschedule,
  shift,
  dispatch,
  report,
} = commands
const META = { commandId: 'p', actor: null }
const NINE = '2026-03-01T09:00:00.000Z'
const failed = { outcome: 'failed', reason: 'smtp-451' } as const

const daily = (id: string) => ({ id, kind: 'email', timer: { after: 'P1D' } })
const course = campaign({
  id: 'course',
  goals: [{ id: 'done', when: { kind: 'done' } }],
  sequences: [
    { id: 's', steps: [{ id: 'a', kind: 'email' }, daily('b'), daily('c')], next: ['done'] },
    { id: 'careful', steps: [{ id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'hold' }, daily('b')] },
    {
      id: 'office',
      steps: [
        {
          id: 'a',
          kind: 'email',
          timer: { after: 'PT20H', window: { from: '08:00', to: '18:00' } },
          expiresAfter: 'P1D',
        },
        daily('b'),
      ],
    },
    { id: 'draft', steps: [{ ...daily('a'), draft: true }, daily('b')] },
    { id: 'asking', steps: [{ ...daily('a'), if: { tag: 'vip' } }, daily('b')] },
    { id: 'keyed', per: 'o', vars: { o: { data: 'o' } }, steps: [daily('a'), daily('b')] },
    {
      id: 'moments',
      steps: [
        daily('a'),
        { id: 'b', kind: 'email', timer: { after: 'P5D', from: 'start' } },
        { id: 'c', kind: 'email', timer: { on: '2026-03-20T10:00' } },
        { id: 'd', kind: 'email', timer: { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'exact' } },
      ],
    },
    { id: 'zoned', steps: [{ id: 'a', kind: 'email', timer: { afterDays: 2, at: '08:00' } }, daily('b')] },
  ],
})

const story = scenario({ campaigns: [course] })
/** `a` is sent at 9:00 of 2 March, `b` is due in a day. */
const underway = story.given(start('s')).dispatched()
const nextOf = ({ plan }: Scenario) => plan.upcoming.map(({ stepId, dueAt }) => `${stepId} ${dueAt.slice(5, 16)}`)
const sentOf = ({ events }: Scenario) =>
  events.flatMap((e) => (e.type === 'StepSent' ? [`${e.data.stepId} ${e.at.slice(5, 16)}`] : []))
const at = (when: string): Instant => `2026-${when}:00.000Z`
const recordOf = ({ state }: Scenario, stepId: string) => {
  const run = state.enrollments[0]?.runs.at(-1)
  return run === undefined ? undefined : recordIn(run, stepId)
}

describe('sending the next step now', () => {
  it('NOW-1: the step sent now is due now, under its scheduled key, and the run goes on from there', () => {
    const { after } = underway
      .at('PT3H')
      .when(sendNow('s'))
      .thenEvents({ type: 'StepRescheduled', data: { stepId: 'b', now: true }, cause: { by: 'operator' } })
      .thenAnswer({ outcome: 'due_now', run: 1, stepId: 'b' })
    const dispatched = after
      .when(dispatch())
      .thenEvents(['StepDispatched', { stepId: 'b', resend: 0, attempt: 1 }]).after
    expect(dispatched.events.at(-1)?.causationId).toBe(after.events.at(-1)?.id)
    expect(sentOf(after.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-02T12:00', 'c 03-03T12:00'])
  })

  it.each([
    ['at the start of its run', 'zoned', story.given(start('zoned'), sendNow('zoned'))],
    ['after another', 's', underway.given(sendNow('s'))],
    ['after a move without its wait', 's', underway.given(move('s', { toStep: 'b', wait: 'none' }))],
  ])(
    'NOW-1, SHIFT-1, JUMP-1, PAUSE-2: a pause that shifts moves a step that is due now by itself, and no more: %s',
    (_, sequence, given) => {
      const paused = given.given(pause(sequence)).at('PT1H')
      expect(nextOf(paused.given(resume(sequence, { shift: true })))).toEqual([
        expect.stringMatching(/^[ab] 03-02T10:00$/),
      ])
    },
  )

  it('NOW-1, SHIFT-1, CANCEL-1: sending now ends the wait that a cancelled step has left, as an instant by hand does', () => {
    const waiting = underway.given(cancel('s', 'b')).at('PT3H')
    expect(nextOf(waiting)).toEqual(['c 03-04T09:00'])
    const now = waiting.given(sendNow('s'))
    expect(nextOf(now)).toEqual(['c 03-02T12:00'])
    expect(sentOf(now.passed('P9D'))).toEqual(['a 03-02T09:00', 'c 03-02T12:00'])
    const tonight = waiting.given(reschedule('s', 'c', { dueAt: at('03-02T20:00') }))
    expect(nextOf(tonight)).toEqual(['c 03-02T20:00'])
  })

  it('NOW-1, TIME-2: the step sent now does not wait for its window, and no retry of it does', () => {
    const night = story.given(start('office')).at('PT11H').given(sendNow('office'))
    expect(nextOf(night)).toEqual(['a 03-02T20:00'])
    const retrying = night.given(dispatch(), report('office', 'a', failed))
    expect(retrying.plan.wakeAt).toBe(at('03-02T20:01'))
    // Without the order it waits for the morning.
    expect(story.given(start('office')).at('PT21H').plan.wakeAt).toBe(at('03-03T08:00'))
  })

  it('NOW-1, STEP-5: between two attempts the next one is now, and it is late only after this', () => {
    const retrying = story.given(start('office')).at('P1D').given(dispatch())
    const waiting = retrying.given(report('office', 'a', failed, { retryAt: at('03-09T09:00') })).at('P2D')
    waiting
      .given(sendNow('office'))
      .when(dispatch())
      .thenEvents(['StepDispatched', { stepId: 'a', attempt: 2, timing: null }])
  })

  it('NOW-1: a held step gets one more attempt, and is held again if that fails', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed)).at('P7D')
    const { after } = held
      .given(sendNow('careful'))
      .when(dispatch())
      .thenEvents(['StepDispatched', { attempt: 2 }])
    expect(nextOf(after.given(report('careful', 'a', { outcome: 'sent' })))).toEqual(['b 03-10T09:00'])
    expect(recordOf(after.given(report('careful', 'a', failed)), 'a')?.status).toBe('held')
  })

  it('NOW-1: nothing is sent twice: while it is in flight, or sent again, it is refused', () => {
    story.given(start('s'), dispatch()).when(sendNow('s')).thenRejected('StepInFlight')
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed), resend('careful', 'a'))
    held.when(sendNow('careful')).thenRejected('StepInFlight')
    held.given(dispatch()).when(sendNow('careful')).thenRejected('StepInFlight')
    held
      .given(dispatch())
      .when(reschedule('careful', 'a', { dueAt: at('03-20T09:00') }))
      .thenRejected('StepInFlight')
  })

  it('NOW-1: sending now passes no pause, ban, stop or end', () => {
    underway.given(pause('s')).when(sendNow('s')).thenRejected('EnrollmentNotActive')
    underway.given(stop('s')).when(sendNow('s')).thenRejected('EnrollmentNotActive')
    underway.given(suppress()).when(sendNow('s')).thenRejected('ContactSuppressed')
    story.when(sendNow('s')).thenRejected('EnrollmentNotActive')
    underway.given(cancel('s', 'b'), cancel('s', 'c')).when(sendNow('s')).thenRejected('NoStepLeft')
    story
      .given(start('keyed', { key: '7' }))
      .when(sendNow('keyed'))
      .thenRejected('KeyMissing')
    // What was ordered before a stop falls with it.
    expect(underway.given(sendNow('s'), stop('s')).plan.wakeAt).toBeNull()
  })

  it('NOW-1, STEP-3, STEP-10: a draft stays one, and a condition is asked', () => {
    story
      .given(start('draft'), sendNow('draft'))
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'draft' }])
    story
      .given(start('asking'), sendNow('asking'))
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'condition' }])
  })

  it('NOW-1, ONCE-1: the same command sends once, and another order under its id is refused', () => {
    const sent = underway.given(sendNow('s', { commandId: 'k' })).dispatched()
    sent.when(sendNow('s', { commandId: 'k' })).thenNothing({ outcome: 'due_now', run: 1, stepId: 'b' })
    sent.when(reschedule('s', 'c', { dueAt: at('03-20T09:00'), commandId: 'k' })).thenRejected('CommandIdReused')
  })
})

describe('rescheduling a step', () => {
  it('SHIFT-1: a rescheduled step is due at its instant, and the next is counted from then', () => {
    const { after } = underway
      .when(reschedule('s', 'b', { dueAt: at('03-07T15:00') }))
      .thenEvents(['StepRescheduled', { stepId: 'b', dueAt: at('03-07T15:00'), from: at('03-03T09:00') }])
      .thenAnswer({ outcome: 'rescheduled', run: 1, from: at('03-03T09:00'), to: at('03-07T15:00') })
    expect(after.plan.wakeAt).toBe(at('03-07T15:00'))
    expect(sentOf(after.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-07T15:00', 'c 03-08T15:00'])
  })

  it('SHIFT-1: a later step waits for its instant, and is never due before the run comes to it', () => {
    underway
      .when(reschedule('s', 'c', { dueAt: at('03-07T15:00') }))
      .thenAnswer({ outcome: 'rescheduled', run: 1, from: null, to: at('03-07T15:00') })
    const later = underway.given(reschedule('s', 'c', { dueAt: at('03-07T15:00') }))
    expect(sentOf(later.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-03T09:00', 'c 03-07T15:00'])
    const sooner = underway.given(reschedule('s', 'c', { dueAt: at('03-02T10:00') }))
    expect(sentOf(sooner.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-03T09:00', 'c 03-03T09:00'])
  })

  it('SHIFT-1, SHIFT-2: the answer about a step with an instant by hand says when it was due, shifts included', () => {
    underway
      .given(reschedule('s', 'c', { dueAt: at('03-07T15:00') }), shift('s', { by: 'P1D' }))
      .when(reschedule('s', 'c', { dueAt: at('03-09T15:00') }))
      .thenAnswer({ outcome: 'rescheduled', run: 1, from: at('03-08T15:00'), to: at('03-09T15:00') })
  })

  it('SHIFT-1, SKIP-1: a later step that was rescheduled and then skipped is gone', () => {
    const both = underway.given(reschedule('s', 'b', { dueAt: at('03-07T15:00') }), skip('s', 'b'))
    expect(nextOf(both)).toEqual(['c 03-03T09:00'])
  })

  it('SHIFT-1, CANCEL-1: cancelling it leaves the wait that it was given', () => {
    const both = underway.given(reschedule('s', 'b', { dueAt: at('03-07T15:00') }), cancel('s', 'b'))
    expect(nextOf(both)).toEqual(['c 03-08T15:00'])
  })

  it('SHIFT-1: an instant in the past is refused, now is not', () => {
    underway
      .at('PT1H')
      .when(reschedule('s', 'b', { dueAt: at('03-02T09:59') }))
      .thenRejected('InstantPast')
    expect(nextOf(underway.at('PT1H').given(reschedule('s', 'b', { dueAt: at('03-02T10:00') })))).toEqual([
      'b 03-02T10:00',
    ])
  })

  it('SHIFT-1: changes of facts do not move a rescheduled step, and clear gives it back to its timer, which reads them', () => {
    const berlin = story.facts({ timeZone: 'Europe/Berlin' }).given(start('zoned'))
    expect(nextOf(berlin)).toEqual(['a 03-04T07:00'])
    const fixed = berlin.given(reschedule('zoned', 'a', { dueAt: at('03-05T12:00') })).facts({ timeZone: 'Asia/Tokyo' })
    expect(nextOf(fixed)).toEqual(['a 03-05T12:00'])
    const { after } = fixed
      .when(reschedule('zoned', 'a', { clear: true }))
      .thenAnswer({ outcome: 'cleared', run: 1, from: at('03-05T12:00'), to: at('03-03T23:00') })
    expect(nextOf(after)).toEqual(['a 03-03T23:00'])
    after
      .when(reschedule('zoned', 'a', { clear: true }))
      .thenNothing({ outcome: 'not_rescheduled', run: 1, from: at('03-03T23:00'), to: at('03-03T23:00') })
  })

  it('SHIFT-1, ONCE-1: the same order gets the same answer, whatever happened since', () => {
    const order = reschedule('s', 'b', { dueAt: at('03-07T15:00'), commandId: 'k' })
    underway
      .given(order)
      .passed('P9D')
      .when(order)
      .thenNothing({ outcome: 'rescheduled', run: 1, from: at('03-03T09:00'), to: at('03-07T15:00') })
  })

  it('SHIFT-1, TIME-2, STEP-9: the window of a rescheduled step is asked when it would begin, and it is late counted from its instant', () => {
    const night = story.given(start('office'), reschedule('office', 'a', { dueAt: at('03-05T21:00') }))
    expect(night.at('P3D').plan.wakeAt).toBe(at('03-06T08:00'))
    const late = night
      .at('P6D')
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'late' }])
    expect(recordOf(late.after, 'a')?.dueAt).toBe(at('03-05T21:00'))
  })

  it('SHIFT-1, PAUSE-2: a pause that shifts moves it by what of the pause came after the order', () => {
    const paused = underway.given(reschedule('s', 'b', { dueAt: at('03-07T15:00') }), pause('s')).at('P2D')
    expect(nextOf(paused.given(resume('s')))).toEqual(['b 03-07T15:00'])
    expect(nextOf(paused.given(resume('s', { shift: true })))).toEqual(['b 03-09T15:00'])
    const meanwhile = underway
      .given(pause('s'))
      .at('P1D')
      .given(reschedule('s', 'b', { dueAt: at('03-07T15:00') }))
    expect(nextOf(meanwhile.at('P1D').given(resume('s', { shift: true })))).toEqual(['b 03-08T15:00'])
  })

  it('SHIFT-1, STEP-5: between two attempts the next one comes then; given back, when the last one said', () => {
    const retrying = story.given(start('s'), dispatch(), report('s', 'a', failed))
    const moved = retrying.given(reschedule('s', 'a', { dueAt: at('03-04T09:00') }))
    expect(nextOf(moved)).toEqual(['a 03-04T09:00'])
    expect(nextOf(moved.given(reschedule('s', 'a', { clear: true })))).toEqual(['a 03-02T09:01'])
    const again = moved.at('P2D').given(dispatch(), report('s', 'a', failed))
    expect(nextOf(again)).toEqual(['a 03-04T09:01'])
  })

  it('SHIFT-1: a held step is tried then, and is held again if the instant is taken back', () => {
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed))
    const moved = held.given(reschedule('careful', 'a', { dueAt: at('03-04T09:00') }))
    expect(moved.plan.wakeAt).toBe(at('03-04T09:00'))
    moved
      .at('P2D')
      .when(dispatch())
      .thenEvents(['StepDispatched', { attempt: 2 }])
    const back = moved.given(reschedule('careful', 'a', { clear: true }))
    expect([back.plan.wakeAt, recordOf(back, 'a')?.status]).toEqual([null, 'held'])
  })

  it('SHIFT-1: what is resolved, in flight or not in progress has no instant to be given', () => {
    const dueAt = at('03-07T15:00')
    underway.when(reschedule('s', 'a', { dueAt })).thenRejected('StepAlreadySent')
    underway.when(reschedule('s', 'x', { dueAt })).thenRejected('StepUnknown')
    underway
      .given(skip('s', 'b'))
      .when(reschedule('s', 'b', { dueAt }))
      .thenRejected('StepAlreadyResolved')
    underway
      .given(stop('s'))
      .when(reschedule('s', 'b', { dueAt }))
      .thenRejected('EnrollmentNotActive')
    story
      .given(start('s'), dispatch())
      .when(reschedule('s', 'a', { dueAt }))
      .thenRejected('StepInFlight')
    expect(() => underway.when(reschedule('s', 'b'))).toThrow('either `dueAt` or `clear: true`')
    expect(() => underway.when(reschedule('s', 'b', { dueAt, clear: true }))).toThrow('either `dueAt`')
  })
})

describe('shifting a run', () => {
  it('SHIFT-2: the wait in progress ends that much later, and with it all that follow', () => {
    const { after } = underway
      .at('PT3H')
      .when(shift('s', { by: 'P2D' }))
      .thenEvents(['RunShifted', { run: 1, byMs: 172_800_000 }])
      .thenAnswer({ outcome: 'shifted', run: 1 })
    expect(sentOf(after.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-05T09:00', 'c 03-06T09:00'])
  })

  it('SHIFT-2: earlier, but not before now', () => {
    const later = underway.at('PT3H')
    expect(nextOf(later.given(shift('s', { by: '-PT5H' })))).toEqual(['b 03-03T04:00'])
    const now = later.given(shift('s', { by: '-P3D' }))
    expect(nextOf(now)).toEqual(['b 03-02T12:00'])
    expect(sentOf(now.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-02T12:00', 'c 03-03T12:00'])
    // What was moved to now is moved on from there.
    expect(nextOf(now.given(shift('s', { by: 'PT1H' })))).toEqual(['b 03-02T13:00'])
  })

  it('SHIFT-2: shifts add up, and a new wait begins without them', () => {
    const twice = underway
      .given(shift('s', { by: 'P1D' }))
      .at('PT3H')
      .given(shift('s', { by: '-PT6H' }))
    expect(sentOf(twice.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-04T03:00', 'c 03-05T03:00'])
  })

  it('SHIFT-2, TIME-3, TIME-7: moments, and what is counted from the start, move as well, once', () => {
    const begun = story.facts({ fields: { birthday: '2026-03-25' } }).given(start('moments'))
    const whole = ['a 03-03T09:00', 'b 03-07T09:00', 'c 03-20T10:00', 'd 03-25T09:00']
    const moved = ['a 03-05T09:00', 'b 03-09T09:00', 'c 03-22T10:00', 'd 03-27T09:00']
    expect(sentOf(begun.passed('P60D'))).toEqual(whole)
    expect(sentOf(begun.given(shift('moments', { by: 'P2D' })).passed('P60D'))).toEqual(moved)
    const afterFirst = begun.passed('P2D').given(shift('moments', { by: 'P2D' }))
    expect(sentOf(afterFirst.passed('P60D'))).toEqual([...whole.slice(0, 1), ...moved.slice(1)])
  })

  it('SHIFT-2: a shift moves a wait that counts days by its length, and then into the window', () => {
    expect(nextOf(story.given(start('zoned'), shift('zoned', { by: 'PT3H' })))).toEqual(['a 03-04T11:00'])
    const night = story.given(start('office'), shift('office', { by: 'PT15H' }))
    expect(nextOf(night)).toEqual(['a 03-04T08:00'])
  })

  it('SHIFT-2: a shift moves the next wait while a step is in flight', () => {
    const inFlight = story.given(start('s'), dispatch(), shift('s', { by: 'P2D' }))
    expect(nextOf(inFlight.given(report('s', 'a', { outcome: 'sent' })))).toEqual(['b 03-05T09:00'])
    expect(nextOf(inFlight.given(report('s', 'a', failed)))).toEqual(['a 03-04T09:01'])
  })

  it('SHIFT-2, STEP-5: the wait before the next attempt ends later, too', () => {
    const retrying = story.given(start('s'), dispatch(), report('s', 'a', failed))
    const moved = retrying.given(shift('s', { by: 'P2D' }))
    expect(nextOf(moved)).toEqual(['a 03-04T09:01'])
    expect(sentOf(moved.passed('P9D')).slice(0, 2)).toEqual(['a 03-04T09:01', 'b 03-05T09:01'])
  })

  it('SHIFT-2, CANCEL-1: the wait that a cancelled step left is moved once', () => {
    const cancelled = underway.given(cancel('s', 'b'), shift('s', { by: 'P2D' }))
    expect(nextOf(cancelled)).toEqual(['c 03-06T09:00'])
    const both = cancelled.given(cancel('s', 'c'))
    expect(both.plan.wakeAt).toBe(at('03-06T09:00'))
  })

  it('SHIFT-1, SHIFT-2: an instant by hand is moved from where it is', () => {
    const both = underway.given(reschedule('s', 'c', { dueAt: at('03-07T15:00') }), shift('s', { by: 'P1D' }))
    expect(sentOf(both.passed('P9D'))).toEqual(['a 03-02T09:00', 'b 03-04T09:00', 'c 03-08T15:00'])
  })

  it('SHIFT-2, PAUSE-2: a paused run is shifted, and a pause that shifts comes on top', () => {
    const paused = underway
      .given(pause('s'))
      .at('P1D')
      .given(shift('s', { by: 'PT5H' }))
      .at('P1D')
    expect(nextOf(paused.given(resume('s')))).toEqual(['b 03-03T14:00'])
    expect(nextOf(paused.given(resume('s', { shift: true })))).toEqual(['b 03-05T14:00'])
  })

  it('SHIFT-2, KEY-2: an order moves the runs of one key, or of all', () => {
    const two = story.given(start('keyed', { key: '1' }), start('keyed', { key: '2' }))
    two
      .when(shift('keyed', { by: 'P1D' }))
      .thenEvents('RunShifted', 'RunShifted')
      .thenAnswer({
        outcome: 'shifted',
        run: 0,
        runs: [
          { key: '1', run: 1, outcome: 'shifted' },
          { key: '2', run: 1, outcome: 'shifted' },
        ],
      })
    const one = two.given(shift('keyed', { by: 'P1D', key: '2' }))
    expect(nextOf(one)).toEqual(['a 03-03T09:00', 'a 03-04T09:00'])
  })

  it('SHIFT-2: what is not in progress, no duration and no length are refused', () => {
    story.when(shift('s', { by: 'P1D' })).thenRejected('EnrollmentNotActive')
    underway
      .given(stop('s'))
      .when(shift('s', { by: 'P1D' }))
      .thenRejected('EnrollmentNotActive')
    expect(() => underway.when(shift('s', { by: 'P1M' }))).toThrow('other than 0')
    expect(() => underway.when(shift('s', { by: 'PT0S' }))).toThrow('other than 0')
    expect(() => underway.when(shift('s'))).toThrow('shiftRun.by')
  })
})

describe('a log that lies about the schedule', () => {
  const { campaigns } = underway.context
  const ruleOf = (scene: Scenario, type: string, data: object) => {
    const model = scene.events.at(-1)
    if (model === undefined) throw new Error('no event')
    const event = { ...model, type, data, at: scene.now } as never
    return violationOf('contact', scene.state, event, campaigns)?.rule ?? null
  }
  const b = { campaignId: 'course', sequenceId: 's', run: 1, stepId: 'b' }
  const dueAt = at('03-07T15:00')

  it('AUDIT-4, SHIFT-1: an instant in the past, of a resolved step, or taken back where there is none', () => {
    expect(ruleOf(underway, 'StepRescheduled', { ...b, dueAt })).toBeNull()
    expect(ruleOf(underway, 'StepRescheduled', { ...b, dueAt: at('03-01T15:00') })).toBe('SHIFT-1')
    expect(ruleOf(underway, 'StepRescheduled', { ...b, stepId: 'a', dueAt })).toBe('SHIFT-1')
    expect(ruleOf(underway, 'StepRescheduled', { ...b, dueAt: null })).toBe('SHIFT-1')
    expect(ruleOf(underway.given(stop('s')), 'StepRescheduled', { ...b, dueAt })).toBe('SHIFT-1')
    expect(ruleOf(underway, 'StepRescheduled', { ...b, dueAt, now: true })).toBe('NOW-1')
    const now = { dueAt: underway.now, now: true }
    expect(ruleOf(underway, 'StepRescheduled', { ...b, ...now })).toBeNull()
    expect(ruleOf(underway, 'StepRescheduled', { ...b, ...now, stepId: 'c' })).toBe('STEP-1')
    expect(ruleOf(underway.given(pause('s')), 'StepRescheduled', { ...b, ...now })).toBe('NOW-1')
  })

  it('AUDIT-4, SHIFT-1: a dispatch before the instant, or in the name of an order that nobody gave', () => {
    const moved = underway.given(reschedule('s', 'b', { dueAt })).passed('P6D')
    const index = moved.events.findIndex((e) => e.type === 'StepDispatched' && e.data.stepId === 'b')
    const sent = moved.events[index]
    if (sent?.type !== 'StepDispatched') throw new Error('not dispatched')
    const before = underway.given(reschedule('s', 'b', { dueAt })).at(sent.at)
    const timing = { anchor: underway.now, dueAt, byHand: true }
    expect(ruleOf(before, 'StepDispatched', { ...sent.data, timing })).toBeNull()
    expect(ruleOf(before, 'StepDispatched', { ...sent.data, timing: { ...timing, dueAt: at('03-03T09:00') } })).toBe(
      'SHIFT-1',
    )
    expect(ruleOf(underway.at(sent.at), 'StepDispatched', { ...sent.data, timing })).toBe('SHIFT-1')
  })

  it('AUDIT-4, SHIFT-2: a wait that was not moved, and one that was moved by more', () => {
    const run = { campaignId: 'course', sequenceId: 's', run: 1 }
    expect(ruleOf(underway, 'RunShifted', { ...run, byMs: 0 })).toBe('SHIFT-2')
    expect(ruleOf(underway.given(stop('s')), 'RunShifted', { ...run, byMs: 1 })).toBe('SHIFT-2')
    const shiftedBy = underway.given(shift('s', { by: 'P2D' })).at('P3D')
    const sent = shiftedBy.given(dispatch()).events.at(-1)
    if (sent?.type !== 'StepDispatched' || sent.data.timing === null) throw new Error('not dispatched')
    const { timing } = sent.data
    expect(ruleOf(shiftedBy, 'StepDispatched', sent.data)).toBeNull()
    const unmoved = { ...sent.data, timing: { ...timing, dueAt: at('03-03T09:00') } }
    expect(ruleOf(shiftedBy, 'StepDispatched', unmoved)).toBe('TIME-1')
  })
})

describe('orders on the schedule and a paused campaign', () => {
  /** The next step of the contact, after the campaign was paused and resumed at these instants. */
  const nextAround = (scene: Scenario, from: Instant, until: Instant | null, overdue: 'shift' | 'send' = 'shift') => {
    const catalog = createCatalog()
    const published = decidePublish({ type: 'PublishCampaign', definition: course, ...META }, catalog, NINE)
    if (isLeft(published)) throw new Error('not published')
    for (const event of published.right.events) catalog.apply({ ...event, version: 1 })
    const version = { campaignId: 'course', campaignVersion: 1 }
    const base = {
      ...META,
      id: 'x',
      schema: 1,
      correlationId: 'x',
      causationId: 'x',
      cause: { by: 'operator' },
    } as const
    const paused = { sequences: null, entries: 'open' } as const
    catalog.apply({ ...base, type: 'CampaignPaused', at: from, version: 2, data: { ...version, ...paused } })
    if (until !== null)
      catalog.apply({ ...base, type: 'CampaignResumed', at: until, version: 3, data: { ...version, overdue } })
    const { due, upcoming } = plan('contact', scene.state, catalog, {}, scene.now)
    return [
      ...due.map(({ action }) => action),
      ...upcoming.map(({ stepId, dueAt }) => `${stepId} ${dueAt.slice(5, 16)}`),
    ]
  }

  it('GATE-1, NOW-1: what is to be sent now waits for the resume', () => {
    const ordered = underway.at('PT1H').given(sendNow('s')).at('PT1H')
    expect(nextAround(ordered, at('03-02T09:30'), null)).toEqual(['b 03-02T10:00'])
    expect(nextAround(ordered, at('03-02T09:30'), at('03-02T11:00'), 'send')).toEqual(['dispatch', 'b 03-02T10:00'])
  })

  it('GATE-3, SHIFT-1: an instant by hand is later by what of the pause came after the order', () => {
    const ordered = underway.at('P1D').given(reschedule('s', 'b', { dueAt: at('03-07T15:00') }))
    expect(nextAround(ordered.at('P2D'), at('03-03T21:00'), at('03-04T21:00'))).toEqual(['b 03-08T15:00'])
    expect(nextAround(ordered.at('P2D'), at('03-03T21:00'), at('03-04T21:00'), 'send')).toEqual(['b 03-07T15:00'])
    expect(nextAround(ordered.at('P2D'), at('03-02T21:00'), at('03-03T21:00'))).toEqual(['b 03-08T03:00'])
  })

  it('GATE-3, PAUSE-2, SHIFT-1: the same time counts once in a pause of the run and one of the campaign', () => {
    const ordered = underway.given(reschedule('s', 'b', { dueAt: at('03-07T15:00') }))
    const both = ordered
      .given(pause('s'))
      .at('P2D')
      .given(resume('s', { shift: true }))
    expect(nextAround(both.at('P1D'), at('03-03T09:00'), at('03-05T09:00'))).toEqual(['b 03-10T15:00'])
  })

  it('GATE-3, SHIFT-2: a wait that was shifted is longer by the pause as well', () => {
    const before = underway.given(shift('s', { by: 'PT5H' }))
    const meanwhile = underway.at('PT12H').given(shift('s', { by: 'PT5H' }))
    for (const scene of [before, meanwhile])
      expect(nextAround(scene.at('P1D'), at('03-02T10:00'), at('03-03T10:00'))).toEqual(['b 03-04T14:00'])
  })
})
