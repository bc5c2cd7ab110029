/** What timers, windows and conditions come to in a run: what is due when, and when it may begin. */
import { campaign, type SequenceDefinition, type StepDefinition, simulate, waitSince } from '@enfold/core'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, pause, resume, dispatch, report, resend, reschedule, cancel } = commands
const sent = { outcome: 'sent' } as const
const failed = { outcome: 'failed', reason: 'smtp-451' } as const
const lost = { inFlight: new Set<string>() }

type Step = Partial<StepDefinition> & { readonly id: string }

/** A campaign of one sequence `s`. */
const definition = (steps: readonly Step[], more: Partial<SequenceDefinition<'s'>> = {}) =>
  campaign({
    id: 'c',
    goals: [],
    sequences: [{ id: 's', steps: steps.map((step) => ({ kind: 'email', ...step })), ...more }],
  })
const one = (...steps: readonly Step[]) => scenario({ campaigns: [definition(steps)] })
const run = (story: Scenario) => story.state.enrollments[0]?.runs.at(-1)

describe('given a step with a window from Monday to Friday, 08:00 to 18:00', () => {
  const window = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' } as const
  const friday = '2026-03-06T16:00:00.000Z'
  const due = '2026-03-06T17:00:00.000Z'
  const saturday = '2026-03-07T03:00:00.000Z'
  const monday = '2026-03-09T08:00:00.000Z'
  const step = { id: 'a', timer: { after: 'PT1H', window } }
  const waiting = one(step).at(friday).given(start('s'))

  /** Outside, nothing begins and the contact is looked at when the window opens; then it begins. */
  const opens = (story: Scenario, at: string) => {
    story.when(dispatch()).thenNothing()
    expect(story.plan).toMatchObject({ due: [], wakeAt: at, lane: { kind: 'email' }, upcoming: [{ opensAt: at }] })
    return story
      .at(at)
      .when(dispatch())
      .thenEvents(['StepDispatched', { stepId: 'a' }]).after
  }

  it('TIME-2: a step that is in time begins when it is due', () => {
    expect(waiting.plan).toMatchObject({ wakeAt: due, upcoming: [{ dueAt: due }] })
    expect(waiting.plan.upcoming[0]).not.toHaveProperty('opensAt')
    waiting.at(due).when(dispatch()).thenEvents('StepDispatched')
  })

  it('TIME-2: after downtime the step begins when the window opens, and is recorded as due when it was', () => {
    const begun = opens(waiting.at(saturday), monday)
    expect(begun.events.at(-1)).toMatchObject({ at: monday, data: { timing: { anchor: friday, dueAt: due } } })
  })

  it('TIME-2: a retry waits for the next opening', () => {
    const retrying = waiting.at(due).given(dispatch()).at('2026-03-06T17:59:30.000Z')
    const after = retrying.given(report('s', 'a', failed, { retryAt: '2026-03-06T18:00:30.000Z' }))
    expect(after.plan.wakeAt).toBe(monday)
    opens(after.at('2026-03-06T18:00:30.000Z'), monday)
  })

  it('TIME-2: a step that was paused over the closing begins when the window opens', () => {
    const resumed = waiting.given(pause('s')).at('2026-03-06T22:00:00.000Z').given(resume('s'))
    opens(resumed, monday)
  })

  it('TIME-2: an attempt whose worker died begins again when the window opens', () => {
    const attempted = waiting.at(due).given(dispatch()).at('2026-03-06T19:00:00.000Z')
    attempted.when(dispatch(lost)).thenNothing()
    attempted
      .at(monday)
      .when(dispatch(lost))
      .thenEvents(['StepDispatched', { attempt: 2 }])
  })

  it('TIME-2: a step that must not be tried again is given up without waiting for the window', () => {
    const hold = one({ ...step, onUnknown: 'hold' })
      .at(friday)
      .given(start('s'))
      .at(due)
      .given(dispatch())
    hold
      .at(saturday)
      .when(dispatch(lost))
      .thenEvents(['StepFailed', { consequence: 'hold' }])
  })

  it('RESEND-1: an order by hand passes the window', () => {
    const done = waiting.passed('P3D').at('2026-03-14T03:00:00.000Z').given(resend('s', 'a'))
    done.when(dispatch()).thenEvents(['StepDispatched', { resend: 1 }])
  })

  it('STEP-9: expiresAfter counts from when it was due, and what is too late does not wait for the opening', () => {
    const brief = one({ ...step, expiresAfter: 'P2D' })
      .at(friday)
      .given(start('s'))
    const held = brief.at(saturday)
    held.when(dispatch()).thenNothing()
    expect(held.plan.wakeAt).toBe('2026-03-08T17:00:00.001Z')
    held.at('2026-03-08T17:00:00.000Z').when(dispatch()).thenNothing()
    held
      .at('2026-03-08T17:00:00.001Z')
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'late' }], 'SequenceCompleted')
    opens(
      one({ ...step, expiresAfter: 'P3D' })
        .at(friday)
        .given(start('s'))
        .at(saturday),
      monday,
    )
  })

  it('TIME-2a: a step with keepTime moves to the next open day, at the time of day at which it was due', () => {
    const days = { days: window.days, keepTime: true } as const
    const late = one({ id: 'a', timer: { after: 'PT1H', window: days } })
      .at(friday)
      .given(start('s'))
      .at(saturday)
    opens(late, '2026-03-09T17:00:00.000Z')
  })
})

