/** Rules UNDO-2 to UNDO-5: what undoing an order, or a signal, does to each run; and where it meets the other rules. */
import {
  type CampaignDefinition,
  type ContactEvent,
  counterChanges,
  enrollmentOf,
  initialContact,
  isLeft,
  newestRun,
  runOf,
  tagChanges,
} from '@enfold/core'
import { violationOf } from '@enfold/core/log'
import { campaignArbitrary, commands, factsArbitrary, type Scenario, scenario } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const { cancel, dispatch, erase, pause, report, resend, restart, resume, retract, signal, start, stop, stopAll } =
  commands
const { move, reschedule, sendNow, shift, skip, suppress, undo, unsuppress } = commands

const course: CampaignDefinition = {
  id: 'c',
  goals: [
    { id: 'bought', when: { kind: 'purchased' }, next: ['vip'] },
    { id: 'asked', when: { kind: 'form-submitted' }, next: ['s'] },
  ],
  sequences: [
    {
      id: 's',
      steps: [
        { id: 'a', kind: 'email', timer: { after: 'P1D' } },
        { id: 'b', kind: 'email', timer: { after: 'P2D' } },
      ],
      next: ['bought'],
    },
    { id: 'vip', steps: [{ id: 'v', kind: 'email', timer: { after: 'P1D' } }] },
    { id: 'drafts', steps: [{ id: 'd', kind: 'email', draft: true }], next: ['vip'] },
    { id: 'now', steps: [{ id: 'n', kind: 'email' }] },
  ],
}
const story = scenario({ campaigns: [course] })
const monday = { days: ['mon'], from: '08:00', to: '10:00' } as const
const windowed = scenario({
  campaigns: [
    {
      id: 'c',
      goals: [],
      sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email', timer: { after: 'P6D', window: monday } }] }],
    },
  ],
})
const ref = { campaignId: 'c', sequenceId: 's' }

const k = (commandId: string) => ({ commandId })
const newest = ({ state }: Scenario, sequenceId = 's') =>
  newestRun(enrollmentOf(state, { campaignId: 'c', sequenceId }))
const nextOf = ({ plan }: Scenario) =>
  plan.upcoming.map(({ stepId, dueAt, run, paused }) => ({ stepId, dueAt, run, paused }))
/** What the undo of the command came to: its outcome, and each run. */
function resultOf(scene: Scenario, commandId = 'k', more: Parameters<typeof undo>[1] = {}) {
  const { result } = scene.when(undo(commandId, more))
  if (isLeft(result)) return result.left.type
  const { outcome, results } = result.right.answer as {
    outcome: string
    results: readonly { run: number; outcome: string }[]
  }
  return [outcome, ...results.map((one) => `${one.run} ${one.outcome}`)]
}
const tagsOf = (events: readonly ContactEvent[]) => {
  const tags = new Set<string>()
  for (const event of events)
    for (const one of tagChanges('contact', event))
      if (one.change === 'add') tags.add(one.tag)
      else if (one.change === 'remove') tags.delete(one.tag)
  return [...tags]
}
const numbersOf = ({ events, state, context }: Scenario) =>
  counterChanges(initialContact, events, state, context.campaigns).flatMap(({ by }) => by)

describe('UNDO-2: a start', () => {
  it('UNDO-2: nothing dispatched yet: it is as if it had never begun, but for its number', () => {
    const undone = story
      .given(start('s', k('k')))
      .at('P1D')
      .given(undo('k'))
    expect(undone.events.map(({ type }) => type)).toEqual(['SequenceStarted', 'RunUndone'])
    expect(newest(undone)).toBeUndefined()
    expect(undone.plan.wakeAt).toBeNull()
    expect(tagsOf(undone.events)).toEqual([])
    expect(numbersOf(undone)).toEqual([])
    undone.when(stop('s')).thenAnswer({ outcome: 'not_active', run: 0 })
    undone.when(start('s')).thenAnswer({ outcome: 'started', run: 2 })
    undone
      .when(signal('purchased'))
      .thenEvents(['GoalSatisfied', { goalId: 'bought' }], ['SequenceStarted', { sequenceId: 'vip' }])
  })

  it('UNDO-2: something was dispatched: it is left alone, or stopped', () => {
    const sent = story.given(start('s', k('k'))).passed('P1D')
    expect(resultOf(sent)).toEqual(['already_sent', '1 already_sent'])
    sent.when(undo('k')).thenEvents()
    sent.when(undo('k', { stopSent: true })).thenEvents(['SequenceStopped', { run: 1 }])
    expect(resultOf(sent, 'k', { stopSent: true })).toEqual(['stopped', '1 stopped'])
  })

  it('UNDO-2: a dispatch whose outcome is open counts as one', () => {
    const inFlight = story.given(start('now', k('k')), dispatch())
    expect(resultOf(inFlight)).toEqual(['already_sent', '1 already_sent'])
  })

  it('UNDO-2: a stop sent after a dispatch counts as one by hand', () => {
    const stopped = story
      .given(start('s', k('k')))
      .passed('P1D')
      .given(undo('k', { stopSent: true }))
    expect(newest(stopped)?.ended).toMatchObject({ from: 'active', by: 'hand' })
  })

  it('UNDO-2: a skipped step is no dispatch, and what its end has started goes with it', () => {
    const moved = story.given(start('drafts', k('k'))).dispatched()
    expect(newest(moved, 'vip')?.status).toBe('active')
    expect(resultOf(moved)).toEqual(['undone', '1 undone', '1 undone'])
    const undone = moved.given(undo('k'))
    expect([newest(undone, 'drafts'), newest(undone, 'vip')]).toEqual([undefined, undefined])
    expect(numbersOf(undone)).toEqual([])
    expect(tagsOf(undone.events)).toEqual([])
  })

  it('UNDO-2: if what its end has started has sent something, all of it is left alone, or what is open stopped', () => {
    const moved = story
      .given(start('drafts', k('k')))
      .dispatched()
      .passed('P1D')
    expect(resultOf(moved)).toEqual(['already_sent', '1 already_sent', '1 already_sent'])
    const open = story
      .given(start('drafts', k('k')))
      .dispatched()
      .at('P1D')
      .given(dispatch())
    expect(resultOf(open, 'k', { stopSent: true })).toEqual(['stopped', '1 stopped'])
  })

  it('UNDO-2: the run before waits again at its end, as before the start', () => {
    const waiting = story.given(start('s')).passed('P9D')
    expect(newest(waiting)?.status).toBe('waiting')
    const undone = waiting.given(start('s', k('k')), undo('k'))
    expect(newest(undone)).toMatchObject({ run: 1, status: 'waiting' })
    expect(tagsOf(undone.events)).toEqual(['c/s~waiting'])
    expect(numbersOf(undone)).toEqual(numbersOf(waiting))
    undone.when(start('s')).thenAnswer({ outcome: 'started', run: 3 })
  })

  it('UNDO-2: a run that was stopped since does not give the wait back, which the stop would have ended', () => {
    const stopped = story
      .given(start('s'))
      .passed('P9D')
      .given(start('s', k('k')), stop('s'), undo('k'))
    expect(newest(stopped)).toMatchObject({ run: 1, status: 'completed' })
    expect(tagsOf(stopped.events)).toEqual([])
  })

  it.each([
    ['a stop by hand', stop('s')],
    ['a goal', signal('purchased')],
    ['a ban', suppress()],
    ['a pause', pause('s')],
  ] as const)('UNDO-2: after %s it is undone all the same, also for what asks how often it began', (_, then) => {
    const undone = story.given(start('s', k('k')), then)
    expect(resultOf(undone)[0]).toBe('undone')
    expect(numbersOf(undone.given(undo('k'))).filter(([key]) => key.includes('"s"'))).toEqual([])
  })

  it('UNDO-5: after a restart the newer run stays', () => {
    expect(resultOf(story.given(start('s', k('k')), restart('s')))).toEqual(['changed_since', '1 changed_since'])
  })

  it('ERASE-1: nothing is undone for an erased contact', () => {
    expect(resultOf(story.given(start('s', k('k')), erase()))).toBe('ContactErased')
  })

  it('BRAKE-1: an undone start is none', () => {
    const braked = scenario({ campaigns: [{ ...course, brake: 1 }] }).given(start('s', k('k')))
    braked.given(stop('s')).when(start('s')).thenRejected('TooManyStarts')
    braked.given(undo('k')).when(start('s')).thenAnswer({ outcome: 'started', run: 2 })
  })
})

