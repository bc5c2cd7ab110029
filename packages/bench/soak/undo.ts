/**
 * `pnpm soak:undo [--store sqlite|postgres] [--contacts 100000]`: a bulk start is undone by a process that is killed
 * (SIGKILL) half-way, and by another that resumes it. Afterwards index, agenda, numbers and states must be those of contacts
 * who never were started, but for those that were sent something, which are listed (UNDO-1, UNDO-2, UNDO-5). Prints the time
 * and memory of both processes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { contactOf, fold, newestRun, orThrow, type RecordedContactEvent, type Store } from '@enfold/core'
import { createEngine, type Engine } from '@enfold/engine'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { startPostgres } from '@enfold/test-servers/postgres'
import { letWork, tell } from './let-work.ts'

const [START, UNDO] = ['the-wrong-list', 'undo-it']
const ref = { campaignId: 'pool', sequenceId: 'nurture' }
const campaign = {
  id: 'pool',
  goals: [{ id: 'bought', when: { kind: 'purchased' } }],
  sequences: [{ id: 'nurture', steps: [{ id: 'one', kind: 'email', timer: { after: 'P30D' } }], next: ['bought'] }],
}
/** Of the list, so many were in the sequence before, and so many are sent something before the undo. */
const WERE_IN = 300
const SENT = 500

function openStore(where: string): Store {
  return where.startsWith('postgres:')
    ? createPostgresStore({ connectionString: where })
    : createSqliteStore({ path: where })
}

const nameOf = (n: number) => `contact-${n}`
const orderOf = (n: number) => ({ ...ref, contactId: nameOf(n), actor: 'soak' })
const engineOver = (store: Store) => createEngine({ store, handlers: { email: () => ({ outcome: 'sent' }) } })

/** The world before the mistake, the mistake, and what it has sent until it was noticed. */
async function makeMistake(where: string, contacts: number): Promise<number> {
  const store = openStore(where)
  const engine = engineOver(store)
  await engine.publish(campaign)
  for (let n = 0; n < WERE_IN; n++) orThrow(await engine.startSequence(orderOf(n)))
  const startedAt = performance.now()
  const ids = Array.from({ length: contacts }, (_, n) => nameOf(n))
  orThrow(await engine.processAction({ ...ref, actionId: START, action: 'start', contacts: { ids }, actor: 'soak' }))
  const seconds = (performance.now() - startedAt) / 1000
  for (let n = WERE_IN; n < WERE_IN + SENT; n++) orThrow(await engine.sendNow(orderOf(n)))
  const { sent } = await engine.runDue({ limit: 2 * SENT })
  if (sent !== SENT) throw new Error(`${sent} were sent, not ${SENT}.`)
  await engine.close()
  await store.close()
  return seconds
}

/** The process that is killed, and the one that goes on: the same order, as anyone who gives it again would. */
async function work(where: string): Promise<void> {
  const store = openStore(where)
  const engine = engineOver(store)
  orThrow(await engine.undoAction({ actionId: UNDO, undoes: START, actor: 'soak' }, { onProgress: tell }))
  await engine.close()
  await store.close()
  process.disconnect()
}

function check(holds: boolean, rule: string, what: unknown): void {
  if (!holds) throw new Error(`${rule}: ${JSON.stringify(what)}`)
}

/** One result for each contact, and the one that it must have. */
async function judgeResults(engine: Engine, contacts: number): Promise<void> {
  const action = await engine.inspect.action(UNDO)
  const undone = contacts - WERE_IN - SENT
  const { outcomes } = action ?? {}
  check(action?.state === 'done' && outcomes?.undone === undone, 'UNDO-2: not all were undone', action)
  check(outcomes?.already_sent === SENT && outcomes.nothing_to_undo === WERE_IN, 'UNDO-5: outcomes', outcomes)
  let results = 0
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<Engine['inspect']['actionContacts']>> = await engine.inspect.actionContacts({
      ...{ actionId: UNDO, after, limit: 1000 },
    })
    for (const { number, outcome } of page.contacts) {
      const n = number - 1
      const expected = n < WERE_IN ? 'nothing_to_undo' : n < WERE_IN + SENT ? 'already_sent' : 'undone'
      check(outcome === expected, 'UNDO-5: the list of what was sent', { number, outcome, expected })
    }
    results += page.contacts.length
    after = page.next
  }
  check(results === contacts, 'UNDO-1: results', results)
}

