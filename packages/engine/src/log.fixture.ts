/**
 * For the tests of this package: a log that does not project in the append, with a separate read model. Both are stores
 * of ours, of which one serves only as the log and the other only as the read model.
 */
import type {
  CaughtUp,
  Either,
  EventStore,
  KeepsStates,
  Position,
  ReadModel,
  RecordedEvent,
  Store,
  Version,
} from '@enfold/core'
import { isLeft } from '@enfold/core'
import type { Engine } from './engine.ts'

type Log = EventStore & Pick<Store, 'capabilities'>

/** The store as a mere log: what the engine derives and requires is dropped, and nothing of its read model is to be seen. */
export function logOnly(store: Log): Log {
  return {
    capabilities: { ...store.capabilities, projectsInAppend: false },
    append: (stream, events, expected) => store.append(stream, events, expected),
    appendMany: (appends) => store.appendMany(appends.map(({ derived: _, requires: __, ...append }) => append)),
    readStream: store.readStream,
    readMany: store.readMany,
    readAll: store.readAll,
    subscribe: store.subscribe,
    contacts: store.contacts,
    close: store.close,
  }
}

/** The store as a mere read model. */
export function readModelOnly(store: Store): ReadModel {
  const { apply, checkpoint, members, tagsOf, search, count, claimDue, release, renew, nextWake, backlog, agenda } =
    store
  const { restore, indexed, membershipsOf, counters, countersAt, correctCounters, states } = store
  return {
    apply,
    checkpoint,
    members,
    tagsOf,
    membershipsOf,
    search,
    count,
    claimDue,
    release,
    renew,
    nextWake,
    backlog,
    agenda,
    restore,
    indexed,
    counters,
    countersAt,
    correctCounters,
    states,
  }
}

function keepingNoStates(log: Log): KeepsStates {
  return {
    async readTails(asked) {
      const found = await log.readMany(asked.map(({ stream }) => stream))
      return asked.map(({ stream, ids }) => {
        const events = found.get(stream) ?? []
        return { stored: null, events, isRecorded: events.some(({ id }) => ids.includes(id)) }
      })
    },
  }
}

/** Both as one store that says of itself that it does not project in the append. */
export function combineStores(log: Log, readModel: Store): Store {
  return {
    ...logOnly(log),
    ...keepingNoStates(log),
    ...readModelOnly(readModel),
    saveAction: readModel.saveAction,
    action: readModel.action,
    actions: readModel.actions,
    actionContacts: readModel.actionContacts,
    async close() {
      await log.close()
      await readModel.close()
    },
  }
}

/**
 * The engine as a host uses it that reads its own writes: it is fed all the time, and each verb resolves when index and
 * agenda show what it wrote.
 */
export function readingItsWrites(engine: Engine): Engine {
  const end = new AbortController()
  const feeding = engine.project({ signal: end.signal })
  feeding.catch(() => {})
  return new Proxy(engine, {
    get(target, name: keyof Engine) {
      if (name === 'close')
        return async () => {
          end.abort()
          await target.close()
          await feeding
        }
      const verb = target[name]
      if (typeof verb !== 'function' || NO_VERBS.has(name)) return verb
      return async (...given: unknown[]) => {
        const answer = (await (verb as (...all: unknown[]) => Promise<unknown>)(...given)) as Either<
          unknown,
          { readonly position?: Position; readonly version?: Version }
        >
        if (answer === undefined || !('right' in answer) || isLeft(answer)) return answer
        const { position } = answer.right
        if (position !== undefined) await target.waitFor(position, { timeoutMs: 30_000 })
        return answer
      }
    },
  })
}

const NO_VERBS: ReadonlySet<keyof Engine> = new Set<keyof Engine>(['waitFor', 'health', 'run', 'project'])

/** What a subscription does wrong, decided for each event separately. */
export type Mishap = 'none' | 'throws' | 'ends' | 'repeats' | 'skips'

/** The log with a subscription that goes wrong where the test says so. */
export function withMishaps<Log extends EventStore>(log: Log, mishap: (event: RecordedEvent) => Mishap): Log {
  return {
    ...log,
    async *subscribe(after, signal, filter): AsyncGenerator<RecordedEvent | CaughtUp> {
      for await (const item of log.subscribe(after, signal, filter)) {
        const what = item.type === 'CaughtUp' ? 'none' : mishap(item)
        if (what === 'throws') throw new Error('The connection was lost.')
        if (what === 'ends') return
        if (what === 'skips') continue
        yield item
        if (what === 'repeats') yield item
      }
    },
  }
}

/** The position of the last event; 0 if there is none. */
export async function headOf(log: EventStore): Promise<Position> {
  let head = 0
  for await (const { position } of log.readAll()) head = position
  return head
}