describe('UNDO-3: a stop', () => {
  const running = story.given(start('s')).passed('P2D')

  it('UNDO-3: another run goes on where the stopped one stood; due instants are as they were', () => {
    const restored = running
      .given(stop('s', k('k')))
      .at('PT12H')
      .given(undo('k'))
    expect(restored.events.at(-1)).toMatchObject({
      type: 'SequenceStarted',
      data: { ...ref, run: 2, campaignVersion: 1, continues: 1 },
    })
    expect(nextOf(restored)).toEqual([{ ...nextOf(running)[0], run: 2 }])
    expect(runOf(restored.state, { ...ref, run: 1 })?.status).toBe('stopped')
    expect(newest(restored)?.steps.map(({ stepId, status }) => [stepId, status])).toEqual([['a', 'sent']])
    expect(resultOf(running.given(stop('s', k('k'))))).toEqual(['restored', '2 restored'])
  })

  it('UNDO-3: a log says of a run that goes on where the one before stood, and of no other, how that one stood', () => {
    const stopped = running.given(stop('s', k('k'))).at('PT12H')
    const restored = stopped.given(undo('k')).events.at(-1)
    const begun = stopped.given(start('s')).events.at(-1)
    const ruleIn = (event: ContactEvent | undefined, data: object) =>
      violationOf(
        stopped.contactId,
        stopped.state,
        { ...event, data: { ...event?.data, ...data } } as ContactEvent,
        stopped.context.campaigns,
      )?.rule
    expect(ruleIn(restored, {})).toBeUndefined()
    expect(ruleIn(restored, { atStep: 'b' })).toBe('UNDO-3')
    expect(ruleIn(restored, { atStep: 'none' })).toBe('UNDO-3')
    expect(ruleIn(begun, {})).toBeUndefined()
    expect(ruleIn(begun, { atStep: 'b' })).toBeUndefined()
    expect(ruleIn(begun, { standing: 'paused' })).toBe('UNDO-3')
    expect(ruleIn(begun, { shiftMs: 60_000 })).toBe('UNDO-3')
  })

  it('UNDO-3: with shift they are later by the gap', () => {
    const restored = running
      .given(stop('s', k('k')))
      .at('PT12H')
      .given(undo('k', { shift: true }))
    expect(nextOf(running)[0]?.dueAt).toBe('2026-03-05T09:00:00.000Z')
    expect(nextOf(restored)[0]?.dueAt).toBe('2026-03-05T21:00:00.000Z')
  })

  it('UNDO-3: what fell due in the gap is due now', () => {
    const restored = running
      .given(stop('s', k('k')))
      .at('P30D')
      .given(undo('k'))
    expect(restored.plan.due.map((due) => 'stepId' in due && due.stepId)).toEqual(['b'])
  })

  it('UNDO-3: the numbers of a run whose stop is undone are those of a contact who never was stopped', () => {
    expect(numbersOf(running.given(stop('s', k('k')), undo('k')))).toEqual(numbersOf(running))
    const undoneAgain = running.given(stop('s', k('k')), undo('k', k('u')), undo('u'))
    expect(new Map(numbersOf(undoneAgain))).toEqual(new Map(numbersOf(running.given(stop('s')))))
  })

  it('STEP-4: a sending that was begun before the stop goes on under its key', () => {
    const failed = story.given(start('now'), dispatch(), report('now', 'n', { outcome: 'failed', reason: 'busy' }))
    const restored = failed.given(stop('now', k('k')), undo('k')).at('PT1M')
    const keys = (scene: Scenario) =>
      scene.events.flatMap(({ type, data }) => (type === 'StepDispatched' ? [data.idempotencyKey] : []))
    const [first] = keys(failed)
    restored.when(dispatch()).thenEvents(['StepDispatched', { run: 2, attempt: 2 }])
    expect(keys(restored.given(dispatch()))).toEqual([first, first])
  })

  it('UNDO-3: a step in flight: not now, because its outcome belongs to the stopped run; then as it came out', () => {
    const inFlight = story
      .given(start('s'))
      .at('P1D')
      .given(dispatch(), stop('s', k('k')))
    expect(resultOf(inFlight)).toBe('StepInFlight')
    const sent = inFlight.given(report('s', 'a', { outcome: 'sent' }, { run: 1 }))
    expect(resultOf(sent)).toEqual(['restored', '2 restored'])
    expect(nextOf(sent.given(undo('k')))).toMatchObject([{ stepId: 'b', dueAt: '2026-03-05T09:00:00.000Z', run: 2 }])
  })

  it('STEP-5: a held step is held again', () => {
    const held = scenario({
      campaigns: [
        {
          ...course,
          sequences: [{ id: 's', steps: [{ id: 'a', kind: 'email', maxAttempts: 1, onFailure: 'hold' }] }],
          goals: [],
        },
      ],
    })
      .given(start('s'), dispatch(), report('s', 'a', { outcome: 'failed', reason: 'no' }))
      .given(stop('s', k('k')), undo('k'))
    expect(newest(held)).toMatchObject({ run: 2, status: 'active', steps: [{ stepId: 'a', status: 'held' }] })
    held.given(resend('s', 'a')).dispatched().when(dispatch()).thenNothing()
  })

  it('RESEND-1: a resend that fell with the stop is not taken up again, and the next one has the next number', () => {
    const restored = running.given(resend('s', 'a'), stop('s', k('k')), undo('k'))
    expect(restored.plan.due).toEqual([])
    restored.when(resend('s', 'a')).thenAnswer({ outcome: 'resent', run: 2, resend: 2 })
  })

  it('START-4, UNDO-2, UNDO-3: a start that is undone and ordered again ends the wait of the run before, each time', () => {
    const statuses = ({ state }: Scenario) => state.enrollments[0]?.runs.map(({ status }) => status)
    const waiting = story.given(start('s')).passed('P4D')
    const undone = waiting.given(start('s', k('k')), undo('k', k('u')))
    expect(statuses(undone)).toEqual(['waiting', 'undone'])
    const again = undone.given(undo('u', k('r')))
    expect(statuses(again)).toEqual(['completed', 'undone', 'active'])
    expect(statuses(again.given(undo('r')))).toEqual(['waiting', 'undone', 'undone'])
  })

  it('CANCEL-3: a cancelled step stays cancelled', () => {
    const restored = running.given(cancel('s', 'b'), stop('s', k('k')), undo('k'))
    expect(nextOf(restored)).toEqual([])
    expect(newest(restored.passed('P3D'))).toMatchObject({ run: 2, status: 'waiting' })
  })

  it('PAUSE-2: a paused run is paused again, since when it was; a resume that shifts shifts by all of it', () => {
    const paused = running.at('PT1H').given(pause('s'))
    const restored = paused
      .at('PT1H')
      .given(stop('s', k('k')))
      .at('PT2H')
      .given(undo('k'))
    expect(newest(restored)).toMatchObject({ run: 2, status: 'paused', pausedAt: newest(paused)?.pausedAt })
    const undisturbed = paused
      .at('PT3H')
      .at('PT1H')
      .given(resume('s', { shift: true }))
    expect(nextOf(restored.at('PT1H').given(resume('s', { shift: true })))).toEqual([
      { ...nextOf(undisturbed)[0], run: 2 },
    ])
  })

  it('ROUTE-5: a waiting run waits again, and starts nothing', () => {
    const waiting = story.given(start('s')).passed('P9D')
    const restored = waiting
      .given(stop('s', k('k')))
      .at('P1D')
      .given(undo('k'))
    expect(newest(restored)).toMatchObject({ run: 2, status: 'waiting', endedAt: newest(waiting)?.endedAt })
    expect(tagsOf(restored.events)).toEqual(['c/s~waiting'])
    expect(restored.plan.wakeAt).toBeNull()
    restored
      .when(signal('purchased'))
      .thenEvents(['GoalSatisfied', {}], ['SequenceStopped', { run: 2 }], ['SequenceStarted', { sequenceId: 'vip' }])
  })

  it('VERSION-1: a run whose stop is undone goes on in its version, whatever was published since', () => {
    const restored = running
      .given(stop('s', k('k')))
      .publish({ ...course, sequences: course.sequences.filter(({ id }) => id !== 'drafts'), goals: course.goals })
      .given(undo('k'))
    expect(newest(restored)).toMatchObject({ run: 2, campaignVersion: 1 })
  })

  it('VERSION-3: a run whose stop is undone does not go on in a campaign that was unpublished since', () => {
    expect(resultOf(running.given(stop('s', k('k'))).unpublish())).toEqual(['changed_since', '1 changed_since'])
  })

  it.each([
    ['a newer run', (scene: Scenario) => scene.given(start('s'))],
    ['a newer run that was stopped', (scene: Scenario) => scene.given(start('s'), stop('s'))],
    ['a ban', (scene: Scenario) => scene.given(suppress())],
    ['a ban that was lifted', (scene: Scenario) => scene.given(suppress(), unsuppress())],
  ] as const)('UNDO-3: a run whose stop is undone does not go on after %s', (_, then) => {
    expect(resultOf(then(running.given(stop('s', k('k')))))).toEqual(['changed_since', '1 changed_since'])
  })

  it('UNDO-3: an undone start since is no newer run', () => {
    const undone = running.given(stop('s', k('k')), start('s', k('again')), undo('again'))
    expect(resultOf(undone)).toEqual(['restored', '3 restored'])
  })

  it('STOP-4: undoing a ban lifts it, and what it stopped goes on; a newer ban stays', () => {
    const banned = running.given(suppress(k('k')))
    expect(resultOf(banned)).toEqual(['restored', '2 restored'])
    banned.when(undo('k')).thenEvents(['ContactUnsuppressed', {}], ['SequenceStarted', { continues: 1 }])
    expect(resultOf(banned.given(unsuppress()))).toEqual(['restored', '2 restored'])
    expect(resultOf(banned.given(unsuppress(), suppress()))).toEqual(['changed_since', '1 changed_since'])
  })

  it('STOP-3: every run that one order stopped goes on', () => {
    const many = running.given(start('vip'), stopAll(k('k')))
    expect(resultOf(many)).toEqual(['restored', '2 restored', '2 restored'])
  })

  it('BRAKE-1: a run that goes on is no start', () => {
    const braked = scenario({ campaigns: [{ ...course, brake: 2 }] }).given(start('s'), stop('s', k('k')), undo('k'))
    braked.given(stop('s')).when(start('s')).thenAnswer({ outcome: 'started', run: 3 })
  })
})

