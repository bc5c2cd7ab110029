/** The promises of `ActionStore`, each as a test. Run by `store-battery.ts`. */
import {
  type ActionContact,
  type ActionOutcome,
  type ActionRecord,
  type ActionResult,
  NO_OUTCOMES,
  type Store,
} from '@enfold/core'
import { expect } from 'vitest'
import { bothOf, expectFault, type Given, type Promises, upTo } from './promises.ts'
import { HOSTILE_IDS } from './sample-events.ts'

export const actionPromises = {
  'BULK-1: an action that was never saved is none, and has no contacts': async ({ store }) => {
    expect(await store.action('nothing')).toBeNull()
    expect(await store.actionContacts('nothing', 0, 10)).toEqual([])
    expect(await store.actions(null, 10)).toEqual([])
  },

  'BULK-1: a record comes back as it was saved last, on every connection': async (given) => {
    const [one, other] = await bothOf(given)
    const first = record('a', 1)
    expect(await one.saveAction(first)).toBe(0)
    expect(await other.action('a')).toEqual(first)
    const second: ActionRecord = {
      ...first,
      revision: 2,
      state: 'done',
      endedAt: '2026-03-01T10:00:00.000Z',
      cancelledBy: null,
      source: { from: 'query', query: { all: [{ campaignId: '__proto__', sequenceId: 'a/b' }] } },
      reason: 'on the phone \u0000 \u{1F3CA}',
      contacts: 1_000_000,
      processed: 1_000_000,
      outcomes: { ...NO_OUTCOMES, started: 999_999, failed: 1 },
      position: 2_000_000,
      preview: { ...NO_OUTCOMES, started: 1_000_000 },
    }
    expect(await other.saveAction(second)).toBe(0)
    expect(await one.action('a')).toEqual(second)
  },

  'BULK-2: of two saves with the same revision one is written, and the other changes nothing': async (given) => {
    const [one, other] = await bothOf(given)
    expect(await one.saveAction(record('a', 2))).toBeNull()
    expect(await one.action('a')).toBeNull()
    const saved = await Promise.all(
      [one, other].map((store, i) => store.saveAction({ ...record('a', 1), actor: `${i}` }, { add: [`c${i}`] })),
    )
    expect(saved.toSorted()).toEqual([1, null])
    const winner = saved.indexOf(1)
    expect(await other.action('a')).toMatchObject({ revision: 1, actor: `${winner}` })
    expect(contactIds(await one.actionContacts('a', 0, 10))).toEqual([`c${winner}`])
    for (const revision of [1, 3])
      expect(await one.saveAction(record('a', revision), { clear: true, add: ['x'] })).toBeNull()
    expect(contactIds(await one.actionContacts('a', 0, 10))).toEqual([`c${winner}`])
    expect(await one.saveAction(record('a', 2), { add: ['x'] })).toBe(1)
  },

  'BULK-1: contacts are numbered from 1 in their order, each once, also if they are named again': async ({ store }) => {
    expect(await store.saveAction(record('a', 1), { add: ['c', 'a', 'c', 'b'] })).toBe(3)
    expect(await store.saveAction(record('a', 2), { add: ['d', 'a', 'd', 'e'] })).toBe(2)
    expect(await store.saveAction(record('other', 1), { add: ['e'] })).toBe(1)
    expect(await store.actionContacts('a', 0, 10)).toEqual(['c', 'a', 'b', 'd', 'e'].map((id, i) => pending(i + 1, id)))
    expect(await store.actionContacts('other', 0, 10)).toEqual([pending(1, 'e')])
  },

  'BULK-2: contacts can be forgotten to begin again, and are numbered from 1 again': async ({ store }) => {
    await store.saveAction(record('a', 1), { add: ['x', 'y', 'z'] })
    await store.saveAction(record('other', 1), { add: ['x'] })
    expect(await store.saveAction(record('a', 2), { clear: true, add: ['z', 'x'] })).toBe(2)
    expect(await store.actionContacts('a', 0, 10)).toEqual([pending(1, 'z'), pending(2, 'x')])
    expect(await store.actionContacts('other', 0, 10)).toEqual([pending(1, 'x')])
  },

  'KEY-2: a contact is in an action once for each key it is named with, and a result may be of several runs': async ({
    store,
  }) => {
    const keyed = (contactId: string, key: string) => ({ contactId, key })
    const hostile = HOSTILE_IDS.map((key) => keyed('x', key))
    const named = [keyed('x', 'k'), 'x', keyed('x', 'k'), '["x","k"]', 'x', keyed('y', 'k')]
    expect(await store.saveAction(record('a', 1), { add: named })).toBe(4)
    expect(await store.saveAction(record('a', 2), { add: [...hostile, ...hostile, 'x'] })).toBe(HOSTILE_IDS.length)
    const runs = [...HOSTILE_IDS, ''].map((key, i) => ({ key, run: i + 1, outcome: 'stopped' as const }))
    const stopped: ActionResult = { number: 2, outcome: 'stopped', run: null, reason: null, runs }
    await store.saveAction(record('a', 3), { results: [result(1, 'started', 7), stopped] })
    expect(await store.actionContacts('a', 0, 100)).toEqual([
      { number: 1, contactId: 'x', key: 'k', outcome: 'started', run: 7, reason: null },
      { number: 2, contactId: 'x', outcome: 'stopped', run: null, reason: null, runs },
      pending(3, '["x","k"]'),
      { ...pending(4, 'y'), key: 'k' },
      ...HOSTILE_IDS.map((key, i) => ({ ...pending(5 + i, 'x'), key })),
    ])
    await store.saveAction(record('a', 4), { results: [result(2, 'not_active', 1)] })
    expect((await store.actionContacts('a', 1, 1))[0]).toEqual({ ...pending(2, 'x'), outcome: 'not_active', run: 1 })
  },

  'BULK-1: results stand with their contacts; others stay as they are': async ({ store }) => {
    await store.saveAction(record('a', 1), { add: ['x', 'y', 'z'] })
    await store.saveAction(record('other', 1), { add: ['x', 'y'] })
    await store.saveAction(record('a', 2), {
      results: [result(1, 'started', 7), { number: 3, outcome: 'failed', run: null, reason: 'nul \u0000 "quoted"' }],
    })
    expect(await store.actionContacts('a', 0, 10)).toEqual([
      { number: 1, contactId: 'x', outcome: 'started', run: 7, reason: null },
      pending(2, 'y'),
      { number: 3, contactId: 'z', outcome: 'failed', run: null, reason: 'nul \u0000 "quoted"' },
    ])
    expect(await store.actionContacts('other', 0, 10)).toEqual([pending(1, 'x'), pending(2, 'y')])
    await store.saveAction(record('a', 3), { results: [result(1, 'already_active', 7)] })
    expect((await store.actionContacts('a', 0, 1))[0]).toMatchObject({ outcome: 'already_active' })
  },

  'BULK-1: contacts come in pages, all of them or those of one outcome': async ({ store }) => {
    const outcomeOf = (number: number): ActionOutcome => (number % 10 === 0 ? 'failed' : 'stopped')
    await store.saveAction(record('a', 1), { add: upTo(100).map((i) => `c${i}`) })
    await store.saveAction(record('a', 2), {
      results: upTo(90).map((i) => result(i + 1, outcomeOf(i + 1), 1)),
    })
    expect(numbers(await store.actionContacts('a', 0, 1000))).toEqual(upTo(100).map((i) => i + 1))
    expect(numbers(await store.actionContacts('a', 40, 3))).toEqual([41, 42, 43])
    expect(numbers(await store.actionContacts('a', 100, 3))).toEqual([])
    expect(numbers(await store.actionContacts('a', 0, 4, 'failed'))).toEqual([10, 20, 30, 40])
    expect(numbers(await store.actionContacts('a', 40, 100, 'failed'))).toEqual([50, 60, 70, 80, 90])
    expect(numbers(await store.actionContacts('a', 0, 100, 'suppressed'))).toEqual([])
  },

  'BULK-1: actions come with the newest first, in pages': async ({ store }) => {
    for (const i of upTo(5)) await store.saveAction(record(`a${i}`, 1))
    // A later save moves nothing.
    await store.saveAction(record('a1', 2))
    expect(ids(await store.actions(null, 10))).toEqual(['a4', 'a3', 'a2', 'a1', 'a0'])
    expect(ids(await store.actions(null, 2))).toEqual(['a4', 'a3'])
    expect(ids(await store.actions('a3', 2))).toEqual(['a2', 'a1'])
    expect(ids(await store.actions('a0', 2))).toEqual([])
    await expectFault('INVALID_INPUT', () => store.actions('nothing', 2))
  },

  'LOG-6: any string of up to 200 characters is an action, a contact, a campaign': async ({ store }) => {
    for (const id of HOSTILE_IDS) {
      const one = { ...record(id, 1), campaignId: id, sequenceId: id, actor: id }
      expect(await store.saveAction(one, { add: [...HOSTILE_IDS, ...HOSTILE_IDS] })).toBe(HOSTILE_IDS.length)
      expect(await store.action(id)).toEqual(one)
      expect(contactIds(await store.actionContacts(id, 0, 1000))).toEqual(HOSTILE_IDS)
    }
    expect(ids(await store.actions(null, 1000))).toEqual(HOSTILE_IDS.toReversed())
  },

  'BULK-3: a limit that is no whole number from 1 is refused': async ({ store }) => {
    for (const limit of [0, -1, 1.5]) {
      await expectFault('INVALID_INPUT', () => store.actions(null, limit))
      await expectFault('INVALID_INPUT', () => store.actionContacts('a', 0, limit))
    }
  },

  'a store that keeps actions refuses them after close': async ({ store }) => {
    await store.close()
    await expectFault('CLOSED', () => store.saveAction(record('a', 1)))
    await expectFault('CLOSED', () => store.action('a'))
    await expectFault('CLOSED', () => store.actions(null, 10))
    await expectFault('CLOSED', () => store.actionContacts('a', 0, 10))
  },

  'BULK-2: actions are there after the store was closed and opened again': async (given) => {
    if (given.processes === 'none') given.skip('what it is told goes with the process')
    const { store } = given as Given<Store>
    await store.saveAction(record('a', 1), { add: ['x'] })
    const again = await given.another()
    await store.close()
    expect(await again.action('a')).toEqual(record('a', 1))
    expect(await again.actionContacts('a', 0, 10)).toEqual([pending(1, 'x')])
  },
} satisfies Promises<Store>

function record(actionId: string, revision: number): ActionRecord {
  return {
    actionId,
    revision,
    action: 'start',
    campaignId: 'pool-owners',
    sequenceId: 'nurture',
    actor: 'olga',
    reason: null,
    source: { from: 'ids' },
    state: 'running',
    orderedAt: '2026-03-01T09:00:00.000Z',
    endedAt: null,
    cancelledBy: null,
    contacts: 0,
    repeated: 0,
    processed: 0,
    outcomes: NO_OUTCOMES,
    position: 0,
    preview: null,
  }
}

const pending = (number: number, contactId: string): ActionContact => ({
  number,
  contactId,
  outcome: null,
  run: null,
  reason: null,
})
const result = (number: number, outcome: ActionOutcome, run: number): ActionResult => ({
  number,
  outcome,
  run,
  reason: null,
})
const ids = (records: readonly ActionRecord[]) => records.map(({ actionId }) => actionId)
const contactIds = (contacts: readonly ActionContact[]) => contacts.map(({ contactId }) => contactId)
const numbers = (contacts: readonly ActionContact[]) => contacts.map(({ number }) => number)
