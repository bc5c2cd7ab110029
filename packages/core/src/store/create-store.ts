/** A store made of its ports: what all stores check and wait for is added here, once. */
import type { ActionStore } from '../ports/actions.ts'
import type { Agenda } from '../ports/agenda.ts'
import type { CounterStore } from '../ports/counters.ts'
import type { AppendResult, EventStore, Locked, StreamAppend } from '../ports/log.ts'
import type { ProjectionStore } from '../ports/projection.ts'
import type { Capabilities, KeepsStates, Store } from '../ports/store.ts'
import type { TagIndex } from '../ports/tag-index.ts'
import { appendOf, checkAppend } from '../stream-append.ts'
import type { Changes } from './changes.ts'
import { checkedLimit, checkedPage } from './checks.ts'
import type { OpenWork } from './open-work.ts'
import { createReaders, type LogPages } from './pages.ts'

/** The log as a store writes and reads it: pages, and appends that were checked. */
export interface LogPart extends LogPages, AskedOfLog {
  /** At least one append, each with at least one event. As `EventStore.appendMany`. */
  appendMany(appends: readonly StreamAppend[]): Promise<readonly (AppendResult | Locked)[]>
  /** One append, which waits where `appendMany` would return `locked`. Left out: `appendMany` of one. */
  appendOne?(append: StreamAppend): Promise<AppendResult>
}

/** What a store's author fills. */
export interface StoreParts {
  readonly capabilities: Capabilities
  readonly log: LogPart
  readonly index: TagIndex
  readonly agenda: Agenda
  readonly counters: CounterStore
  readonly projection: ProjectionStore
  readonly actions: ActionStore
  /** Refuses every method after it was closed. */
  readonly open: OpenWork
  /** Told of each append here; tell it as well of what other processes write, if you hear of that. */
  readonly changes: Changes
  /** How often a subscription looks for what other processes wrote, in milliseconds. Left out: there are none. */
  readonly pollMs?: number
  /** Frees what the store holds, once the work in progress is done. */
  free?(): void | Promise<void>
}

/** Of each method that is asked for one answer: what is refused before it is called. */
type Checks<Part> = { readonly [Name in keyof Part]: ((...args: ArgsOf<Part[Name]>) => unknown) | null }
type ArgsOf<Method> = Method extends (...args: infer Args) => unknown ? Args : never
type AskedOfLog = Pick<EventStore, 'readMany' | 'contacts'> & KeepsStates

const LOG: Checks<AskedOfLog> = { readMany: null, readTails: null, contacts: (_, limit) => checkedLimit(limit) }
const INDEX: Checks<TagIndex> = {
  members: (_, page) => checkedPage(page),
  tagsOf: null,
  membershipsOf: null,
  search: (_, page) => checkedPage(page),
  count: null,
  indexed: (after, limit) => checkedPage({ after, limit }),
}
const AGENDA: Checks<Agenda> = {
  claimDue: (_, __, limit) => checkedLimit(limit),
  release: null,
  renew: null,
  nextWake: null,
  backlog: null,
  agenda: (_, limit) => checkedLimit(limit),
}
const COUNTERS: Checks<CounterStore> = { counters: null, countersAt: null, correctCounters: null }
const PROJECTION: Checks<ProjectionStore> = { apply: null, checkpoint: null, restore: null, states: null }
const ACTIONS: Checks<ActionStore> = {
  saveAction: null,
  action: null,
  actions: (_, limit) => checkedLimit(limit),
  actionContacts: (_, __, limit) => checkedLimit(limit),
}

/**
 * A store of its parts. It refuses what no store takes (an append without events, a page of none), refuses everything
 * after `close`, reads and follows the log in pages, and wakes subscriptions after an append.
 *
 * Prove the result with `storeBattery` of `@enfold/testkit/battery`.
 */
export function createStore(parts: StoreParts): Store {
  const { capabilities, log, index, agenda, counters, projection, actions, open, changes, pollMs, free } = parts
  const { refuseIfClosed } = open

  /** The methods of a part, each refused after `close`, and with its check before it. */
  function guarded<Part extends object>(part: Part, checks: Checks<Part>): Part {
    const methods = Object.entries(checks).map(([name, check]) => {
      const ask = async (...args: unknown[]) => {
        refuseIfClosed()
        ;(check as ((...args: unknown[]) => unknown) | null)?.(...args)
        return (part as { readonly [name: string]: (...args: unknown[]) => unknown })[name]?.(...args)
      }
      return [name, ask] as const
    })
    return Object.fromEntries(methods) as Part
  }

  async function write<Result extends AppendResult | Locked>(
    appends: readonly StreamAppend[],
    append: () => Promise<readonly Result[]>,
  ): Promise<readonly Result[]> {
    refuseIfClosed()
    for (const one of appends) checkAppend(one)
    if (appends.length === 0) return []
    const results = await append()
    if (results.some((result) => result.outcome === 'appended' && !result.repeated)) changes.notifyWaiters()
    return results
  }

  return {
    capabilities,
    async append(stream, events, expected, derived, requires) {
      const one = appendOf(stream, events, expected, derived, requires)
      const [result] = await write([one], async () =>
        log.appendOne === undefined ? log.appendMany([one]) : [await log.appendOne(one)],
      )
      return result as AppendResult
    },
    appendMany: (appends) => write(appends, () => log.appendMany(appends)),
    ...createReaders(log, changes, refuseIfClosed, pollMs),
    ...guarded<AskedOfLog>(log, LOG),
    ...guarded(index, INDEX),
    ...guarded(agenda, AGENDA),
    ...guarded(counters, COUNTERS),
    ...guarded(projection, PROJECTION),
    ...guarded(actions, ACTIONS),
    async close() {
      const closed = open.close(free)
      changes.notifyWaiters()
      await closed
    },
  }
}
