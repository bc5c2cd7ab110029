/** For the tests of this package: several engines over one store, of which one may be late. */
import { join } from 'node:path'
import type { RecordedEvent, Store } from '@enfold/core'
import { createEngine, type EngineOptions } from '@enfold/engine'
import { createMemoryStore } from '@enfold/store-memory'
import { createSqliteStore } from '@enfold/store-sqlite'
import { createSimulatedClock } from '@enfold/testkit'
import { createGate, createRecorder, MONDAY, temporaryDirectory } from './engine.fixture.ts'
import { combineStores } from './log.fixture.ts'
import { asHostsUseIt, closingAfterEach } from './store.fixture.ts'

/** The stores of a test file, and engines over them, which are closed after each test. */
export function severalEngines() {
  const directory = temporaryDirectory()
  let files = 0
  const stores: { readonly [name: string]: () => Store } = {
    memory: () => createMemoryStore(),
    sqlite: () => createSqliteStore({ path: join(directory, `${++files}.db`), synchronous: 'NORMAL' }),
    // A log that checks nothing in the append.
    'log, memory read model': () => combineStores(createMemoryStore(), createMemoryStore()),
  }
  const closing = closingAfterEach()

  function given(makeStore: () => Store, more: Partial<EngineOptions> = {}) {
    const store = makeStore()
    const clock = createSimulatedClock(MONDAY)
    const recorder = createRecorder()
    const engineOver = (one: Store, options: Partial<EngineOptions> = {}) => {
      const handlers = { email: recorder.handler }
      const engine = createEngine({ store: one, clock, handlers, gateMs: 100, ...more, ...options })
      closing(engine)
      return engine
    }
    const first = engineOver(store)
    const engine = asHostsUseIt(first, store)
    if (!store.capabilities.projectsInAppend) closing(engine)
    const called = () => recorder.calls.map(({ contactId, step }) => `${contactId} ${step.id}`)
    return { store, clock, engine, engineOver, recorder, called }
  }

  return { stores, given }
}

/** Once it is armed, what a look at the campaigns has read is told when the gate opens. */
export function lookingLate(store: Store) {
  const gate = createGate()
  const reached = createGate()
  let isArmed = false
  const late: Store = {
    ...store,
    async *readAll(after, options) {
      const events: RecordedEvent[] = []
      for await (const event of store.readAll(after, options)) events.push(event)
      if (isArmed && options?.streams === 'campaigns') {
        reached.open()
        await gate.passed
      }
      yield* events
    },
  }
  const arm = () => {
    isArmed = true
  }
  return { late, arm, reached: reached.passed, letGo: gate.open }
}

/** Dispatches take a while to be written: meanwhile no other worker can count them. */
export function slowToDispatch(store: Store): Store {
  return {
    ...store,
    async appendMany(appends) {
      if (appends.some(({ events }) => events.some(({ type }) => type === 'StepDispatched')))
        await new Promise((resolve) => setTimeout(resolve, 5))
      return store.appendMany(appends)
    },
  }
}

/** What is appended stands still at the gate, when it is decided and not written. */
export function heldBack(store: Store) {
  const gate = createGate()
  const reached = createGate()
  const held: Store = {
    ...store,
    async appendMany(appends) {
      reached.open()
      await gate.passed
      return store.appendMany(appends)
    },
  }
  return { held, reached: reached.passed, letGo: gate.open }
}
