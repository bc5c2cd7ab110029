/** Puts together what the parts of the engine work with. */
import type { KeepsStates, ReadModel } from '@enfold/core'
import { createAppendQueue } from './append-queue.ts'
import { createCampaigns } from './campaigns.ts'
import { createFacts } from './directory.ts'
import type { EngineContext } from './engine-context.ts'
import type { EngineOptions } from './engine-options.ts'
import { createKeptSignals } from './kept-signals.ts'
import { createLargeStates } from './large-states.ts'
import { createLastSeen, nothingSeen } from './last-seen.ts'
import { createHistoryOf } from './load-contact.ts'
import { createLoggedOf, tailsApart } from './stored-states.ts'

/** Contacts whose states are kept: those with ten events take 2 kB each. */
const MOST_SEEN = 10_000

interface Given extends Pick<EngineContext, 'clock' | 'observe' | 'wakeUp'> {
  readonly contactsTimeoutMs: number
  readonly gateMs: number
  /** Where it is apart from the log. */
  readonly readModel: ReadModel | null
}

export function createContext(
  { store, contacts, campaignRefreshMs = 1000, maxKeptSignals, random = Math.random }: EngineOptions,
  { clock, contactsTimeoutMs, gateMs, observe, readModel, wakeUp }: Given,
): EngineContext {
  const historyOf = createHistoryOf(store)
  // A log that does not project in the append writes no state with it either.
  const derivesInAppend = store.capabilities?.projectsInAppend !== false
  const keepsStates = derivesInAppend && store.readTails !== undefined
  const stateStore = keepsStates
    ? { states: store as KeepsStates, isAlongside: false }
    : readModel === null
      ? null
      : { states: tailsApart(store, readModel), isAlongside: true }
  const largeStates = createLargeStates()
  return {
    store,
    historyOf,
    loggedOf: createLoggedOf(stateStore, historyOf, observe, largeStates),
    largeStates,
    lastSeen: derivesInAppend || readModel === null ? nothingSeen : createLastSeen(MOST_SEEN),
    derivesInAppend,
    storesStates: keepsStates,
    append: createAppendQueue(store),
    campaigns: createCampaigns(store, campaignRefreshMs),
    factsOf: createFacts(contacts, contactsTimeoutMs),
    clock,
    observe,
    random,
    keptSignals: createKeptSignals(maxKeptSignals),
    wakeUp,
    viewMs: store.settled === undefined ? gateMs / 2 : null,
  }
}