describe('UNDO-3: keys', () => {
  const carts = scenario({
    campaigns: [
      {
        id: 'c',
        goals: [],
        sequences: [
          {
            id: 's',
            per: 'orderId',
            vars: { orderId: { data: 'orderId' }, total: { data: 'total' } },
            steps: [{ id: 'a', kind: 'email', timer: { after: 'P1D' } }],
          },
        ],
      },
    ],
  }).given(start('s', { key: 'x', vars: { total: 7 } }), start('s', { key: 'y' }))

  it('KEY-2: each run that one order stopped goes on, with its key and its variables', () => {
    const restored = carts.given(stop('s', k('k')), undo('k'))
    const runs = ['x', 'y'].map((key) => newestRun(enrollmentOf(restored.state, { ...ref, key })))
    expect(runs).toMatchObject([
      { run: 2, status: 'active', vars: { orderId: 'x', total: 7 } },
      { run: 2, status: 'active', vars: { orderId: 'y' } },
    ])
  })

  it('UNDO-5: one that was started again stays as it is', () => {
    const one = carts.given(stop('s', k('k')), start('s', { key: 'x' }))
    expect(resultOf(one)).toEqual(['restored', '2 restored'])
    expect(newestRun(enrollmentOf(one.given(undo('k')).state, { ...ref, key: 'x' }))).toMatchObject({
      run: 2,
      vars: { orderId: 'x' },
    })
  })
})

