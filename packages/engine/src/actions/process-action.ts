/**
 * The life of an action, written down save by save: its contacts are collected, then processed in groups. What each save
 * makes of the record is decided by `action.ts` of the core; a save of another process that came first is found by its
 * revision.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  type ActionContact,
  type ActionId,
  type ActionRecord,
  type ActionResult,
  advancedAction,
  beginAction,
  type ContactId,
  cancelledAction,
  cancelledStream,
  collectedAction,
  contactsDigest,
  type Either,
  EnfoldFault,
  isOverAction,
  left,
  movedAction,
  type Rejection,
  right,
} from '@enfold/core'
import { yieldToEventLoop } from '../event-loop.ts'
import type { ActionContext, AnyActionOrder, BeginOptions, ProcessOptions } from './action-context.ts'
import { type ActionView, viewOf } from './action-questions.ts'
import { type AnySource, describeSource, digestOfSource, isReadOnce } from './contact-source.ts'
import { eachOf, GROUP, groupsOf } from './groups.ts'
import { executedFor, historiesOf, type PositionedOutcome, refusalOf } from './one-contact.ts'
import { sourceRefusal } from './settled.ts'

type PositionedResult = PositionedOutcome & Pick<ActionResult, 'number'>

export async function processAction(
  actions: ActionContext,
  order: AnyActionOrder,
  previewed: BeginOptions['preview'],
  options: ProcessOptions,
): Promise<Either<Rejection, ActionView>> {
  const { context, reading } = actions
  const { actionId } = order
  // Which contacts a stream has is known when it is read: until then nobody can tell whether this order is the same.
  for (let other = reading.get(actionId); other !== undefined; other = reading.get(actionId)) await other
  const read = Promise.withResolvers<void>()
  if (isReadOnce(order.contacts)) reading.set(actionId, read.promise)
  let collected: Collected | Either<Rejection, ActionView>
  try {
    const stored = await actions.actionStore().action(actionId)
    if (stored !== null && !(await isSameOrder(actions, stored, order))) return left(reused(stored))
    if (stored !== null && stored.state !== 'collecting') return resumed(actions, stored, options)
    const refused = (await sourceRefusal(actions, order)) ?? (await refusalOf(context, order))
    if (refused !== null) return left(refused)
    collected = await collectedBy(actions, order, stored, previewed, options)
  } finally {
    if (reading.get(actionId) === read.promise) reading.delete(actionId)
    read.resolve()
  }
  if ('_tag' in collected) return collected
  return right(await work(actions, collected.record, options))
}

interface Collected {
  readonly record: ActionRecord
}

/** The action with all its contacts; or the answer, where another process was first. */
async function collectedBy(
  actions: ActionContext,
  order: AnyActionOrder,
  stored: ActionRecord | null,
  previewed: BeginOptions['preview'],
  options: ProcessOptions,
): Promise<Collected | Either<Rejection, ActionView>> {
  const { context, actionStore } = actions
  const {
    action,
    actionId,
    actor,
    campaignId,
    contacts,
    reason = null,
    sequenceId,
    key,
    vars,
    undoes,
    order: more,
  } = order
  const preview = previewed?.complete === true ? previewed.outcomes : null
  const source = describeSource(contacts)
  const digest = isReadOnce(contacts) ? {} : { contactsDigest: await digestOf(actions, order) }
  const ordered = {
    ...(key === undefined ? {} : { key }),
    ...(vars === undefined ? {} : { vars }),
    ...(more === undefined ? {} : { order: more }),
  }
  const { stopSent = false, shift = false } = order
  const undoing = undoes === undefined ? {} : { undoes, stopSent, shift }
  const begun = {
    action,
    actionId,
    actor,
    campaignId,
    ...ordered,
    ...undoing,
    preview,
    reason,
    sequenceId,
    source,
    ...digest,
  }
  const record = beginAction(begun, stored, context.clock.now())
  // What an attempt collected that came to no end is forgotten: the source may have other contacts now.
  if ((await actionStore().saveAction(record, { clear: true })) === null) {
    // Another process was first: with this order, or with another under the same id.
    const first = await actionStore().action(actionId)
    return first === null || (await isSameOrder(actions, first, order))
      ? takenOver(actions, actionId)
      : left(reused(first))
  }
  const collected = await collect(actions, record, contacts, options)
  if (collected.record !== null) return { record: collected.record }
  const other = await actionStore().action(actionId)
  // With the signal its reading ended too early to compare.
  const isKnown = other?.contactsDigest !== undefined && !options.signal?.aborted
  return isKnown && other.contactsDigest !== collected.contactsDigest
    ? left(reused(other))
    : takenOver(actions, actionId)
}

export async function resumeAction(
  actions: ActionContext,
  actionId: ActionId,
  options: ProcessOptions,
): Promise<Either<Rejection, ActionView>> {
  const stored = await actions.actionStore().action(actionId)
  return stored === null ? left({ type: 'ActionUnknown', actionId }) : resumed(actions, stored, options)
}

