/** A contact with more enrollments than are looked through: what is shared between states, and what is remembered of runs. */
import {
  type ContactState,
  enrollmentOf,
  evolve,
  type Facts,
  fold,
  type Instant,
  initialContact,
  newestRun,
  plan,
} from '@enfold/core'
import { commands, type Scenario, scenario } from '@enfold/testkit'
import { describe, expect, it } from 'vitest'

const { start, stop, restart, pause, resume, dispatch, report, resend, cancel, suppress, erase } = commands

const waits = {
  elapsed: { timer: { after: 'P1D' } },
  morning: { timer: { afterDays: 1, at: '08:00' } },
  office: {
    timer: { after: 'PT1H', window: { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '10:00', to: '16:00' } },
  },
  late: { timer: { after: 'P2D' }, expiresAfter: 'P1D' },
  draft: { timer: { after: 'P1D' }, draft: true },
}
const SEQUENCES = Object.keys(waits)
const shop = {
  id: 'shop',
  goals: [],
  sequences: Object.entries(waits).map(([id, more]) => ({
    id,
    per: 'order',
    vars: { order: { data: 'order' } },
    steps: [
      { id: 'one', kind: id === 'late' ? 'call' : 'email', ...more },
      { id: 'two', kind: 'email', timer: { after: 'P9D' } },
    ],
  })),
}
const keys = (count: number, from = 0) => Array.from({ length: count }, (_, i) => ({ key: `k${from + i}` }))
const all = (count: number, from = 0) => SEQUENCES.flatMap((id) => keys(count, from).map((key) => start(id, key)))
const key = { key: 'k1' }
/** 40 enrollments, and of one thing after the other that can happen to a run. */
const many = scenario({ campaigns: [shop], facts: { timeZone: 'Europe/Berlin' } }).given(...all(8))
const busy: readonly Scenario[] = [many]
  .flatMap((one) => [one, one.given(pause('elapsed', key), stop('late', key), restart('draft', key))])
  .flatMap((one) => [one, one.at('PT26H').given(dispatch())])
  .flatMap((one) => [one, one.given(cancel('office', 'two', key))])
const last = busy.at(-1) as Scenario

describe('a contact with many enrollments', () => {
  it('LOG-5: a state goes on from another, which stays as it is, and both from nothing give the same', () => {
    const { events } = last
      .given(report('elapsed', 'one', { outcome: 'failed', reason: 'busy' }, { key: 'k2' }))
      .given(report('elapsed', 'one', { outcome: 'sent' }, { key: 'k3' }))
      .given(resume('elapsed', { ...key, shift: true }), resend('elapsed', 'one', { key: 'k3' }))
      .given(erase())
    const whole = fold(events)
    expect(whole).toEqual(events.reduce(evolve, initialContact))
    for (let i = 36; i <= events.length; i++) {
      const before = fold(events.slice(0, i))
      const copy = structuredClone(before)
      const after = fold(events.slice(i), before)
      expect(before).toEqual(copy)
      expect(after).toEqual(whole)
      expectFrozen(after)
    }
  })

  it('KEY-1: each of two states that go on from one finds its own enrollments and none of the other', () => {
    const named = ({ state }: { readonly state: ContactState }, keyOf: string) =>
      enrollmentOf(state, { campaignId: 'shop', sequenceId: 'elapsed', key: keyOf })
    const base = fold(many.events)
    const grown = (...ids: readonly string[]) => {
      const { events } = many.given(...ids.map((id) => start('elapsed', { key: id })))
      return { state: fold(events.slice(many.events.length), base) }
    }
    const [left, right, both] = [grown('x'), grown('y'), grown('y', 'x')]
    // Each once more: what one was asked must not change what another finds.
    for (let again = 0; again < 2; again++)
      expect([left, right, both].map((one) => ['x', 'y'].map((id) => named(one, id)?.key))).toEqual([
        ['x', undefined],
        [undefined, 'y'],
        ['x', 'y'],
      ])
    expect(['x', 'y'].map((id) => named({ state: base }, id))).toEqual([undefined, undefined])
    expect(newestRun(named(both, 'k7'))?.status).toBe('active')
  })

  it('STEP-1: what is remembered of runs is planned as if it were not, whatever the instant and the facts', () => {
    const nows: Instant[] = ['2026-03-02T09:00:00.000Z', '2026-03-03T09:30:00.000Z', '2026-03-06T12:00:00.000Z']
    const facts: (Facts | null)[] = [{}, { timeZone: 'Europe/Berlin' }, { timeZone: 'Asia/Tokyo' }, null]
    for (const { contactId, state, context } of [...busy, last.given(suppress())])
      for (const now of [...nows, ...nows])
        for (const one of facts) {
          // What is not frozen is not remembered.
          const again = plan(contactId, structuredClone(state), context.campaigns, one, now)
          expect(plan(contactId, state, context.campaigns, one, now)).toEqual(again)
        }
  })
})

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const inner of Object.values(value)) expectFrozen(inner)
}