describe('UNDO-1: orders that did both, and orders to undo', () => {
  const restarted = story
    .given(start('s'))
    .passed('P1D')
    .given(restart('s', k('k')))

  it('START-3: undoing a restart undoes the new run, and the old one goes on', () => {
    expect(resultOf(restarted)).toEqual(['restored', '2 undone', '3 restored'])
    const undone = restarted.given(undo('k'))
    expect(newest(undone)).toMatchObject({ run: 3, continued: { run: 1 } })
    expect(nextOf(undone)).toMatchObject([{ stepId: 'b', run: 3 }])
  })

  it('START-3: once the new run has sent something, the old one does not go on', () => {
    expect(resultOf(restarted.passed('P1D'))).toEqual(['already_sent', '2 already_sent'])
    restarted
      .passed('P1D')
      .when(undo('k', { stopSent: true }))
      .thenEvents(['SequenceStopped', { run: 2 }])
  })

  it('JUMP-2: undoing a move to another sequence undoes the new run, and the old one goes on, unless something was sent', () => {
    const moved = story
      .given(start('s'))
      .passed('P1D')
      .given(move('s', { ...k('k'), toSequence: 'vip' }))
    expect(resultOf(moved)).toEqual(['restored', '1 undone', '2 restored'])
    expect(nextOf(moved.given(undo('k')))).toMatchObject([{ stepId: 'b', run: 2 }])
    expect(resultOf(moved.passed('P1D'))[0]).toBe('already_sent')
  })

  it('ONCE-1: the same undo again changes nothing and has the same result; another finds nothing to undo', () => {
    for (const done of [story.given(start('s', k('k'))), story.given(start('s'), stop('s', k('k')))]) {
      const undone = done.given(undo('k', k('u')))
      const { result } = done.when(undo('k', k('u')))
      undone.when(undo('k', k('u'))).thenEvents()
      expect(isLeft(result) ? null : result.right.answer).toEqual(
        ((again) => (isLeft(again) ? null : again.right.answer))(undone.when(undo('k', k('u'))).result),
      )
      expect(resultOf(undone)[0]).toBe('nothing_to_undo')
    }
  })

  it('UNDO-6: an order that changed nothing, or never came, is unknown; so are a signal and what a step led to', () => {
    const passed = story
      .given(start('s'), start('s', k('k')), signal('form-submitted'))
      .passed('P1D')
      .given(dispatch(k('d')))
    expect(resultOf(passed)).toBe('OrderUnknown')
    const others = passed.events.filter(({ cause }) => cause.by === 'signal' || cause.by === 'step')
    expect(new Set(others.map(({ type }) => type))).toEqual(new Set(['GoalSatisfied', 'StepDispatched', 'StepSent']))
    for (const { commandId } of others) expect(resultOf(passed, commandId)).toBe('OrderUnknown')
  })

  it('UNDO-6: an order of which one run is in flight is left whole until the outcome is known', () => {
    const inFlight = story.given(start('now'), dispatch(), start('s'), stopAll(k('k')))
    inFlight.when(undo('k')).thenRejected('StepInFlight', { sequenceId: 'now', stepId: 'n' })
    const sent = inFlight.given(report('now', 'n', { outcome: 'sent' }))
    expect(resultOf(sent)[0]).toBe('restored')
    expect(newest(sent.given(undo('k')))).toMatchObject({ run: 2, status: 'active' })
  })

  it('UNDO-6: what ended its run, and the undo of a skip, a cancelling, a resend or a move, have no inverse', () => {
    const sent = story.given(start('s')).passed('P1D')
    sent
      .given(skip('s', 'b', k('k')))
      .when(undo('k'))
      .thenRejected('NotUndoable', { undoes: 'k' })
    const back = sent.given(cancel('s', 'b', k('k')), undo('k', k('u')))
    back.when(undo('u')).thenRejected('NotUndoable', { undoes: 'u' })
    // What the end of a run has started stays with it.
    const moved = story.given(start('drafts'), skip('drafts', 'd', k('k')))
    moved.when(undo('k')).thenRejected('NotUndoable')
  })

  it('UNDO-6: a signal that was retracted stays so', () => {
    const retracted = story.given(signal('form-submitted', { signalId: 'form' }), retract('form', k('k')))
    retracted.when(undo('k')).thenRejected('NotUndoable')
  })

  it('UNDO-1: the undo of a start is undone: the contact goes on where the run stood', () => {
    const back = story
      .given(start('s', k('k')))
      .at('PT1H')
      .given(undo('k', k('u')))
      .at('PT1H')
      .given(undo('u', k('v')))
    expect(newest(back)).toMatchObject({ run: 2, status: 'active', continued: { run: 1 } })
    expect(nextOf(back)).toMatchObject([{ stepId: 'a', run: 2, dueAt: '2026-03-03T09:00:00.000Z' }])
    expect(new Map(numbersOf(back))).toEqual(new Map(numbersOf(story.given(start('s')))))
    expect(newest(back.given(undo('v')))).toBeUndefined()
  })

  it('UNDO-1, STOP-4: the undo of a ban is undone: it bans again, and what went on goes on no more, unless it has sent', () => {
    const back = story.given(start('s'), suppress(k('k')), undo('k', k('u')))
    const again = back.given(undo('u'))
    expect([again.state.suppressed, newest(again)?.status]).toEqual([{ until: null }, 'stopped'])
    const sent = back.passed('P1D')
    expect(resultOf(sent, 'u')).toEqual(['already_sent', '2 already_sent'])
    expect(sent.given(undo('u')).state.suppressed).toBeNull()
  })

  it('UNDO-1: the undo of a stop is undone, unless the run has sent something since', () => {
    const back = story
      .given(start('s'))
      .passed('P1D')
      .given(stop('s', k('k')), undo('k', k('u')))
    expect(newest(back.given(undo('u')))).toMatchObject({ run: 1, status: 'stopped' })
    expect(tagsOf(back.given(undo('u')).events)).toEqual([])
    expect(resultOf(back.passed('P2D'), 'u')).toEqual(['already_sent', '2 already_sent'])
  })
})

