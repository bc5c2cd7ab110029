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
import { attack, FAULTS, type Pair, pairOf, STORIES, type Story } from './fault-injection.fixture.ts'
import { combineStores } from './log.fixture.ts'

const directory = temporaryDirectory()
const server = givenServer()
const newSchema = givenSchemas(server)
const onEventStoreDb = givenEventStoreDb()
let opened = 0

/** How far apart the calls are that get a fault, over a store whose calls take longer each time. */
const stores: { readonly [name: string]: { readonly each: number; open(): Pair } } = {
  memory: {
    each: 6,
    open() {
      const store = createMemoryStore()
      return pairOf(store, store)
    },
  },
  SQLite: {
    each: 40,
    open() {
      const path = `${directory}/${++opened}.db`
      const open = () => createSqliteStore({ path, synchronous: 'NORMAL', pollMs: 5 })
      return pairOf(open(), open())
    },
  },
  PostgreSQL: {
    each: 120,
    open() {
      const schema = newSchema()
      const open = () => createPostgresStore({ connectionString: server.url, schema, maxConnections: 3, pollMs: 5 })
      return pairOf(open(), open())
    },
  },
  EventStoreDB: {
    each: 160,
    open() {
      const prefix = `attack${++opened}-`
      const readModel = createMemoryStore()
      const open = () => combineStores(createEventStoreDbStore(onEventStoreDb(prefix)), readModel)
      return { ...pairOf(open(), open()), isUnchecked: true }
    },
  },
}

const cases = Object.entries(stores).flatMap(([name, { each, open }]) =>
  Object.entries(STORIES).flatMap(([story, played]) =>
    FAULTS.map((kind, i) => ({ name, kind, each, open, story, played, from: 1 + ((i * 11) % each) })),
  ),
)

/** What happens without a fault is the same for each kind of them. */
const undisturbed = new Map<string, ReturnType<typeof attack>>()
function withoutFault(name: string, story: string, played: Story, open: () => Pair): ReturnType<typeof attack> {
  const key = `${name} ${story}`
  const known = undisturbed.get(key) ?? attack(open, played, FAULTS[0], Number.POSITIVE_INFINITY)
  undisturbed.set(key, known)
  return known
}

it.each(cases)(
  'ONCE-1, ONCE-3, STEP-4, STOP-6, VERSION-3, INDEX-3, FUNNEL-2: over $name, a call of "$story" that is $kind breaks no promise',
  async ({ name, story, kind, each, open, played, from }) => {
    const { calls, broken } = await withoutFault(name, story, played, open)
    expect(broken).toEqual([])
    expect(calls).toBeGreaterThan(40)
    for (let at = from; at <= calls; at += each) {
      const verdict = await attack(open, played, kind, at)
      expect({ at, ...verdict }).toMatchObject({ at, broken: [] })
    }
  },
)
