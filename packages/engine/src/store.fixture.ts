/** For the tests of this package: the stores that they run over, and the closing of what they open. */
import type { Store } from '@enfold/core'
import { createMemoryStore } from '@enfold/store-memory'
import { afterEach, describe } from 'vitest'
import type { Engine } from './engine.ts'
import { combineStores, readingItsWrites } from './log.fixture.ts'

/** What SQL stores must do is proved by the battery, and the engine over them by the model test and `promises.test.ts`. */
const STORES: { readonly [name: string]: () => Store } = {
  memory: () => createMemoryStore(),
  'log, memory read model': () => combineStores(createMemoryStore(), createMemoryStore()),
}

/** The same tests over each store. */
export function eachStore(tests: (makeStore: () => Store) => void, stores = STORES): void {
  describe.each(Object.entries(stores))('over the %s store', (_, makeStore) => tests(makeStore))
}

interface Closable {
  close(): Promise<void>
}

/** What passes through the function that it returns is closed after each test of the file, the newest first. */
export function closingAfterEach(): <T extends Closable>(one: T) => T {
  const opened: Closable[] = []
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close()
  })
  return (one) => {
    opened.push(one)
    return one
  }
}

/** The engine as a host uses it: over a log with a separate read model, each verb waits until that shows what it wrote. */
export function asHostsUseIt(engine: Engine, store: Store): Engine {
  return store.capabilities.projectsInAppend ? engine : readingItsWrites(engine)
}
