/** The promises of `EventStore`, each as a test. Run by `store-battery.ts`. */
import {
  type Appended,
  type AppendResult,
  type ChecksRequired,
  type ContactId,
  campaignStream,
  canonicalJson,
  contactStream,
  type EventStore,
  type JsonValue,
  type Locked,
  type NewEvent,
  type RecordedEvent,
  type StreamId,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { expect } from 'vitest'
import { allPages, bothOf, collect, expectFault, type Given, type Promises, upTo, withoutPlace } from './promises.ts'
import { HOSTILE_IDS, sampleCompletion, samplePublication, sampleStart } from './sample-events.ts'

const ann = contactStream('ann')
const bob = contactStream('bob')

export const logPromises = {
  'LOG-1: a stream gives back what was appended, in order, as versions 1, 2, 3 …': async ({ store }) => {
    const first = await appended(store.append(ann, [start(1), start(2)], 'no-stream'))
    const second = await appended(store.append(ann, [start(3)], 2))
    expect(first).toMatchObject({ version: 2, repeated: false })
    expect(second).toMatchObject({ version: 3, repeated: false })
    expect(second.position).toBeGreaterThan(first.position)

    const events = await collect(store.readStream(ann))
    expect(withoutPlace(events)).toEqual([start(1), start(2), start(3)])
    expect(events.map(({ stream, version }) => [stream, version])).toEqual([1, 2, 3].map((version) => [ann, version]))
    expect([first.position, second.position]).toEqual([events[1]?.position, events[2]?.position])
  },

  'ONCE-2: a stream that is not there may be expected as "no-stream" and as 0': async ({ store }) => {
    for (const [id, expected] of [['a', 'no-stream'] as const, ['b', 0] as const]) {
      const result = await appended(store.append(contactStream(id), [sampleStart(id, 1)], expected))
      expect(result.version).toBe(1)
    }
  },

  'ONCE-2: a wrong expectation writes nothing and returns the actual version': async ({ store }) => {
    expect(await store.append(ann, [start(1)], 1)).toEqual({ outcome: 'conflict', actual: 0 })
    expect(await collect(store.readAll())).toEqual([])
    await store.append(ann, [start(1), start(2)], 'no-stream')
    for (const expected of ['no-stream', 0, 1, 3] as const)
      expect(await store.append(ann, [start(3)], expected)).toEqual({ outcome: 'conflict', actual: 2 })
    expect(await collect(store.readStream(ann))).toHaveLength(2)
    expect(await collect(store.readAll())).toHaveLength(2)
  },

  'AUDIT-4: each event has a hash over its predecessor’s and its own digest': async (given) => {
    const { store } = given
    if (!store.capabilities.hashChain) given.skip('It says that it writes no hashes.')
    await appended(store.append(ann, [start(1), start(2)], 'no-stream'))
    await appended(store.append(bob, [sampleStart('bob', 1)], 'no-stream'))
    await appended(store.append(ann, [start(3)], 2))
    await appended(store.append(campaignStream('pool'), [samplePublication('pool', 1)], 'no-stream'))
    const [, other] = await bothOf(given)
    await appended(other.append(ann, [start(4), start(5)], 3))
    const log = await collect(store.readAll())
    expect(log).toHaveLength(7)
    expectChain(log)
    expectChain(await collect(store.readStream(ann)))
  },

  'AUDIT-4: the chain holds through appends that race, and takes no hash from outside': async (given) => {
    if (!given.store.capabilities.hashChain) given.skip('It says that it writes no hashes.')
    const stores = await bothOf(given)
    const foreign: NewEvent = Object.assign(start(0), { hash: '0'.repeat(64) })
    await given.store.append(ann, [foreign], 'no-stream')
    await Promise.all(upTo(40).map((n) => appendedToEnd(stores[n % 2 === 0 ? 0 : 1], ann, [start(n + 1)])))
    const events = await collect(given.store.readStream(ann))
    expect(events).toHaveLength(41)
    expectChain(events)
  },

  'AUDIT-1: what other programs added to an imported event comes back with it': async (given) => {
    const extensions = { constructor: 'x', partitionkey: 'ü/🏊', sampled: true, weight: 7 }
    const stores = await bothOf(given)
    await appended(given.store.append(ann, [start(1), { ...start(2), extensions }], 'no-stream'))
    for (const store of stores)
      expect((await collect(store.readAll())).map((event) => event.extensions)).toEqual([undefined, extensions])
  },

  'ONCE-2: of appends that race for a version exactly one wins': async (given) => {
    const stores = await bothOf(given)
    for (const version of upTo(50)) {
      const results = await Promise.all(
        upTo(4).map((i) =>
          stores[i % 2 === 0 ? 0 : 1].append(ann, [start(10 * version + i)], version === 0 ? 'no-stream' : version),
        ),
      )
      expect(results.filter(({ outcome }) => outcome === 'appended')).toHaveLength(1)
      for (const result of results) if (result.outcome === 'conflict') expect(result.actual).toBe(version + 1)
    }
    expect(versionsOf(await collect(given.store.readStream(ann)))).toEqual(upTo(50).map((i) => i + 1))
  },

  'ONCE-2: of appends that race, and expect the version that a conflict names, none is lost': async (given) => {
    const stores = await bothOf(given)
    await Promise.all(upTo(40).map((n) => appendedToEnd(stores[n % 2 === 0 ? 0 : 1], ann, [start(n)])))
    const events = await collect(given.store.readStream(ann))
    expect(versionsOf(events)).toEqual(upTo(40).map((i) => i + 1))
    expect(new Set(events.map(({ id }) => id)).size).toBe(40)
  },

  'ONCE-2: what required a version of another stream is written only while that stream has it': async (given) => {
    const store = checking(given)
    const pool = campaignStream('pool')
    const requires = (version: number) => [{ stream: pool, version }]
    expect(await store.append(ann, [start(1)], 'no-stream', undefined, requires(1))).toEqual({
      outcome: 'conflict',
      actual: 0,
      outdated: true,
    })
    expect(await store.append(ann, [start(1)], 'no-stream', undefined, requires(0))).toMatchObject({ version: 1 })
    await store.append(pool, [samplePublication('pool', 1)], 'no-stream')
    expect(await store.append(ann, [start(2)], 1, undefined, requires(0))).toEqual({
      outcome: 'conflict',
      actual: 1,
      outdated: true,
    })
    // A late writer gets the conflict first; and what was written is a repeat, whatever has changed since.
    expect(await store.append(ann, [start(2)], 0, undefined, requires(1))).toEqual({ outcome: 'conflict', actual: 1 })
    expect(await store.append(ann, [start(1)], 'no-stream', undefined, requires(0))).toMatchObject({ repeated: true })
    expect(await store.append(ann, [start(2)], 1, undefined, requires(1))).toMatchObject({ version: 2 })
    await store.settled(pool, 30_000)
  },

  'ONCE-2: in a batch each append has its own requirements': async (given) => {
    const store = checking(given)
    const one = (id: string, version: number) => ({
      stream: contactStream(id),
      events: [sampleStart(id, 1)],
      expected: 'no-stream' as const,
      requires: [
        { stream: campaignStream('none'), version: 0 },
        { stream: campaignStream('pool'), version },
      ],
    })
    await store.append(campaignStream('pool'), [samplePublication('pool', 1)], 'no-stream')
    const { requires: _, ...free } = one('d', 0)
    const results = await store.appendMany([one('a', 1), one('b', 0), one('c', 1), free])
    expect(results.map(({ outcome }) => outcome)).toEqual(['appended', 'conflict', 'appended', 'appended'])
    expect(await collect(store.readStream(contactStream('b')))).toEqual([])
  },

  'ONCE-2: once a stream has moved on and settled, nothing that required its earlier version comes to be': async (
    given,
  ) => {
    checking(given)
    const [store, other] = await bothOf(given)
    const pool = campaignStream('pool')
    for (const round of upTo(10)) {
      const ids = upTo(20).map((i) => `contact-${round}-${i}`)
      const starting = ids.map((id) =>
        other.append(contactStream(id), [sampleStart(id, 1)], 'no-stream', undefined, [
          { stream: pool, version: round },
        ]),
      )
      // Somewhere among them.
      await starting[round]
      await store.append(pool, [samplePublication('pool', round + 1)], round === 0 ? 'no-stream' : round)
      await checking(given).settled(pool, 30_000)
      const found = await store.readMany(ids.map(contactStream))
      const answers = await Promise.all(starting)
      for (const [i, id] of ids.entries())
        expect(found.get(contactStream(id))?.length).toBe(answers[i]?.outcome === 'appended' ? 1 : 0)
    }
  },

  'ONCE-1: the same event ids again write nothing and answer as the first time, whatever is expected': async ({
    store,
  }) => {
    const first = await appended(store.append(ann, [start(1), start(2)], 'no-stream'))
    for (const expected of ['no-stream', 0, 2, 7] as const)
      expect(await store.append(ann, [start(1), start(2)], expected)).toEqual({ ...first, repeated: true })
    await store.append(ann, [start(3)], 2)
    for (const expected of ['no-stream', 2, 3] as const)
      expect(await store.append(ann, [start(1), start(2)], expected)).toEqual({ ...first, repeated: true })
    expect(await collect(store.readAll())).toHaveLength(3)
  },

  'ONCE-1: what was recorded stays, not what is passed in again under its ids': async ({ store }) => {
    const first = await appended(store.append(ann, [completion(1, 'then')], 'no-stream'))
    const again = await appended(store.append(ann, [completion(1, 'now')], 'no-stream'))
    expect(again).toEqual({ ...first, repeated: true })
    expect(withoutPlace(await collect(store.readStream(ann)))).toEqual([completion(1, 'then')])
  },

  'ONCE-1: the same append many times at once is written once': async (given) => {
    const stores = await bothOf(given)
    const results = await Promise.all(
      upTo(20).map((i) => appended(stores[i % 2 === 0 ? 0 : 1].append(ann, [start(1), start(2)], 'no-stream'))),
    )
    expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1)
    const log = await collect(given.store.readAll())
    expect(log).toHaveLength(2)
    for (const { version, position } of results) expect([version, position]).toEqual([2, log[1]?.position])
  },

  'event ids that are only partly there throw EVENT_ID_REUSED, and nothing is written': async ({ store }) => {
    await store.append(ann, [start(1)], 'no-stream')
    for (const expected of [1, 2, 0] as const) {
      await expectFault('EVENT_ID_REUSED', () => store.append(ann, [start(1), start(2)], expected))
      await expectFault('EVENT_ID_REUSED', () => store.append(ann, [start(2), start(1)], expected))
    }
    expect(withoutPlace(await collect(store.readAll()))).toEqual([start(1)])
    expect(await store.append(ann, [start(2)], 1)).toMatchObject({ outcome: 'appended', version: 2, repeated: false })
  },

  'the same event id twice in one append throws EVENT_ID_REUSED, and nothing is written': async ({ store }) => {
    await expectFault('EVENT_ID_REUSED', () => store.append(ann, [start(1), start(2), start(1)], 'no-stream'))
    expect(await collect(store.readAll())).toEqual([])
    expect(await store.append(ann, [start(1), start(2)], 'no-stream')).toMatchObject({
      outcome: 'appended',
      version: 2,
    })
  },

  'an append without events is refused': async ({ store }) => {
    await expectFault('INVALID_INPUT', () => store.append(ann, [], 'no-stream'))
    await expectFault('INVALID_INPUT', () => store.appendMany([{ stream: ann, events: [], expected: 'no-stream' }]))
  },

  'AUDIT-1: an event whose line no reader takes, too long or too deep, is refused, and nothing is written': async ({
    store,
  }) => {
    let deep: JsonValue = 'x'
    for (let level = 0; level < 4000; level++) deep = [deep]
    for (const value of ['é'.repeat(8 * 1024 * 1024), deep]) {
      const event = sampleCompletion('ann', 2, value)
      await expectFault('INVALID_INPUT', () => store.append(ann, [start(1), event], 'no-stream'))
      await expectFault('INVALID_INPUT', () =>
        store.appendMany([
          { stream: bob, events: [sampleStart('bob', 1)], expected: 'no-stream' },
          { stream: ann, events: [event], expected: 'no-stream' },
        ]),
      )
    }
    expect(await collect(store.readAll())).toEqual([])
  },

  'appendMany: each append has its own outcome, in the order given': async ({ store }) => {
    const first = await appended(store.append(ann, [start(1), start(2)], 'no-stream'))
    const results = await store.appendMany([
      { stream: bob, events: [sampleStart('bob', 1)], expected: 'no-stream' },
      { stream: ann, events: [start(3)], expected: 1 },
      { stream: ann, events: [start(1), start(2)], expected: 'no-stream' },
      { stream: bob, events: [sampleStart('bob', 2), sampleStart('bob', 3)], expected: 1 },
      { stream: bob, events: [sampleStart('bob', 4)], expected: 1 },
      { stream: ann, events: [start(4)], expected: 2 },
      { stream: ann, events: [start(4)], expected: 2 },
    ])
    expect(results.map(outcomeOf)).toEqual([
      'appended at 1',
      'conflict at 2',
      'repeated at 2',
      'appended at 3',
      'conflict at 3',
      'appended at 3',
      'repeated at 3',
    ])
    expect(results[2]).toEqual({ ...first, repeated: true })
    expect((await collect(store.readStream(bob))).map(({ id }) => id)).toEqual(
      [1, 2, 3].map((n) => sampleStart('bob', n).id),
    )
    expect((await collect(store.readStream(ann))).map(({ id }) => id)).toEqual([1, 2, 4].map((n) => start(n).id))
    expect(positionsOf(await collect(store.readAll()))).toHaveLength(6)
  },

  'appendMany: a reused event id throws, and nothing of any append is written': async ({ store }) => {
    await store.append(ann, [start(1)], 'no-stream')
    await expectFault('EVENT_ID_REUSED', () =>
      store.appendMany([
        { stream: bob, events: [sampleStart('bob', 1)], expected: 'no-stream' },
        { stream: ann, events: [start(1), start(2)], expected: 1 },
      ]),
    )
    await expectFault('EVENT_ID_REUSED', () =>
      store.appendMany([
        { stream: bob, events: [sampleStart('bob', 1)], expected: 'no-stream' },
        { stream: ann, events: [start(2), start(1)], expected: 1 },
      ]),
    )
    expect(withoutPlace(await collect(store.readAll()))).toEqual([start(1)])
  },

  'appendMany: a thousand contacts, and none at all': async ({ store }) => {
    expect(await store.appendMany([])).toEqual([])
    const appends = upTo(1000).map((i) => ({
      stream: contactStream(`c${i}`),
      events: [sampleStart(`c${i}`, 1)],
      expected: 'no-stream' as const,
    }))
    const results = await store.appendMany(appends)
    expect(results.every(({ outcome }) => outcome === 'appended')).toBe(true)
    const streams = (events: readonly { stream: StreamId }[]) => events.map(({ stream }) => stream).toSorted()
    expect(streams(await collect(store.readAll()))).toEqual(streams(appends))
  },

  'appendMany: appends to one stream are written in the order of the list, and what is answered is what stands':
    async ({ store }) => {
      const appends = upTo(100).map((i) => {
        const id = `c${i % 20}`
        const version = Math.floor(i / 20)
        return { stream: contactStream(id), events: [sampleStart(id, version)], expected: version }
      })
      const results = (await store.appendMany(appends)) as readonly Appended[]
      expect(results.map(({ outcome }) => outcome)).toEqual(appends.map(() => 'appended'))
      const log = await collect(store.readAll())
      for (const id of upTo(20).map((i) => `c${i}`)) {
        const events = await collect(store.readStream(contactStream(id)))
        expect(withoutPlace(events)).toEqual(upTo(5).map((n) => sampleStart(id, n)))
        // The log may mix the streams as it likes.
        expect(log.filter(({ stream }) => stream === contactStream(id))).toEqual(events)
      }
      expect(positionsOf(log)).toEqual(positionsOf(log).toSorted((a, b) => a - b))
      const placesOf = new Map(log.map(({ id, version, position }) => [id, { version, position }]))
      for (const [i, { events }] of appends.entries())
        expect(results[i]).toMatchObject(placesOf.get((events.at(-1) as NewEvent).id) ?? { position: 'in the log' })
    },

  'readStream begins at a version, and a stream that is not there is empty': async ({ store }) => {
    await store.append(ann, upTo(5).map(start), 'no-stream')
    for (const from of [1, 3, 5]) {
      const versions = versionsOf(await collect(store.readStream(ann, from)))
      expect(versions).toEqual([1, 2, 3, 4, 5].filter((version) => version >= from))
    }
    expect(await collect(store.readStream(ann, 6))).toEqual([])
    expect(await collect(store.readStream(bob))).toEqual([])
  },

  'readMany gives whole streams; every stream asked for is a key': async ({ store }) => {
    await store.append(ann, [start(1), start(2)], 'no-stream')
    await store.append(bob, [sampleStart('bob', 1)], 'no-stream')
    const nobody = contactStream('nobody')
    const found = await store.readMany([bob, nobody, ann, ann])
    expect([...found.keys()].toSorted()).toEqual([ann, bob, nobody].toSorted())
    expect(found.get(nobody)).toEqual([])
    expect(found.get(ann)).toEqual(await collect(store.readStream(ann)))
    expect(found.get(bob)).toEqual(await collect(store.readStream(bob)))
    expect(await store.readMany([])).toEqual(new Map())
  },

  'readAll gives the whole log in the order of its positions, and what follows a position': async ({ store }) => {
    for (const n of upTo(10)) {
      await store.append(ann, [start(n)], n)
      await store.append(bob, [sampleStart('bob', n)], n)
    }
    const events = await collect(store.readAll())
    expect(events.map(({ stream }) => stream)).toEqual(upTo(20).map((i) => (i % 2 === 0 ? ann : bob)))
    expect(positionsOf(events)).toEqual(positionsOf(events).toSorted((a, b) => a - b))
    expect(events[0]?.position).toBeGreaterThan(0)
    expect(await collect(store.readAll(0))).toEqual(events)
    expect(await collect(store.readAll(events[6]?.position))).toEqual(events.slice(7))
    expect(await collect(store.readAll(events[19]?.position))).toEqual([])
  },

  'readAll and readStream give thousands of events without a gap': async ({ store }) => {
    const count = 2345
    for (let n = 0; n < count; n += 500) {
      const events = upTo(Math.min(500, count - n)).map((i) => start(n + i))
      await store.append(ann, events, n === 0 ? 'no-stream' : n)
    }
    const versions = upTo(count).map((i) => i + 1)
    expect(versionsOf(await collect(store.readAll()))).toEqual(versions)
    expect(versionsOf(await collect(store.readStream(ann)))).toEqual(versions)
    expect((await store.readMany([ann])).get(ann)).toHaveLength(count)
  },

  'a reader never passes a position that an append in progress can still take': async (given) => {
    const [writer, other] = await bothOf(given)
    const appends = 150
    let writing = true
    const written = Promise.all(
      [writer, other, writer, other].map(async (store, i) => {
        for (const n of upTo(appends)) await store.append(contactStream(`c${i}`), [sampleStart(`c${i}`, n)], n)
      }),
    ).finally(() => {
      writing = false
    })
    const seen: RecordedEvent[] = []
    for (let last = false; !last; ) {
      last = !writing
      for await (const event of given.store.readAll(seen.at(-1)?.position ?? 0)) seen.push(event)
      await new Promise(setImmediate)
    }
    await written
    expect(seen).toHaveLength(4 * appends)
    expect(seen).toEqual(await collect(given.store.readAll()))
    for (const i of upTo(4)) {
      const ofStream = seen.filter(({ stream }) => stream === contactStream(`c${i}`))
      expect(versionsOf(ofStream)).toEqual(upTo(appends).map((n) => n + 1))
    }
  },

  'a reader that takes its time keeps no writer waiting': async ({ store }) => {
    await store.append(ann, [start(1), start(2), start(3)], 'no-stream')
    const seen: number[] = []
    for await (const event of store.readStream(ann)) {
      seen.push(event.version)
      if (event.version <= 3) {
        const { outcome } = await store.append(bob, [sampleStart('bob', event.version)], event.version - 1)
        expect(outcome).toBe('appended')
      }
    }
    expect(seen).toEqual([1, 2, 3])
    for await (const event of store.readAll()) {
      if (event.stream === bob) break
      await store.append(bob, [sampleStart('bob', 10 + event.version)], 2 + event.version)
    }
    expect(await collect(store.readStream(bob))).toHaveLength(6)
  },

  'readAll reads the streams of contacts or of campaigns alone where that is asked': async ({ store }) => {
    const events = await someOfBoth(store)
    const isCampaign = ({ stream }: RecordedEvent) => stream.startsWith('campaign-')
    expect(await collect(store.readAll(0, { streams: 'campaigns' }))).toEqual(events.filter(isCampaign))
    expect(await collect(store.readAll(0, { streams: 'contacts' }))).toEqual(
      events.filter((event) => !isCampaign(event)),
    )
    expect(await collect(store.readAll(0, {}))).toEqual(events)
    const after = events[2]?.position as number
    expect(await collect(store.readAll(after, { streams: 'campaigns' }))).toEqual(events.slice(3).filter(isCampaign))
  },

  'a subscription gives what is recorded, says that it caught up, and goes on with what is recorded later': async (
    given,
  ) => {
    const [store, other] = await bothOf(given)
    await store.append(ann, [start(1), start(2)], 'no-stream')
    const stop = new AbortController()
    const subscription = store.subscribe(0, stop.signal)[Symbol.asyncIterator]()
    const first = await take(subscription, 3)
    expect(first.map(({ type }) => type)).toEqual(['SequenceStarted', 'SequenceStarted', 'CaughtUp'])
    expect(first[2]).toEqual({ type: 'CaughtUp', position: first[1]?.position })
    for (const n of [3, 4]) {
      const next = take(subscription, 2)
      const { position } = await appended((n === 3 ? store : other).append(ann, [start(n)], n - 1))
      expect(await next).toEqual([
        expect.objectContaining({ id: start(n).id, version: n, position }),
        { type: 'CaughtUp', position },
      ])
    }
    stop.abort()
    expect(await subscription.next()).toMatchObject({ done: true })
  },

  'a subscription begins after any position': async ({ store }) => {
    await store.append(ann, upTo(5).map(start), 'no-stream')
    const events = await collect(store.readStream(ann))
    const positions = [0, ...positionsOf(events)]
    for (const [i, after] of positions.entries()) {
      const seen = []
      for await (const event of store.subscribe(after, new AbortController().signal)) {
        if (event.type === 'CaughtUp') break
        seen.push(event)
      }
      expect(seen).toEqual(events.slice(i))
    }
  },

  'a subscription to an empty log has caught up with 0, and gives the first event': async ({ store }) => {
    const stop = new AbortController()
    const subscription = store.subscribe(0, stop.signal)[Symbol.asyncIterator]()
    expect(await take(subscription, 1)).toEqual([{ type: 'CaughtUp', position: 0 }])
    const next = take(subscription, 1)
    await store.append(ann, [start(1)], 'no-stream')
    expect(await next).toMatchObject([{ id: start(1).id }])
    stop.abort()
  },

  'a subscription gives each event once and in order, also those appended while it reads': async (given) => {
    const [store, other] = await bothOf(given)
    const total = 300
    await store.append(ann, upTo(50).map(start), 'no-stream')
    const writing = (async () => {
      for (let n = 50; n < total; n++) await (n % 2 === 0 ? store : other).append(ann, [start(n)], n)
    })()
    const seen: number[] = []
    for await (const event of store.subscribe(0, new AbortController().signal)) {
      if (event.type === 'CaughtUp') continue
      seen.push(event.version)
      if (event.version === total) break
    }
    await writing
    expect(seen).toEqual(upTo(total).map((i) => i + 1))
  },

  'a subscription to campaigns alone gives nothing of contacts, and is carried past them': async ({ store }) => {
    const events = await someOfBoth(store)
    await store.append(ann, [start(100)], 2)
    const head = (await collect(store.readAll())).at(-1)?.position as number
    const stop = new AbortController()
    const subscription = store.subscribe(0, stop.signal, { streams: 'campaigns' })[Symbol.asyncIterator]()
    const campaigns = events.filter(({ stream }) => stream.startsWith('campaign-'))
    expect(await take(subscription, campaigns.length + 1)).toEqual([...campaigns, { type: 'CaughtUp', position: head }])
    const next = (async () => {
      for (;;) {
        const { value } = await subscription.next()
        if (value.type !== 'CaughtUp') return value
      }
    })()
    await store.append(ann, [start(101)], 3)
    await store.append(campaignStream('late'), [samplePublication('late', 1)], 'no-stream')
    expect(await next).toMatchObject({ stream: campaignStream('late'), version: 1 })
    stop.abort()
  },

  'a subscription ends without an error when its signal aborts, whatever it was doing': async ({ store }) => {
    await store.append(ann, upTo(10).map(start), 'no-stream')
    expect(await collect(store.subscribe(0, AbortSignal.abort()))).toEqual([])

    const whileReading = new AbortController()
    const seen = []
    for await (const event of store.subscribe(0, whileReading.signal)) {
      seen.push(event)
      if (seen.length === 3) whileReading.abort()
    }
    expect(seen).toHaveLength(3)

    const whileWaiting = new AbortController()
    const subscription = store.subscribe(0, whileWaiting.signal)[Symbol.asyncIterator]()
    await take(subscription, 11)
    const next = subscription.next()
    await new Promise(setImmediate)
    whileWaiting.abort()
    expect(await next).toMatchObject({ done: true })
  },

  'a reader that breaks off leaves nothing open': async ({ store }) => {
    await store.append(ann, upTo(10).map(start), 'no-stream')
    for (const _ of upTo(50)) {
      for await (const _event of store.readStream(ann)) break
      for await (const _event of store.readAll()) break
      for await (const _event of store.subscribe(0, new AbortController().signal)) break
    }
    expect(await store.append(ann, [start(10)], 10)).toMatchObject({ outcome: 'appended', version: 11 })
    await store.close()
  },

  'contacts() gives each contact that has a stream once, in pages': async ({ store }) => {
    const ids = upTo(25).map((i) => `c${(i * 7) % 25}`)
    for (const id of ids) await store.append(contactStream(id), [sampleStart(id, 1), sampleStart(id, 2)], 'no-stream')
    await store.append(campaignStream('c1'), [samplePublication('c1', 1)], 'no-stream')
    await store.append(contactStream('c3'), [sampleStart('c3', 3)], 2)
    for (const limit of [1, 10, 24, 25, 26, 1000]) {
      const pages = await pagesOf(store, limit)
      expect(pages.every((page) => page.length <= limit)).toBe(true)
      expect(pages.flat().toSorted()).toEqual(ids.toSorted())
      expect(pages.flat()).toEqual((await pagesOf(store, 1000)).flat())
    }
    await expectFault('INVALID_INPUT', () => store.contacts(null, 0))
  },

  'LOG-6: hostile ids are ids like others': async ({ store }) => {
    for (const id of HOSTILE_IDS) {
      await store.append(contactStream(id), [sampleStart(id, 1)], 'no-stream')
      await store.append(campaignStream(id), [samplePublication(id, 1)], 'no-stream')
    }
    for (const id of HOSTILE_IDS) {
      expect(await store.append(contactStream(id), [sampleStart(id, 2)], 'no-stream')).toEqual({
        outcome: 'conflict',
        actual: 1,
      })
      const [event, ...more] = await collect(store.readStream(contactStream(id)))
      expect(more).toEqual([])
      expect(event).toEqual({
        ...sampleStart(id, 1),
        stream: contactStream(id),
        version: 1,
        position: event?.position,
        hash: event?.hash,
      })
      const published = (await store.readMany([campaignStream(id)])).get(campaignStream(id))
      expect(withoutPlace(published ?? [])).toEqual([samplePublication(id, 1)])
    }
    const streams = (await collect(store.readAll())).map(({ stream }) => stream)
    expect(streams).toEqual(HOSTILE_IDS.flatMap((id) => [contactStream(id), campaignStream(id)]))
    for (const limit of [1, 5, 100])
      expect((await pagesOf(store, limit)).flat().toSorted()).toEqual(HOSTILE_IDS.toSorted())
  },

  'LOG-6: hostile command ids, actors and event ids come back as they were': async ({ store }) => {
    const events = HOSTILE_IDS.map(
      (id, n): NewEvent => ({ ...start(n), id, commandId: id, correlationId: id, actor: id }),
    )
    await store.append(ann, events, 'no-stream')
    expect(withoutPlace(await collect(store.readStream(ann)))).toEqual(events)
    expect(await store.append(ann, events, 'no-stream')).toMatchObject({ repeated: true, version: events.length })
  },

  'event data survives, whatever keys and text it holds': async ({ store }) => {
    const values: JsonValue[] = [
      JSON.parse('{"__proto__": {"admin": true}, "constructor": 1, "": {"__proto__": null}}'),
      JSON.parse('[{"__proto__": []}]'),
      'nul \u0000, quote ", backslash \\, lone surrogate \ud83c, line\u2028separator',
      { nested: [[[{ deep: [null, true, false, 0, -1, 1e21, 5e-324, 0.1] }]]] },
      '',
      null,
    ]
    const events = values.map((value, n) => completion(n, value))
    await store.append(ann, events, 'no-stream')
    const read = await collect(store.readStream(ann))
    // Compared as text: a matcher may not look at `__proto__`.
    const text = (list: readonly NewEvent[]) => list.map((event) => canonicalJson(event.data as unknown as JsonValue))
    expect(text(read)).toEqual(text(events))
    expect(text(read)[0]).toContain('"__proto__":{"admin":true}')
    expect(({} as { admin?: unknown }).admin).toBeUndefined()
  },

  'an event of a megabyte is an event like others': async ({ store }) => {
    const big = completion(1, 'ü'.repeat(500_000))
    await store.append(ann, [start(0), big, start(2)], 'no-stream')
    expect(withoutPlace(await collect(store.readAll()))).toEqual([start(0), big, start(2)])
  },

  'what a caller does to its events, or to those it has read, does not change the log': async ({ store }) => {
    const mine = structuredClone(completion(1, { list: [1] }))
    await store.append(ann, [mine], 'no-stream')
    const before = structuredClone(await collect(store.readStream(ann)))
    const read = await collect(store.readStream(ann))
    const many = (await store.readMany([ann])).get(ann) as readonly RecordedEvent[]
    for (const event of [mine, ...read, ...many]) {
      attempt(() => Object.assign(event, { type: 'Forged' }))
      attempt(() => Object.assign(event.data, { run: 99 }))
      attempt(() => (event as typeof mine & { data: { saw: unknown[] } }).data.saw.push('forged'))
    }
    attempt(() => (many as RecordedEvent[]).splice(0))
    expect(await collect(store.readStream(ann))).toEqual(before)
    expect(await collect(store.readAll())).toEqual(before)
    expect((await store.readMany([ann])).get(ann)).toEqual(before)
  },

  'ONCE-3: what was acknowledged is there when the store is opened again': async (given) => {
    const { store } = given
    if (given.processes !== 'many') given.skip('the store serves one process')
    await someOfBoth(store)
    const events = await collect(store.readAll())
    expect(await collect((await given.another()).readAll())).toEqual(events)
    await store.close()
    const next = await given.another()
    expect(await collect(next.readAll())).toEqual(events)
    const { position } = await appended(next.append(bob, [sampleStart('bob', 99)], 1))
    expect(position).toBeGreaterThan(events.at(-1)?.position as number)
  },

  'close lets work in progress finish; twice is once': async ({ store }) => {
    const appends = upTo(20).map((n) => store.append(contactStream(`c${n}`), [sampleStart(`c${n}`, 1)], 'no-stream'))
    await Promise.all([store.close(), store.close()])
    await store.close()
    for (const result of await Promise.all(appends)) expect(result.outcome).toBe('appended')
  },

  'after close every method throws CLOSED, and so do readers that are under way': async ({ store }) => {
    await store.append(ann, upTo(10).map(start), 'no-stream')
    const { signal } = new AbortController()
    const readers = [store.readStream(ann), store.readAll(), store.subscribe(0, signal)]
    const begun = readers.map((reader) => reader[Symbol.asyncIterator]() as AsyncIterator<unknown>)
    for (const reader of begun) await reader.next()
    const waiting = store.subscribe(0, signal)[Symbol.asyncIterator]()
    await take(waiting, 11)
    const next = waiting.next()
    next.catch(() => {})
    await store.close()
    await expectFault('CLOSED', () => next)
    for (const reader of begun) await expectFault('CLOSED', () => reader.next())
    const deeds: (() => unknown)[] = [
      () => store.append(ann, [start(11)], 10),
      () => store.appendMany([{ stream: ann, events: [start(11)], expected: 10 }]),
      () => store.appendMany([]),
      () => collect(store.readStream(ann)),
      () => store.readMany([ann]),
      () => collect(store.readAll()),
      () => collect(store.subscribe(0, signal)),
      () => store.contacts(null, 10),
    ]
    for (const deed of deeds) await expectFault('CLOSED', deed)
  },
} as const satisfies Promises<EventStore>

