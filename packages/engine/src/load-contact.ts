/** A contact as the log and the directory have it. */
import {
  type ContactId,
  type ContactState,
  contactStream,
  type EventStore,
  type Facts,
  fold,
  type Position,
  type RecordedContactEvent,
  type RecordedEvent,
  type StreamId,
  type Version,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import { type FactsOf, SHORT_MS } from './directory.ts'
import type { CommandContext } from './engine-context.ts'

/** Where the log stands after a command: of its contact, and as a whole. 0 and 0: the contact has no events. */
export interface LogPosition {
  readonly version: Version
  readonly position: Position
}

/** A contact as it was last seen; good for a decision as long as nobody else has written. */
export interface ContactSnapshot extends LogPosition {
  readonly state: ContactState
  /** `undefined`: the directory was not asked, because nothing that was decided reads facts (FACTS-1). */
  readonly facts: Facts | null | undefined
  /** True: the facts are of a moment ago, because the directory has failed since. */
  readonly areFactsOld?: boolean
}

/** What is known of a contact's facts. */
export type AskedFacts = Pick<ContactSnapshot, 'facts' | 'areFactsOld'>

export interface LoadedContact extends ContactSnapshot {
  readonly history: readonly RecordedContactEvent[]
}

/** A contact as the log and the directory have it now. Default: the directory is asked, and what it throws is thrown. */
export async function load(
  { historyOf, factsOf }: Pick<CommandContext, 'historyOf' | 'factsOf'>,
  contactId: ContactId,
  asked: Promise<AskedFacts> = factsOf(contactId).then((facts) => ({ facts })),
): Promise<LoadedContact> {
  const [history, facts] = await Promise.all([historyOf(contactId), asked])
  return loadedFrom(history, facts)
}

export function loadedFrom(history: readonly RecordedContactEvent[], facts: AskedFacts): LoadedContact {
  const { version = 0, position = 0 } = history.at(-1) ?? {}
  return { history, state: fold(history), ...facts, version, position }
}

/** Commands that are decided at the same time look at the log together: 50 of them cost PostgreSQL one round trip. */
export function createHistoryOf(store: Pick<EventStore, 'readMany'>): CommandContext['historyOf'] {
  const ofStream = createBatcher<StreamId, readonly RecordedEvent[]>(async (streams) => {
    const found = await store.readMany(streams)
    return streams.map((stream) => found.get(stream) ?? [])
  }, 100)
  return async (contactId) => (await ofStream(contactStream(contactId))) as readonly RecordedContactEvent[]
}

/**
 * The facts after a handler was called: a step may have changed them, and routes and timers read them (ROUTE-1). Where the
 * directory fails just then, the outcome is recorded with those before, because one that is not recorded would be sent again.
 * Routes are not decided on them: a run that ends on conditions is left to the next look.
 */
export async function factsAfter(
  factsOf: FactsOf,
  contactId: ContactId,
  before: ContactSnapshot['facts'],
): Promise<AskedFacts> {
  return factsOf(contactId, SHORT_MS).then(
    (facts) => ({ facts }),
    () => ({ facts: before, areFactsOld: true }),
  )
}
