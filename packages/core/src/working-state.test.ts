import {
  agrees,
  type ContactEvent,
  type ContactState,
  campaign,
  decide,
  enrollmentOf,
  evolve,
  fold,
  foldedState,
  initialContact,
  instantOf,
  isDueToStore,
  isLeft,
  marksOf,
  NeedsHistory,
  plan,
  stateFrom,
  workingState,
} from '@enfold/core'
import {
  commands,
  type History,
  historyArbitrary,
  hostileIds,
  type Scenario,
  sampleStart,
  scenario,
} from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { brakedUntil } from './brake.ts'
import { hashOf } from './left-out.ts'
import { REDUCER } from './working-state.ts'

const TIMEOUT_MS = 600_000

/** When a state is made a working state, and how many ended sequences it holds. */
interface Storing {
  readonly isStored: (version: number) => boolean
  readonly ended: number
}

const storingArbitrary: fc.Arbitrary<Storing> = fc
  .tuple(fc.constantFrom('every', 'random', 'seldom'), fc.integer(), fc.constantFrom(0, 1, 16))
  .map(([when, seed, ended]) => ({
    isStored: (version) =>
      when === 'every' || Number.parseInt(hashOf(`${seed} ${version}`), 16) % (when === 'random' ? 2 : 9) === 0,
    ended,
  }))

/** As an engine that loads the contact by its stored state for each event. */
function follow(before: ContactState, event: ContactEvent, whole: ContactState, { isStored, ended }: Storing) {
  const after = orNeedsHistory(() => evolve(before, event)) ?? whole
  if (!isStored(whole.version)) return after
  const { text } = foldedState(workingState(after, ended), event.id)
  const stored = stateFrom({ reducer: REDUCER, version: whole.version, text }, event.id)
  if (typeof stored === 'string') throw new Error(stored)
  return stored.state
}

/** What it comes to; `null`: the state leaves out what it needs. */
function orNeedsHistory<Result>(work: () => Result): Result | null {
  try {
    return work()
  } catch (error) {
    if (error instanceof NeedsHistory) return null
    throw error
  }
}

function always(name: string, law: (history: History, storing: Storing) => void) {
  it(
    name,
    () => fc.assert(fc.property(historyArbitrary({ maxMoves: 60 }), storingArbitrary, law), { numRuns: runs(150) }),
    TIMEOUT_MS,
  )
}