describe('UNDO-4: a signal', () => {
  const running = story.given(start('s')).passed('P1D')
  const bought = running.given(signal('purchased', { signalId: 'order-1' }))

  it('UNDO-4: the goal of an undone signal counts no more, what it started was never begun, what it stopped goes on', () => {
    const retracted = bought.given(retract('order-1'))
    expect(retracted.events.slice(-3)).toMatchObject([
      {
        type: 'SignalRetracted',
        data: { signalId: 'order-1', goals: [{ campaignId: 'c', goalId: 'bought', campaignVersion: 1 }] },
      },
      { type: 'RunUndone', data: { sequenceId: 'vip', run: 1 } },
      { type: 'SequenceStarted', data: { sequenceId: 's', run: 2, continues: 1 } },
    ])
    bought.when(retract('order-1')).thenAnswer({
      outcome: 'retracted',
      results: [
        { ...ref, run: 2, outcome: 'restored' },
        { campaignId: 'c', sequenceId: 'vip', run: 1, outcome: 'undone' },
      ],
    })
    expect(new Map(numbersOf(retracted))).toEqual(new Map(numbersOf(running)))
    expect(tagsOf(retracted.events)).toEqual(['c/s'])
    expect(nextOf(retracted)).toMatchObject([{ stepId: 'b', run: 2, dueAt: nextOf(running)[0]?.dueAt }])
  })

  it('UNDO-4: what has sent something stays, or is stopped; what the signal stopped goes on all the same', () => {
    const sent = bought.passed('P1D')
    const results = (outcome: string) => [
      { sequenceId: 's', run: 2, outcome: 'restored' },
      { sequenceId: 'vip', run: 1, outcome },
    ]
    expect(answerOf(sent, retract('order-1'))).toMatchObject({ results: results('already_sent') })
    const open = bought.at('P1D').given(dispatch())
    expect(answerOf(open, retract('order-1', { stopSent: true }))).toMatchObject({ results: results('stopped') })
    expect(newest(open.given(retract('order-1', { stopSent: true })), 'vip')?.ended?.by).toBe('hand')
  })

  it('ONCE-1, GOAL-10: a signal undone twice is retracted already, and the signal itself has had its effect', () => {
    const retracted = bought.given(retract('order-1'))
    retracted.when(retract('order-1')).thenEvents()
    expect(answerOf(retracted, retract('order-1'))).toMatchObject({ outcome: 'already_retracted' })
    retracted.when(signal('purchased', { signalId: 'order-1' })).thenEvents()
    retracted
      .when(signal('purchased', { signalId: 'order-2' }))
      .thenEvents(
        ['GoalSatisfied', { signalId: 'order-2' }],
        ['SequenceStopped', { sequenceId: 's', run: 2 }],
        ['SequenceStarted', { sequenceId: 'vip', run: 2 }],
      )
  })

  it('UNDO-4: a signal that left no trace is not known', () => {
    running.when(retract('order-9')).thenRejected('SignalUnknown')
    story
      .given(signal('link-clicked', { signalId: 'click-1' }))
      .when(retract('click-1'))
      .thenRejected('SignalUnknown')
  })

  it('SIGNAL-2: a kept signal that satisfied nothing is retracted: nothing else follows', () => {
    const kept = scenario({ campaigns: [{ ...course, signals: { 'link-clicked': { keep: ['url'] } } }] }).given(
      signal('link-clicked', { signalId: 'click-1', data: { url: '/' } }),
    )
    kept.when(retract('click-1')).thenEvents(['SignalRetracted', { signalId: 'click-1', goals: [], results: [] }])
  })

  it('GOAL-6: a sequence that the signal found in progress is not its doing', () => {
    const asked = story.given(start('s'), signal('form-submitted', { signalId: 'form-1' }), retract('form-1'))
    expect(newest(asked)).toMatchObject({ run: 1, status: 'active' })
  })
})

