/** What events change in the numbers of a campaign, case by case; and the laws for every history (FUNNEL-1, FUNNEL-2). */
import {
  ContactCounters,
  CounterSum,
  campaign,
  counterChanges,
  countersOf,
  countersOfHistory,
  evolve,
  fold,
  funnelNumbers,
  initialContact,
  sumsBroken,
} from '@enfold/core'
import { commands, type History, historyArbitrary, type Scenario, scenario } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, resume, stopAll, suppress, erase, resend, cancel, dispatch, report, signal, undo } =
  commands
const sent = { outcome: 'sent' } as const
const failed = { outcome: 'failed', reason: 'smtp-451' } as const

const course = campaign({
  id: 'course',
  goals: [{ id: 'done', when: { kind: 'done' }, next: ['after'] }],
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
    { id: 'after', steps: [{ id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'stop' }] },
  ],
})

const story = scenario({ campaigns: [course] })
/** `a` is sent, `b` is due in a day. */
const underway = story.given(start('s')).dispatched()

function numbersOf({ events, state, context }: Scenario) {
  const numbers = funnelNumbers(course, countersOf(countersOfHistory(events, state, context.campaigns)))
  expect(sumsBroken(numbers)).toEqual([])
  return numbers
}

/** What is not 0 of a sequence, and of its steps. */
function of(scene: Scenario, sequenceId: string) {
  const {
    steps,
    stoppedBy,
    sequenceId: _,
    ...numbers
  } = numbersOf(scene).sequences.find((one) => one.sequenceId === sequenceId) as ReturnType<
    typeof numbersOf
  >['sequences'][number]
  const some = (all: object) =>
    Object.fromEntries(Object.entries(all).filter(([, n]) => typeof n === 'number' && n !== 0))
  return {
    ...some(numbers),
    ...(numbers.stopped === 0 ? {} : { by: some(stoppedBy) }),
    steps: Object.fromEntries(
      steps.flatMap(({ stepId, reasons, ...step }) =>
        step.reached === 0 ? [] : [[stepId, { ...some(step), ...(reasons.length === 0 ? {} : { reasons }) }]],
      ),
    ),
  }
}

describe('the numbers of a campaign', () => {
  it('FUNNEL-1: a run stands at one step, is in flight with it, and then at the next', () => {
    const started = story.given(start('s'))
    const open = { started: 1, open: 1, active: 1 }
    expect(of(started, 's')).toEqual({ ...open, steps: { a: { reached: 1, waiting: 1 } } })
    expect(of(started.given(dispatch()), 's')).toEqual({ ...open, steps: { a: { reached: 1, inFlight: 1 } } })
    expect(of(underway, 's')).toEqual({
      ...open,
      steps: { a: { reached: 1, sent: 1 }, b: { reached: 1, waiting: 1 } },
    })
  })

  it('FUNNEL-1: a step that will be tried again waits, and one that a person must see to is held', () => {
    const retrying = story.given(start('s'), dispatch(), report('s', 'a', failed))
    expect(of(retrying, 's').steps).toEqual({ a: { reached: 1, waiting: 1 } })
    const held = story.given(start('careful'), dispatch(), report('careful', 'a', failed))
    expect(of(held, 'careful').steps).toEqual({ a: { reached: 1, held: 1 } })
    expect(of(held.given(stop('careful')), 'careful').steps).toEqual({ a: { reached: 1, left: 1 } })
    const resent = held.given(resend('careful', 'a')).dispatched()
    expect(of(resent, 'careful').steps).toEqual({
      a: { reached: 1, sent: 1, resent: 1 },
      b: { reached: 1, waiting: 1 },
    })
  })

  it('FUNNEL-1: sending a step again is counted apart, and moves nothing', () => {
    const before = of(underway, 's')
    const after = of(underway.given(resend('s', 'a')).dispatched(), 's')
    expect(after).toEqual({ ...before, steps: { ...before.steps, a: { reached: 1, sent: 1, resent: 1 } } })
  })

  it('FUNNEL-1: steps that are skipped are counted by their reasons', () => {
    const skipped = (reason: string) =>
      story.given(start('s'), dispatch(), report('s', 'a', { outcome: 'skipped', reason }))
    expect(of(skipped('no-address'), 's').steps.a).toEqual({
      reached: 1,
      skipped: 1,
      reasons: [{ reason: 'no-address', count: 1 }],
    })
    // Of a text there would be as many counters as there are contacts.
    expect(of(skipped('x'.repeat(61)), 's').steps.a).toMatchObject({ reasons: [{ reason: 'other', count: 1 }] })
  })

  it('FUNNEL-1: a stopped run leaves the step where it stands, and a step in flight still gets its outcome', () => {
    expect(of(underway.given(stop('s')), 's')).toEqual({
      started: 1,
      stopped: 1,
      by: { hand: 1 },
      steps: { a: { reached: 1, sent: 1 }, b: { reached: 1, left: 1 } },
    })
    const inFlight = story.given(start('s'), dispatch(), stop('s'))
    expect(of(inFlight, 's').steps).toEqual({ a: { reached: 1, inFlight: 1 } })
    // The next step was never begun, so that is where it left.
    expect(of(inFlight.given(report('s', 'a', sent)), 's').steps).toEqual({
      a: { reached: 1, sent: 1 },
      b: { reached: 1, left: 1 },
    })
  })

  it('FUNNEL-1: a cancelled step counts as reached from then on', () => {
    expect(of(underway.given(cancel('s', 'c')), 's').steps).toEqual({
      a: { reached: 1, sent: 1 },
      b: { reached: 1, waiting: 1 },
      c: { reached: 1, cancelled: 1 },
    })
  })

  it('FUNNEL-1: paused runs are open, and their steps wait', () => {
    const paused = of(underway.given(pause('s')), 's')
    expect(paused).toMatchObject({ open: 1, paused: 1, steps: { b: { waiting: 1 } } })
    expect(of(underway.given(pause('s'), resume('s')), 's')).toEqual(of(underway, 's'))
  })

  it('FUNNEL-1: runs that were stopped are counted by why', () => {
    const by = (scene: Scenario, sequenceId = 's') => of(scene, sequenceId).by
    expect(by(underway.given(stop('s')))).toEqual({ hand: 1 })
    expect(by(underway.given(stopAll()))).toEqual({ hand: 1 })
    expect(by(underway.given(suppress()))).toEqual({ ban: 1 })
    expect(by(underway.given(erase()))).toEqual({ erasure: 1 })
    expect(by(underway.given(signal('done')))).toEqual({ goal: 1 })
    expect(by(story.given(start('after'), dispatch(), report('after', 'a', failed)), 'after')).toEqual({ failure: 1 })
  })

  it('FUNNEL-1: a goal is counted, and from where', () => {
    const { goals } = numbersOf(underway.given(signal('done'), signal('done')))
    expect(goals).toEqual([{ goalId: 'done', satisfied: 2, from: [{ sequenceId: 's', runs: 1 }] }])
  })

  it('FUNNEL-1: a run that waits at its end is open until it is stopped, or until a new start completes it', () => {
    const waiting = underway.at('P1D').dispatched().at('P1D').dispatched()
    expect(of(waiting, 's')).toMatchObject({ open: 1, waiting: 1 })
    expect(of(waiting.given(start('s')), 's')).toMatchObject({ started: 2, open: 1, active: 1, completed: 1 })
    expect(of(waiting.given(stop('s')), 's')).toMatchObject({ started: 1, stopped: 1 })
  })
})

