/**
 * A share of what `pnpm soak:attack` does whole: a fault at every n-th call of a store, and every promise held after it.
 */

import { createEventStoreDbStore } from '@enfold/store-eventstoredb'
import { createMemoryStore } from '@enfold/store-memory'
import { createPostgresStore } from '@enfold/store-postgres'
import { createSqliteStore } from '@enfold/store-sqlite'
import { givenEventStoreDb, givenSchemas, givenServer } from '@enfold/test-servers/given'
import { expect, it } from 'vitest'
import { temporaryDirectory } from './engine.fixture.ts'
import { attack, FAULTS, type Pair, pairOf, STORIES } from './fault-injection.fixture.ts'
import { besideLog } from './log.fixture.ts'

const directory = temporaryDirectory()
const server = givenServer()
const newSchema = givenSchemas(server)
const onEventStoreDb = givenEventStoreDb()
let opened = 0

/** How far apart the calls are that get a fault, over a store whose calls take longer each time. */
const stores: { readonly [name: string]: { readonly each: number; open(): Pair } } = {
  memory: {
    each: 3,
    open() {
      const store = createMemoryStore()
      return pairOf(store, store)
    },
  },
  SQLite: {
    each: 15,
    open() {
      const path = `${directory}/${++opened}.db`
      const open = () => createSqliteStore({ path, synchronous: 'NORMAL', pollMs: 5 })
      return pairOf(open(), open())
    },
  },
  PostgreSQL: {
    each: 60,
    open() {
      const schema = newSchema()
      const open = () => createPostgresStore({ connectionString: server.url, schema, maxConnections: 3, pollMs: 5 })
      return pairOf(open(), open())
    },
  },
  EventStoreDB: {
    each: 80,
    open() {
      const prefix = `attack${++opened}-`
      const readModel = createMemoryStore()
      const open = () => besideLog(createEventStoreDbStore(onEventStoreDb(prefix)), readModel)
      return { ...pairOf(open(), open()), isUnchecked: true }
    },
  },
}

const cases = Object.entries(stores).flatMap(([name, { each, open }]) =>
  Object.entries(STORIES).flatMap(([story, played]) =>
    FAULTS.map((kind, i) => ({ name, kind, each, open, story, played, from: 1 + ((i * 11) % each) })),
  ),
)

it.each(cases)(
  'ONCE-1, ONCE-3, STEP-4, STOP-6, VERSION-3, INDEX-3: over $name, a call of "$story" that is $kind breaks no promise',
  async ({ kind, each, open, played, from }) => {
    const { calls, broken } = await attack(open, played, kind, Number.POSITIVE_INFINITY)
    expect(broken).toEqual([])
    expect(calls).toBeGreaterThan(40)
    for (let at = from; at <= calls; at += each) {
      const verdict = await attack(open, played, kind, at)
      expect({ at, ...verdict }).toMatchObject({ at, broken: [] })
    }
  },
)
