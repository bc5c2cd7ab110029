/** The promises of `CounterStore`, each as a test. Run by `store-battery.ts`. */
import {
  type Counter,
  type CounterChange,
  type CountersAt,
  contactStream,
  type RecordedEvent,
  type Store,
  type StreamAppend,
} from '@enfold/core'
import { expect } from 'vitest'
import { bothOf, collect, expectFault, type Given, type Promises, upTo } from './promises.ts'
import { HOSTILE_IDS, sampleStart } from './sample-events.ts'

const started = JSON.stringify(['sequence', 'nurture', 'started'])
const sent = JSON.stringify(['step', 'nurture', 'one', 'sent'])

export const counterPromises = {
  'FUNNEL-1: what appends count is added up for each version of each campaign': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    await store.append(contactStream('ann'), [sampleStart('ann', 1)], 'no-stream', counting(of('pool', 1, started, 1)))
    await store.append(
      contactStream('ann'),
      [sampleStart('ann', 2)],
      1,
      counting(of('pool', 1, started, 1), of('pool', 2, sent, 3), of('spa', 1, started, 1)),
    )
    await store.append(contactStream('ann'), [sampleStart('ann', 3)], 2, counting(of('pool', 2, sent, -3)))
    expect(await countersOf(store, 'pool')).toEqual([['pool', 1, started, 2]])
    expect(await countersOf(store, 'pool', 2)).toEqual([])
    expect(await countersOf(store, 'spa', 1)).toEqual([['spa', 1, started, 1]])
    expect(await countersOf(store, 'none')).toEqual([])
    expect((await store.counters('none')).complete).toBe(true)
  },

  'FUNNEL-1: an append that conflicts, fails or is a repeat counts nothing': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const append = appendOf('ann', 1)
    const [stream, one] = [contactStream('ann'), counting(of('pool', 1, started, 1))]
    await store.appendMany([append, append, appendOf('bob', 1)])
    expect(await store.append(stream, [sampleStart('ann', 1)], 1, one)).toMatchObject({ repeated: true })
    expect(await store.append(stream, [sampleStart('ann', 2)], 5, one)).toMatchObject({ outcome: 'conflict' })
    await expectFault('EVENT_ID_REUSED', () =>
      store.append(stream, [sampleStart('ann', 2), sampleStart('ann', 1)], 1, one),
    )
    expect(await countersOf(store, 'pool')).toEqual([['pool', 1, started, 2]])
  },

  'LOG-6: counters of any id and any key': async (given) => {
    const { store } = given
    skipUnlessProjecting(given)
    const changes = HOSTILE_IDS.map((id) => of(id, 1, JSON.stringify(['skipped', id, id, id]), 1))
    await store.append(contactStream('ann'), [sampleStart('ann', 1)], 'no-stream', counting(...changes))
    for (const id of HOSTILE_IDS)
      expect(await countersOf(store, id)).toEqual([[id, 1, JSON.stringify(['skipped', id, id, id]), 1]])
    expect((await store.countersAt()).counters).toHaveLength(HOSTILE_IDS.length)
  },

  'FUNNEL-2: many writers at once are counted exactly, and counters are seen with the very events that they count':
    async (given) => {
      skipUnlessProjecting(given)
      const stores = await bothOf(given)
      const { store } = given
      const seen: CountersAt[] = []
      const writing = Promise.all([
        ...stores.map(async (one, writer) => {
          for (const n of upTo(140)) {
            const { stream, events, expected, derived } = appendOf(`w${writer}-${n % 7}`, Math.floor(n / 7) + 1)
            await one.append(stream, events, expected, derived)
          }
        }),
        // What is written together is counted together.
        ...stores.map((one, writer) =>
          one.appendMany(upTo(50).flatMap((n) => [appendOf(`m${writer}-${n}`, 1), appendOf(`m${writer}-${n}`, 2)])),
        ),
      ])
      let isDone = false
      const over = writing.finally(() => {
        isDone = true
      })
      while (!isDone && seen.length < 200) {
        seen.push(await stores[1].countersAt())
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await over
      seen.push(await store.countersAt())
      expect(await countersOf(store, 'pool')).toEqual([['pool', 1, started, 480]])
      const log = await collect(store.readAll())
      for (const at of seen)
        expect(at.counters.reduce((all, { count }) => all + count, 0)).toBe(
          log.filter((event) => isCounted(at, event)).length,
        )
    },

  'FUNNEL-1: counters of a batch follow the checkpoint, and each batch is counted once': async ({ store }) => {
    const batch = (since: number, complete = true) => ({
      since,
      changes: [of('pool', 1, started, 1), of('spa', 3, sent, 2)],
      complete,
    })
    expect(await store.apply([], 10, batch(0))).toBe(true)
    // Another projector has counted these: neither rows nor checkpoint move.
    const row = { contactId: 'ann', version: 1, derived: { tags: [], wakeAt: '2026-03-01T09:00:00.000Z' } }
    expect(await store.apply([row], 12, batch(0))).toBe(false)
    expect(await store.checkpoint()).toBe(10)
    expect(await store.nextWake()).toBe(null)
    expect(await store.apply([row], 12, batch(10))).toBe(true)
    expect(await countersOf(store, 'pool')).toEqual([['pool', 1, started, 2]])
    expect(await store.countersAt()).toMatchObject({ position: 12, complete: true, revision: 0 })
    expect(await store.apply([], 13, { since: 12, changes: [], complete: false })).toBe(true)
    expect(await store.countersAt()).toMatchObject({ position: 13, complete: false, revision: 1 })
    // Rows alone move no counters.
    expect(await store.apply([row], 0)).toBe(true)
    expect(await countersOf(store, 'spa')).toEqual([['spa', 3, sent, 4]])
  },

  'FUNNEL-2: a correction is added once, whatever is counted meanwhile': async (given) => {
    const { store } = given
    await store.apply([], 1, { since: 0, changes: [of('pool', 1, started, 1)], complete: false })
    const { revision, complete } = await store.countersAt()
    expect(complete).toBe(false)
    await store.apply([], 2, { since: 1, changes: [of('pool', 1, started, 1)], complete: true })
    const missing = [of('pool', 1, started, 5), of('pool', 2, sent, 1)]
    expect(await store.correctCounters(missing, revision)).toBe(true)
    expect(await store.correctCounters(missing, revision)).toBe(false)
    expect(await countersOf(store, 'pool')).toEqual([
      ['pool', 1, started, 7],
      ['pool', 2, sent, 1],
    ])
    expect(await store.countersAt()).toMatchObject({ complete: true, revision: revision + 1 })
    expect(await store.correctCounters([], revision + 1)).toBe(true)
  },

  'FUNNEL-1: counters outlive the process': async (given) => {
    if (given.processes === 'none') given.skip('makeStore returns no reopen')
    const { store } = given
    await store.apply([], 1, { since: 0, changes: [of('pool', 1, started, 1)], complete: true })
    await store.close()
    const again = await given.another()
    expect(await countersOf(again, 'pool')).toEqual([['pool', 1, started, 1]])
  },

  'after close every question to the counters throws CLOSED': async ({ store }) => {
    await store.close()
    await expectFault('CLOSED', () => store.counters('pool'))
    await expectFault('CLOSED', () => store.countersAt())
    await expectFault('CLOSED', () => store.correctCounters([], 0))
  },
} as const satisfies Promises<Store>

