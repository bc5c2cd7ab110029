import {
  type ContactEvent,
  type ContactState,
  enrollmentOf,
  evolve,
  fold,
  initialContact,
  isInProgress,
  isOpenRun,
  isResolved,
  isSuppressed,
  newestRun,
  type RunStatus,
  recordOf,
  runOf,
} from '@enfold/core'
import { evolveWithPatches } from '@enfold/core/log'
import { commands, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, pause, resume, suppress, erase, dispatch, report, resend, cancel } = commands

const story = scenario({
  campaigns: [
    {
      id: 'c',
      goals: [{ id: 'g', when: { kind: 'k' } }],
      sequences: [
        {
          id: 's',
          steps: [
            { id: 'a', kind: 'email' },
            { id: 'b', kind: 'email', timer: { after: 'P1D' } },
          ],
          next: ['g'],
        },
      ],
    },
  ],
})
const ref = { campaignId: 'c', sequenceId: 's' }
const runIn = (state: ContactState) => newestRun(enrollmentOf(state, ref))

describe('the fold', () => {
  const busy = story
    .given(start('s'), dispatch(), report('s', 'a', { outcome: 'failed', reason: 'busy' }), pause('s'))
    .at('P2D')
    .given(resume('s', { shift: true }))
    .dispatched()
    .given(resend('s', 'a'))
    .dispatched()
    .given(cancel('s', 'b'), suppress(), erase())

  it('LOG-1: the state is computed from the events and nothing else', () => {
    expect(fold(busy.events)).toEqual(busy.state)
    expect(fold(JSON.parse(JSON.stringify(busy.events)))).toEqual(busy.state)
  })

  it('STEP-11: each of many enrollments is found by its ids, in a cost that is linear in their number', () => {
    let looks = 0
    // Pairs that would be one text if they were only joined, and ids that are keys of every object.
    const refs = Array.from({ length: 300 }, (_, i) => ({
      campaignId: 'a'.repeat(i % 20),
      sequenceId: `${'a'.repeat(i)}!`,
    }))
    const all = [...refs, { campaignId: '__proto__', sequenceId: 'constructor' }]
    const enrollments = all.map((one) => ({ ...one, key: '', runs: [] }))
    const counted = new Proxy(enrollments, {
      get(list, key, receiver) {
        looks += 1
        return Reflect.get(list, key, receiver)
      },
    })
    const state: ContactState = { ...initialContact, enrollments: counted }
    for (const [i, one] of all.entries()) expect(enrollmentOf(state, one)).toBe(enrollments[i])
    expect(enrollmentOf(state, { campaignId: 'aa', sequenceId: 'constructor' })).toBeUndefined()
    expect(looks).toBeLessThan(all.length * 10)
    // What is added later is found too.
    enrollments.push({ campaignId: 'late', sequenceId: 'late', key: '', runs: [] })
    expect(enrollmentOf(state, { campaignId: 'late', sequenceId: 'late' })).toBe(enrollments.at(-1))
  })

  it('LOG-1: folding no events gives an empty contact', () => {
    expect(fold([])).toEqual(initialContact)
    expect(initialContact).toEqual({
      version: 0,
      suppressed: null,
      erased: false,
      keptSignals: 0,
      signalsDroppedAt: null,
      enrollments: [],
    })
  })

  it('LOG-5: folding one by one, all at once and in two parts gives the same', () => {
    expect(busy.events.reduce(evolve, initialContact)).toEqual(busy.state)
    for (let i = 0; i <= busy.events.length; i++)
      expect(fold(busy.events.slice(i), fold(busy.events.slice(0, i)))).toEqual(busy.state)
  })

  it('LOG-5: what is given is left as it is, what is given back is frozen', () => {
    const before = story.given(start('s')).state
    const copy = structuredClone(before)
    const events = story.given(start('s'), dispatch()).events.slice(1)
    const after = fold(events, before)
    expect(before).toEqual(copy)
    expect(runIn(after)?.steps).toHaveLength(1)
    expect(() => (after.enrollments as unknown[]).push(1)).toThrow(TypeError)
    expect(() => (evolve(before, events[0] as ContactEvent).enrollments as unknown[]).push(1)).toThrow(TypeError)
  })

  it('STEP-11: what an event does not change is shared with the state before, however many steps a run has', () => {
    const long = scenario({
      campaigns: [
        {
          id: 'c',
          goals: [],
          sequences: [{ id: 's', steps: ['one', 'two', 'three'].map((id) => ({ id, kind: 'email' })) }],
        },
      ],
    })
    const played = long.given(start('s'), dispatch(), report('s', 'one', { outcome: 'sent' }), dispatch())
    const { events } = played
    const [before, last] = [events.slice(0, -1), events.slice(-1)]
    const state = fold(before)
    const after = fold(last, state)
    const [first] = runOf(state, { campaignId: 'c', sequenceId: 's', run: 1 })?.steps ?? []
    const run = runOf(after, { campaignId: 'c', sequenceId: 's', run: 1 })
    expect(run?.steps).toHaveLength(2)
    expect(run?.steps[0]).toBe(first)
    // Of a state that may still be changed nothing is shared.
    const live = JSON.parse(JSON.stringify(state)) as ContactState
    const other = fold(last, live)
    expect(other).toEqual(after)
    expect(runOf(other, { campaignId: 'c', sequenceId: 's', run: 1 })?.steps[0]).not.toBe(
      runOf(live, { campaignId: 'c', sequenceId: 's', run: 1 })?.steps[0],
    )
  })

  it('AUDIT-2: the patches say what an event changed', () => {
    const before = story.given(start('s'))
    const event = before.given(stop('s')).events.at(-1) as ContactEvent
    const [after, patches] = evolveWithPatches(before.state, event)
    expect(after).toEqual(evolve(before.state, event))
    expect(patches.map(({ op, path, value }) => [op, path.join('/'), value])).toEqual(
      expect.arrayContaining([
        ['replace', 'version', 2],
        ['replace', 'enrollments/0/runs/0/status', 'stopped'],
        ['replace', 'enrollments/0/runs/0/endedAt', before.now],
      ]),
    )
    // The fourth: how it stood before, so that it can go on from there (UNDO-3).
    expect(patches).toHaveLength(4)
  })

  it('LOG-6: hostile ids are values, never keys', () => {
    const hostile = scenario({
      campaigns: [
        {
          id: '__proto__',
          goals: [],
          sequences: [{ id: '__proto__', steps: [{ id: '__proto__', kind: 'email' }] }],
        },
      ],
    })
      .given(start('__proto__'))
      .dispatched()
    const run = runOf(hostile.state, { campaignId: '__proto__', sequenceId: '__proto__', run: 1 })
    expect(run && recordOf(run, '__proto__')?.status).toBe('sent')
    expect(enrollmentOf(hostile.state, { campaignId: 'constructor', sequenceId: 'x' })).toBeUndefined()
  })

  it('LOG-2: the life of a run, event by event', () => {
    const statuses = (scene: typeof story) =>
      scene.events.map((event, i) => [event.type, runIn(fold(scene.events.slice(0, i + 1)))?.status])
    expect(statuses(story.given(start('s'), pause('s'), resume('s')).passed('P2D').given(stop('s')))).toEqual([
      ['SequenceStarted', 'active'],
      ['SequencePaused', 'paused'],
      ['SequenceResumed', 'active'],
      ['StepDispatched', 'active'],
      ['StepSent', 'active'],
      ['StepDispatched', 'active'],
      ['StepSent', 'active'],
      ['SequenceCompleted', 'waiting'],
      ['SequenceStopped', 'stopped'],
    ])
  })
})

