/**
 * What an action does to one of its contacts: a command whose id is a function of action and contact, so that what a
 * crash made twice is done once (ONCE-1). Executed, or only decided for a preview.
 */
import {
  type ActionId,
  type ActionOutcome,
  type ActionResult,
  type Answers,
  actionOutcomeOf,
  type Catalog,
  type CommandId,
  type ContactCommand,
  type ContactId,
  type ContactState,
  commandOf,
  contactStream,
  decide,
  derivedCommandId,
  initialContact,
  isLeft,
  type JsonObject,
  type KeyedOutcome,
  type KeyedResult,
  type Position,
  type RecordedContactEvent,
  type Rejection,
  readsFacts,
  type UndoneRun,
  type UndoRunOutcome,
  undoSummary,
  unknownStep,
  VERBS,
  type VerbFacts,
  verbOfAction,
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

/** Streams by their name; `null`: something in one of them cannot be read, so each must be read by itself. */
export type Histories = ReadonlyMap<string, readonly RecordedContactEvent[]> | null

/** Of a signal that came before, or one of its own: signals are known by their ids (GOAL-10). */
function commandIdOf(actionId: ActionId, order: JsonObject | undefined, named: Named): CommandId {
  const { contactId, key } = named
  return isSignal(order)
    ? derivedCommandId('signal', signalIdOf(actionId, order))
    : derivedCommandId('bulk', actionId, contactId, ...(key === undefined ? [] : [key]))
}

/** A signal of an action: of each contact the same, so that it can be retracted of many as well. */
function signalIdOf(actionId: ActionId, { signalId = actionId }: JsonObject): string {
  return signalId as string
}

const isSignal = (order: JsonObject | undefined): order is JsonObject => order?.kind !== undefined

/** @throws EnfoldFault `INVALID_INPUT` where something that the verb needs is missing, or its options do not go together */
export function commandFor(order: OrderForEach, { contactId, key = order.key }: Named): ContactCommand {
  const { action, actionId, campaignId, sequenceId, vars, actor, reason, undoes, order: more } = order
  const named: Named = key === undefined ? { contactId } : { contactId, key }
  const because = reason === undefined ? {} : { reason }
  const meta = { contactId, actionId, actor, ...because }
  if (action === 'undo') {
    const how = { stopSent: order.stopSent ?? false, shift: order.shift ?? false }
    const commandId = commandIdOf(actionId, undefined, named)
    // What a signal did is undone with the signal itself, which must not count any more (UNDO-4).
    if (isSignal(more))
      return { type: 'RetractSignal', ...meta, commandId, signalId: signalIdOf(undoes ?? '', more), ...how }
    return { type: 'UndoOrder', ...meta, commandId, undoes: commandIdOf(undoes ?? '', undefined, named), ...how }
  }
  const name = verbOfAction(action)
  const { about, takes }: VerbFacts = VERBS[name]
  return commandOf(name, {
    ...(campaignId === null || sequenceId === null ? {} : { campaignId, sequenceId }),
    ...(key === undefined || !('key' in takes) ? {} : { key }),
    ...(vars === undefined || !('vars' in takes) ? {} : { vars }),
    ...(about === 'signal' ? { data: {}, fromStep: false } : {}),
    ...more,
    ...(about === 'signal' ? { signalId: signalIdOf(actionId, more ?? {}) } : {}),
    ...meta,
    commandId: commandIdOf(actionId, about === 'signal' ? more : undefined, named),
  })
}

/** Rejections that say something of a contact, and nothing of the order. */
const OF_A_CONTACT: ReadonlySet<Rejection['type']> = new Set([
  'EnrollmentNotActive',
  'NotUndoable',
  'OrderUnknown',
  'RunUnknown',
  'SignalUnknown',
])

/**
 * Why it can be done for nobody at all; the same rules that each contact meets. That no key is given is none where the list
 * may name one for each contact.
 */
export async function refusalOf({ campaigns, clock }: EngineContext, order: AnyActionOrder): Promise<Rejection | null> {
  // Whether an action can be undone was asked before; what it did may be undone whatever is published now.
  if (order.action === 'undo') return null
  await campaigns.refresh()
  const deciding = { campaigns: campaigns.catalog, facts: {}, now: clock.now(), history: [] }
  const decided = decide(commandFor(order, { contactId: 'nobody' }), initialContact, deciding)
  const rejection = isLeft(decided) && !OF_A_CONTACT.has(decided.left.type) ? decided.left : null
  const mayNameKeys = !('search' in order.contacts || 'query' in order.contacts)
  if (rejection?.type === 'KeyMissing' && mayNameKeys) return stepRefusal(campaigns.catalog, order)
  return rejection ?? stepRefusal(campaigns.catalog, order)
}

/** A step that no version of the sequence has is a slip, and not a matter of each contact. */
function stepRefusal(campaigns: Catalog, { campaignId, sequenceId, order = {} }: AnyActionOrder): Rejection | null {
  const { stepId, toStep, toSequence = sequenceId } = order as { readonly [option: string]: string | undefined }
  const sought = stepId ?? toStep
  if (sought === undefined || campaignId === null || typeof toSequence !== 'string') return null
  return unknownStep({ campaignId, sequenceId: toSequence }, sought, { campaigns })
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
    if (isLeft(either)) return { ...rejected(order, either.left), position: 0 }
    return { ...answered(order, either.right.answer), position: either.right.position }
  } catch (error) {
    if (isFaultOfStore(error)) throw error
    return { ...failed(lineOf(error)), position: 0 }
  }
}

