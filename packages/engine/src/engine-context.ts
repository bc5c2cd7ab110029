/** What the parts of the engine work with. */
import type {
  AppendResult,
  Clock,
  CommandId,
  ContactId,
  EventStore,
  RecordedContactEvent,
  StreamAppend,
} from '@enfold/core'
import type { Campaigns } from './campaigns.ts'
import type { FactsOf } from './directory.ts'
import type { Observer } from './engine-events.ts'
import type { KeptSignals } from './kept-signals.ts'
import type { LargeStates } from './large-states.ts'
import type { LastSeen, LoggedContact } from './logged-contact.ts'

/** What it takes to execute a command. */
export interface CommandContext {
  /** All events of a contact, in order. Commands on many contacts share a look. */
  readonly historyOf: (contactId: ContactId) => Promise<readonly RecordedContactEvent[]>
  /** A contact as the log has it now, by its stored state where there is one; and whether commands may stand in it. */
  readonly loggedOf: (contactId: ContactId, commands: readonly CommandId[]) => Promise<LoggedContact>
  readonly largeStates: LargeStates
  /** Contacts as this process saw them last, where that spares a read. */
  readonly lastSeen: LastSeen
  /** Whether an append tells the read model what its events change. Otherwise the projection does. */
  readonly derivesInAppend: boolean
  /** Whether a contact's state is stored with an append. */
  readonly storesStates: boolean
  /** Group commit: commands on many contacts share a transaction. */
  readonly append: (append: StreamAppend) => Promise<AppendResult>
  readonly campaigns: Campaigns
  readonly factsOf: FactsOf
  readonly clock: Clock
  readonly observe: Observer
  readonly random: () => number
  readonly keptSignals: KeptSignals
  /** Called when something may have become due. */
  readonly wakeUp: () => void
  /**
   * How old the view of a campaign may be when a start of its sequences is appended, in milliseconds of real time;
   * `null`: the store checks it in the append.
   */
  readonly viewMs: number | null
}

/** What every part of the engine works with. */
export interface EngineContext extends CommandContext {
  readonly store: EventStore
}