describe('a working state', () => {
  always('decides every command as the whole state does, or needs the history', (history, storing) => {
    let [whole, working]: ContactState[] = [initialContact, initialContact] as const
    const states = new Map([[0, working]])
    for (const event of history.events) {
      whole = evolve(whole as ContactState, event)
      working = follow(working as ContactState, event, whole, storing)
      states.set(whole.version, working)
      expect(agrees(working, whole)).toBe(true)
    }
    for (const { command, before, context, decision } of history.played) {
      const state = states.get(before.version) as ContactState
      const again = orNeedsHistory(() => decide(command, state, context))
      if (again === null) continue
      if (isLeft(again)) expect({ command, decision }).toEqual({ command, decision: null })
      else {
        expect({ events: again.right.events, answer: again.right.answer }).toEqual(decision)
        expect(agrees(workingState(again.right.state, storing.ended), fold(again.right.events, before))).toBe(true)
      }
    }
  })

  always('is planned and marked as the whole state is', ({ contactId, events, facts, campaigns, now }, storing) => {
    let [whole, working]: ContactState[] = [initialContact, initialContact] as const
    for (const event of events) {
      whole = evolve(whole as ContactState, event)
      working = follow(working as ContactState, event, whole, storing)
      expect(marksOf(working)).toEqual(marksOf(whole))
    }
    if (whole === undefined || working === undefined) return
    expect(plan(contactId, working, campaigns, facts, now)).toEqual(plan(contactId, whole, campaigns, facts, now))
  })

  it('a working state agrees with no other whole state', () => {
    const whole = fold(events(5))
    expect(agrees(workingState(whole), whole)).toBe(true)
    expect(agrees(workingState(whole, 0), whole)).toBe(true)
    const others = [fold(events(4)), fold(events(6)), { ...whole, erased: true }, { ...whole, keptSignals: 1 }]
    for (const other of others) expect(agrees(workingState(whole), { ...other, version: whole.version })).toBe(false)
    // What is open is not left out.
    const open = fold(events(5).slice(0, -1))
    expect(agrees({ ...workingState(whole, 0), version: open.version }, open)).toBe(false)
  })

  it('LOG-6: a working state leaves out sequences of whatever names, and finds each of them left out', () => {
    const all = hostileIds.flatMap((campaignId) => hostileIds.map((sequenceId) => ({ campaignId, sequenceId })))
    const whole = fold(all.flatMap((ref) => events(1, ref)))
    const working = workingState(whole, 0)
    expect(working.enrollments).toEqual([])
    for (const ref of all) expect(() => enrollmentOf(working, ref)).toThrow(NeedsHistory)
    expect(enrollmentOf(working, { campaignId: 'a', sequenceId: '/b' })).toBeUndefined()
    expect(workingState(whole).enrollments).toHaveLength(16)
  })

  it('a state is stored after so many events, and a large one more rarely', () => {
    const small = fold(events(50))
    expect([23, 24].map((since) => isDueToStore(small, 100 - since))).toEqual([false, true])
    const refs = Array.from({ length: 400 }, (_, i) => ({ campaignId: 'pool', sequenceId: `s${i}` }))
    const large = fold(refs.flatMap((ref) => events(1, ref).slice(0, 1)))
    expect([79, 80].map((since) => isDueToStore(large, 400 - since))).toEqual([false, true])
    const erased = { ...large, erased: true }
    expect([0, 399, 400].map((storedAt) => isDueToStore(erased, storedAt))).toEqual([true, true, false])
  })

  it('BRAKE-1: the brake counts the starts of keys that are over, and of none that began long ago', () => {
    const cart = { id: 'cart', per: 'order', vars: { order: { data: 'order' } }, steps: [{ id: 'one', kind: 'email' }] }
    const shop = campaign({ id: 'shop', brake: 25, goals: [], sequences: [cart] })
    const bought = (scene: Scenario, from: number) =>
      Array.from({ length: 20 }, (_, i) => ({ key: `k${from + i}` })).reduce(
        (now, key) => now.given(commands.start('cart', key), commands.stop('cart', key)),
        scene,
      )
    const early = bought(scenario({ campaigns: [shop] }), 0)
    const late = bought(early.passed('PT2H'), 20)
    const ref = { campaignId: 'shop', sequenceId: 'cart', key: 'new' }
    for (const [{ state, now }, held] of [
      [early, 20],
      [late, 20 + 16],
    ] as const) {
      const working = workingState(state)
      for (const brake of [20, 21])
        expect(brakedUntil(working, ref, { ...shop, brake }, now)).toBe(
          brakedUntil(state, ref, { ...shop, brake }, now),
        )
      expect(brakedUntil(working, ref, { ...shop, brake: 20 }, now)).not.toBeNull()
      expect(working.enrollments).toHaveLength(held)
    }
  })

  it('LOG-5: the text of a working state is what this reducer made of it before', () => {
    // Where this fails, states that are stored already would be read as other than they are: count REDUCER up.
    const other = events(1, { campaignId: 'pool', sequenceId: 'other' }).slice(0, 1)
    const { text } = foldedState(fold([...events(3), ...other]), 'the last event')
    expect({ reducer: REDUCER, text }).toMatchInlineSnapshot(`
      {
        "reducer": 9,
        "text": "d2f9da88{"event":"6814b9a2","state":{"version":7,"suppressed":null,"erased":false,"keptSignals":0,"signalsDroppedAt":null,"enrollments":[{"campaignId":"pool","sequenceId":"nurture","key":"","runs":[{"run":3,"campaignVersion":1,"status":"stopped","startedAt":"2026-03-01T09:02:00.000Z","endedAt":"2026-03-01T09:02:00.000Z","pausedAt":null,"shiftMs":0,"shiftedMs":0,"vars":{},"steps":[],"eventId":"3ea3a0d6-e4b2-545f-b9ea-a3d3ec30ad53","correlationId":"command-3","ended":{"from":"active","by":"hand"}}],"leftOut":{"recent":[{"run":1,"startedAt":"2026-03-01T09:00:00.000Z"},{"run":2,"startedAt":"2026-03-01T09:01:00.000Z"}],"before":null}},{"campaignId":"pool","sequenceId":"other","key":"","runs":[{"run":1,"campaignVersion":1,"status":"active","startedAt":"2026-03-01T09:00:00.000Z","endedAt":null,"pausedAt":null,"shiftMs":0,"shiftedMs":0,"vars":{},"steps":[],"eventId":"8a3a1ab1-67b4-57ad-bada-a7c4b10a950b","correlationId":"command-1"}]}]}}",
      }
    `)
  })
})

/** So many runs of a sequence, each started and stopped, a minute apart. */
function events(runs: number, ref = { campaignId: 'pool', sequenceId: 'nurture' }): ContactEvent[] {
  return Array.from({ length: runs }, (_, i) => {
    const start = { ...sampleStart('ann', i + 1), at: instantOf(Date.UTC(2026, 2, 1, 9, i)) }
    const run = { ...ref, run: i + 1 }
    return [
      { ...start, data: { ...run, campaignVersion: 1 } },
      { ...start, id: `${start.id}-stop`, type: 'SequenceStopped', data: run },
    ] as ContactEvent[]
  }).flat()
}