export async function cancelAction(
  { context, actionStore }: ActionContext,
  actionId: ActionId,
  cancelledBy: string | null,
): Promise<Either<Rejection, ActionView>> {
  const now = () => context.clock.now()
  for (;;) {
    const stored = await actionStore().action(actionId)
    if (stored === null) return left({ type: 'ActionUnknown', actionId })
    if (isOverAction(stored)) return right(viewOf(stored, now()))
    const cancelled = cancelledAction(stored, cancelledBy, now())
    if ((await actionStore().saveAction(cancelled)) !== null) return right(viewOf(cancelled, now()))
  }
}

async function resumed(
  actions: ActionContext,
  stored: ActionRecord,
  options: ProcessOptions,
): Promise<Either<Rejection, ActionView>> {
  const now = actions.context.clock.now()
  if (stored.state === 'collecting') return left({ type: 'ActionIncomplete', actionId: stored.actionId })
  if (stored.state !== 'running') return right(viewOf(stored, now))
  // The next revision is this process's sign: any other that works on the action finds it and leaves off.
  const mine = movedAction(stored, now)
  if ((await actions.actionStore().saveAction(mine)) === null) return takenOver(actions, stored.actionId)
  return right(await work(actions, mine, options))
}

/** As another process has it that was first. */
async function takenOver(
  { context, actionStore }: ActionContext,
  actionId: ActionId,
): Promise<Either<Rejection, ActionView>> {
  const stored = await actionStore().action(actionId)
  return stored === null ? left({ type: 'ActionUnknown', actionId }) : right(viewOf(stored, context.clock.now()))
}

/**
 * Verb, sequence, who orders it, and the contacts as they are named. Of a stream whose reading came to no end none is
 * known, and none was touched: there they may be others.
 */
async function isSameOrder(actions: ActionContext, stored: ActionRecord, order: AnyActionOrder): Promise<boolean> {
  const { action, actor, campaignId, sequenceId, key, vars, contacts, undoes, stopSent, shift } = order
  // An undo of an early release does not say what it undoes.
  const isKnown = action !== 'undo' || stored.order !== undefined
  const same =
    stored.action === action &&
    stored.campaignId === campaignId &&
    stored.sequenceId === sequenceId &&
    stored.key === key &&
    isDeepStrictEqual(stored.vars, vars) &&
    (!isKnown || isDeepStrictEqual(stored.order, order.order)) &&
    stored.undoes === undoes &&
    (stored.stopSent ?? false) === (stopSent ?? false) &&
    (stored.shift ?? false) === (shift ?? false) &&
    stored.actor === actor
  if (!same || stored.contactsDigest === undefined) return same
  if (stored.source.from !== describeSource(contacts).from) return false
  // A stream that is read to be compared could not be collected afterwards.
  if (stored.state === 'collecting' && isReadOnce(contacts)) return false
  return (await digestOf(actions, order, stored.digestOfFirst)) === stored.contactsDigest
}

/** @param first of so many contacts */
async function digestOf(
  { contactsOf, requireOpen }: ActionContext,
  order: AnyActionOrder,
  first = Number.POSITIVE_INFINITY,
): Promise<string> {
  const { actionId, contacts } = order
  const ofSource = digestOfSource(actionId, contacts)
  if (ofSource !== null) return ofSource
  if (first === 0) return actionId
  let digest: string = actionId
  let named = 0
  for await (const group of groupsOf(contactsOf(contacts, order))) {
    requireOpen()
    digest = contactsDigest(digest, group)
    named += group.length
    if (named >= first) break
    await yieldToEventLoop()
  }
  return digest
}

function reused({ action, actionId, campaignId, sequenceId }: ActionRecord): Rejection {
  const what =
    campaignId === null ? action : `${action} of ${JSON.stringify(sequenceId)} of ${JSON.stringify(campaignId)}`
  const usedFor = `${what}, with an actor and contacts of its own`
  return { type: 'CommandIdReused', commandId: `${actionId}`, actionId, usedFor }
}

/**
 * The record when it knows all its contacts; `null`: another process has begun again. The digest is that of all contacts all
 * the same, so that it can be compared with what that process was told.
 */
async function collect(
  { context, contactsOf, actionStore, requireOpen }: ActionContext,
  begun: ActionRecord,
  source: AnySource,
  { signal }: ProcessOptions,
): Promise<{ readonly record: ActionRecord | null; readonly contactsDigest: string }> {
  const now = () => context.clock.now()
  let record = begun
  let digest: string = begun.actionId
  let added = 0
  let named = 0
  let isMine = true
  const whole = () => begun.contactsDigest ?? digestOfSource(begun.actionId, source) ?? digest
  for await (const group of groupsOf(contactsOf(source, begun))) {
    requireOpen()
    if (signal?.aborted) break
    digest = contactsDigest(digest, group)
    named += group.length
    if (isMine) {
      record = movedAction(record, now())
      const addedNow = await actionStore().saveAction(record, { add: group })
      const cancelled = addedNow === null ? await cancelledMeanwhile(actionStore(), begun, named, digest) : null
      if (cancelled !== null) return { record: cancelled, contactsDigest: whole() }
      isMine = addedNow !== null
      added += addedNow ?? 0
    }
    await yieldToEventLoop()
  }
  if (!isMine) return { record: null, contactsDigest: whole() }
  const known = { added, named, contactsDigest: whole() }
  const collected = signal?.aborted
    ? cancelledAction(record, null, now(), known)
    : collectedAction(record, known, now())
  const isSaved = (await actionStore().saveAction(collected)) !== null
  const saved = isSaved ? collected : await cancelledMeanwhile(actionStore(), begun, named, digest)
  return { record: saved, contactsDigest: known.contactsDigest }
}

