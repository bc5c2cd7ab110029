/** Whether the stored states are what the log says. A state of another release is never used, so it cannot be wrong. */
import {
  agrees,
  type ContactId,
  type ContactState,
  contactStream,
  fold,
  NeedsHistory,
  type ReadModel,
  type RecordedContactEvent,
  type StoredState,
  stateFrom,
  type Version,
} from '@enfold/core'
import type { EngineContext } from './engine-context.ts'
import type { StateFault } from './stored-states.ts'

/** A stored state that the log contradicts. */
export interface StateDifference {
  readonly contactId: ContactId
  /** Of which version it says to be. */
  readonly version: Version
  /** `damaged`: it is not what was stored of this stream. `ahead`: the stream ends before it. `differs`: its events fold to another. */
  readonly because: Exclude<StateFault, 'reducer'> | 'differs'
}

type Context = Pick<EngineContext, 'store' | 'historyOf'>

/** @param logged contacts as their whole streams have them, or had them a moment ago */
export async function stateDifferences(
  context: Context,
  readModel: ReadModel,
  logged: readonly { readonly contactId: ContactId; readonly state: ContactState }[],
): Promise<readonly StateDifference[]> {
  const stored = await readModel.states(logged.map(({ contactId }) => contactId))
  const differences: StateDifference[] = []
  for (const { contactId, state } of logged) {
    const one = stored.get(contactId)
    if (one === undefined || (await isAsLogged(context, contactId, one, state))) continue
    const because = await differenceOf(context, contactId, one)
    if (because !== null) differences.push({ contactId, version: one.version, because })
  }
  return differences
}

/** The quick look: with the events since, it is as the contact is. */
async function isAsLogged(
  { store }: Context,
  contactId: ContactId,
  stored: StoredState,
  whole: ContactState,
): Promise<boolean> {
  if (stored.version > whole.version) return false
  const events: RecordedContactEvent[] = []
  for await (const event of store.readStream(contactStream(contactId), stored.version)) {
    if (event.version > whole.version) break
    events.push(event as RecordedContactEvent)
  }
  const [last, ...since] = events
  const kept = last === undefined ? null : stateFrom(stored, last.id)
  if (kept === null || typeof kept === 'string') return false
  try {
    return agrees(fold(since, kept.state), whole)
  } catch (error) {
    if (error instanceof NeedsHistory) return false
    throw error
  }
}

/** Against the stream up to its version, which no later event changes. */
async function differenceOf(
  { historyOf }: Context,
  contactId: ContactId,
  stored: StoredState,
): Promise<StateDifference['because'] | null> {
  const history = await historyOf(contactId)
  const kept = stateFrom(stored, history[stored.version - 1]?.id ?? '')
  if (kept === 'reducer') return null
  if (history.length < stored.version) return 'ahead'
  if (typeof kept === 'string') return kept
  return agrees(kept.state, fold(history.slice(0, stored.version))) ? null : 'differs'
}