describe('given steps at one moment', () => {
  const moment = '2026-12-24T09:00'
  const slow = { horizon: 'P400D', handlersTake: 'PT7S', from: '2026-03-02T09:00:00.000Z' }
  const played = (steps: readonly Step[], more: Partial<Parameters<typeof simulate>[1]> = {}) =>
    simulate(definition(steps), { ...slow, inputs: [{ at: 'P0D', start: 's' }], ...more })
  const sentBy = (steps: readonly Step[], more: Partial<Parameters<typeof simulate>[1]> = {}) =>
    played(steps, more).sent.map(({ at, stepId }) => [stepId, at])

  it('TIME-3: all go, one after the other, however long each takes', () => {
    expect(sentBy(['a', 'b', 'c'].map((id) => ({ id, timer: { on: moment } })))).toEqual([
      ['a', '2026-12-24T09:00:07.000Z'],
      ['b', '2026-12-24T09:00:14.000Z'],
      ['c', '2026-12-24T09:00:21.000Z'],
    ])
  })

  it('TIME-3: two steps at one moment are sent also with a step without a timer between them', () => {
    const steps = [{ id: 'a', timer: { on: moment } }, { id: 'tag' }, { id: 'b', timer: { on: moment } }]
    expect(sentBy(steps).map(([id]) => id)).toEqual(['a', 'tag', 'b'])
  })

  it('TIME-4: two steps at one moment are sent in the same year, not in the next', () => {
    const next = { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'next' } as const
    const facts = { fields: { birthday: '1980-06-20' } }
    expect(
      sentBy(
        [
          { id: 'email', timer: next },
          { id: 'sms', timer: next },
        ],
        { facts },
      ),
    ).toEqual([
      ['email', '2026-06-20T09:00:07.000Z'],
      ['sms', '2026-06-20T09:00:14.000Z'],
    ])
  })

  it('STEP-9: what arrives later than due and expiresAfter is late', () => {
    const steps = [
      { id: 'a', timer: { on: moment } },
      { id: 'b', timer: { on: moment }, expiresAfter: 'PT5M' },
    ]
    const { events } = played(steps, { handlersTake: 'PT1H' })
    expect(events.find(({ type }) => type === 'StepSkipped')).toMatchObject({
      data: { stepId: 'b', reason: 'late', timing: { dueAt: '2026-12-24T09:00:00.000Z' } },
    })
  })

  it('TIME-3: a moment before the punctual arrival is past, and the same holds for the steps after it', () => {
    const steps = [
      { id: 'a', timer: { on: '2026-12-24T10:00' } },
      { id: 'b', timer: { on: '2026-12-24T09:59' } },
      { id: 'c', timer: { on: '2026-12-24T10:00' } },
    ]
    const { events } = played(steps)
    expect(events.flatMap(({ type, data }) => (type === 'StepSkipped' ? [[data.stepId, data.reason]] : []))).toEqual([
      ['b', 'past'],
    ])
    expect(sentBy(steps).map(([id]) => id)).toEqual(['a', 'c'])
  })

  it('STEP-1: inputs come while handlers are at work', () => {
    const { sent: mails, results } = simulate(definition([{ id: 'a' }, { id: 'b' }]), {
      ...slow,
      inputs: [
        { at: 'P0D', start: 's' },
        { at: 'PT3S', stop: 's' },
      ],
    })
    expect(results.map(({ answer }) => answer)).toMatchObject([{ outcome: 'started' }, { outcome: 'stopped' }])
    expect(mails).toMatchObject([{ stepId: 'a', at: '2026-03-02T09:00:07.000Z' }])
  })
})