const TIMEOUT_MS = 600_000

it('FUNNEL-3: the numbers stand in one order, in whatever order a store gives its counters', () => {
  const counters = [
    ['skipped', 's', 'a', 'no-consent'],
    ['skipped', 's', 'a', 'bounced'],
    ['from', 'done', 's'],
    ['from', 'done', 'careful'],
    ['sequence', 'of-an-older-version', 'started'],
    ['sequence', 'even-older', 'started'],
  ].map((path) => ({ campaignId: 'course', campaignVersion: 1, key: JSON.stringify(path), count: 1 }))
  const numbers = funnelNumbers(course, counters)
  expect(numbers.sequences[0]?.steps[0]?.reasons.map(({ reason }) => reason)).toEqual(['bounced', 'no-consent'])
  expect(numbers.goals[0]?.from.map(({ sequenceId }) => sequenceId)).toEqual(['careful', 's'])
  expect(funnelNumbers(course, counters.toReversed())).toEqual(numbers)
})

function always(name: string, law: (history: History) => void) {
  it(name, () => fc.assert(fc.property(historyArbitrary({ maxMoves: 40 }), law), { numRuns: runs(100) }), TIMEOUT_MS)
}

describe('laws', () => {
  const byKey = (sum: CounterSum) =>
    countersOf(sum.changes())
      .map(({ campaignId, campaignVersion, key, count }) => [campaignId, campaignVersion, key, count])
      .sort()

  always(
    'FUNNEL-2: the differences of all appends are what the last state says',
    ({ played, events, state, campaigns }) => {
      const [oneByOne, inAppends, atOnce, folded] = [1, 2, 3, 4].map(() => new CounterSum()) as [
        CounterSum,
        CounterSum,
        CounterSum,
        CounterSum,
      ]
      let before = initialContact
      for (const event of events) {
        const after = evolve(before, event)
        oneByOne.addAll(counterChanges(before, [event], after, campaigns))
        before = after
      }
      for (const { before: found, decision } of played)
        if (decision !== null)
          inAppends.addAll(counterChanges(found, decision.events, fold(decision.events, found), campaigns))
      atOnce.addAll(countersOfHistory(events, state, campaigns))
      const counting = new ContactCounters()
      for (const event of events) counting.add(event)
      folded.addAll(counting.changes(state, campaigns))
      expect(byKey(inAppends)).toEqual(byKey(oneByOne))
      expect(byKey(atOnce)).toEqual(byKey(oneByOne))
      expect(byKey(folded)).toEqual(byKey(oneByOne))
    },
  )

  always('FUNNEL-2: sums agree after every event, and nothing is below 0', ({ events, definition, campaigns }) => {
    const sum = new CounterSum()
    let before = initialContact
    for (const event of events) {
      const after = evolve(before, event)
      sum.addAll(counterChanges(before, [event], after, campaigns))
      before = after
      const counters = countersOf(sum.changes())
      expect(counters.filter(({ count }) => count < 0)).toEqual([])
      expect(sumsBroken(funnelNumbers(definition, counters))).toEqual([])
      for (const version of new Set(counters.map(({ campaignVersion }) => campaignVersion)))
        expect(
          sumsBroken(
            funnelNumbers(
              definition,
              counters.filter(({ campaignVersion }) => campaignVersion === version),
            ),
          ),
        ).toEqual([])
    }
  })

  always(
    'FUNNEL-2: as many runs are open, and in each status, as the state has',
    ({ events, state, definition, campaigns }) => {
      const numbers = funnelNumbers(definition, countersOf(countersOfHistory(events, state, campaigns)))
      const runsOf = (status?: string) =>
        state.enrollments
          .flatMap(({ runs: all }) => {
            // Nor do those count that were undone, or go on in another one (UNDO-2, UNDO-3).
            const real = all.filter((run) => run.status !== 'undone')
            return real.filter((run) => !real.some(({ continued }) => continued?.run === run.run))
          })
          .filter((run) => status === undefined || run.status === status).length
      const sumOf = (name: 'started' | 'active' | 'paused' | 'waiting' | 'completed' | 'stopped') =>
        numbers.sequences.reduce((all, one) => all + one[name], 0)
      expect(sumOf('started')).toBe(runsOf())
      for (const status of ['active', 'paused', 'waiting', 'completed', 'stopped'] as const)
        expect([status, sumOf(status)]).toEqual([status, runsOf(status)])
      const retracted = events.reduce(
        (n, { type, data }) => n + (type === 'SignalRetracted' ? data.goals.length : 0),
        0,
      )
      const satisfied = events.filter(({ type }) => type === 'GoalSatisfied').length - retracted
      expect(numbers.goals.reduce((all, one) => all + one.satisfied, 0)).toBe(satisfied)
    },
  )
})

