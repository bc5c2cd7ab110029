/**
 * A share of what `pnpm soak:attack` does whole: a fault at every n-th call of a store, and every promise held after it.
 */
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { expect, it } from 'vitest'
import { attack, FAULTS, type Pair, STORIES } from './fault-injection.fixture.ts'
import { temporaryDirectory } from './given-engine.ts'

const directory = temporaryDirectory()
let files = 0

const stores: { readonly [name: string]: { readonly each: number; open(): Pair } } = {
  memory: {
    each: 3,
    open() {
      const store = createMemoryStore()
      return { stores: [store, store], close: () => store.close() }
    },
  },
  SQLite: {
    each: 15,
    open() {
      const path = `${directory}/${++files}.db`
      const [one, two] = [1, 2].map(() => createSqliteStore({ path, synchronous: 'NORMAL', pollMs: 5 })) as [
        never,
        never,
      ]
      return {
        stores: [one, two],
        async close() {
          await Promise.all([one, two].map((store: { close(): Promise<void> }) => store.close()))
        },
      }
    },
  },
}

const cases = Object.entries(stores).flatMap(([name, { each, open }]) =>
  Object.entries(STORIES).flatMap(([story, played]) =>
    FAULTS.map((kind) => ({ name, kind, each, open, story, played })),
  ),
)

it.each(cases)(
  'ONCE-1, ONCE-3, STEP-4, STOP-6, VERSION-3, INDEX-3: over $name, a call of "$story" that is $kind breaks no promise',
  async ({ kind, each, open, played }) => {
    const { calls, broken } = await attack(open, played, kind, Number.POSITIVE_INFINITY)
    expect(broken).toEqual([])
    expect(calls).toBeGreaterThan(40)
    for (let at = 1; at <= calls; at += each) {
      const verdict = await attack(open, played, kind, at)
      expect({ at, ...verdict }).toMatchObject({ at, broken: [] })
    }
  },
)
