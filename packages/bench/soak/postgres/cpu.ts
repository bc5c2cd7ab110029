/**
 * `node packages/bench/soak/postgres/cpu.ts`: what an append costs the server, in processor time of its session, which
 * other programs on the machine hardly change; times on the clock they do. On a server of its own, on this machine.
 */
import { readFileSync } from 'node:fs'
import { contactStream, type Derived, type StreamAppend } from '@enfold/core'
import { createPostgresStore } from '@enfold/store-postgres'
import { startPostgres } from '@enfold/test-servers/postgres'
import { sampleStart } from '@enfold/testkit'
import { Pool } from 'pg'

const APPENDS = Number(process.env.ENFOLD_APPENDS ?? 10_000)
const print = (line: string) => process.stdout.write(`${line}\n`)

const server = await startPostgres({ settings: [] })
const pool = new Pool({ connectionString: server.url, max: 1 })
const [session] = (await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows
// In hundredths of a second, as Linux counts: fields 14 and 15 of proc(5).
const cpuMs = () => {
  const fields = readFileSync(`/proc/${session?.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

let n = 0
function startOf(contactId: string, derived?: Derived): StreamAppend {
  const stream = contactStream(contactId)
  return {
    stream,
    events: [sampleStart(contactId, n)],
    expected: 'no-stream',
    ...(derived === undefined ? {} : { derived }),
  }
}
const wakeAt = '2026-03-01T09:00:00.000Z'
const withTag = (contactId: string): Derived => ({ tags: [{ change: 'add', contactId, tag: 'pool/nurture' }], wakeAt })

async function measure(what: string, count: number, ask: () => Promise<unknown>): Promise<void> {
  // Plans are made and pages are there.
  for (let i = 0; i < Math.min(500, count / 4); i++) await ask()
  const before = cpuMs()
  for (let i = 0; i < count; i++) await ask()
  print(`${what}: ${(((cpuMs() - before) / count) * 1000).toFixed(0)} µs`)
}

for (const hashChain of [true, false]) {
  const store = createPostgresStore({ pool, schema: `cpu_${hashChain ? 'hashes' : 'plain'}`, hashChain })
  await store.checkpoint()
  const say = (what: string) => (hashChain ? what : `${what}, no hashes`)
  const one = (derived?: (contactId: string) => Derived) => () => {
    const contactId = `c${n++}`
    return store.appendMany([startOf(contactId, derived?.(contactId))])
  }
  await measure(say('an event alone'), APPENDS, one())
  await measure(
    say('with its place on the agenda'),
    APPENDS,
    one(() => ({ tags: [], wakeAt })),
  )
  await measure(say('with its place on the agenda and a tag'), APPENDS, one(withTag))
  await measure(say('the same for a hundred contacts in a call'), APPENDS / 100, () =>
    store.appendMany(
      Array.from({ length: 100 }, () => {
        const contactId = `c${n++}`
        return startOf(contactId, withTag(contactId))
      }),
    ),
  )
  await store.close()
}
await measure('SELECT 1', APPENDS, () => pool.query('SELECT $1::text', ['1']))
await pool.end()
await server.stop()
