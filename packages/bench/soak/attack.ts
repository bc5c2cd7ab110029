/**
 * `pnpm soak:attack`: a fault at every call of a store, over every store, in every story; exit status 1 if one of them
 * breaks a promise. What the stories and the faults are: `engine/src/fault-injection.fixture.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { createMemoryStore } from '@enfold/store-memory'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { forkFakeServer } from '@enfold/test-servers/eventstoredb'
import { startPostgres } from '@enfold/test-servers/postgres'
import { EventStoreDBClient } from '@eventstore/db-client'
import { attack, FAULTS, type Pair, pairOf, STORIES } from '../../engine/src/fault-injection.fixture.ts'
import { combineStores } from '../../engine/src/log.fixture.ts'

const { values } = parseArgs({ options: { store: { type: 'string', multiple: true }, every: { type: 'string' } } })
const every = Number(values.every ?? 1)
const directory = mkdtempSync(join(tmpdir(), 'enfold-attack-'))
const isWanted = (name: string) => values.store === undefined || values.store.includes(name)
const postgres = isWanted('postgres') ? await startPostgres() : null
const eventStoreDb = isWanted('eventstoredb') ? await forkFakeServer({ shuffle: 1 }) : null
let opened = 0

const stores: { readonly [name: string]: () => Pair | Promise<Pair> } = {
  memory() {
    const store = createMemoryStore()
    return pairOf(store, store)
  },
  sqlite() {
    const path = join(directory, `${++opened}.db`)
    const open = () => createSqliteStore({ path, synchronous: 'NORMAL', pollMs: 5 })
    return pairOf(open(), open())
  },
  postgres() {
    const schema = `attack_${++opened}`
    const open = () =>
      createPostgresStore({ connectionString: postgres?.url ?? '', schema, maxConnections: 3, pollMs: 5 })
    return pairOf(open(), open())
  },
  eventstoredb() {
    const prefix = `a${++opened}-`
    const readModel = createMemoryStore()
    const clients: EventStoreDBClient[] = []
    const open = () => {
      const client = EventStoreDBClient.connectionString(eventStoreDb?.url ?? '')
      clients.push(client)
      return combineStores(createEventStoreDbStore({ client, prefix }), readModel)
    }
    const { stores: both, close } = pairOf(open(), open())
    return {
      stores: both,
      isUnchecked: true,
      async close() {
        await close()
        await Promise.all(clients.map((client) => client.dispose()))
      },
    }
  },
}

let broken = 0
for (const [name, open] of Object.entries(stores)) {
  if (!isWanted(name)) continue
  for (const [title, story] of Object.entries(STORIES)) {
    const figures: string[] = []
    const startedAt = performance.now()
    for (const kind of FAULTS) {
      const whole = await attack(open, story, kind, Number.POSITIVE_INFINITY)
      if (whole.broken.length > 0) throw new Error(`Without a fault, too: ${whole.broken.join('; ')}`)
      let tried = 0
      let hit = 0
      for (let at = 1; at <= whole.calls; at += every) {
        const verdict = await attack(open, story, kind, at)
        tried += 1
        if (verdict.hit !== null) hit += 1
        for (const sentence of verdict.broken) {
          broken += 1
          say(`BROKEN ${name}, ${title}, ${kind} at call ${at} (${verdict.hit}): ${sentence}`)
        }
      }
      figures.push(`${kind} ${hit} of ${tried}`)
    }
    say(`${name}, ${title}: ${figures.join(', ')}; ${Math.round((performance.now() - startedAt) / 1000)} s`)
  }
}
say(broken === 0 ? 'No promise was broken.' : `${broken} promises were broken.`)
await eventStoreDb?.stop()
await postgres?.stop()
rmSync(directory, { recursive: true, force: true })
process.exitCode = broken === 0 ? 0 : 1

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
