import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import type { EventStoreDbClient, StoredEvent } from './client.ts'
import { follow } from './follow.ts'

interface Asked {
  readonly fromPosition: 'start' | { readonly commit: bigint }
  readonly filter: { checkpointReached(subscription: unknown, position: { commit: bigint }): Promise<void> }
}

/** A client whose subscriptions do what the test says, one after the other. */
function clientWith(...deeds: ((subscription: Readable, asked: Asked) => void)[]) {
  const asked: Asked[] = []
  const client = {
    subscribeToAll(options: Asked) {
      const subscription = new Readable({ objectMode: true, read() {} })
      asked.push(options)
      const deed = deeds[asked.length - 1]
      setImmediate(() => deed?.(subscription, options))
      return Object.assign(subscription, { unsubscribe: async () => {} })
    },
  } as unknown as EventStoreDbClient
  const signal = new AbortController().signal
  const options = { client, prefixes: ['x-'], credentials: undefined, callTimeoutMs: 200, giveUpAfterMs: 1000 }
  return { asked, events: oneByOne(follow(0, signal, options)) }
}

async function* oneByOne(given: ReturnType<typeof follow>) {
  for await (const events of given)
    if (events === null) yield null
    else yield* events
}

const event = (position: number): { event: StoredEvent } => ({
  event: {
    streamId: 'x-1',
    revision: 0n,
    type: 't',
    data: {},
    metadata: {},
    position: { commit: BigInt(position), prepare: BigInt(position) },
  },
})

it('subscriptions: a long search through what others wrote is no silence', async () => {
  const { asked, events } = clientWith((subscription, { filter }) => {
    let looked = 0
    const search = setInterval(() => {
      looked += 1
      void filter.checkpointReached(subscription, { commit: BigInt(looked) })
      if (looked < 20) return
      clearInterval(search)
      subscription.push(event(1000))
      subscription.emit('caughtUp')
    }, 50)
  })
  expect((await events.next()).value?.position?.commit).toBe(1000n)
  expect((await events.next()).value).toBeNull()
  expect(asked).toHaveLength(1)
  await events.return(undefined)
})

it('subscriptions: a checkpoint that runs ahead is passed on to nobody before the events in front of it', async () => {
  const { asked, events } = clientWith(
    (subscription, { filter }) => {
      for (const position of [10, 20, 30]) subscription.push(event(position))
      void filter.checkpointReached(subscription, { commit: 500n })
      subscription.emit('caughtUp')
    },
    (subscription) => subscription.push(event(600)),
    (subscription) => subscription.push(event(700)),
  )
  // The consumer takes one event of three, and then the connection breaks.
  expect((await events.next()).value?.position?.commit).toBe(10n)
  expect(asked[0]?.fromPosition).toBe('start')
  for (const expected of [20n, 30n]) expect((await events.next()).value?.position?.commit).toBe(expected)
  expect((await events.next()).value).toBeNull()
  await events.return(undefined)
})

it('subscriptions: what was searched without a find need not be searched again after a drop', async () => {
  const { asked, events } = clientWith(
    (subscription, { filter }) => {
      subscription.push(event(10))
      setTimeout(() => {
        void filter.checkpointReached(subscription, { commit: 500n })
        setTimeout(() => subscription.emit('error', new Error('dropped')), 20)
      }, 20)
    },
    (subscription) => subscription.push(event(600)),
  )
  expect((await events.next()).value?.position?.commit).toBe(10n)
  expect((await events.next()).value?.position?.commit).toBe(600n)
  expect(asked[1]?.fromPosition).toEqual({ commit: 500n, prepare: 500n })
  await events.return(undefined)
})

it('subscriptions: events after a checkpoint that came before a drop are given again, none is left out', async () => {
  const { asked, events } = clientWith(
    (subscription, { filter }) => {
      // Breaks with both events still waiting in it; what waits there is lost with it.
      subscription.pause()
      subscription.resume = () => subscription
      for (const position of [10, 20]) subscription.push(event(position))
      void filter.checkpointReached(subscription, { commit: 25n })
      subscription.destroy(new Error('dropped'))
    },
    (subscription, { fromPosition }) => {
      const after = fromPosition === 'start' ? 0 : Number(fromPosition.commit)
      for (const position of [10, 20, 30]) if (position > after) subscription.push(event(position))
    },
  )
  for (const expected of [10n, 20n, 30n]) expect((await events.next()).value?.position?.commit).toBe(expected)
  expect(asked[1]?.fromPosition).toBe('start')
  await events.return(undefined)
})

it('subscriptions: one that only ever ends without a word is given up like one that fails', async () => {
  const quietly = (subscription: Readable) => void subscription.push(null)
  const { asked, events } = clientWith(...Array.from({ length: 100 }, () => quietly))
  await expect(events.next()).rejects.toMatchObject({ name: 'EnfoldFault', code: 'STORE_UNAVAILABLE' })
  expect(asked.length).toBeGreaterThan(2)
})