describe('UNDO-5: a change of the schedule', () => {
  const byHand = reschedule('s', 'a', { dueAt: '2026-05-01T08:00:00.000Z' })
  it.each<[string, Scenario]>([
    ['given by hand', story.given(start('s'), byHand)],
    ['given by hand in the run that goes on', story.given(start('s'), byHand, stop('s', k('stop')), undo('stop'))],
    ['moved with all waits', story.given(start('s'), byHand, shift('s', { by: 'P3D' }))],
    [
      'later by a pause',
      story
        .given(start('s'), byHand, pause('s'))
        .at('P2D')
        .given(resume('s', { shift: true })),
    ],
    [
      'of its timer, where the run came again',
      story
        .given(start('s'), sendNow('s'))
        .dispatched()
        .given(move('s', { toStep: 'a', again: true })),
    ],
  ])('UNDO-5: a step has the instant again that it had: one %s', (_, before) => {
    const changed = before.given(reschedule('s', 'a', { dueAt: '2026-06-01T08:00:00.000Z', ...k('k') }))
    expect(nextOf(changed)).not.toEqual(nextOf(before))
    expect(resultOf(changed)[0]).toBe('undone')
    expect(nextOf(changed.given(undo('k')))).toEqual(nextOf(before))
  })

  it('UNDO-5: a step that was sent now does not wait for its window again', () => {
    const begun = windowed.given(start('s'), sendNow('s'))
    const changed = begun.given(reschedule('s', 'a', { dueAt: '2026-06-01T08:00:00.000Z', ...k('k') }))
    expect(nextOf(changed.given(undo('k')))).toEqual(nextOf(begun))
  })

  it('UNDO-5: a shift that cut a wait short is not taken back, though the window opened only later', () => {
    const cut = windowed
      .given(start('s'))
      .at('P1D')
      .given(shift('s', { by: '-P20D', ...k('k') }))
    expect(resultOf(cut)[0]).toBe('changed_since')
    expect(cut.given(undo('k')).plan).toEqual(cut.plan)
    const shorter = windowed
      .given(start('s'))
      .at('P1D')
      .given(shift('s', { by: '-P1D', ...k('k') }))
    expect(resultOf(shorter)[0]).toBe('undone')
  })
})

describe('UNDO-5: an order that took a step out, sent it again or moved its run', () => {
  const steps = [
    { id: 'a', kind: 'email', timer: { after: 'P1D' } },
    { id: 'b', kind: 'email', timer: { after: 'P2D' }, onFailure: 'hold' },
    { id: 'c', kind: 'email', timer: { after: 'P3D' } },
  ] as const
  const long = scenario({ campaigns: [{ id: 'c', goals: [], sequences: [{ id: 's', steps: [...steps] }] }] })
  const atB = long.given(start('s')).passed('P1D')
  const retrying = atB.at('P2D').given(dispatch(), report('s', 'b', { outcome: 'failed', reason: 'smtp' }))
  const held = atB.at('P2D').given(dispatch(), report('s', 'b', { outcome: 'failed', reason: 'smtp', permanent: true }))
  const byHand = reschedule('s', 'b', { dueAt: '2026-03-20T08:00:00.000Z' })
  const again = k('k')
  const places: readonly [string, Scenario][] = [
    ['stands before it', atB],
    ['was shifted', atB.given(shift('s', { by: 'PT5H' }))],
    ['has an instant by hand', atB.given(byHand)],
    ['is paused', atB.at('PT1H').given(pause('s'))],
    [
      'waits longer by a pause',
      atB
        .given(pause('s'))
        .at('PT7H')
        .given(resume('s', { shift: true })),
    ],
    ['tries it again', retrying],
    ['has it held', held],
    ['goes on where another stood', atB.given(stop('s', k('stop')), undo('stop'))],
    ['came to it again', retrying.given(move('s', { toStep: 'b', again: true }))],
  ]
  const orders: readonly [string, (scene: Scenario) => Scenario][] = [
    ['a skip', (scene) => scene.given(skip('s', 'b', again))],
    ['a skip ahead', (scene) => scene.given(skip('s', 'c', again))],
    ['a cancelling', (scene) => scene.given(cancel('s', 'b', again))],
    ['a cancelling ahead', (scene) => scene.given(cancel('s', 'c', again))],
    ['a resend', (scene) => scene.given(resend('s', 'a', again))],
    ['a move forwards', (scene) => scene.given(move('s', { toStep: 'c', ...again }))],
    ['a move that is due now', (scene) => scene.given(move('s', { toStep: 'c', wait: 'none', ...again }))],
    ['a move back', (scene) => scene.given(move('s', { toStep: 'a', again: true, ...again }))],
    ['a move to where it stands', (scene) => scene.given(move('s', { toStep: 'b', ...again }))],
  ]
  /** Without what the run keeps for an undo of the order before. */
  const standing = ({ state }: Scenario) =>
    state.enrollments.map(({ runs, ...one }) => ({ ...one, runs: runs.map(({ undoable: _, ...run }) => run) }))

  const countedBy = (from: Scenario, { events, state, context }: Scenario) =>
    new Map(
      counterChanges(from.state, events.slice(from.events.length), state, context.campaigns).flatMap(({ by }) => by),
    )

  it.each(places.flatMap(([where, scene]) => orders.map(([what, give]) => [what, where, scene, give] as const)))(
    'UNDO-5: %s is undone where the run %s: it stands as before, and its numbers are as if nothing had been',
    (_, __, before, give) => {
      const ordered = give(before).at('PT2H')
      expect(standing(ordered)).not.toEqual(standing(before))
      expect(resultOf(ordered)).toEqual(['undone', expect.stringContaining('undone')])
      const undone = ordered.given(undo('k'))
      expect(undone.events.at(-1)).toMatchObject({ type: 'OrderUndone', cause: { by: 'operator' } })
      expect(standing(undone)).toEqual(standing(before))
      expect(undone.plan).toEqual(before.at(undone.now).plan)
      expect(new Map(numbersOf(undone))).toEqual(new Map(numbersOf(before)))
      const taken = [...countedBy(before, ordered)].map(([key, by]) => [key, -by] as const)
      expect(countedBy(ordered, undone)).toEqual(new Map(taken))
      expect(resultOf(undone)[0]).toBe('nothing_to_undo')
    },
  )

  it.each(orders)('UNDO-5: %s after which something was sent, or was ordered, is left alone', (_, give) => {
    const ordered = give(atB)
    const sent = ordered.passed('P9D')
    expect(resultOf(sent)[0]).toBe('already_sent')
    expect(sent.given(undo('k')).state.enrollments).toEqual(sent.state.enrollments)
    const changes = [shift('s', { by: 'PT1H' }), pause('s'), stop('s'), restart('s'), reschedule('s', 'c', later)]
    for (const change of changes) {
      const { result } = ordered.when(change)
      if (!isLeft(result)) expect(resultOf(ordered.given(change))[0]).toBe('changed_since')
    }
    expect(resultOf(ordered.given(stop('s', k('stop')), undo('stop')))[0]).toBe('changed_since')
    ordered.given(erase()).when(undo('k')).thenRejected('ContactErased')
  })
  const later = { dueAt: '2026-03-25T08:00:00.000Z' }

  it('RESEND-3, UNDO-5: an undone resend goes out under no key, in a run that is over, too; the next has its number', () => {
    const over = atB.given(stop('s'), resend('s', 'a', k('k')), undo('k'))
    expect(over.at('P1D').when(dispatch()).thenNothing())
    const sent = over.given(resend('s', 'a'))
    expect(sent.events.at(-1)).toMatchObject({ data: { resend: 1 } })
    sent.when(dispatch()).thenEvents(['StepDispatched', { resend: 1 }])
  })

  it('UNDO-5: what fell due while the step was taken out is due now', () => {
    const late = atB.given(cancel('s', 'b', k('k'))).at('P3D')
    expect(late.given(undo('k')).plan.due).toMatchObject([{ action: 'dispatch', stepId: 'b' }])
  })

  it('UNDO-5: the orders before it stay, and are not undone after it', () => {
    const two = atB.given(skip('s', 'b', k('first')), cancel('s', 'c', k('k')), undo('k'))
    expect(standing(two)).toEqual(standing(atB.given(skip('s', 'b', k('first')))))
    expect(resultOf(two, 'first')[0]).toBe('changed_since')
  })

  it('AUDIT-4, UNDO-5: a log that undoes another order than the last of the run, or names it falsely, is found out', () => {
    const ordered = atB.given(skip('s', 'b', k('k')))
    const skipped = ordered.events.at(-1)
    const undone = ordered.given(undo('k')).events.at(-1)
    if (skipped === undefined || undone?.type !== 'OrderUndone') throw new Error('not undone')
    const ruleOf = (scene: Scenario, data: object) => {
      const event = { ...undone, data: { ...undone.data, ...data } } as ContactEvent
      return violationOf('contact', scene.state, event, scene.context.campaigns)?.rule ?? null
    }
    expect(ruleOf(ordered, {})).toBeNull()
    expect(ruleOf(ordered.given(pause('s')), {})).toBe('UNDO-5')
    expect(ruleOf(atB, {})).toBe('UNDO-5')
    expect(ruleOf(ordered, { undoes: atB.events.at(-1)?.id })).toBe('UNDO-5')
    expect(ruleOf(ordered, { order: 'cancel' })).toBe('UNDO-5')
    expect(ruleOf(ordered, { stepId: 'c' })).toBe('UNDO-5')
  })
})

