/**
 * What an action does to one of its contacts: a command whose id is a function of action and contact, so that what a
 * crash made twice is done once (ONCE-1). Executed, or only decided for a preview.
 */
import {
  ACTION_VERBS,
  type ActionId,
  type ActionOutcome,
  type ActionResult,
  type ActionVerb,
  type Answers,
  type CommandId,
  type ContactCommand,
  type ContactId,
  type ContactState,
  contactStream,
  decide,
  derivedCommandId,
  initialContact,
  isLeft,
  type KeyedOutcome,
  type KeyedResult,
  type Position,
  type RecordedContactEvent,
  type Rejection,
  readsFacts,
  type UndoOrder,
} from '@enfold/core'
import { isFaultOfStore } from '../batch.ts'
import type { EngineContext } from '../engine-context.ts'
import { execute } from '../execute.ts'
import { lineOf } from '../fault-words.ts'
import { type ContactSnapshot, wholeFrom } from '../load-contact.ts'
import type { AnyActionOrder } from './action-context.ts'
import type { Named } from './groups.ts'

/** What is done to each contact, and why. */
export type OrderForEach = Omit<AnyActionOrder, 'contacts'>

export type Outcome = Omit<ActionResult, 'number'>
/** With the position up to which the log says so. */
export type PositionedOutcome = Outcome & { readonly position: Position }

type UndoOrderAnswer = Answers['UndoOrder']

/** Streams by their name; `null`: something in one of them cannot be read, so each must be read by itself. */
export type Histories = ReadonlyMap<string, readonly RecordedContactEvent[]> | null

type OneOfMany = Extract<
  ContactCommand,
  { readonly type: (typeof ACTION_VERBS)[ActionVerb]['command'] | UndoOrder['type'] }
>

/** The id of what an action does to a contact. Of a contact without a key what it always was. */
function commandIdOf(actionId: ActionId, { contactId, key }: Named): CommandId {
  return derivedCommandId('bulk', actionId, contactId, ...(key === undefined ? [] : [key]))
}

function commandFor(order: OrderForEach, { contactId, key = order.key }: Named): OneOfMany {
  const { action, actionId, campaignId, sequenceId, vars, actor, reason, undoes } = order
  const named: Named = key === undefined ? { contactId } : { contactId, key }
  const because = reason === undefined ? {} : { reason }
  const meta = { contactId, commandId: commandIdOf(actionId, named), actionId, actor, ...because }
  if (action === 'undo') {
    const { stopSent = false, shift = false } = order
    return { type: 'UndoOrder', ...meta, undoes: commandIdOf(undoes ?? '', named), stopSent, shift }
  }
  return {
    type: ACTION_VERBS[action].command,
    campaignId,
    sequenceId,
    ...(key === undefined ? {} : { key }),
    ...(vars === undefined || action === 'stop' ? {} : { vars }),
    ...meta,
  }
}

/**
 * Why nobody can be started or stopped there at all; the same rules that each contact meets. That no key is given is none
 * where the list may name one for each contact.
 */
export async function refusalOf({ campaigns, clock }: EngineContext, order: AnyActionOrder): Promise<Rejection | null> {
  // Whether an action can be undone was asked before; what it did may be undone whatever is published now.
  if (order.action === 'undo') return null
  await campaigns.refresh()
  const deciding = { campaigns: campaigns.catalog, facts: {}, now: clock.now() }
  const decided = decide(commandFor(order, { contactId: 'nobody' }), initialContact, deciding)
  if (!isLeft(decided)) return null
  const mayNameKeys = 'ids' in order.contacts || 'csv' in order.contacts
  return decided.left.type === 'KeyMissing' && mayNameKeys ? null : decided.left
}

export async function historiesOf({ store }: EngineContext, contactIds: readonly ContactId[]): Promise<Histories> {
  try {
    return (await store.readMany(contactIds.map(contactStream))) as Histories
  } catch (error) {
    if (isFaultOfStore(error)) throw error
    return null
  }
}