function skipUnlessProjecting({ store, skip }: Given<Store>): void {
  if (!store.capabilities.projectsInAppend) skip('the store says that it does not project in the append')
}

function of(campaignId: string, campaignVersion: number, key: string, by: number): CounterChange {
  return { campaignId, campaignVersion, by: [[key, by]] }
}

const counting = (...counters: readonly CounterChange[]) => ({ tags: [], wakeAt: null, counters })

/** The n-th event of a contact, which counts one start. */
function appendOf(contactId: string, n: number): StreamAppend {
  return {
    stream: contactStream(contactId),
    events: [sampleStart(contactId, n)],
    expected: n - 1,
    derived: counting(of('pool', 1, started, 1)),
  }
}

async function countersOf(store: Store, campaignId: string, version?: number) {
  const { counters } = await store.counters(campaignId, version)
  const text = ({ campaignVersion, key }: Counter) => `${campaignVersion} ${key}`
  return [...counters]
    .sort((a, b) => (text(a) < text(b) ? -1 : 1))
    .map((one) => [one.campaignId, one.campaignVersion, one.key, one.count])
}

function isCounted({ position, ahead }: CountersAt, event: RecordedEvent): boolean {
  return event.position <= position || event.version <= (ahead.get(event.stream) ?? 0)
}