describe('UNDO-3: the undisturbed twin', () => {
  /** What goes out, and what is passed over, at most so many wakes from now on. */
  function wakes(scene: Scenario, most: number): Scenario {
    let current = scene
    for (let i = 0; i < most && current.plan.wakeAt !== null; i++)
      current = current.at(current.plan.wakeAt).dispatched()
    return current
  }
  const told = ({ events, state }: Scenario, from: number) =>
    events.slice(from).flatMap(({ at, type, data }) => {
      if (type !== 'StepDispatched' && type !== 'StepSkipped' && type !== 'SequenceCompleted') return []
      const { continued } = runOf(state, data) ?? {}
      const timing = 'timing' in data ? data.timing : null
      return [
        {
          ...{ at, type, sequenceId: data.sequenceId, stepId: 'stepId' in data ? data.stepId : null, timing },
          run: continued?.sendsAs ?? null,
          key: type === 'StepDispatched' && continued !== undefined ? data.idempotencyKey : null,
        },
      ]
    })

  const changeArbitrary = fc.record({
    kind: fc.constantFrom('reschedule', 'shift', 'skip', 'cancel', 'now', 'move'),
    step: fc.nat(4),
    hours: fc.integer({ min: -60, max: 120 }),
  })
  type Change = typeof changeArbitrary extends fc.Arbitrary<infer One> ? One : never

  type Sequence = CampaignDefinition['sequences'][number]

  /** After what operators changed of the run; what a rule forbids there is left out. */
  function changed(scene: Scenario, sequence: Sequence, all: readonly Change[]) {
    return all.reduce((before, change) => {
      const command = commandOf(before, sequence, change)
      return isLeft(before.when(command).result) ? before : before.given(command)
    }, scene)
  }

  function commandOf(before: Scenario, { id, steps }: Sequence, { kind, step, hours }: Change) {
    const { id: stepId = '' } = steps[step % steps.length] ?? {}
    const dueAt = new Date(Date.parse(before.now) + Math.abs(hours) * 3_600_000).toISOString()
    return {
      reschedule: () => reschedule(id, stepId, { dueAt }),
      shift: () => shift(id, { by: `${hours < 0 ? '-' : ''}PT${Math.abs(hours) + 1}H` }),
      skip: () => skip(id, stepId),
      cancel: () => cancel(id, stepId),
      now: () => sendNow(id),
      move: () => move(id, { toStep: stepId, wait: hours < 0 ? 'none' : 'keep', again: hours % 2 === 0 }),
    }[kind]()
  }

  it('UNDO-3: a run that was rescheduled, shifted, skipped or moved sends after stop and undo what it would have sent', () => {
    let compared = 0
    fc.assert(
      fc.property(
        campaignArbitrary(),
        factsArbitrary,
        fc.nat(9),
        fc.array(changeArbitrary, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 200 }),
        (definition, facts, which, changes, gap) => {
          const sequence = definition.sequences[which % definition.sequences.length]
          if (sequence === undefined || sequence.per !== undefined) return
          const begun = scenario({ campaigns: [definition], facts }).given(start(sequence.id))
          const touched = changed(begun.dispatched(), sequence, changes)
          const run = newestRun(enrollmentOf(touched.state, { campaignId: definition.id, sequenceId: sequence.id }))
          const { wakeAt } = touched.plan
          // Nothing falls due in between, in which the twin would be sent something that the stopped run is not.
          if (run?.status !== 'active' || wakeAt === null || wakeAt <= touched.now) return
          const undoAt = new Date(
            Date.parse(touched.now) + ((Date.parse(wakeAt) - Date.parse(touched.now)) * gap) / 201,
          ).toISOString()
          const restored = wakes(
            touched
              .given(stop(sequence.id, k('k')))
              .at(undoAt)
              .given(undo('k')),
            6,
          )
          const twin = wakes(touched.at(undoAt), 6)
          const timetable = (scene: Scenario) =>
            told(scene, touched.events.length).map(({ run: _, key: __, ...one }) => one)
          expect(timetable(restored)).toEqual(timetable(twin))
          compared += 1
        },
      ),
      // Of a few histories it may be that none can be compared.
      { numRuns: Math.max(60, runs(60)) },
    )
    expect(compared).toBeGreaterThan(0)
  })

  it('UNDO-5: after a change of its schedule that was undone a run sends what it would have sent', () => {
    let compared = 0
    fc.assert(
      fc.property(
        campaignArbitrary(),
        factsArbitrary,
        fc.nat(9),
        // The wait for a cancelled step ends without an event, so it could be over when the change is undone.
        fc.array(
          changeArbitrary.filter(({ kind }) => kind !== 'cancel'),
          { maxLength: 3 },
        ),
        changeArbitrary,
        fc.integer({ min: 1, max: 200 }),
        (definition, facts, which, changes, last, gap) => {
          const sequence = definition.sequences[which % definition.sequences.length]
          if (sequence === undefined || sequence.per !== undefined) return
          const begun = scenario({ campaigns: [definition], facts }).given(start(sequence.id))
          const before = changed(begun.dispatched(), sequence, changes)
          const order = { ...commandOf(before, sequence, last), ...k('k') }
          if (isLeft(before.when(order).result)) return
          const touched = before.given(order)
          // Nothing falls due in between, in which the twin would be sent something that this run is not.
          const [nowMs = 0, ...wakesMs] = [before.now, before.plan.wakeAt ?? '', touched.plan.wakeAt ?? ''].map(
            Date.parse,
          )
          const wakeMs = Math.min(...wakesMs)
          if (!(wakeMs > nowMs)) return
          const undoAt = new Date(nowMs + ((wakeMs - nowMs) * gap) / 201).toISOString()
          // An instant that is past by then becomes that of the undo: from then on it can be late.
          const run = newestRun(enrollmentOf(before.state, { campaignId: definition.id, sequenceId: sequence.id }))
          if (run?.byHand?.dues.some(({ dueAt }) => dueAt <= undoAt) === true) return
          const undone = touched.at(undoAt)
          if (resultOf(undone)[0] !== 'undone') return
          const timetable = (scene: Scenario) =>
            told(wakes(scene, 6), scene.events.length).map(({ at, type, stepId }) => ({ at, type, stepId }))
          expect(timetable(undone.given(undo('k')))).toEqual(timetable(before.at(undoAt)))
          compared += 1
        },
      ),
      { numRuns: Math.max(60, runs(60)) },
    )
    expect(compared).toBeGreaterThan(0)
  })

  it('UNDO-3: stopped and restored between two steps, a run sends what it would have sent, when and under the same keys', () => {
    const share = fc.double({ min: 0, max: 0.99, noNaN: true })
    fc.assert(
      fc.property(
        fc.record({ definition: campaignArbitrary(), facts: factsArbitrary, which: fc.nat(9), first: fc.nat(3) }),
        fc.tuple(share, share),
        fc.boolean(),
        ({ definition, facts, which, first }, [stopAfter, undoAfter], isPaused) => {
          const sequence = definition.sequences[which % definition.sequences.length]
          if (sequence === undefined || sequence.per !== undefined) return
          const begun = wakes(
            scenario({ campaigns: [definition], facts })
              .given(start(sequence.id))
              .dispatched(),
            first,
          )
          const ref = { campaignId: definition.id, sequenceId: sequence.id }
          const run = newestRun(enrollmentOf(begun.state, ref))
          const { wakeAt } = begun.plan
          if (run?.status !== 'active' || wakeAt === null) return
          const between = (from: string, part: number) => {
            const [a, b] = [Date.parse(from), Date.parse(wakeAt)]
            return new Date(a + Math.floor((b - a) * part)).toISOString()
          }
          const stopAt = between(begun.now, stopAfter)
          const undoAt = between(stopAt, undoAfter)
          const paused = isPaused ? begun.given(pause(sequence.id)) : begun
          const resumed = (scene: Scenario) => wakes(isPaused ? scene.given(resume(sequence.id)) : scene, 6)
          const twin = resumed(paused.at(undoAt))
          const restored = resumed(
            paused
              .at(stopAt)
              .given(stop(sequence.id, k('k')))
              .at(undoAt)
              .given(undo('k')),
          )
          const sent = told(restored, begun.events.length)
          const expected = told(twin, begun.events.length)
          expect(sent.map(({ run: _, key: __, ...one }) => one)).toEqual(
            expected.map(({ run: _, key: __, ...one }) => one),
          )
          const keys = twin.events.flatMap(({ type, data }) => (type === 'StepDispatched' ? [data.idempotencyKey] : []))
          for (const { key } of sent) if (key !== null) expect(keys).toContain(key)
        },
      ),
      { numRuns: runs(60) },
    )
  })
})

function answerOf(scene: Scenario, command: Parameters<Scenario['when']>[0]): unknown {
  const { result } = scene.when(command as never) as {
    readonly result: { readonly _tag: string; readonly right?: { readonly answer: unknown } }
  }
  return result.right?.answer
}
