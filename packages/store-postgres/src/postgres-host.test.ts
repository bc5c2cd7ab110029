import { createEngine, type EngineOptions, orThrow } from '@enfold/engine'
import { givenSchema, givenServer } from '@enfold/test-servers/given'
import { createSimulatedClock } from '@enfold/testkit'
import { Pool } from 'pg'
import { expect, it, onTestFinished, vi } from 'vitest'
import { faultOf, isRace } from './faults.ts'
import { pool as campaign, order } from './host.fixture.ts'
import { givenStore } from './postgres.fixture.ts'
import { createPostgresHost, type PostgresHostOptions } from './postgres-host.ts'

const server = givenServer()
const SCHEMAS = 5

/** A pool that keeps the statements that are sent over it. */
function givenPool(asked: string[]) {
  const pool = new Pool({ connectionString: server.url })
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    const send = client.query.bind(client) as (...args: unknown[]) => unknown
    client.query = ((...args: unknown[]) => {
      const [statement] = args as [string | { readonly text: string }]
      asked.push(typeof statement === 'string' ? statement : statement.text)
      return send(...args)
    }) as typeof client.query
  })
  onTestFinished(() => pool.end())
  return pool
}

/** Engines at work on schemas of one host, each with the campaign; and what was sent by each contact. */
async function givenWorkers(options: Partial<PostgresHostOptions> & Pick<EngineOptions, 'clock'> = {}) {
  const { clock, ...rest } = options
  const asked: string[] = []
  const host = createPostgresHost({ pool: givenPool(asked), pollMs: 20, ...rest })
  const sent: string[] = []
  const end = new AbortController()
  const schemas = Array.from({ length: SCHEMAS }, () => givenSchema(server))
  const running: Promise<void>[] = []
  const engines = schemas.map((schema, i) =>
    createEngine({
      store: host.store({ schema }),
      ...(clock === undefined ? {} : { clock }),
      dispatch: { pollMs: 20 },
      handlers: {
        email({ contactId }) {
          sent.push(`${contactId} of ${i}`)
          return { outcome: 'sent' }
        },
      },
    }),
  )
  onTestFinished(async () => {
    end.abort()
    await Promise.all(running)
    await Promise.all(engines.map((engine) => engine.close()))
    await host.close()
  })
  for (const engine of engines) {
    orThrow(await engine.publish(campaign))
    running.push(engine.run({ signal: end.signal }))
  }
  /** Until the last statements are looks, and nothing else. */
  const idle = () =>
    expect
      .poll(() => {
        asked.splice(0, Math.max(0, asked.length - 8))
        return asked.length === 8 && asked.every((text) => text.split('UNION ALL').length === SCHEMAS)
      })
      .toBe(true)
  return { host, schemas, engines, sent, idle, asked }
}

it('idle schemas are looked at in one statement for all of them, and asked nothing else', async () => {
  const { idle, asked, schemas } = await givenWorkers()
  await idle()
  expect(schemas.every((schema) => asked.at(-1)?.includes(`"${schema}".lanes()`))).toBe(true)
})

it('what this process orders, another process orders or publishes, and what falls due is done, after a time without work', async () => {
  const clock = createSimulatedClock('2026-03-02T09:00:00.000Z')
  const { engines, schemas, sent, idle } = await givenWorkers({ clock })
  await idle()
  orThrow((await engines[1]?.startSequence(order('ann'))) as never)
  await expect.poll(() => sent).toEqual(['ann of 1'])
  await idle()
  const other = createEngine({ store: givenStore(server, { schema: schemas[3] as string }), clock, handlers: {} })
  onTestFinished(() => other.close())
  orThrow(await other.startSequence(order('bob')))
  await expect.poll(() => sent).toEqual(['ann of 1', 'bob of 3'])
  await idle()
  const later = {
    id: 'later',
    goals: [],
    sequences: [{ id: 's', steps: [{ id: 'x', kind: 'email', timer: { afterDays: 1, at: '08:00' } }] }],
  }
  orThrow(await other.publish(later))
  orThrow(await other.startSequence({ ...order('cid'), campaignId: 'later', sequenceId: 's' }))
  await idle()
  expect(sent).toHaveLength(2)
  clock.advance('P2D')
  await expect.poll(() => sent).toEqual(['ann of 1', 'bob of 3', 'cid of 3'])
})

/** A look that reads the schema at this moment may be in the way: PostgreSQL ends one of the two then, and it may be this one. */
async function dropped(admin: Pool, schema: string): Promise<void> {
  for (;;) {
    try {
      await admin.query(`DROP SCHEMA "${schema}" CASCADE`)
      return
    } catch (error) {
      if (!isRace(faultOf(error, 'PostgreSQL'))) throw error
    }
  }
}

it('a schema that was dropped does not keep the others from being worked', async () => {
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => told.mockRestore())
  const { engines, schemas, sent, idle } = await givenWorkers()
  await idle()
  const admin = new Pool({ connectionString: server.url })
  onTestFinished(() => admin.end())
  await dropped(admin, schemas[0] as string)
  const other = createEngine({ store: givenStore(server, { schema: schemas[2] as string }), handlers: {} })
  onTestFinished(() => other.close())
  orThrow(await other.startSequence(order('ann')))
  await expect.poll(() => sent).toEqual(['ann of 2'])
  expect((await engines[0]?.health())?.ok).toBe(false)
})

it('one connection listens for all schemas, and news of one reach its worker though no look comes', async () => {
  const { schemas, sent, idle, host } = await givenWorkers({ notify: true, pollMs: 50 })
  await idle()
  const admin = new Pool({ connectionString: server.url })
  onTestFinished(() => admin.end())
  const listening = await admin.query<{ query: string }>(
    `SELECT query FROM pg_stat_activity WHERE query ~ '^(LISTEN|NOTIFY) enfold_' AND pid <> pg_backend_pid()
       AND (${schemas.map((schema) => `query LIKE '%${schema}%'`).join(' OR ')})`,
  )
  expect(listening.rows).toHaveLength(1)
  const other = createEngine({
    store: givenStore(server, { schema: schemas[4] as string, notify: true }),
    handlers: {},
  })
  onTestFinished(() => other.close())
  orThrow(await other.startSequence(order('ann')))
  await expect.poll(() => sent).toEqual(['ann of 4'])
  expect(() => host.store({ schema: 'Capital' })).toThrow('createPostgresHost.store.schema is "Capital"')
})
