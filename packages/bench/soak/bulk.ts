/**
 * `pnpm soak:bulk [--store sqlite|postgres] [--contacts 100000]`: a bulk start whose process is killed (SIGKILL) half-way
 * and resumed by another. Each contact must have one result and one event, and memory must not grow with their number
 * (BULK-2, BULK-3). Prints time and memory of both processes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { contactOf, orThrow, type Store } from '@enfold/core'
import { createEngine } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { startPostgres } from '@enfold/test-servers/postgres'
import { letWork, tell } from './let-work.ts'

const ACTION = 'monday-mail'
const campaign = { id: 'pool', goals: [], sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email' }] }] }

function openStore(where: string): Store {
  return where.startsWith('postgres:')
    ? createPostgresStore({ connectionString: where })
    : createSqliteStore({ path: where })
}

/** The process that is killed, and the one that goes on: the same order, as anyone who starts it again would give it. */
async function work(where: string, contacts: number): Promise<void> {
  const store = openStore(where)
  const engine = createEngine({ store, handlers: {} })
  await engine.publish(campaign)
  function* ids() {
    for (let n = 0; n < contacts; n++) yield `contact-${n}`
  }
  const answer = await engine.processAction(
    {
      actionId: ACTION,
      action: 'start',
      campaignId: 'pool',
      sequenceId: 'nurture',
      contacts: { ids: ids() },
      actor: 'soak',
    },
    {
      onProgress: tell,
    },
  )
  orThrow(answer)
  await engine.close()
  await store.close()
  process.disconnect()
}

async function judge(where: string, contacts: number): Promise<void> {
  const store = openStore(where)
  const engine = createEngine({ store, handlers: {} })
  const check = (holds: boolean, rule: string, what: unknown) => {
    if (!holds) throw new Error(`${rule}: ${JSON.stringify(what)}`)
  }
  const action = await engine.inspect.action(ACTION)
  check(action?.state === 'done' && action.outcomes.started === contacts, 'BULK-2: not all were started', action)
  let results = 0
  for (let after = 0; ; ) {
    const page = (await store.actionContacts?.(ACTION, after, 1000)) ?? []
    for (const { outcome, run } of page) check(outcome === 'started' && run === 1, 'BULK-2: a result', page)
    results += page.length
    if (page.length === 0) break
    after = page.at(-1)?.number ?? after
  }
  check(results === contacts, 'BULK-2: results', results)
  const seen = new Set<string>()
  for await (const event of store.readAll(0, { streams: 'contacts' })) {
    const contactId = contactOf(event.stream) ?? ''
    check(!seen.has(contactId) && event.version === 1, 'ONCE-3: started twice', event)
    seen.add(contactId)
  }
  check(seen.size === contacts, 'ONCE-3: lost', contacts - seen.size)
  check((await store.count('pool/nurture')) === contacts, 'INDEX-2: members', await store.count('pool/nurture'))
  await engine.close()
  await store.close()
}

async function soak(kind: string, contacts: number): Promise<void> {
  const server = kind === 'postgres' ? await startPostgres() : null
  const folder = mkdtempSync(join(tmpdir(), 'enfold-bulk-'))
  const where = server?.url ?? join(folder, 'campaigns.db')
  try {
    const killed = await letWork(import.meta.filename, [where, String(contacts)], contacts / 2)
    if (killed.signal !== 'SIGKILL') throw new Error('It was done before it could be killed: take more contacts.')
    const resumed = await letWork(import.meta.filename, [where, String(contacts)], Number.POSITIVE_INFINITY)
    await judge(where, contacts)
    process.stdout.write(`${JSON.stringify({ store: kind, contacts, killed, resumed }, null, 2)}\n`)
  } finally {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[2] === 'work') await work(process.argv[3] as string, Number(process.argv[4]))
else {
  const { values } = parseArgs({
    options: { store: { type: 'string', default: 'sqlite' }, contacts: { type: 'string', default: '100000' } },
  })
  const contacts = Number(values.contacts)
  if (!['sqlite', 'postgres'].includes(values.store) || !(Number.isInteger(contacts) && contacts >= 2000)) {
    process.stdout.write('--store sqlite or postgres; --contacts a whole number from 2000\n')
    process.exitCode = 2
  } else await soak(values.store, contacts)
}