/** What would become of a contact: its outcome, and its state before and after where it would change. */
export interface Foreseen extends Outcome {
  readonly states?: { readonly before: ContactState; readonly after: ContactState }
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
): Promise<Foreseen> {
  const { contactId } = named
  const { campaigns, clock } = context
  try {
    const command = commandFor(order, named)
    const stream = contactStream(contactId)
    const history = histories === null ? await context.historyOf(contactId) : (histories.get(stream) ?? [])
    const { state: now, facts = {} } = await snapshotOf(context, command, history)
    const before = foreseen.get(contactId) ?? now
    await campaigns.ensure(before)
    const decided = decide(command, before, { campaigns: campaigns.catalog, facts, now: clock.now(), history })
    if (isLeft(decided)) return rejected(order, decided.left)
    const { answer, state: after } = decided.right
    if (named.key !== undefined) foreseen.set(contactId, after)
    return { ...answered(order, answer), states: { before, after } }
  } catch (error) {
    if (isFaultOfStore(error)) throw error
    return failed(lineOf(error))
  }
}

/** With facts only where the decision reads them: a stop of many works while the directory is down (FACTS-1). */
async function snapshotOf(
  { factsOf }: EngineContext,
  command: ContactCommand,
  history: readonly RecordedContactEvent[],
): Promise<ContactSnapshot> {
  const facts = readsFacts(command) ? await factsOf(command.contactId) : undefined
  return { ...wholeFrom(history), facts }
}

/** Of an order for every key, each of its runs; of one run as ever. */
function answered({ action }: OrderForEach, answer: object): Outcome {
  if (action === 'undo' || action === 'undo-order') return undone(answer as UndoAnswer)
  const { run = 0, runs = [] } = answer as AnyAnswer
  const result = { outcome: actionOutcomeOf(action, answer), run: run === 0 ? null : run, reason: null }
  return runs.length === 0 ? result : { ...result, runs: runs as readonly KeyedResult[] }
}

/** What undoing an order came to, or retracting a signal. */
type UndoAnswer = Answers['UndoOrder'] | Answers['RetractSignal']

function undone(answer: UndoAnswer): Outcome {
  const results: readonly UndoneRun[] = answer.results
  const outcome = undoOutcome(answer)
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

function undoOutcome({ outcome, results }: UndoAnswer): UndoRunOutcome {
  if (outcome === 'already_retracted') return 'nothing_to_undo'
  if (outcome !== 'retracted') return outcome
  // The signal counts no more, even where it had led to nothing.
  return results.length === 0 ? 'undone' : undoSummary(results)
}

interface AnyAnswer {
  readonly run?: number
  readonly runs?: readonly KeyedOutcome[]
}

function rejected({ action, order }: OrderForEach, { type }: Rejection): Outcome {
  const because = (outcome: ActionOutcome): Outcome => ({ outcome, run: null, reason: null })
  // Nothing brings back a contact that was erased, and nothing more becomes of it (UNDO-3).
  if (action === 'undo' && order?.verb === 'erase') return failed(type)
  if (action === 'undo' && type === 'ContactErased') return because('changed_since')
  if (action === 'undo' && (type === 'OrderUnknown' || type === 'SignalUnknown')) return because('nothing_to_undo')
  if (type === 'ContactUnknown') return because('contact_unknown')
  if (type === 'ContactSuppressed') return because('suppressed')
  return failed(type)
}

function failed(reason: string): Outcome {
  return { outcome: 'failed', run: null, reason }
}
