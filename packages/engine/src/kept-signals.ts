/** How many signals of one contact are kept, and how many of those above were dropped by this process (SIGNAL-6). */
import {
  type Catalog,
  type ContactCommand,
  type ContactEvent,
  type ContactId,
  type ContactState,
  MAX_KEPT_SIGNALS,
  type SignalLimits,
} from '@enfold/core'

export interface KeptSignals {
  /** What a decision on the contact is told. */
  limitsFor(contactId: ContactId): SignalLimits
  /** Told of every decision: one that dropped a signal and recorded nothing of it is counted. */
  decided(command: ContactCommand, before: ContactState, events: readonly ContactEvent[], campaigns: Catalog): void
}

/** So many contacts are counted; of more, the count begins again with those that were dropped last. */
const MAX_COUNTED = 10_000

/** @param most signals that are kept of one contact */
export function createKeptSignals(most = MAX_KEPT_SIGNALS): KeptSignals {
  const dropped = new Map<ContactId, number>()
  return {
    limitsFor: (contactId) => ({ most, dropped: dropped.get(contactId) ?? 0 }),
    decided(command, before, events, campaigns) {
      if (command.type !== 'HandleSignal' || before.keptSignals < most) return
      const { contactId } = command
      const [first] = events
      if (first?.type === 'SignalsDropped') dropped.delete(contactId)
      else if (campaigns.keptOf(command.kind) !== null) {
        if (dropped.size >= MAX_COUNTED && !dropped.has(contactId)) dropped.clear()
        dropped.set(contactId, (dropped.get(contactId) ?? 0) + 1)
      }
    },
  }
}
