/** For tests of `engine.withTransaction`: an engine, and a database of the host with a table of customers in it. */
import { campaign } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { type GivenServer, givenSchema } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { Pool, type PoolClient } from 'pg'
import { expect, onTestFinished } from 'vitest'
import { givenStore } from './postgres.fixture.ts'
import type { PostgresStoreOptions } from './postgres-store.ts'

export const pool = campaign({
  id: 'pool',
  goals: [{ id: 'bought', when: { kind: 'purchased' }, next: ['onboarding'] }],
  sequences: [
    { id: 'nurture', steps: [{ id: 'one', kind: 'email' }], next: ['bought'] },
    { id: 'onboarding', steps: [{ id: 'hello', kind: 'email' }] },
  ],
})

/** An engine with the campaign published. `shared`: engine and host have one pool of so many connections. */
export async function givenHost(
  server: GivenServer,
  { shared, ...options }: Partial<PostgresStoreOptions> & { readonly shared?: number } = {},
) {
  const schema = givenSchema(server)
  const host = new Pool({ connectionString: server.url, max: shared ?? 4 })
  host.on('error', () => {})
  onTestFinished(() => host.end())
  const store = givenStore(server, { ...options, schema, ...(shared === undefined ? {} : { pool: host }) })
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const sent: string[] = []
  const email = ({ contactId }: { readonly contactId: string }) => {
    sent.push(contactId)
    return { outcome: 'sent' } as const
  }
  const engine = createEngine({ store, clock, handlers: { email } })
  onTestFinished(() => engine.close())
  await engine.publish(pool)
  await host.query(`CREATE TABLE ${schema}.customers (id text PRIMARY KEY)`)
  const customers = async () =>
    (await host.query<{ id: string }>(`SELECT id FROM ${schema}.customers ORDER BY id`)).rows.map(({ id }) => id)
  /** A transaction that the test ends by itself; what it leaves open is rolled back. */
  const begin = async (): Promise<PoolClient> => {
    const client = await host.connect()
    let released = false
    client.on('error', () => {})
    onTestFinished(() => {
      if (!released) client.release(true)
      released = true
    })
    await client.query('BEGIN')
    return client
  }
  return { schema, store, engine, clock, sent, host, customers, begin }
}

export const order = (contactId: string, sequenceId = 'nurture') => ({
  contactId,
  campaignId: 'pool',
  sequenceId,
  actor: 'crm',
})

/** What is visible of a contact to everybody: its events, its tags, when it is due. */
export async function traces(
  { store, engine }: Pick<Awaited<ReturnType<typeof givenHost>>, 'store' | 'engine'>,
  id: string,
) {
  const events = (await engine.inspect.history(id)).map(({ type }) => type)
  const agenda = await store.agenda('9999-01-01T00:00:00.000Z', 1000)
  return { events, tags: await store.tagsOf(id), due: agenda.some(({ contactId }) => contactId === id) }
}

export const NOTHING = { events: [], tags: [], due: false }
export const STARTED = { events: ['SequenceStarted'], tags: ['pool/nurture'], due: true }

export function answerOf<Answer>(either: { readonly _tag: string; readonly right?: Answer }): Answer {
  expect(either._tag).toBe('Right')
  return either.right as Answer
}