describe('questions', () => {
  const run = (status: RunStatus) => ({ ...(runIn(story.given(start('s')).state) as object), status }) as never

  it('GOAL-2: a run in progress is active or paused; an open one is that or waiting', () => {
    const all: RunStatus[] = ['active', 'paused', 'waiting', 'completed', 'stopped']
    expect(all.filter((status) => isInProgress(run(status)))).toEqual(['active', 'paused'])
    expect(all.filter((status) => isOpenRun(run(status)))).toEqual(['active', 'paused', 'waiting'])
    expect([isInProgress(undefined), isOpenRun(undefined)]).toEqual([false, false])
  })

  it('STEP-1: a step is resolved when nothing more becomes of it by itself', () => {
    const record = (status: string) => ({ status }) as never
    const all = ['dispatched', 'retrying', 'sent', 'failed', 'skipped', 'cancelled', 'held']
    expect(all.filter((status) => isResolved(record(status)))).toEqual(['sent', 'failed', 'skipped', 'cancelled'])
    expect(isResolved(undefined)).toBe(false)
  })

  it('STOP-4: a ban is on until its end, the end itself not included', () => {
    const until = '2026-03-09T09:00:00.000Z'
    const banned = { ...initialContact, suppressed: { until } }
    expect(isSuppressed(banned, '2026-03-09T08:59:59.999Z')).toBe(true)
    expect(isSuppressed(banned, until)).toBe(false)
    expect(isSuppressed({ ...initialContact, suppressed: { until: null } }, '9999-12-31T00:00:00.000Z')).toBe(true)
    expect(isSuppressed(initialContact, until)).toBe(false)
  })
})