/** Executes the action for a contact. Faults of the store are thrown; whatever else goes wrong is its outcome. */
export async function executedFor(
  context: EngineContext,
  order: OrderForEach,
  named: Named,
  histories: Histories,
): Promise<PositionedOutcome> {
  const { contactId } = named
  try {
    const command = commandFor(order, named)
    const history = histories === null ? null : (histories.get(contactStream(contactId)) ?? [])
    // A repeat is found in the history, which `execute` then reads for itself.
    const isRepeat = history === null || history.some(({ commandId }) => commandId === command.commandId)
    const either = await execute(context, command, isRepeat ? undefined : await snapshotOf(context, command, history))
    if (isLeft(either)) return { ...rejected(command, either.left), position: 0 }
    return { ...answered(either.right.answer), position: either.right.position }
  } catch (error) {
    if (isFaultOfStore(error)) throw error
    return { ...failed(lineOf(error)), position: 0 }
  }
}

/**
 * What the action would come to for a contact now. Nothing is written.
 *
 * @param foreseen contacts that are named with keys, as they would be after those before: a contact can be named again
 */
export async function foreseenFor(
  context: EngineContext,
  order: OrderForEach,
  named: Named,
  histories: Histories,
  foreseen: Map<ContactId, ContactState>,
): Promise<Outcome> {
  const { contactId } = named
  const { campaigns, clock } = context
  try {
    const command = commandFor(order, named)
    const stream = contactStream(contactId)
    const history = histories === null ? await context.historyOf(contactId) : (histories.get(stream) ?? [])
    const { state: now, facts = {} } = await snapshotOf(context, command, history)
    const state = foreseen.get(contactId) ?? now
    await campaigns.ensure(state)
    const decided = decide(command, state, { campaigns: campaigns.catalog, facts, now: clock.now(), history })
    if (isLeft(decided)) return rejected(command, decided.left)
    if (named.key !== undefined) foreseen.set(contactId, decided.right.state)
    return answered(decided.right.answer)
  } catch (error) {
    if (isFaultOfStore(error)) throw error
    return failed(lineOf(error))
  }
}

/** With facts only where the decision reads them: a stop of many works while the directory is down (FACTS-1). */
async function snapshotOf(
  { factsOf }: EngineContext,
  command: OneOfMany,
  history: readonly RecordedContactEvent[],
): Promise<ContactSnapshot> {
  const facts = readsFacts(command) ? await factsOf(command.contactId) : undefined
  return { ...wholeFrom(history), facts }
}

/** Of a stop of every key, and of an undo of one, each of its runs; of one run as ever. */
function answered(answer: AnyAnswer | UndoOrderAnswer): Outcome {
  if ('results' in answer) return undone(answer)
  const { outcome, run, runs } = answer
  const result = { outcome, run: run === 0 ? null : run, reason: null }
  return runs === undefined || runs.length === 0 ? result : { ...result, runs: runs as readonly KeyedResult[] }
}

function undone({ outcome, results }: UndoOrderAnswer): Outcome {
  const saying = results.find((one) => one.outcome === outcome)
  const reason = outcome === 'failed' ? 'StepInFlight' : null
  const isKeyed = results.length > 1 && results.every(({ key }) => key !== undefined)
  if (!isKeyed) return { outcome, run: saying?.run ?? null, reason }
  return {
    outcome,
    run: null,
    reason,
    runs: results.map((one) => ({ key: one.key ?? '', run: one.run, outcome: one.outcome })),
  }
}

interface AnyAnswer {
  readonly outcome: ActionOutcome
  readonly run: number
  readonly runs?: readonly KeyedOutcome[]
}

function rejected(command: OneOfMany, { type }: Rejection): Outcome {
  // Nothing more becomes of a contact that was erased (UNDO-3).
  if (command.type === 'UndoOrder' && type === 'ContactErased')
    return { outcome: 'changed_since', run: null, reason: null }
  if (type === 'ContactUnknown') return { outcome: 'contact_unknown', run: null, reason: null }
  if (type === 'ContactSuppressed') return { outcome: 'suppressed', run: null, reason: null }
  return failed(type)
}

function failed(reason: string): Outcome {
  return { outcome: 'failed', run: null, reason }
}