/** A contact that was undone is as if never ordered, in the log, the index, the agenda and the numbers. */
async function judgeWorld(store: Store, engine: Engine, contacts: number): Promise<void> {
  const [inIt, waiting] = [WERE_IN, SENT]
  const numbers = (await engine.inspect.funnel('pool'))?.sequences[0]
  check(
    numbers?.started === inIt + waiting && numbers.active === inIt && numbers.waiting === waiting,
    'FUNNEL-1',
    numbers,
  )
  check(numbers?.stopped === 0 && numbers.steps[0]?.reached === inIt + waiting, 'UNDO-2: numbers', numbers)
  const counts = [await store.count('pool/nurture'), await store.count('pool/nurture~waiting')]
  check(counts[0] === inIt && counts[1] === waiting, 'INDEX-2: members', counts)
  const due = await store.agenda('2999-01-01T00:00:00.000Z', contacts)
  check(due.length === inIt, 'UNDO-2: the agenda', due.length)
  const streams = new Map<string, RecordedContactEvent[]>()
  for await (const event of store.readAll(0, { streams: 'contacts' })) {
    const of = streams.get(event.stream) ?? []
    streams.set(event.stream, of)
    of.push(event as RecordedContactEvent)
  }
  check(streams.size === contacts, 'ONCE-3: contacts', streams.size)
  for (const [stream, events] of streams) {
    const n = Number((contactOf(stream) ?? '').slice('contact-'.length))
    const undos = events.filter(({ type }) => type === 'RunUndone').length
    const isUndone = n >= WERE_IN + SENT
    check(undos === (isUndone ? 1 : 0), 'ONCE-3: undone twice, or lost', events)
    const newest = newestRun(fold(events).enrollments[0])
    check((newest === undefined) === isUndone, 'UNDO-2: the state', { stream, newest })
  }
  const { differences, counters, states } = await engine.verifyIndex()
  check(differences.length + counters.length + states.length === 0, 'INDEX-3', { differences, counters, states })
}

async function soak(kind: string, contacts: number): Promise<void> {
  const server = kind === 'postgres' ? await startPostgres() : null
  const folder = mkdtempSync(join(tmpdir(), 'enfold-undo-'))
  const where = server?.url ?? join(folder, 'campaigns.db')
  try {
    const startedInSeconds = await makeMistake(where, contacts)
    const killed = await letWork(import.meta.filename, [where], contacts / 2)
    if (killed.signal !== 'SIGKILL') throw new Error('It was done before it could be killed: take more contacts.')
    const resumed = await letWork(import.meta.filename, [where], Number.POSITIVE_INFINITY)
    const store = openStore(where)
    const engine = engineOver(store)
    await judgeResults(engine, contacts)
    await judgeWorld(store, engine, contacts)
    await engine.close()
    await store.close()
    const found = { undone: contacts - WERE_IN - SENT, alreadySent: SENT, nothingToUndo: WERE_IN }
    process.stdout.write(
      `${JSON.stringify({ store: kind, contacts, startedInSeconds, killed, resumed, found }, null, 2)}\n`,
    )
  } finally {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[2] === 'work') await work(process.argv[3] as string)
else {
  const { values } = parseArgs({
    options: { store: { type: 'string', default: 'sqlite' }, contacts: { type: 'string', default: '100000' } },
  })
  const contacts = Number(values.contacts)
  if (!['sqlite', 'postgres'].includes(values.store) || !(Number.isInteger(contacts) && contacts >= 3000)) {
    process.stdout.write('--store sqlite or postgres; --contacts a whole number from 3000\n')
    process.exitCode = 2
  } else await soak(values.store, contacts)
}
