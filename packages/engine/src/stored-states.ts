/**
 * Contacts by their stored states: what was stored last, and the events since folded into it. A state that cannot be used
 * is as none; the next append stores one again. When a state is stored is decided here as well.
 */
import {
  type Clock,
  type CommandId,
  type ContactEvent,
  type ContactState,
  contactStream,
  eventIdOf,
  type FoldedState,
  fold,
  foldedState,
  type Instant,
  isDueToStore,
  type KeepsStates,
  NeedsHistory,
  type RecordedContactEvent,
  type StoredState,
  stateFrom,
  type Tail,
  type TailAsked,
  type Unusable,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import type { CommandContext } from './engine-context.ts'
import type { Observer } from './engine-events.ts'
import { latestOf, wholeFrom } from './load-contact.ts'
import type { LoggedContact, Stored } from './logged-contact.ts'

/** Why a stored state was not used: `ahead`: of a version that the stream does not have. */
export type StateFault = Unusable | 'ahead'

export interface StateHealth {
  /** Stored states that this process could not use since it began. The stream was read instead, and one stored again. */
  readonly refused: number
  /** When the last one was; `null`: none so far. */
  readonly lastAt: Instant | null
}

/** Counts what is told. */
export function createStateCount(clock: Clock): { readonly observer: Observer; health(): StateHealth } {
  let refused = 0
  let lastAt: Instant | null = null
  return {
    observer(event) {
      if (event.type !== 'state-refused') return
      refused += 1
      lastAt = clock.now()
    },
    health: () => ({ refused, lastAt }),
  }
}

/** Of a log that keeps states: in one look, and those that are asked for at the same time together. */
export function createLoggedOf(
  store: KeepsStates | null,
  historyOf: CommandContext['historyOf'],
  observe: Observer,
): CommandContext['loggedOf'] {
  if (store === null) return async (contactId) => wholeFrom(await historyOf(contactId))
  const tailOf = createBatcher<TailAsked, Tail>((asked) => store.readTails(asked), 100)
  return async (contactId, commands) => {
    const stream = contactStream(contactId)
    const tail = await tailOf({ stream, ids: commands.map((id) => eventIdOf(stream, id, 0)) })
    const logged = loggedFrom(tail, commands, (because) => observe({ type: 'state-refused', contactId, because }))
    return logged ?? wholeFrom(await historyOf(contactId))
  }
}

/** `null`: the whole stream is needed. */
function loggedFrom(
  { stored, events, isRecorded }: Tail,
  commands: readonly CommandId[],
  refused: (because: StateFault) => void,
): LoggedContact | null {
  const history = events as readonly RecordedContactEvent[]
  if (stored === null) return wholeFrom(history)
  const before = usable(stored, history)
  if (typeof before === 'string') {
    refused(before)
    return null
  }
  const last = history.at(-1) as RecordedContactEvent
  const state = foldedOn(before, history.slice(1))
  if (state === null) return null
  return {
    state,
    history,
    isWhole: false,
    mayBeRecorded: isRecorded || history.some(({ commandId }) => commands.includes(commandId)),
    stored: { version: stored.version, latestAt: latestOf(history) },
    version: last.version,
    position: last.position,
  }
}

function usable(stored: StoredState, [first]: readonly RecordedContactEvent[]): ContactState | StateFault {
  return first?.version === stored.version ? stateFrom(stored) : 'ahead'
}

/** `null`: an event is about what the state leaves out. */
export function foldedOn(before: ContactState, events: readonly ContactEvent[]): ContactState | null {
  try {
    return events.length === 0 ? before : fold(events, before)
  } catch (error) {
    if (error instanceof NeedsHistory) return null
    throw error
  }
}

/**
 * Decides on a contact as it was loaded; `null`: the whole stream is needed. That is so for what concerns an older run, and
 * for a command that was given before. The one way to both: load the stream, and decide again.
 */
export function decidedOn<Decided>(
  { isWhole, mayBeRecorded }: Pick<LoggedContact, 'isWhole' | 'mayBeRecorded'>,
  decide: () => Decided,
): Decided | null {
  if (isWhole) return decide()
  if (mayBeRecorded) return null
  try {
    return decide()
  } catch (error) {
    if (error instanceof NeedsHistory) return null
    throw error
  }
}

/** What is stored of a contact after an append, and the state to be stored with it, if it is time. */
export interface ToStore {
  readonly stored: Stored
  readonly state?: FoldedState
}

/**
 * Whether a state goes with an append. None does while an event since the last one is dated after now: a question for
 * events ahead of the clock finds them among those that are read (AUDIT-2).
 *
 * @param state after the events
 */
export function toStore(before: Stored, state: ContactState, events: readonly ContactEvent[], now: Instant): ToStore {
  const latestAt = latestOf(events, before.latestAt)
  if (latestAt > now || !isDueToStore(state, before.version)) return { stored: { ...before, latestAt } }
  return {
    stored: { version: state.version, latestAt: events.at(-1)?.at ?? '' },
    state: foldedState(state),
  }
}