describe('given a loop of a year', () => {
  it.each(['PT0S', 'PT7S'])('TIME-4: the loop sends once a year, with handlers that take %s', (handlersTake) => {
    const timer = { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'next' } as const
    const { sent: mails, cut } = simulate(definition([{ id: 'birthday', timer }], { next: ['s'] }), {
      from: '2026-03-02T09:00:00.000Z',
      horizon: 'P1461D',
      facts: { fields: { birthday: '1980-06-20' } },
      inputs: [{ at: 'P0D', start: 's' }],
      handlersTake,
    })
    expect(mails.map(({ at }) => at.slice(0, 10))).toEqual(['2026-06-20', '2027-06-20', '2028-06-20', '2029-06-20'])
    expect(cut).toBe(false)
  })
})

describe('given a step that is counted from the start', () => {
  const story = one({ id: 'a', timer: { after: 'P2D' } }, { id: 'b', timer: { after: 'P3D', from: 'start' } }).given(
    start('s'),
  )

  it('TIME-7: the step is due so long after the start, whenever the step before it was sent', () => {
    const late = story
      .at('P2DT20H')
      .given(dispatch())
      .given(report('s', 'a', sent))
    expect(late.plan.wakeAt).toBe('2026-03-05T09:00:00.000Z')
  })

  it('TIME-7: the step is due at once if the step before it takes longer', () => {
    const late = story
      .at('P4D')
      .given(dispatch())
      .given(report('s', 'a', sent))
    late.when(dispatch()).thenEvents(['StepDispatched', { stepId: 'b', timing: { dueAt: '2026-03-05T09:00:00.000Z' } }])
  })

  it('TIME-7: pauses that shift move it, before the first step and after it; others do not', () => {
    const moved = story
      .given(pause('s'))
      .at('P1D')
      .given(resume('s', { shift: true }))
      .passed('P2D')
    expect(run(moved)?.steps).toMatchObject([{ stepId: 'a', status: 'sent', at: '2026-03-05T09:00:00.000Z' }])
    expect(moved.plan.wakeAt).toBe('2026-03-06T09:00:00.000Z')
    const again = moved
      .given(pause('s'))
      .at('PT6H')
      .given(resume('s', { shift: true }))
    expect(again.plan.wakeAt).toBe('2026-03-06T15:00:00.000Z')
    const unmoved = story.given(pause('s')).at('P1D').given(resume('s')).passed('P1D')
    expect(unmoved.plan.wakeAt).toBe('2026-03-05T09:00:00.000Z')
  })
})