/** As it was cancelled; `null`: it was not. Of a stream it is noted what was read of it. */
async function cancelledMeanwhile(
  store: ReturnType<ActionContext['actionStore']>,
  { actionId, contactsDigest: known }: ActionRecord,
  named: number,
  digest: string,
): Promise<ActionRecord | null> {
  const stored = await store.action(actionId)
  if (stored?.state !== 'cancelled') return null
  if (known !== undefined || stored.contactsDigest !== undefined) return stored
  const noted = cancelledStream(stored, named, digest)
  return (await store.saveAction(noted)) === null ? stored : noted
}

/** Group after group until the action is over, or another process goes on with it. */
async function work(actions: ActionContext, record: ActionRecord, options: ProcessOptions): Promise<ActionView> {
  const { working } = actions
  const worked = workOn(actions, record, options)
  const left = worked.catch(() => {})
  working.set(record.actionId, left)
  try {
    return await worked
  } finally {
    if (working.get(record.actionId) === left) working.delete(record.actionId)
  }
}

async function workOn(
  actions: ActionContext,
  record: ActionRecord,
  { signal, onProgress }: ProcessOptions,
): Promise<ActionView> {
  const { context, actionStore, requireOpen } = actions
  const view = () => viewOf(current, context.clock.now())
  let current = record
  tell(onProgress, view())
  while (current.state === 'running') {
    requireOpen()
    const group = signal?.aborted ? [] : await actionStore().actionContacts(current.actionId, current.processed, GROUP)
    if (group.length === 0 && current.processed < current.contacts && !signal?.aborted) throw contactsMissing(current)
    const results = await resultsOf(actions, current, group)
    const advanced = await advance(actions, current, results, signal?.aborted === true)
    current = advanced.record
    if (!advanced.isMine) break
    tell(onProgress, view())
    await yieldToEventLoop()
  }
  return view()
}

async function resultsOf(
  { context }: ActionContext,
  record: ActionRecord,
  group: readonly ActionContact[],
): Promise<readonly PositionedResult[]> {
  const { reason, ...order } = record
  const recorded = { ...order, ...(reason === null ? {} : { reason }) }
  const histories = await historiesOf(context, [...new Set(group.map(({ contactId }) => contactId))])
  const seen = new Set<ContactId>()
  return eachOf(group, async (contact) => {
    // What was read before is older than what was done for another key of the contact.
    const known = seen.has(contact.contactId) ? null : histories
    seen.add(contact.contactId)
    return { number: contact.number, ...(await executedFor(context, recorded, contact, known)) }
  })
}

/**
 * Saves results and state. If the action was cancelled meanwhile, what was done all the same is still recorded.
 * `isMine` is false if another process goes on with the action.
 */
async function advance(
  { context, actionStore }: ActionContext,
  current: ActionRecord,
  positioned: readonly PositionedResult[],
  isLast: boolean,
): Promise<{ readonly record: ActionRecord; readonly isMine: boolean }> {
  const results = positioned.map(({ position: _, ...result }): ActionResult => result)
  const outcomes = results.map(({ outcome }) => outcome)
  const position = positioned.reduce((last, one) => Math.max(last, one.position), 0)
  for (let base = current; ; ) {
    const record = advancedAction(base, { outcomes, position, isLast }, context.clock.now())
    if ((await actionStore().saveAction(record, { results })) !== null) return { record, isMine: true }
    const stored = (await actionStore().action(current.actionId)) ?? current
    if (stored.state !== 'cancelled') return { record: stored, isMine: false }
    // A process that took the action over before it was cancelled has recorded these contacts: they count once.
    if (stored.processed !== current.processed || results.length === 0) return { record: stored, isMine: true }
    base = stored
  }
}

function contactsMissing({ actionId, contacts, processed }: ActionRecord): EnfoldFault {
  return new EnfoldFault(
    'STORE_CORRUPT',
    `The action ${JSON.stringify(actionId)} is for ${contacts} contacts, and the store has ${processed} of them. Restore it from a copy, or order another action.`,
    { actionId },
  )
}

function tell(onProgress: ProcessOptions['onProgress'], view: ActionView): void {
  try {
    onProgress?.(view)
  } catch {
    // What the host's function throws does not end the action.
  }
}
