/**
 * What the store makes of a server, whichever client it was given: the battery of the test kit, and a test for each row
 * of the table in docs/decisions/0008-eventstoredb.md. Run by a test file for each client package.
 */
import { randomUUID } from 'node:crypto'
import {
  campaignStream,
  contactStream,
  isEnfoldFault,
  type NewEvent,
  type RecordedEvent,
  type StreamId,
} from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import type { RemoteFakeServer } from '@enfold/test-servers/eventstoredb'
import { type GivenServer, openServer } from '@enfold/test-servers/eventstoredb'
import { sampleCompletion, samplePublication, sampleStart } from '@enfold/testkit'
import { eventStoreBattery } from '@enfold/testkit/battery'
import { soaking } from '@enfold/testkit/runs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventStoreDbStore, type EventStoreDbStoreOptions } from './index.ts'

/** A client as a test uses it: for the store, and by hand. */
export type TestClient = EventStoreDbStoreOptions['client'] & {
  deleteStream(stream: string, options?: object): Promise<unknown>
  tombstoneStream(stream: string, options?: object): Promise<unknown>
  dispose(): Promise<void>
}

export interface Contract {
  connect(url: string): TestClient
  /** The name under which this package looks for the expected revision. */
  readonly expectation: 'expectedRevision' | 'streamState'
  /** Whether the battery is run too. The table has what depends on the client, and is run with each. */
  readonly battery: boolean
}

type Events = AsyncIterable<{
  event?: { streamId: string; revision: bigint; type: string; data: unknown; metadata: unknown }
}>

/** Whether a real server is there. What only a fake can do is then left out. */
const isReal = Boolean(process.env.ENFOLD_EVENTSTOREDB_URL)

