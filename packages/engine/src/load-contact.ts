/** A contact as the log and the directory have it. */
import {
  type CommandId,
  type ContactId,
  contactStream,
  type EventStore,
  type Facts,
  fold,
  type Instant,
  type RecordedContactEvent,
  type RecordedEvent,
  type StreamId,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import { type FactsOf, SHORT_MS } from './directory.ts'
import type { CommandContext } from './engine-context.ts'
import type { LoggedContact, LogPosition } from './logged-contact.ts'

/** A contact as it was last seen; good for a decision as long as nobody else has written. */
export interface ContactSnapshot extends LogPosition, Pick<LoggedContact, 'state' | 'stored'> {
  /** `undefined`: the directory was not asked, because nothing that was decided reads facts (FACTS-1). */
  readonly facts: Facts | null | undefined
  /** True: the facts are of a moment ago, because the directory has failed since. */
  readonly areFactsOld?: boolean
}

/** What is known of a contact's facts. */
export type AskedFacts = Pick<ContactSnapshot, 'facts' | 'areFactsOld'>

export interface LoadedContact
  extends ContactSnapshot,
    Pick<LoggedContact, 'history' | 'isWhole' | 'mayBeRecorded' | 'alongside' | 'mayBeOld'> {}

export interface LoadOptions {
  /** Commands that may have been given before. Default: none. */
  readonly commands?: readonly CommandId[]
  /** True: from the whole stream. */
  readonly whole?: boolean
  /** The contact as it was seen before, to be taken for what the log says; `null`: the log is asked. */
  readonly seen?: LoggedContact | null
}

/** A contact as the log and the directory have it now. Default: the directory is asked, and what it throws is thrown. */
export async function load(
  context: Pick<CommandContext, 'historyOf' | 'loggedOf' | 'factsOf'>,
  contactId: ContactId,
  asked: Promise<AskedFacts> = context.factsOf(contactId).then((facts) => ({ facts })),
  options: LoadOptions = {},
): Promise<LoadedContact> {
  const [logged, facts] = await Promise.all([options.seen ?? loadLogged(context, contactId, options), asked])
  return { ...logged, ...facts }
}

export async function loadLogged(
  { historyOf, loggedOf }: Pick<CommandContext, 'historyOf' | 'loggedOf'>,
  contactId: ContactId,
  { commands = [], whole = false }: LoadOptions = {},
): Promise<LoggedContact> {
  return whole ? wholeFrom(await historyOf(contactId)) : loggedOf(contactId, commands)
}

/** The contact of its whole stream. */
export function wholeFrom(history: readonly RecordedContactEvent[]): LoggedContact {
  const { version = 0, position = 0 } = history.at(-1) ?? {}
  const stored = { version: 0, latestAt: latestOf(history) }
  return {
    history,
    isWhole: true,
    mayBeRecorded: false,
    alongside: null,
    state: fold(history),
    stored,
    version,
    position,
  }
}

export function latestOf(events: readonly { readonly at: Instant }[], before: Instant = ''): Instant {
  let latest = before
  for (const { at } of events) if (at > latest) latest = at
  return latest
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