/** The changes of both parts of a history, next to those of the whole. */
function countedInParts(first: Scenario, whole: Scenario) {
  const { campaigns } = whole.context
  const sum = new CounterSum()
  sum.addAll(counterChanges(initialContact, first.events, first.state, campaigns))
  sum.addAll(counterChanges(first.state, whole.events.slice(first.events.length), whole.state, campaigns))
  const named = (changes: ReturnType<CounterSum['changes']>) =>
    countersOf(changes)
      .map((one) => JSON.stringify(one))
      .sort()
  return [sum.changes(), countersOfHistory(whole.events, whole.state, campaigns)].map(named)
}

it('FUNNEL-2, UNDO-5: an undone order and the next step, handled together, are counted as one after the other', () => {
  const cancelled = story.given(start('s'), cancel('s', 'c', { commandId: 'k' }))
  const after = cancelled.given(undo('k')).dispatched()
  expect(after.state.enrollments[0]?.runs[0]?.steps.map(({ stepId }) => stepId)).toEqual(['a'])
  const [parts, whole] = countedInParts(cancelled, after)
  expect(parts).toEqual(whole)
})

it('FUNNEL-2, UNDO-2: a run that waits again after undone starts, until another start, is counted as over', () => {
  const draft = { id: 'a', kind: 'email', draft: true }
  const goals = [{ id: 'done', when: { kind: 'done' } }]
  const drafts = campaign({ id: 'drafts', goals, sequences: [{ id: 'd', steps: [draft], next: ['done'] }] })
  const waiting = scenario({ campaigns: [drafts] })
    .given(start('d'))
    .dispatched()
  const restarted = waiting.given(start('d', { commandId: 'k' }))
  const first = restarted.given(undo('k', { commandId: 'u' }), undo('u', { commandId: 'r' })).dispatched()
  expect(first.state.enrollments[0]?.runs.map(({ status }) => status)).toEqual(['completed', 'undone', 'waiting'])
  const whole = first.given(undo('r'), start('d', { commandId: 'l' }))
  const statuses = whole.state.enrollments[0]?.runs.map(({ status }) => status)
  expect(statuses).toEqual(['completed', 'undone', 'undone', 'active'])
  const [parts, counted] = countedInParts(first, whole)
  expect(parts).toEqual(counted)
})
