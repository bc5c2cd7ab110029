/** The promises of stored states, each as a test. Run by `store-battery.ts`. */
import {
  type ContactId,
  contactStream,
  type Derived,
  type FoldedState,
  type Store,
  type StoredState,
  type Tail,
} from '@enfold/core'
import { expect } from 'vitest'
import { bothOf, type Given, type Promises, upTo } from './promises.ts'
import { HOSTILE_IDS, sampleStart } from './sample-events.ts'

const ann = contactStream('ann')

export const statePromises = {
  'a state is read with the events from its version on': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    await store.append(ann, [start(1), start(2)], 'no-stream')
    await store.append(ann, [start(3), start(4)], 2, kept('a'))
    await store.append(ann, [start(5)], 4, kept(undefined))
    const [, other] = await bothOf(given)
    for (const one of [store, other]) {
      const tail = await tailOf(one, 'ann')
      expect(tail.stored).toEqual({ ...state('a'), version: 4 })
      expect(tail.events).toEqual((await one.readMany([ann])).get(ann)?.slice(3))
      expect(await one.states(['ann', 'bob'])).toEqual(new Map([['ann', { ...state('a'), version: 4 }]]))
    }
    await store.append(ann, [start(6)], 5, kept('b'))
    expect(await versionsOf(other, 'ann')).toEqual([6])
    expect((await tailOf(other, 'ann')).stored).toEqual({ ...state('b'), version: 6 })
  },

  'without a state the whole stream is read, and of no stream nothing': async ({ store }) => {
    await store.append(ann, [start(1), start(2)], 'no-stream')
    expect(await store.readTails([])).toEqual([])
    const asked = ['ann', 'nobody', 'ann'].map((id) => ({ stream: contactStream(id), ids: [] }))
    const tails = await store.readTails(asked)
    expect(tails.map(({ events }) => events.length)).toEqual([2, 0, 2])
    expect(tails.map(({ stored, isRecorded }) => [stored, isRecorded])).toEqual(Array(3).fill([null, false]))
    expect(await store.states([])).toEqual(new Map())
  },

  'ONCE-1: an id is said to stand in its own stream and in no other, however long ago it was written': async (
    given,
  ) => {
    const { store } = given
    skipUnlessProjecting(given)
    const [first, other] = [start(1), sampleStart('bob', 1)]
    await store.append(ann, [first], 'no-stream')
    await store.append(ann, [start(2)], 1, kept('a'))
    await store.append(contactStream('bob'), [other], 'no-stream')
    const asked = (id: ContactId, ids: readonly string[]) => ({ stream: contactStream(id), ids })
    const tails = await store.readTails([
      asked('ann', [first.id]),
      asked('ann', [other.id]),
      asked('bob', ['x', other.id]),
      asked('bob', []),
    ])
    expect(tails.map(({ isRecorded }) => isRecorded)).toEqual([true, false, true, false])
  },

  'a state is kept with what was appended, and with nothing else': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const first = start(1)
    await store.append(ann, [first], 'no-stream', kept('a'))
    expect(await store.append(ann, [start(2)], 'no-stream', kept('b'))).toMatchObject({ outcome: 'conflict' })
    expect(await store.append(ann, [first], 'no-stream', kept('b'))).toMatchObject({ repeated: true })
    expect((await tailOf(store, 'ann')).stored).toEqual({ ...state('a'), version: 1 })
    // Many at once: some written, some not, some of one contact twice.
    const results = await store.appendMany([
      {
        stream: contactStream('c'),
        events: [sampleStart('c', 1), sampleStart('c', 2)],
        expected: 0,
        derived: kept('c'),
      },
      { stream: ann, events: [start(3)], expected: 5, derived: kept('d') },
      { stream: contactStream('e'), events: [sampleStart('e', 1)], expected: 0, derived: kept(undefined) },
      { stream: contactStream('c'), events: [sampleStart('c', 3)], expected: 2, derived: kept('f') },
      { stream: contactStream('g'), events: [sampleStart('g', 1)], expected: 0, derived: kept('g') },
    ])
    expect(results.map(({ outcome }) => outcome)).toEqual(['appended', 'conflict', 'appended', 'appended', 'appended'])
    const found = await store.states(['ann', 'c', 'e', 'g'])
    expect([...found].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ['ann', { ...state('a'), version: 1 }],
      ['c', { ...state('f'), version: 3 }],
      ['g', { ...state('g'), version: 1 }],
    ])
  },

  'a state comes back as it was, of whatever contact': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const text = JSON.stringify({
      quotes: '"\\\'{},NULL',
      control: '\u0000\u0001',
      pool: 'ü🏊',
      long: 'x'.repeat(100_000),
    })
    for (const id of HOSTILE_IDS)
      await store.append(contactStream(id), [sampleStart(id, 1)], 0, kept(`${JSON.stringify(id)} ${text}`))
    const found = await store.states(HOSTILE_IDS)
    const tails = await store.readTails(HOSTILE_IDS.map((id) => ({ stream: contactStream(id), ids: [] })))
    for (const [i, id] of HOSTILE_IDS.entries()) {
      const expected = { ...state(`${JSON.stringify(id)} ${text}`), version: 1 }
      expect(found.get(id)).toEqual(expected)
      expect(tails[i]?.stored).toEqual(expected)
    }
  },

  'apply keeps the states of changes that it makes': async ({ store }) => {
    const change = (version: number, text: string) => ({ contactId: 'ann', version, derived: kept(text) })
    await store.apply([change(3, 'a')], 1)
    await store.apply([change(2, 'b')], 2)
    expect((await store.states(['ann'])).get('ann')).toEqual({ ...state('a'), version: 3 })
    await store.apply([change(4, 'c'), { contactId: 'bob', version: 1, derived: kept(undefined) }], 3)
    expect(await store.states(['ann', 'bob'])).toEqual(new Map([['ann', { ...state('c'), version: 4 }]]))
  },

  'restore sets the state, takes it away, or leaves it': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    for (const i of upTo(3)) await store.append(ann, [start(i)], i, kept(`${i}`))
    const row = { contactId: 'ann', version: 3, tags: [], wakeAt: null }
    const stored = async () => (await store.states(['ann'])).get('ann') ?? null
    expect(await store.restore({ ...row, version: 2, state: null })).toBe(false)
    expect(await store.restore(row)).toBe(true)
    expect(await stored()).toEqual({ ...state('2'), version: 3 })
    const other: StoredState = { ...state('x'), version: 2 }
    expect(await store.restore({ ...row, state: other })).toBe(true)
    expect(await stored()).toEqual(other)
    expect(await versionsOf(store, 'ann')).toEqual([2, 3])
    expect(await store.restore({ ...row, state: null })).toBe(true)
    expect(await stored()).toBeNull()
    expect(await versionsOf(store, 'ann')).toEqual([1, 2, 3])
  },

  'a state that is ahead of its stream is read as it is, with no events': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    await store.append(ann, [start(1)], 'no-stream')
    const state9: StoredState = { ...state('x'), version: 9 }
    expect(await store.restore({ contactId: 'ann', version: 1, tags: [], wakeAt: null, state: state9 })).toBe(true)
    expect(await tailOf(store, 'ann')).toEqual({ stored: state9, events: [], isRecorded: false })
  },
} satisfies Promises<Store>

const start = (n: number) => sampleStart('ann', n)
const state = (text: string): FoldedState => ({ reducer: text.length, text })

function kept(text: string | undefined): Derived {
  return { tags: [], wakeAt: null, ...(text === undefined ? {} : { state: state(text) }) }
}

async function tailOf(store: Store, contactId: ContactId): Promise<Tail> {
  const [tail] = await store.readTails([{ stream: contactStream(contactId), ids: [] }])
  return tail as Tail
}

async function versionsOf(store: Store, contactId: ContactId) {
  return (await tailOf(store, contactId)).events.map(({ version }) => version)
}

function skipUnlessProjecting({ store, skip }: Given<Store>): void {
  if (!store.capabilities.projectsInAppend) skip('It says that it does not project in the append.')
}