export function eventStoreDbContract(name: string, { connect, expectation, battery }: Contract): void {
  let server: GivenServer
  /** Only in tests with faults. */
  let fake: RemoteFakeServer
  /** Those of one test, which end with it. */
  const clients: TestClient[] = []
  /** For all tests, one after the other: the first call of each takes up to a second. */
  const lasting: TestClient[] = []
  let taken = 0
  beforeAll(async () => {
    server = await openServer({ shuffle: 1 })
    if (server.fake !== null) fake = server.fake
  })
  const dispose = async (ended: TestClient[]) => {
    // A client that used the batch stream by itself never finishes to dispose of it once the server has ended that.
    const patience = new Promise((resolve) => setTimeout(resolve, 100).unref())
    await Promise.race([Promise.all(ended.splice(0).map((one) => one.dispose())), patience])
  }
  afterAll(async () => {
    await dispose(lasting)
    await server?.stop()
  })

  /** Another one each time within a test. */
  const client = () => {
    const one = lasting[taken] ?? connect(server.url)
    lasting[taken] = one
    taken += 1
    return one
  }
  /** @param more one more parameter of the connection string */
  const clientWith = (more: string) => {
    const one = connect(`${server.url}${server.url.includes('?') ? '&' : '?'}${more}`)
    clients.push(one)
    return one
  }
  /** Streams of its own for each test: one server serves them all. */
  const freshPrefix = () => `t${randomUUID()}-`

  if (battery) {
    eventStoreBattery(name, () => {
      taken = 0
      const [prefix, its] = [freshPrefix(), client()]
      const open = () => createEventStoreDbStore({ client: its, prefix, ...server.asUser })
      return { store: open(), reopen: open }
    })
  }

  describe(`${name}: each row of the table`, () => {
    /** A store, others on the same streams, and a separate client. */
    async function given(
      prove: (the: {
        prefix: string
        raw: TestClient
        open(options?: Partial<EventStoreDbStoreOptions>): ReturnType<typeof createEventStoreDbStore>
      }) => Promise<void>,
    ): Promise<void> {
      taken = 0
      const prefix = freshPrefix()
      const stores: ReturnType<typeof createEventStoreDbStore>[] = []
      try {
        await prove({
          prefix,
          raw: client(),
          open(options) {
            const store = createEventStoreDbStore({
              client: client(),
              prefix,
              callTimeoutMs: 1000,
              ...server.asUser,
              ...options,
            })
            stores.push(store)
            return store
          },
        })
      } finally {
        for (const store of stores) await store.close()
        await dispose(clients)
      }
    }
    const withFaults = isReal ? it.skip : it

    it('concurrency check: a stale append is refused', () =>
      given(async ({ open }) => {
        const [mine, theirs] = [open(), open()]
        await mine.append(ann, [start(1), start(2)], 'no-stream')
        await theirs.append(ann, [start(3)], 2)
        for (const expected of [0, 1, 2, 4, 'no-stream'] as const)
          expect(await mine.append(ann, [start(9)], expected)).toEqual({ outcome: 'conflict', actual: 3 })
        expect(idsOf(await collect(theirs.readStream(ann)))).toEqual([1, 2, 3].map((n) => start(n).id))
      }))

    it('concurrency check: the name of the other package alone is passed over, and nothing is checked', () =>
      given(async ({ raw, prefix }) => {
        const other = expectation === 'streamState' ? 'expectedRevision' : 'streamState'
        const event = () => ({ id: randomUUID(), type: 'x', contentType: 'application/json', data: {}, metadata: {} })
        await raw.appendToStream(`${prefix}other`, [event()], { [expectation]: 'no_stream' })
        await raw.appendToStream(`${prefix}other`, [event()], { [other]: 'no_stream' })
        await expect(
          raw.appendToStream(`${prefix}other`, [event()], { [expectation]: 'no_stream' }),
        ).rejects.toMatchObject({ type: 'wrong-expected-version' })
      }))

    for (const fault of [
      'lost-answer',
      'no-answer',
      'ignored',
      'unavailable',
      'cancelled',
      'not-leader',
      'no-leader',
      'not-ready',
    ] as const)
      withFaults(`repeat rule: an append that meets "${fault}" is done once`, () =>
        given(async ({ open }) => {
          const store = open({ callTimeoutMs: 500 })
          await store.append(ann, [start(1)], 'no-stream')
          await fake.inject('append', fault, 2)
          expect(await store.append(ann, [start(2), start(3)], 1)).toMatchObject({ version: 3, repeated: false })
          await fake.inject('append', fault)
          expect(await store.append(ann, [start(4)], 3)).toMatchObject({ version: 4, repeated: false })
          const events = await collect(store.readStream(ann))
          expect(idsOf(events)).toEqual([1, 2, 3, 4].map((n) => start(n).id))
          expectChain(events)
        }),
      )

    withFaults('repeat rule: after an append that was given up, the same call returns its result', () =>
      given(async ({ open }) => {
        for (const fault of ['lost-answer', 'unavailable'] as const) {
          const event = sampleStart(fault, 1)
          await fake.inject('append', fault, 20)
          const hasty = open({ giveUpAfterMs: 300 })
          await expectFault('STORE_UNAVAILABLE', () => hasty.append(contactStream(fault), [event], 'no-stream'))
          await clearFaults()
          const store = open()
          const again = await store.append(contactStream(fault), [event], 'no-stream')
          expect(again).toMatchObject({ outcome: 'appended', version: 1, repeated: fault === 'lost-answer' })
          expect(await collect(store.readStream(contactStream(fault)))).toHaveLength(1)
        }
      }),
    )

    it('repeat rule: the same ids with other data, from a process that knows less, are a repeat of what was recorded', () =>
      given(async ({ open }) => {
        const [mine, theirs] = [open(), open()]
        await mine.append(ann, [start(1)], 'no-stream')
        await collect(theirs.readStream(ann))
        await mine.append(ann, [sampleCompletion('ann', 2, 'mine')], 1)
        // Told to the server with these ids, this would be a success, and the data gone.
        const answer = await theirs.append(ann, [sampleCompletion('ann', 2, 'theirs')], 1)
        expect(answer).toMatchObject({ repeated: true, version: 2 })
        expect((await collect(theirs.readStream(ann)))[1]).toMatchObject({ data: { saw: [{ value: 'mine' }] } })
        await theirs.append(ann, [start(3)], 2)
        expectChain(await collect(mine.readStream(ann)))
      }))

    it('repeat rule: an id at the head of the stream is not written twice', () =>
      given(async ({ open }) => {
        for (const store of [open(), open()]) {
          await store.append(ann, [start(1)], 'no-stream')
          expect(await store.append(ann, [start(1)], 1)).toMatchObject({ version: 1, repeated: true })
        }
        expect(await collect(open().readStream(ann))).toHaveLength(1)
      }))

    withFaults('append path: each append is a call of its own, never one in the batch stream', () =>
      given(async ({ open }) => {
        const before = await fake.calls()
        await open().append(ann, [start(1)], 'no-stream')
        const after = await fake.calls()
        expect([after.append - before.append, after.batchAppend - before.batchAppend]).toEqual([1, 0])
      }),
    )

    it('append path: appends to one stream keep their order, however many are begun at once', () =>
      given(async ({ open }) => {
        const store = open()
        const answers = upTo(20).map((n) => store.append(ann, [start(n)], n))
        for (const answer of await Promise.all(answers)) expect(answer.outcome).toBe('appended')
        expect(idsOf(await collect(store.readStream(ann)))).toEqual(upTo(20).map((n) => start(n).id))
      }))

    it('payload: what the client would die of is refused before it gets it', () =>
      given(async ({ open }) => {
        const store = open()
        const cycle: { self?: unknown } = {}
        cycle.self = cycle
        const bad: [string, unknown][] = [
          ['a bigint', { ...start(1), data: { run: 1n } }],
          ['a cycle', { ...start(1), data: cycle }],
          ['no data', { ...start(1), data: undefined }],
          ['data that is no object', { ...start(1), data: 'text' }],
          ['no type', { ...start(1), type: undefined }],
          ['an id that is none', { ...start(1), id: 17 }],
          ['an id with half a character', { ...start(1), id: '\ud83c' }],
          ['nothing', null],
        ]
        for (const [what, event] of bad) {
          await expectFault('INVALID_INPUT', () => store.append(ann, [event as NewEvent], 'no-stream')).catch(
            (error) => {
              throw new Error(what, { cause: error })
            },
          )
          await expectFault('INVALID_INPUT', () =>
            store.appendMany([{ stream: ann, events: [event as NewEvent], expected: 'no-stream' }]),
          )
        }
        for (const stream of ['', 'contact-', 'other-x', `contact-${'x'.repeat(201)}`, '$all'])
          await expectFault('INVALID_INPUT', () => store.append(stream, [start(1)], 'no-stream'))
        expect(await collect(store.readAll())).toEqual([])
      }))

    it('payload: an id that is no UUID is an id like others', () =>
      given(async ({ open }) => {
        const store = open()
        const event = { ...start(1), id: 'not-a-uuid' }
        expect(await store.append(ann, [event], 'no-stream')).toMatchObject({ repeated: false })
        expect(idsOf(await collect(store.readStream(ann)))).toEqual(['not-a-uuid'])
        expect(await open().append(ann, [event], 'no-stream')).toMatchObject({ repeated: true })
      }))

    for (const throws of ['true', 'false'])
      it(`conflict: told by value and by error alike (throwOnAppendFailure=${throws})`, () =>
        given(async ({ open }) => {
          const mine = open({ client: clientWith(`throwOnAppendFailure=${throws}`) })
          const theirs = open()
          expect(await mine.append(ann, [start(1)], 4)).toEqual({ outcome: 'conflict', actual: 0 })
          await mine.append(ann, [start(1)], 'no-stream')
          await theirs.append(
            ann,
            upTo(4).map((n) => start(2 + n)),
            1,
          )
          // It knows of version 1, so the server has to say no.
          expect(await mine.append(ann, [start(9)], 1)).toEqual({ outcome: 'conflict', actual: 5 })
          expect(await mine.append(ann, [start(9)], 5)).toMatchObject({ version: 6 })
        }))

    it('reads: a stream that is not there is empty', () =>
      given(async ({ open }) => {
        expect(await collect(open().readStream(ann))).toEqual([])
        expect(await collect(open().readStream(ann, 7))).toEqual([])
      }))

    withFaults('reads: those that are left early leave no call open', () =>
      given(async ({ open }) => {
        const store = open()
        await store.append(ann, upTo(600).map(start), 'no-stream')
        // Of tests before: the Kurrent client ends what was given up when memory is collected.
        const before = await fake.openReads()
        for (const _ of upTo(soaking ? 100 : 20)) {
          for await (const _event of store.readStream(ann)) break
          for await (const _event of store.readAll()) break
          for await (const _event of store.subscribe(0, new AbortController().signal)) break
        }
        await expect.poll(() => fake.openReads()).toBeLessThanOrEqual(before)
      }),
    )

    for (const fault of [
      'ignored',
      'unavailable',
      'lost-answer',
      'cancelled',
      'not-leader',
      'no-leader',
      'not-ready',
    ] as const)
      withFaults(`reads: one that meets "${fault}" is read to its end all the same`, () =>
        given(async ({ open }) => {
          const store = open({ callTimeoutMs: 500 })
          await store.append(ann, upTo(20).map(start), 'no-stream')
          await fake.inject('read', fault)
          expect(await collect(store.readStream(ann))).toHaveLength(20)
          await fake.inject('read', fault)
          expect((await store.readMany([ann])).get(ann)).toHaveLength(20)
          await fake.inject('subscribe', fault)
          expect(await collect(store.readAll())).toHaveLength(20)
          await fake.inject('read', fault)
          expect(await collect(store.readAll(0, { streams: 'campaigns' }))).toEqual([])
        }),
      )

    withFaults(
      'reads: a server that says nothing is a fault after our own deadline, and none is left to be heard',
      () =>
        given(async ({ open }) => {
          const patient = open()
          const store = open({ callTimeoutMs: 100, giveUpAfterMs: 200 })
          await patient.append(ann, [start(1)], 'no-stream')
          await fake.freeze()
          try {
            await expectFault('STORE_UNAVAILABLE', () => collect(store.readStream(ann)))
            await expectFault('STORE_UNAVAILABLE', () => collect(store.readAll()))
            await expectFault('STORE_UNAVAILABLE', () => store.readMany([ann]))
            await expectFault('STORE_UNAVAILABLE', () => store.contacts(null, 10))
            await expectFault('STORE_UNAVAILABLE', () => store.append(ann, [start(2)], 1))
          } finally {
            await fake.thaw()
          }
          expect(await patient.append(ann, [start(2)], 1)).toMatchObject({ outcome: 'appended', version: 2 })
        }),
    )

    for (const state of ['not-ready', 'no-leader'] as const)
      withFaults(`a cluster that is "${state}": nothing is taken for missing, and all goes on when it is ready`, () =>
        given(async ({ open, prefix }) => {
          const inCluster = connect(fake.clusterUrl)
          clients.push(inCluster)
          const patient = { client: inCluster, giveUpAfterMs: 60_000 }
          const store = open(patient)
          await store.append(ann, [start(1)], 'no-stream')
          await fake.become(state)
          try {
            // Another one, which knows nothing of the stream; and one that gives up soon.
            const asked = [open(patient).append(ann, [start(2)], 1), store.append(ann, [start(3)], 2)]
            const hasty = createEventStoreDbStore({ client: inCluster, prefix, giveUpAfterMs: 300, callTimeoutMs: 200 })
            await expectFault('STORE_UNAVAILABLE', () => collect(hasty.readStream(ann)))
            await expectFault('STORE_UNAVAILABLE', () => collect(hasty.readAll()))
            await expectFault('STORE_UNAVAILABLE', () => hasty.append(contactStream('bob'), [start(9)], 1))
            await hasty.close()
            await fake.become('ready')
            expect(await asked[0]).toMatchObject({ version: 2 })
            expect((await asked[1])?.outcome).toMatch(/appended|conflict/)
          } finally {
            await fake.become('ready')
          }
          expect(idsOf(await collect(open().readStream(ann))).slice(0, 2)).toEqual([start(1).id, start(2).id])
          expect(await collect(open().readStream(contactStream('bob')))).toEqual([])
        }),
      )

    withFaults('a client that speaks TLS to a server without it is refused at once, and told of tls=false', () =>
      given(async ({ open }) => {
        const wrong = connect(fake.url.replace('tls=false', 'tls=true').replace('://', '://user:password@'))
        clients.push(wrong)
        const credentials = { username: 'user', password: 'password' }
        const store = open({ client: wrong, credentials, giveUpAfterMs: 600_000 })
        const fault = await expectFault('STORE_UNAVAILABLE', () => store.append(ann, [start(1)], 'no-stream'))
        expect(fault.message).toContain('tls=false')
        await expectFault('STORE_UNAVAILABLE', () => collect(store.readAll()))
      }),
    )

    withFaults('a call that hangs after one that failed is made again long before its deadline', () =>
      given(async ({ open }) => {
        const store = open({ callTimeoutMs: 200_000, giveUpAfterMs: 400_000 })
        await store.append(ann, [start(1)], 'no-stream')
        await fake.inject('append', 'unavailable')
        await fake.inject('append', 'ignored')
        expect(await store.append(ann, [start(2)], 1)).toMatchObject({ version: 2, repeated: false })
        await fake.inject('read', 'not-ready')
        await fake.inject('read', 'ignored')
        expect(await collect(store.readStream(ann))).toHaveLength(2)
      }),
    )

    it('versions: they count from 1 where revisions count from 0', () =>
      given(async ({ open, raw, prefix }) => {
        await open().append(ann, [start(1), start(2)], 0)
        const raws = await collect(raw.readStream(`${prefix}contact-ann`, {}) as Events)
        expect(raws.map(({ event }) => event?.revision)).toEqual([0n, 1n])
        expect((await collect(open().readStream(ann))).map(({ version }) => version)).toEqual([1, 2])
        expect((await collect(open().readStream(ann, 2))).map(({ version }) => version)).toEqual([2])
      }))

    withFaults('subscriptions: one that drops, in whatever way, goes on after the last event that was given', () =>
      given(async ({ open }) => {
        const store = open({ callTimeoutMs: 400 })
        const stop = new AbortController()
        const seen: RecordedEvent[] = []
        const reading = (async () => {
          for await (const event of store.subscribe(0, stop.signal)) if (event.type !== 'CaughtUp') seen.push(event)
        })()
        let n = 0
        const more = async () => {
          await store.append(ann, [start(n++), start(n++)], n - 2)
          await expect.poll(() => seen.length).toBe(n)
        }
        await more()
        for (const how of ['cancelled', 'quiet-end'] as const) {
          await fake.dropSubscriptions(how)
          await more()
        }
        for (const fault of ['ignored', 'unavailable', 'quiet-end', 'not-leader'] as const) {
          await fake.inject('subscribe', fault, 2)
          await fake.dropSubscriptions('cancelled')
          await more()
        }
        await fake.kill()
        await fake.restart()
        await more()
        stop.abort()
        await reading
        expect(seen).toEqual(await collect(store.readStream(ann)))
      }),
    )

    it('subscriptions: caught up is said after the last event, though the server says it earlier', () =>
      given(async ({ open }) => {
        const store = open()
        await store.append(ann, upTo(50).map(start), 'no-stream')
        let given = 0
        for await (const event of store.subscribe(0, new AbortController().signal)) {
          if (event.type === 'CaughtUp') break
          given += 1
          // Time enough for all that is on its way to arrive.
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
        expect(given).toBe(50)
      }))

    withFaults('subscriptions: a caller without rights gets an error, instead of waiting without end', () =>
      given(async ({ open }) => {
        await fake.inject('subscribe', 'denied')
        const denied = collect(open().subscribe(0, new AbortController().signal))
        await expect(denied).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: /rights/ })
        await fake.inject('append', 'denied')
        await expect(open().append(ann, [start(1)], 'no-stream')).rejects.toMatchObject({ message: /rights/ })
      }),
    )

    it('all events: streams of others are not among them', () =>
      given(async ({ open, raw, prefix }) => {
        const store = open()
        const event = () => ({ id: randomUUID(), type: 'x', contentType: 'application/json', data: {}, metadata: {} })
        await raw.appendToStream(`${prefix}other`, [event()], {})
        await store.append(ann, [start(1)], 'no-stream')
        await raw.appendToStream(`a${prefix}contact-x`, [event()], {})
        await store.append(pool, [samplePublication('pool', 1)], 'no-stream')
        await raw.appendToStream(`${prefix}other`, [event()], {})
        expect((await collect(store.readAll())).map(({ stream }) => stream)).toEqual([ann, pool])
        expect(await store.contacts(null, 10)).toEqual(['ann'])
      }))

    it('all events: campaigns asked for again and again are found, whatever came in between', () =>
      given(async ({ open }) => {
        const [mine, theirs] = [open(), open()]
        const ofCampaigns = (after: number) => collect(mine.readAll(after, { streams: 'campaigns' }))
        let after = 0
        for (const n of upTo(4)) {
          expect(await ofCampaigns(after)).toEqual([])
          await theirs.append(ann, [start(2 * n), start(2 * n + 1)], 2 * n)
          expect(await ofCampaigns(after)).toEqual([])
          await theirs.append(pool, [samplePublication('pool', n + 1)], n)
          const [event, ...more] = await ofCampaigns(after)
          expect([event?.version, more]).toEqual([n + 1, []])
          after = event?.position as number
        }
        expect(await ofCampaigns(0)).toHaveLength(4)
      }))

    it('all events: an event in our streams that Enfold did not write is a fault that names it', () =>
      given(async ({ open, raw, prefix }) => {
        const foreign = { id: randomUUID(), type: 'x', contentType: 'application/json', data: {}, metadata: {} }
        await raw.appendToStream(`${prefix}contact-ann`, [foreign], {})
        const fault = await expectFault('STORE_CORRUPT', () => collect(open().readStream(ann)))
        expect(fault.message).toContain(`${prefix}contact-ann`)
        await expectFault('STORE_CORRUPT', () => collect(open().readAll()))
        await expectFault('STORE_CORRUPT', () => collect(open().subscribe(0, new AbortController().signal)))
      }))

    it('deletion: of a stream that was deleted nothing is left, and its versions go on', () =>
      given(async ({ open, raw, prefix }) => {
        const store = open()
        await store.append(ann, [start(1), start(2)], 'no-stream')
        await raw.deleteStream(`${prefix}contact-ann`)
        for (const one of [store, open()]) expect(await collect(one.readStream(ann))).toEqual([])
        expect(await store.append(ann, [start(3)], 2)).toEqual({ outcome: 'conflict', actual: 0 })
        expect(await store.append(ann, [start(3)], 'no-stream')).toMatchObject({ version: 3, repeated: false })
        expect(await store.append(ann, [start(4)], 3)).toMatchObject({ version: 4 })
        const events = await collect(open().readStream(ann))
        expect(idsOf(events)).toEqual([start(3).id, start(4).id])
        expect(events.map(({ version }) => version)).toEqual([3, 4])
      }))

    it('deletion: a tombstone leaves nothing to read, and nothing can be appended', () =>
      given(async ({ open, raw, prefix }) => {
        const store = open()
        await store.append(ann, [start(1)], 'no-stream')
        await raw.tombstoneStream(`${prefix}contact-ann`)
        expect(await collect(store.readStream(ann))).toEqual([])
        await expectFault('STORE_CORRUPT', () => store.append(ann, [start(2)], 'no-stream'))
      }))

    it("size: an append beyond the server's limit is refused whole", () =>
      given(async ({ open }) => {
        const store = open()
        const big = sampleCompletion('ann', 1, 'x'.repeat(600_000))
        const bigger = { ...sampleCompletion('ann', 2, 'x'.repeat(600_000)) }
        await expectFault('INVALID_INPUT', () => store.append(ann, [big, bigger], 'no-stream'))
        expect(await collect(store.readStream(ann))).toEqual([])
        expect(await store.append(ann, [big], 'no-stream')).toMatchObject({ version: 1 })
      }))

    it("metadata: the server's own tools find correlation and causation", () =>
      given(async ({ open, raw, prefix }) => {
        const event: NewEvent = { ...start(1), correlationId: 'signal-1', causationId: 'command-9', actor: 'joan' }
        const store = open()
        await store.append(ann, [event], 'no-stream')
        const [recorded] = await collect(store.readStream(ann))
        const [stored] = await collect(raw.readStream(`${prefix}contact-ann`, {}) as Events)
        expect(stored?.event).toMatchObject({ type: 'SequenceStarted', data: event.data })
        expect(stored?.event?.metadata).toEqual({
          $correlationId: 'signal-1',
          $causationId: 'command-9',
          id: event.id,
          schema: event.schema,
          at: event.at,
          commandId: event.commandId,
          actor: 'joan',
          cause: event.cause,
          order: event.order,
          hash: chainHash(null, digestOf(recorded as RecordedEvent)),
        })
      }))

    async function clearFaults(): Promise<void> {
      await fake.inject('append', 'unavailable', 0)
    }
  })
}

const ann = contactStream('ann')
const pool = campaignStream('pool')
const start = (n: number) => sampleStart('ann', n)
const idsOf = (events: readonly RecordedEvent[]) => events.map(({ id }) => id)
const upTo = (count: number) => [...Array(count).keys()]

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

async function expectFault(code: string, deed: () => Promise<unknown>): Promise<Error> {
  const outcome = await deed().then(
    (answer) => ({ answer }),
    (error: unknown) => error,
  )
  expect(outcome).toMatchObject({ name: 'EnfoldFault', code })
  if (!isEnfoldFault(outcome)) throw outcome
  return outcome
}

function expectChain(events: readonly RecordedEvent[]): void {
  const last = new Map<StreamId, string>()
  for (const event of events) {
    const hash = chainHash(last.get(event.stream) ?? null, digestOf(event))
    expect(event.hash).toBe(hash)
    last.set(event.stream, hash)
  }
}