describe('given a step with a condition', () => {
  const step = { id: 'a', if: { field: 'plan', equals: 'gold' }, timer: { after: 'P1D' } } as const
  const story = (facts: { fields?: { plan: string } }, more: Partial<StepDefinition> = {}) =>
    one({ ...step, ...more })
      .facts(facts)
      .given(start('s'))
  const gold = { fields: { plan: 'gold' } }
  const free = { fields: { plan: 'free' } }

  it('STEP-10: the condition is checked when the step would be dispatched, and what it saw is recorded', () => {
    const saw = (plan: string) => [{ field: 'plan', value: plan }]
    story(free)
      .facts(gold)
      .at('P1D')
      .when(dispatch())
      .thenEvents(['StepDispatched', { saw: saw('gold') }])
    story(gold)
      .facts(free)
      .at('P1D')
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'condition', attempt: 0, saw: saw('free') }], 'SequenceCompleted')
    expect(story(free).plan).toMatchObject({ wakeAt: '2026-03-03T09:00:00.000Z', lane: { kind: 'email' } })
  })

  it('STEP-10: the condition is checked again on a retry, and not on an order by hand', () => {
    const retrying = story(gold)
      .at('P1D')
      .given(dispatch())
      .given(report('s', 'a', failed))
      .at('PT1M')
    retrying
      .facts(free)
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'condition', attempt: 1 }], 'SequenceCompleted')
    const skipped = story(free).passed('P1D')
    skipped
      .given(resend('s', 'a'))
      .when(dispatch())
      .thenEvents(['StepDispatched', { resend: 1 }])
  })

  it('STEP-10: late goes before it, and it before the window', () => {
    const window = { days: ['tue'], from: '08:00', to: '18:00' } as const
    const late = story(free, { expiresAfter: 'PT1H' }).at('P2D')
    late.when(dispatch()).thenEvents(['StepSkipped', { reason: 'late' }], 'SequenceCompleted')
    const shut = story(free, { timer: { after: 'P1D', window } }).at('P2D')
    shut.when(dispatch()).thenEvents(['StepSkipped', { reason: 'condition' }], 'SequenceCompleted')
  })

  it('STEP-10, TIME-2: a contact whose condition does not hold is woken when the step is due, another for the window', () => {
    const window = { days: ['wed'], from: '08:00', to: '18:00' } as const
    const shut = (facts: typeof gold) =>
      story(facts, { timer: { on: '2026-03-04T08:00', window } }).given(
        reschedule('s', 'a', { dueAt: '2026-03-03T09:00:00.000Z' }),
      )
    expect(shut(gold).plan.wakeAt).toBe('2026-03-04T08:00:00.000Z')
    expect(shut(free).plan.wakeAt).toBe('2026-03-03T09:00:00.000Z')
    shut(free)
      .at('P1D')
      .when(dispatch())
      .thenEvents(['StepSkipped', { reason: 'condition' }], 'SequenceCompleted')
  })

  it('STEP-10: a private field is recorded as the outcome of the test only', () => {
    const secret = { ...definition([step]), fields: { plan: { private: true } } }
    const shown = scenario({ campaigns: [secret], facts: free })
      .given(start('s'))
      .at('P1D')
      .when(dispatch())
    shown.thenEvents(
      ['StepSkipped', { saw: [{ field: 'plan', test: '{"equals":"gold"}', holds: false }] }],
      'SequenceCompleted',
    )
  })
})

describe('since when a wait runs', () => {
  it('PAUSE-2: since the step before was resolved, or the run began; a cancelled step leaves it as it was', () => {
    const since = (story: Scenario) => {
      const found = run(story)
      return found === undefined ? null : waitSince(found)
    }
    const story = one({ id: 'a' }, { id: 'b', timer: { after: 'P5D' } }, { id: 'c', timer: { after: 'P5D' } })
    const begun = story.given(start('s'))
    expect(since(begun)).toBe('2026-03-02T09:00:00.000Z')
    const after = begun
      .given(dispatch())
      .at('PT1H')
      .given(report('s', 'a', sent))
    expect(since(after)).toBe('2026-03-02T10:00:00.000Z')
    expect(since(after.at('P1D').given(cancel('s', 'b')))).toBe('2026-03-02T10:00:00.000Z')
  })

  it('CANCEL-1: the wait after a cancelled step whose moment was past is not counted from before it was reached', () => {
    const steps = [{ id: 'a' }, { id: 'b', timer: { on: '2026-03-02T09:30' } }, { id: 'c', timer: { after: 'P1D' } }]
    const slow = one(...steps)
      .given(start('s'))
      .given(dispatch())
      .at('PT1H')
      .given(report('s', 'a', sent))
    expect(slow.given(cancel('s', 'b')).plan.wakeAt).toBe('2026-03-03T10:00:00.000Z')
  })
})
