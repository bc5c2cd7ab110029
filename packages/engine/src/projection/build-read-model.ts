/** Fills a new read model from the log, while another one is in use. */
import type { Clock, ContactDirectory, EventStore, Position, ReadModel } from '@enfold/core'
import { createCampaigns } from '../campaigns.ts'
import { systemClock } from '../clock.ts'
import { createFacts, SHORT_MS } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { type Observer, observedBy } from '../engine-events.ts'
import { createKeptSignals } from '../kept-signals.ts'
import { createLargeStates } from '../large-states.ts'
import { nothingSeen } from '../last-seen.ts'
import { createHistoryOf, wholeFrom } from '../load-contact.ts'
import { createProjection } from './projection.ts'

/**
 * Fills a read model from the log, up to the head or to a position, next to the one that is in use; one that was filled
 * in part is filled further. When it is full, make a new engine with it: it goes on from there.
 *
 * Leases are not in the log: let no dispatcher work by the old read model when the first one works by the new one.
 *
 * @returns how far it goes
 * @throws EnfoldFault `PROJECTION_STOPPED`, `PROJECTION_OUT_OF_ORDER`, and faults of log and read model
 * @example
 * const fresh = createSqliteStore({ path: 'read-model-2.db' })
 * await buildReadModel({ store, readModel: fresh, contacts })
 */
export async function buildReadModel(options: {
  readonly store: EventStore
  readonly readModel: ReadModel
  /** As for `createEngine`: the same facts, or wakes that depend on them are others. */
  readonly contacts?: ContactDirectory
  readonly clock?: Clock
  readonly observe?: Observer
  /** Default: all that is recorded when it gets there. */
  readonly until?: Position
  readonly onPoison?: 'stop' | 'park'
}): Promise<{ readonly position: Position }> {
  const { store, readModel, clock = systemClock, observe } = options
  const historyOf = createHistoryOf(store)
  const context: EngineContext = {
    store,
    historyOf,
    loggedOf: async (contactId) => wholeFrom(await historyOf(contactId)),
    largeStates: createLargeStates(),
    lastSeen: nothingSeen,
    derivesInAppend: false,
    storesStates: false,
    append: () => Promise.reject(new Error('A projection appends nothing.')),
    campaigns: createCampaigns(store, 1000),
    factsOf: createFacts(options.contacts, SHORT_MS),
    clock,
    observe: observedBy(observe === undefined ? [] : [observe]),
    random: Math.random,
    wakeUp() {},
    keptSignals: createKeptSignals(),
    viewMs: null,
  }
  const { onPoison = 'stop' } = options
  await createProjection(context, readModel, { onPoison }).toHead(options.until)
  return { position: await readModel.checkpoint() }
}
