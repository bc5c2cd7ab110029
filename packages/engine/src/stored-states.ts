/**
 * Contacts by their stored states: what was stored last, and the events since folded into it. A state that cannot be used
 * is as none; the next append stores one again. When a state is stored is decided here as well.
 */
import {
  type Clock,
  type CommandId,
  type ContactEvent,
  type ContactId,
  type ContactState,
  commandsAfter,
  contactOf,
  contactStream,
  type EventStore,
  eventIdOf,
  type FoldedState,
  fold,
  foldedState,
  type Instant,
  isDueToStore,
  type KeepsStates,
  type KeptAlongside,
  type KeptState,
  mayHold,
  membershipsAfter,
  NeedsHistory,
  type ReadModel,
  type RecordedContactEvent,
  type RecordedEvent,
  type StoredState,
  stateFrom,
  type Tail,
  type TailAsked,
  type Unusable,
} from '@enfold/core'
import { createBatcher } from './batch.ts'
import type { CommandContext } from './engine-context.ts'
import type { Observer } from './engine-events.ts'
import { createLargeStates, type LargeStates } from './large-states.ts'
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
  stateStore: { readonly states: KeepsStates; readonly isAlongside: boolean } | null,
  historyOf: CommandContext['historyOf'],
  observe: Observer,
  large: LargeStates = createLargeStates(),
): CommandContext['loggedOf'] {
  if (stateStore === null) return async (contactId) => wholeFrom(await historyOf(contactId))
  const tailOf = createBatcher<TailAsked, Tail>((asked) => stateStore.states.readTails(asked), 100)
  return async (contactId, commands) => {
    const stream = contactStream(contactId)
    const tail = await tailOf({ stream, ids: commands.map((id) => eventIdOf(stream, id, 0)) })
    const logged = loggedFrom(contactId, tail, commands, stateStore.isAlongside, large, (because) =>
      observe({ type: 'state-refused', contactId, because }),
    )
    return logged ?? wholeFrom(await historyOf(contactId))
  }
}

/** `null`: the whole stream is needed. */
function loggedFrom(
  contactId: ContactId,
  { stored, events, isRecorded }: Tail,
  commands: readonly CommandId[],
  isAlongside: boolean,
  large: LargeStates,
  refused: (because: StateFault) => void,
): LoggedContact | null {
  const history = events as readonly RecordedContactEvent[]
  if (stored === null) return wholeFrom(history)
  const seen = large.of(contactId, stored, history)
  const kept = seen?.state ?? usable(stored, history, isAlongside)
  if (typeof kept === 'string') {
    refused(kept)
    return null
  }
  const since = history.slice(seen?.count ?? 1)
  const last = history.at(-1) as RecordedContactEvent
  const state = foldedOn(kept.state, since)
  if (state === null) return null
  const alongside = kept.alongside === null ? null : alongsideAfter(contactId, since, kept.alongside)
  large.keep(contactId, stored, history, { state, alongside })
  return {
    state,
    history,
    isWhole: false,
    mayBeRecorded:
      isRecorded ||
      history.some(({ commandId }) => commands.includes(commandId)) ||
      (alongside !== null && commands.some((id) => mayHold(alongside.commands, id))),
    alongside,
    stored: { version: stored.version, latestAt: latestOf(history) },
    version: last.version,
    position: last.position,
  }
}

function alongsideAfter(
  contactId: ContactId,
  events: readonly ContactEvent[],
  { memberships, commands }: KeptAlongside,
): KeptAlongside {
  return {
    memberships: membershipsAfter(contactId, events, memberships),
    commands: commandsAfter(events, commands),
  }
}

/** @param isAlongside whether more than the state must have been kept */
export function usable(
  stored: StoredState,
  [first]: readonly RecordedContactEvent[],
  isAlongside: boolean,
): KeptState | StateFault {
  if (first?.version !== stored.version) return 'ahead'
  const kept = stateFrom(stored, first.id)
  return isAlongside && typeof kept !== 'string' && kept.alongside === null ? 'damaged' : kept
}

/**
 * Of a log whose read model keeps the states: the states in one look, and then each stream from its state on. Which ids
 * stand in a stream it cannot say; the states do.
 */
export function tailsApart(
  store: Pick<EventStore, 'readMany' | 'readStream'>,
  readModel: Pick<ReadModel, 'states'>,
): KeepsStates {
  return {
    async readTails(asked) {
      const of = ({ stream }: TailAsked) => contactOf(stream) ?? ''
      const states = await readModel.states([...new Set(asked.map(of))])
      const whole = await store.readMany(asked.filter((one) => !states.has(of(one))).map(({ stream }) => stream))
      return Promise.all(
        asked.map(async (one): Promise<Tail> => {
          const stored = states.get(of(one)) ?? null
          if (stored === null) return { stored, events: whole.get(one.stream) ?? [], isRecorded: false }
          const events: RecordedEvent[] = []
          for await (const event of store.readStream(one.stream, stored.version)) events.push(event)
          return { stored, events, isRecorded: false }
        }),
      )
    },
  }
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
  const last = events.at(-1)
  if (last === undefined || latestAt > now || !isDueToStore(state, before.version))
    return { stored: { ...before, latestAt } }
  return {
    stored: { version: state.version, latestAt: last.at },
    state: foldedState(state, last.id),
  }
}
