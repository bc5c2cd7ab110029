import { contactStream, type EnfoldFault } from '@enfold/core'
import { sampleStart } from '@enfold/testkit'
import type { EventStoreDBClient } from '@eventstore/db-client'
import type { KurrentDBClient } from '@kurrent/kurrentdb-client'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createEventStoreDbStore, type EventStoreDbClient } from './index.ts'

it('the clients of both packages are clients by their shape alone', () => {
  expectTypeOf<EventStoreDBClient>().toExtend<EventStoreDbClient>()
  expectTypeOf<KurrentDBClient>().toExtend<EventStoreDbClient>()
})

/** A client whose every call ends as the test says. */
function clientThat(call: () => Promise<object>): EventStoreDbClient {
  const reading = () => ({
    async *[Symbol.asyncIterator]() {
      yield await call()
    },
  })
  return { appendToStream: call, readStream: reading, readAll: reading, subscribeToAll: reading }
}

/** Of a server on which there is nothing yet. */
const EMPTY: EventStoreDbClient = {
  ...clientThat(() => Promise.reject({ type: 'stream-not-found' })),
  readAll: () => ({ async *[Symbol.asyncIterator]() {} }),
}

describe('options', () => {
  const client = clientThat(async () => ({}))
  it.each([
    ['client', { client: {} }],
    ['client', { client: null }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: '$ce-' }],
    ['prefix', { prefix: 'ü' }],
    ['hashChain', { hashChain: 'yes' }],
    ['credentials', { credentials: { username: 'admin' } }],
    ['callTimeoutMs', { callTimeoutMs: 0 }],
    ['giveUpAfterMs', { giveUpAfterMs: 1.5 }],
    ['maxInFlight', { maxInFlight: -1 }],
  ])('options that cannot be are refused by name: %s %o', (name, options) => {
    const make = () => createEventStoreDbStore({ client, ...options } as Parameters<typeof createEventStoreDbStore>[0])
    expect(make).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringContaining(`createEventStoreDbStore.${name}`),
      }),
    )
  })
})

describe('conflict: errors are told by their type or code, never by their class', () => {
  const ann = contactStream('ann')
  it.each([
    ['a raw gRPC error of missing rights', { code: 7, message: 'denied' }, 'STORE_UNAVAILABLE'],
    ['a raw gRPC error of a wrong user', { code: 16, message: 'who?' }, 'STORE_UNAVAILABLE'],
    ['a raw gRPC error of a bad argument', { code: 3, message: 'what?' }, 'INVALID_INPUT'],
    ['an error with a type and no class', { type: 'maximum-append-size-exceeded', maxAppendSize: 9 }, 'INVALID_INPUT'],
    ['a raw gRPC error that passes', { code: 14, message: 'away' }, 'STORE_UNAVAILABLE'],
    ['a text', 'thrown', 'STORE_UNAVAILABLE'],
    ['nothing', undefined, 'STORE_UNAVAILABLE'],
  ])('%s', async (_, error, code) => {
    const client = clientThat(() => Promise.reject(error))
    const store = createEventStoreDbStore({ client, callTimeoutMs: 50, giveUpAfterMs: 60 })
    await expect(store.append(ann, [sampleStart('ann', 1)], 'no-stream')).rejects.toMatchObject({
      name: 'EnfoldFault',
      code,
    })
    await expect(store.readMany([ann])).rejects.toMatchObject({ name: 'EnfoldFault', code })
    await store.close()
  })

  it.each([
    [7, 'PERMISSION_DENIED'],
    [3, 'INVALID_ARGUMENT'],
    [14, 'UNAVAILABLE, ECONNREFUSED 127.0.0.1:2113'],
    [undefined, 'an Error was thrown'],
  ])('LOG-4: no message of the client stands in a fault: status %s says %s', async (code, said) => {
    const message = 'esdb://admin:ann@people.example connect ECONNREFUSED 127.0.0.1:2113'
    const network = code === 14 ? message : 'ann@people.example'
    const client = clientThat(() => Promise.reject(Object.assign(new Error(network), { code })))
    const store = createEventStoreDbStore({ client, callTimeoutMs: 50, giveUpAfterMs: 60 })
    const fault = await store.readMany([ann]).catch((error: EnfoldFault) => error)
    const { message: text, details } = fault as EnfoldFault
    expect(text).toContain(said)
    expect(JSON.stringify([text, details])).not.toContain('people.example')
    await store.close()
  })

  it.each([
    [
      'Error: 40:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:tlsany_meth.c:77:\n',
      'tls=false',
    ],
    ['Error: self-signed certificate; if the root CA is installed locally, try another', 'tlsCAFile='],
    ['Error: self-signed certificate in certificate chain', 'tlsCAFile='],
    ['Error: unable to verify the first certificate', 'tlsCAFile='],
    ["Error: Hostname/IP does not match certificate's altnames: Host: a. is not cert's CN: b", 'tlsCAFile='],
  ])('what is sure to stay so is refused at once, with the setting that is likely: %s', async (said, setting) => {
    let calls = 0
    const client = clientThat(() => {
      calls += 1
      const message = `14 UNAVAILABLE: No connection established. Last error: ${said}`
      return Promise.reject(Object.assign(new Error(message), { type: 'unavailable', code: 14 }))
    })
    const store = createEventStoreDbStore({ client })
    const fault = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining(setting) }
    await expect(store.append(ann, [sampleStart('ann', 1)], 'no-stream')).rejects.toMatchObject(fault)
    await expect(store.readMany([ann])).rejects.toMatchObject(fault)
    expect(calls).toBe(2)
    await store.close()
  })

  it('maxInFlight: of many streams so many appends are under way at once, and no more', async () => {
    let [underway, most] = [0, 0]
    const client: EventStoreDbClient = {
      ...EMPTY,
      async appendToStream() {
        underway += 1
        most = Math.max(most, underway)
        await new Promise((resolve) => setTimeout(resolve, 1))
        underway -= 1
        return { success: true, nextExpectedRevision: 0n, position: { commit: 1n } }
      },
    }
    for (const maxInFlight of [1, 7]) {
      most = 0
      const store = createEventStoreDbStore({ client, maxInFlight })
      const appends = Array.from({ length: 40 }, (_, i) => ({
        stream: contactStream(`c${i}`),
        events: [sampleStart(`c${i}`, 1)],
        expected: 'no-stream' as const,
      }))
      await store.appendMany(appends)
      expect(most).toBe(maxInFlight)
      await store.close()
    }
  })

  it('both names of the expectation go out with every append, and never "any"', async () => {
    const seen: object[] = []
    const client: EventStoreDbClient = {
      ...EMPTY,
      async appendToStream(_stream, _events, options) {
        seen.push(options)
        return {
          success: true,
          nextExpectedRevision: BigInt(seen.length - 1),
          position: { commit: BigInt(seen.length) },
        }
      },
    }
    const store = createEventStoreDbStore({ client })
    for (const [n, expected] of (['no-stream', 1, 2, 3] as const).entries())
      await store.append(ann, [sampleStart('ann', n)], expected)
    expect(seen).toMatchObject([
      { expectedRevision: 'no_stream', streamState: 'no_stream' },
      { expectedRevision: 0n, streamState: 0n },
      { expectedRevision: 1n, streamState: 1n },
      { expectedRevision: 2n, streamState: 2n },
    ])
    await store.close()
  })
})