const start = (n: number) => sampleStart('ann', n)

/** The store, where it is one that checks what appends require. */
function checking({ store, skip }: Given<EventStore>): EventStore & ChecksRequired {
  const checks = store as EventStore & Partial<ChecksRequired>
  return checks.settled === undefined
    ? skip('It passes over what an append requires.')
    : (checks as EventStore & ChecksRequired)
}
const completion = (n: number, value: JsonValue) => sampleCompletion('ann', n, value)

const versionsOf = (events: readonly RecordedEvent[]) => events.map(({ version }) => version)
/** Every hash follows from the one before in its stream. */
function expectChain(events: readonly RecordedEvent[]): void {
  const last = new Map<string, string>()
  for (const event of events) {
    const hash = chainHash(last.get(event.stream) ?? null, digestOf(event))
    expect(event.hash).toBe(hash)
    last.set(event.stream, hash)
  }
}

const positionsOf = (events: readonly RecordedEvent[]) => events.map(({ position }) => position)

async function appended(result: Promise<AppendResult>): Promise<Appended> {
  const answer = await result
  expect(answer.outcome).toBe('appended')
  return answer as Appended
}

/** Each conflict names the version to expect next. */
async function appendedToEnd(store: EventStore, stream: StreamId, events: readonly NewEvent[]): Promise<Appended> {
  for (let expected = 0; ; ) {
    const [result] = await store.appendMany([{ stream, events, expected }])
    if (result?.outcome === 'appended') return result
    if (result?.outcome === 'conflict') expected = result.actual
  }
}

