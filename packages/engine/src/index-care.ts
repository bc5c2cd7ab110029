/** What hosts and operators ask about index and agenda: are they what the log says, and if not, make them so. */
import type { ContactId, Instant, ReadModel } from '@enfold/core'
import type { EngineContext } from './engine-context.ts'
import { rebuildIndex, restoreContact } from './index-repair.ts'
import * as input from './input.ts'
import type { Projection } from './projection/projection.ts'
import { WAIT_MS } from './running.ts'
import { type IndexReport, verifyIndex } from './verify-index.ts'
import type { WakeSignal } from './wake-signal.ts'

export interface IndexCare {
  /**
   * Holds index, events and state against each other for every contact (INDEX-3), and the counters (FUNNEL-2). Changes
   * nothing. What a separate read model does not show yet is waited for: throws `PROJECTION_BEHIND` if nobody feeds it.
   * Reads the log once. Holds at most 100,000 contacts and the state of 1,000,000 events: contacts above that are read
   * again, each by itself.
   */
  verifyIndex(): Promise<IndexReport>
  /** Sets index and agenda to what the log says, contact by contact, and then the counters, while everything goes on. */
  rebuildIndex(): Promise<{ readonly contacts: number }>
  /**
   * Computes a contact's next wake again: for when its facts changed in a way that moves a timer (zone, date field).
   * `wakeAt`: when something of it is due next; `null`: nothing is. Nothing is recorded.
   *
   * @throws EnfoldFault `DIRECTORY_SILENT`, `DIRECTORY_FAILED`, `FACTS_UNREADABLE`: the wake stays as it was
   */
  refreshContact(contactId: ContactId): Promise<{ readonly wakeAt: Instant | null }>
}

export interface IndexCareInput {
  readonly context: EngineContext
  readonly readModel: ReadModel
  readonly projection: Projection
  readonly wakeSignal: WakeSignal
}

export function createIndexCare({ context, readModel, projection, wakeSignal }: IndexCareInput): IndexCare {
  return {
    verifyIndex: () => verifyIndex(context, readModel, (position) => projection.waitFor(position, WAIT_MS)),
    rebuildIndex: () => rebuildIndex(context, readModel),
    async refreshContact(contactId) {
      input.id('refreshContact', contactId)
      const refreshed = await restoreContact(context, readModel, contactId, { factsOf: context.factsOf })
      wakeSignal.notify()
      return refreshed
    },
  }
}
