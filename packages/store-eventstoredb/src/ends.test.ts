/** Appends to long streams: what of them is read before. */
import { contactStream, type RecordedEvent } from '@enfold/core'
import { chainHash, digestOf } from '@enfold/core/log'
import { givenEventStoreDb } from '@enfold/test-servers/given'
import { sampleStart } from '@enfold/testkit'
import { expect, it } from 'vitest'
import { createEventStoreDbStore } from './index.ts'

const onServer = givenEventStoreDb()
const ann = contactStream('ann')
const start = (n: number) => sampleStart('ann', n)

/** A store that has read nothing yet, of a stream of 300 events, and how many events it asks for. */
async function given(prefix: string) {
  const options = onServer(prefix)
  const before = createEventStoreDbStore(options)
  await before.append(
    ann,
    Array.from({ length: 300 }, (_, i) => start(i)),
    'no-stream',
  )
  await before.close()
  const asked: unknown[] = []
  const { client } = options
  const store = createEventStoreDbStore({
    ...options,
    client: {
      appendToStream: (...given) => client.appendToStream(...(given as Parameters<typeof client.appendToStream>)),
      readStream(...given) {
        asked.push((given[1] as { readonly maxCount?: unknown }).maxCount)
        return client.readStream(...given)
      },
      readAll: (options) => client.readAll(options),
      subscribeToAll: (options) => client.subscribeToAll(options),
    },
  })
  return { store, asked }
}

it('an append whose ids were looked for is written after the last event, and nothing else is read', async () => {
  const { store, asked } = await given('ends-1-')
  const one = { stream: ann, events: [start(300)], expected: 300, areNew: true }
  expect(await store.appendMany([one])).toMatchObject([{ outcome: 'appended', version: 301, repeated: false }])
  expect(await store.appendMany([{ ...one, events: [start(301)], expected: 301 }])).toMatchObject([{ version: 302 }])
  expect(asked).toEqual([1])
  // What the first try of an append has written is found all the same, and so is another version.
  expect(await store.appendMany([one])).toMatchObject([{ outcome: 'appended', version: 301, repeated: true }])
  expect(await store.appendMany([{ ...one, events: [start(302)] }])).toEqual([{ outcome: 'conflict', actual: 302 }])
  await store.close()
})

it('after a read of the latest events nothing is read before the append', async () => {
  const { store, asked } = await given('ends-2-')
  const versions: number[] = []
  for await (const { version } of store.readStream(ann, 290)) versions.push(version)
  expect(versions).toHaveLength(11)
  asked.length = 0
  const one = { stream: ann, events: [start(300), start(301)], expected: 300, areNew: true }
  expect(await store.appendMany([one])).toMatchObject([{ outcome: 'appended', version: 302 }])
  expect(asked).toEqual([])
  await store.close()
})

it('after a subscription has given what another process wrote, nothing is read before the append', async () => {
  const { store, asked } = await given('ends-3-')
  const another = createEventStoreDbStore(onServer('ends-3-'))
  // Known from its first event on, up to 300.
  expect((await store.readMany([ann])).get(ann)).toHaveLength(300)
  const end = new AbortController()
  for await (const item of store.subscribe(0, end.signal)) {
    if (item.type === 'CaughtUp') await another.append(ann, [start(300)], 300)
    else if (item.version === 301) break
  }
  end.abort()
  asked.length = 0
  const one = { stream: ann, events: [start(301)], expected: 301, areNew: true }
  expect(await store.appendMany([one])).toMatchObject([{ outcome: 'appended', version: 302 }])
  expect(asked).toEqual([])
  const events: RecordedEvent[] = []
  for await (const event of another.readStream(ann, 301)) events.push(event)
  const [before, last] = events as [RecordedEvent, RecordedEvent]
  expect(last.hash).toBe(chainHash(before.hash ?? null, digestOf(last)))
  await Promise.all([store.close(), another.close()])
})