function outcomeOf(result: AppendResult | Locked): string {
  if (result.outcome === 'locked') return 'locked'
  if (result.outcome === 'conflict') return `conflict at ${result.actual}`
  return `${result.repeated ? 'repeated' : 'appended'} at ${result.version}`
}

async function take<T>(iterator: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  while (taken.length < count) {
    const { value, done } = await iterator.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

/** Campaigns among contacts, and all of it as it was recorded. */
async function someOfBoth(store: EventStore): Promise<RecordedEvent[]> {
  await store.append(campaignStream('one'), [samplePublication('one', 1)], 'no-stream')
  await store.append(ann, [start(1), start(2)], 'no-stream')
  await store.append(campaignStream('two'), [samplePublication('two', 1)], 'no-stream')
  await store.append(bob, [sampleStart('bob', 1)], 'no-stream')
  await store.append(campaignStream('one'), [samplePublication('one', 2)], 1)
  return await collect(store.readAll())
}

async function pagesOf(store: EventStore, limit: number): Promise<(readonly ContactId[])[]> {
  return await allPages(null, async (after: ContactId | null) => {
    const page = await store.contacts(after, limit)
    return { items: page.length === 0 ? [] : [page], next: page.at(-1) ?? null }
  })
}

/** What is frozen may say no; that is one way to keep the promise. */
function attempt(deed: () => unknown): void {
  try {
    deed()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
  }
}
