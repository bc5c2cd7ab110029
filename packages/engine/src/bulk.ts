/**
 * Bulk: an action over many contacts. Its contacts are collected first, into the action store, so that what it does
 * cannot change whom it is for, each counts once, and it can be resumed by its id alone; then they are processed in
 * groups. Each contact has a command of its own, whose id is a function of action and contact: what a crash made
 * twice is done once (ONCE-1). Rules BULK-1 to BULK-3. Contacts are read by `contact-source.ts`.
 */
import {
  ACTION_OUTCOMES,
  ACTION_VERBS,
  type ActionContact,
  type ActionCounts,
  type ActionId,
  type ActionOutcome,
  type ActionRecord,
  type ActionResult,
  type ActionStore,
  type ActionVerb,
  addOutcomes,
  type ContactCommand,
  type ContactId,
  contactStream,
  contactsDigest,
  decide,
  derivedCommandId,
  type Either,
  EnfoldFault,
  fold,
  type Instant,
  initialContact,
  isLeft,
  left,
  NO_OUTCOMES,
  type Position,
  READS_FACTS,
  type ReadModel,
  type RecordedContactEvent,
  type Rejection,
  right,
  type SequenceRef,
} from '@enfold/core'
import { type ActionView, viewOf as viewAt } from './action-questions.ts'
import { isFaultOfStore } from './batch.ts'
import { type ContactSource, checkSource, contactsOf, describeSource, digestOfSource } from './contact-source.ts'
import { yieldToEventLoop } from './event-loop.ts'
import { type ContactSnapshot, type EngineContext, execute } from './execute.ts'
import { lineOf } from './fault-words.ts'
import * as input from './input.ts'
import type { Inspect } from './inspect.ts'

/** What to do, and to whom. */
export interface ActionTarget extends SequenceRef {
  readonly action: ActionVerb
  readonly contacts: ContactSource
}

export interface ActionOrder extends ActionTarget {
  /**
   * The same id again is the same action: it goes on where it was, or answers as it ended (BULK-2). With another verb,
   * sequence or actor, or with other contacts, it is refused.
   */
  readonly actionId: ActionId
  /** Your id of who orders this; `null` for nobody. Recorded. */
  readonly actor: string | null
  /** For people; recorded. No personal data (LOG-4). */
  readonly reason?: string
}

/** What processing would come to, contact by contact, as of now. Nothing was written. */
export interface ActionPreview {
  readonly at: Instant
  /** How many contacts were looked at, each once. */
  readonly contacts: number
  /** How many were named again. */
  readonly repeated: number
  /** False: there are more than `limit`, and those are not in here. */
  readonly complete: boolean
  readonly outcomes: ActionCounts
  /** Of each outcome, the first few contacts. */
  readonly samples: { readonly [outcome in ActionOutcome]: readonly ContactId[] }
}

export interface ProcessOptions {
  /** Cancels the action: the group in hand is finished (at most 500 contacts), and no other begun. */
  readonly signal?: AbortSignal
  /** Called when it is known for whom it is, and after each group. What it throws is passed over. */
  readonly onProgress?: (action: ActionView) => void
}

export interface Bulk {
  /**
   * How many contacts will start, are in it already, are unknown … : the same decisions as when processed, not written.
   * At most `limit` contacts (1 to 1,000,000; default 100,000) are looked at.
   */
  previewAction(
    target: ActionTarget | ActionOrder,
    options?: { readonly limit?: number },
  ): Promise<Either<Rejection, ActionPreview>>
  /**
   * Collects the contacts, then processes them. Left: there is no such campaign or sequence to do it with, or the id
   * was used for another action. Resolves when it is done or cancelled; with `state: "running"` if another process has
   * taken the action over meanwhile. A fault of the store ends it with that fault, to be resumed.
   *
   * @throws EnfoldFault `INVALID_INPUT` for a list or CSV with something that is no id: then no contact was touched
   */
  processAction(
    order: ActionOrder,
    options?: ProcessOptions & { readonly preview?: ActionPreview },
  ): Promise<Either<Rejection, ActionView>>
  /** Goes on with an action whose process died, from what the store holds of it. */
  resumeAction(actionId: ActionId, options?: ProcessOptions): Promise<Either<Rejection, ActionView>>
  /** Ends an action, whichever process works on it: it stops behind the group in hand. What is over stays as it is. */
  cancelAction(actionId: ActionId, order: { readonly actor: string | null }): Promise<Either<Rejection, ActionView>>
}

/** Contacts in one transaction, and between two looks at the signal. Above this a transaction grows without gaining. */
const GROUP = 500
/** How many contacts of each outcome a preview names. */
const SAMPLES = 5

type OneOfMany = Extract<ContactCommand, { readonly type: (typeof ACTION_VERBS)[ActionVerb]['command'] }>

const TARGET = {
  action: verb,
  campaignId: input.id,
  sequenceId: input.id,
  contacts: checkSource,
}
const ORDER = { ...TARGET, actionId: input.id, actor: input.actor, 'reason?': input.text }
const PROCESS = { 'signal?': input.abortSignal, 'onProgress?': callable }

/** @param actions `null`: the store keeps none, and every verb says so */
export function createBulk(
  context: EngineContext,
  readModel: ReadModel,
  inspect: Inspect,
  actions: ActionStore | null,
): Bulk & { close(): Promise<void> } {
  const { campaigns, clock, store } = context
  const working = new Set<Promise<unknown>>()
  let closed = false

  function refuseIfClosed(): void {
    if (closed) throw new EnfoldFault('CLOSED', 'The engine was closed. Make a new one, and resume the action.')
  }

  function actionStore(): ActionStore {
    if (actions !== null) return actions
    throw EnfoldFault.invalidInput(
      'createEngine.store',
      undefined,
      'a store that keeps actions (saveAction …), or one as readModel: bulk actions have to be remembered',
    )
  }

  // --- One contact ---

  function commandFor(order: Omit<ActionOrder, 'contacts'>, contactId: ContactId): OneOfMany {
    const { action, actionId, campaignId, sequenceId, actor, reason } = order
    return {
      type: ACTION_VERBS[action].command,
      contactId,
      campaignId,
      sequenceId,
      commandId: derivedCommandId('bulk', actionId, contactId),
      actionId,
      actor,
      ...(reason === undefined ? {} : { reason }),
    }
  }

  /** Why nobody can be started or stopped there at all; the same rules that each contact meets. */
  async function refusal(order: Omit<ActionOrder, 'contacts'>): Promise<Rejection | null> {
    await campaigns.refresh()
    const deciding = { campaigns: campaigns.catalog, facts: {}, now: clock.now() }
    const decided = decide(commandFor(order, 'nobody'), initialContact, deciding)
    return isLeft(decided) ? decided.left : null
  }

  /** `null`: something in one of the streams cannot be read, so each must be read by itself. */
  async function historiesOf(contactIds: readonly ContactId[]) {
    try {
      return await store.readMany(contactIds.map(contactStream))
    } catch (error) {
      if (isFaultOfStore(error)) throw error
      return null
    }
  }

  /** With facts only where the decision reads them: a stop of many works while the directory is down (FACTS-1). */
  async function known(
    { type, contactId }: OneOfMany,
    history: readonly RecordedContactEvent[],
  ): Promise<ContactSnapshot> {
    const last = history.at(-1)
    const facts = READS_FACTS[type] ? await context.factsOf(contactId) : undefined
    return { state: fold(history), facts, version: last?.version ?? 0, position: last?.position ?? 0 }
  }

  /** Faults of the store are thrown; whatever else goes wrong is this contact's own affair. */
  async function executed(
    command: OneOfMany,
    history: readonly RecordedContactEvent[] | null,
  ): Promise<PositionedOutcome> {
    try {
      // A repeat is found in the history, which `execute` then reads for itself.
      const isRepeat = history === null || history.some(({ commandId }) => commandId === command.commandId)
      const either = await execute(context, command, isRepeat ? undefined : await known(command, history))
      if (isLeft(either)) return { ...rejected(either.left), position: 0 }
      return { ...answered(either.right.answer), position: either.right.position }
    } catch (error) {
      if (isFaultOfStore(error)) throw error
      return { ...failed(lineOf(error)), position: 0 }
    }
  }

  async function foreseen(order: Omit<ActionOrder, 'contacts'>, contactId: ContactId, history: Histories) {
    try {
      const stream = contactStream(contactId)
      const events = (history ?? (await store.readMany([stream]))).get(stream) ?? []
      const command = commandFor(order, contactId)
      const { state, facts = {} } = await known(command, events as readonly RecordedContactEvent[])
      await campaigns.ensure(state)
      const deciding = { campaigns: campaigns.catalog, facts, now: clock.now() }
      const decided = decide(command, state, deciding)
      return isLeft(decided) ? rejected(decided.left) : answered(decided.right.answer)
    } catch (error) {
      if (isFaultOfStore(error)) throw error
      return failed(lineOf(error))
    }
  }

  // --- The life of an action: begun, collected, processed in groups, over ---

  async function preview(target: ActionTarget | ActionOrder, limit: number) {
    const order = { actionId: 'preview', actor: null, ...target }
    const refused = await refusal(order)
    if (refused !== null) return left(refused)
    const at = clock.now()
    // Bounded by the limit: who was named already.
    const seen = new Set<ContactId>()
    const samples = new Map(ACTION_OUTCOMES.map((outcome) => [outcome, [] as ContactId[]]))
    let outcomes = NO_OUTCOMES
    let repeated = 0
    let complete = true
    for await (const group of groups(contactsOf(target.contacts, inspect, readModel))) {
      refuseIfClosed()
      const fresh: ContactId[] = []
      for (const contactId of group) {
        if (seen.has(contactId)) repeated += 1
        else if (seen.size === limit) complete = false
        else {
          seen.add(contactId)
          fresh.push(contactId)
        }
      }
      const histories = await historiesOf(fresh)
      const found = await allOf(fresh.map((contactId) => foreseen(order, contactId, histories)))
      for (const [i, { outcome }] of found.entries()) {
        const sample = samples.get(outcome) as ContactId[]
        if (sample.length < SAMPLES) sample.push(fresh[i] as ContactId)
      }
      outcomes = addOutcomes(
        outcomes,
        found.map(({ outcome }) => outcome),
      )
      if (!complete) break
      await yieldToEventLoop()
    }
    return right({
      at,
      contacts: seen.size,
      repeated,
      complete,
      outcomes,
      samples: Object.fromEntries(samples) as unknown as ActionPreview['samples'],
    })
  }

  async function process(
    order: ActionOrder,
    previewed: ActionPreview | undefined,
    options: ProcessOptions,
  ): Promise<Either<Rejection, ActionView>> {
    const stored = await actionStore().action(order.actionId)
    if (stored !== null && !(await isSameOrder(stored, order))) return left(reused(stored))
    if (stored !== null && stored.state !== 'collecting') return resume(stored, options)
    const refused = await refusal(order)
    if (refused !== null) return left(refused)
    const { action, actionId, actor, campaignId, reason = null, sequenceId } = order
    const record: ActionRecord = {
      actionId,
      revision: (stored?.revision ?? 0) + 1,
      action,
      campaignId,
      sequenceId,
      actor,
      reason,
      source: describeSource(order.contacts),
      state: 'collecting',
      orderedAt: stored?.orderedAt ?? clock.now(),
      movedAt: clock.now(),
      endedAt: null,
      cancelledBy: null,
      contacts: 0,
      repeated: 0,
      processed: 0,
      outcomes: NO_OUTCOMES,
      position: 0,
      preview: previewed?.complete === true ? previewed.outcomes : null,
    }
    // What an attempt collected that came to no end is forgotten: the source may have other contacts now.
    if ((await actionStore().saveAction(record, { clear: true })) === null) {
      // Another process was first: with this order, or with another under the same id.
      const first = await actionStore().action(actionId)
      return first === null || (await isSameOrder(first, order)) ? takenOver(actionId) : left(reused(first))
    }
    const collected = await collect(record, order.contacts, options)
    return collected === null ? takenOver(actionId) : right(await work(collected, options))
  }

  /** Verb, sequence, who orders it, and the contacts as they are named; while none is known, those may be others. */
  async function isSameOrder(stored: ActionRecord, order: ActionOrder): Promise<boolean> {
    const { action, actor, actionId, campaignId, sequenceId, contacts } = order
    const same =
      stored.action === action &&
      stored.campaignId === campaignId &&
      stored.sequenceId === sequenceId &&
      stored.actor === actor
    if (!same || stored.contactsDigest === undefined) return same
    if (stored.source.from !== describeSource(contacts).from) return false
    let digest = digestOfSource(actionId, contacts)
    if (digest !== null) return digest === stored.contactsDigest
    digest = actionId
    for await (const group of groups(contactsOf(contacts, inspect, readModel))) {
      refuseIfClosed()
      digest = contactsDigest(digest, group)
    }
    return digest === stored.contactsDigest
  }

  /** The record when it knows all its contacts; `null`: another process has begun anew. */
  async function collect(
    begun: ActionRecord,
    source: ContactSource,
    { signal }: ProcessOptions,
  ): Promise<ActionRecord | null> {
    let record = begun
    let digest = begun.actionId
    let added = 0
    let named = 0
    for await (const group of groups(contactsOf(source, inspect, readModel))) {
      refuseIfClosed()
      if (signal?.aborted) break
      digest = contactsDigest(digest, group)
      record = next(record)
      const now = await actionStore().saveAction(record, { add: group })
      if (now === null) return cancelledMeanwhile(record.actionId)
      added += now
      named += group.length
      await yieldToEventLoop()
    }
    const running: ActionRecord = {
      ...next(record),
      state: 'running',
      contacts: added,
      repeated: named - added,
    }
    const known = { ...running, contactsDigest: digestOfSource(begun.actionId, source) ?? digest }
    const collected = signal?.aborted ? ended(running, 'cancelled', null) : known
    return (await actionStore().saveAction(collected)) === null ? cancelledMeanwhile(record.actionId) : collected
  }

  async function cancelledMeanwhile(actionId: ActionId): Promise<ActionRecord | null> {
    const stored = await actionStore().action(actionId)
    return stored?.state === 'cancelled' ? stored : null
  }

  async function resume(stored: ActionRecord, options: ProcessOptions): Promise<Either<Rejection, ActionView>> {
    if (stored.state === 'collecting') return left({ type: 'ActionIncomplete', actionId: stored.actionId })
    if (stored.state !== 'running') return right(viewOf(stored))
    // The next revision is this process's sign: whoever else works on the action finds it and leaves off.
    const mine = next(stored)
    if ((await actionStore().saveAction(mine)) === null) return takenOver(stored.actionId)
    return right(await work(mine, options))
  }

  async function work(record: ActionRecord, { signal, onProgress }: ProcessOptions): Promise<ActionView> {
    let current = record
    tell(onProgress, viewOf(current))
    while (current.state === 'running') {
      refuseIfClosed()
      const group = signal?.aborted
        ? []
        : await actionStore().actionContacts(current.actionId, current.processed, GROUP)
      if (group.length === 0 && current.processed < current.contacts && !signal?.aborted)
        throw new EnfoldFault(
          'STORE_CORRUPT',
          `The action ${JSON.stringify(current.actionId)} is for ${current.contacts} contacts, and the store has ${current.processed} of them. Restore it from a copy, or order another action.`,
          { actionId: current.actionId },
        )
      const results = await resultsOf(current, group)
      const isLast = current.processed + group.length >= current.contacts
      const { record: advanced, isMine } = await advance(
        current,
        results,
        isLast ? 'done' : signal?.aborted ? 'cancelled' : 'running',
      )
      current = advanced
      if (!isMine) break
      tell(onProgress, viewOf(current))
      await yieldToEventLoop()
    }
    return viewOf(current)
  }

  async function resultsOf(
    record: ActionRecord,
    group: readonly ActionContact[],
  ): Promise<readonly PositionedResult[]> {
    const { reason, ...order } = record
    const recorded = { ...order, ...(reason === null ? {} : { reason }) }
    const histories = await historiesOf(group.map(({ contactId }) => contactId))
    return allOf(
      group.map(async ({ number, contactId }) => {
        const history = histories === null ? null : (histories.get(contactStream(contactId)) ?? [])
        const command = commandFor(recorded, contactId)
        return { number, ...(await executed(command, history as readonly RecordedContactEvent[] | null)) }
      }),
    )
  }

  /**
   * Saves results and state. If the action was cancelled meanwhile, what was done all the same is still recorded.
   * `isMine` is false if another process goes on with the action.
   */
  async function advance(
    current: ActionRecord,
    placed: readonly PositionedResult[],
    state: 'running' | 'cancelled' | 'done',
  ): Promise<{ readonly record: ActionRecord; readonly isMine: boolean }> {
    const results = placed.map(({ position: _, ...result }): ActionResult => result)
    for (let base = current; ; ) {
      const grown: ActionRecord = {
        ...next(base),
        processed: base.processed + results.length,
        outcomes: addOutcomes(
          base.outcomes,
          results.map(({ outcome }) => outcome),
        ),
        position: placed.reduce((last, { position }) => Math.max(last, position), base.position),
      }
      const saved = base.state === 'running' && state !== 'running' ? ended(grown, state, null) : grown
      if ((await actionStore().saveAction(saved, { results })) !== null) return { record: saved, isMine: true }
      const stored = (await actionStore().action(current.actionId)) ?? current
      if (stored.state !== 'cancelled') return { record: stored, isMine: false }
      // Whoever took the action over before it was cancelled has recorded these contacts: they count once.
      if (stored.processed !== current.processed || results.length === 0) return { record: stored, isMine: true }
      base = stored
    }
  }

  /** The record that is saved after this one. */
  function next(record: ActionRecord): ActionRecord {
    return { ...record, revision: record.revision + 1, movedAt: clock.now() }
  }

  const viewOf = (record: ActionRecord): ActionView => viewAt(record, clock.now())

  function ended(record: ActionRecord, state: 'cancelled' | 'done', cancelledBy: string | null): ActionRecord {
    return { ...record, state, endedAt: clock.now(), cancelledBy }
  }

  async function takenOver(actionId: ActionId): Promise<Either<Rejection, ActionView>> {
    const stored = await actionStore().action(actionId)
    return stored === null ? left({ type: 'ActionUnknown', actionId }) : right(viewOf(stored))
  }

  /** So that `close` waits for it. */
  async function atWork<T>(deed: () => Promise<T>): Promise<T> {
    refuseIfClosed()
    const promise = deed()
    working.add(promise)
    try {
      return await promise
    } finally {
      working.delete(promise)
    }
  }

  return {
    async previewAction(target, options = {}) {
      input.checkInput('previewAction', target, {
        ...TARGET,
        'actionId?': input.id,
        'actor?': input.actor,
        'reason?': input.text,
      })
      input.checkInput('previewAction.options', options, { 'limit?': input.wholeNumber(1, 1_000_000) })
      return atWork(() => preview(target, options.limit ?? 100_000))
    },
    async processAction(order, options = {}) {
      input.checkInput('processAction', order, ORDER)
      input.checkInput('processAction.options', options, { ...PROCESS, 'preview?': previewOf })
      return atWork(() => process(order, options.preview, options))
    },
    async resumeAction(actionId, options = {}) {
      input.id('resumeAction.actionId', actionId)
      input.checkInput('resumeAction.options', options, PROCESS)
      return atWork(async () => {
        const stored = await actionStore().action(actionId)
        return stored === null ? left({ type: 'ActionUnknown', actionId }) : resume(stored, options)
      })
    },
    async cancelAction(actionId, order) {
      input.id('cancelAction.actionId', actionId)
      input.checkInput('cancelAction', order, { actor: input.actor })
      refuseIfClosed()
      for (;;) {
        const stored = await actionStore().action(actionId)
        if (stored === null) return left({ type: 'ActionUnknown', actionId })
        if (stored.state === 'cancelled' || stored.state === 'done') return right(viewOf(stored))
        const over = ended(next(stored), 'cancelled', order.actor)
        if ((await actionStore().saveAction(over)) !== null) return right(viewOf(over))
      }
    },
    async close() {
      closed = true
      await Promise.allSettled(working)
    },
  }
}

type Histories = ReadonlyMap<string, readonly unknown[]> | null

// --- Outcomes ---

type Outcome = Omit<ActionResult, 'number'>
/** With the position up to which the log says so. */
type PositionedOutcome = Outcome & { readonly position: Position }
type PositionedResult = PositionedOutcome & Pick<ActionResult, 'number'>

function answered({ outcome, run }: { readonly outcome: ActionOutcome; readonly run: number }): Outcome {
  return { outcome, run: run === 0 ? null : run, reason: null }
}

function rejected({ type }: Rejection): Outcome {
  if (type === 'ContactUnknown') return { outcome: 'contact_unknown', run: null, reason: null }
  if (type === 'ContactSuppressed') return { outcome: 'suppressed', run: null, reason: null }
  return failed(type)
}

function failed(reason: string): Outcome {
  return { outcome: 'failed', run: null, reason }
}

// --- The order ---

function reused({ action, actionId, campaignId, sequenceId }: ActionRecord): Rejection {
  const usedFor = `${action} of ${JSON.stringify(sequenceId)} of ${JSON.stringify(campaignId)}, with an actor and contacts of its own`
  return { type: 'CommandIdReused', commandId: `${actionId}`, usedFor }
}

function verb(path: string, value: unknown): void {
  if (typeof value !== 'string' || !Object.hasOwn(ACTION_VERBS, value))
    throw EnfoldFault.invalidInput(path, value, Object.keys(ACTION_VERBS).join(', '))
}

function callable(path: string, value: unknown): void {
  if (typeof value !== 'function') throw EnfoldFault.invalidInput(path, value, 'a function')
}

function previewOf(path: string, value: unknown): void {
  const { outcomes, complete } = (value ?? {}) as { outcomes?: Record<string, unknown>; complete?: unknown }
  const isPreview = ACTION_OUTCOMES.every((outcome) => Number.isSafeInteger(outcomes?.[outcome]))
  if (!isPreview || typeof complete !== 'boolean')
    throw EnfoldFault.invalidInput(path, value, 'what previewAction answered')
}

// --- Working in groups ---

async function* groups(contacts: AsyncIterable<ContactId>): AsyncGenerator<readonly ContactId[]> {
  let group: ContactId[] = []
  for await (const contactId of contacts) {
    group.push(contactId)
    if (group.length < GROUP) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

/** All results, or the first fault, when nothing is under way any more. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

function tell(onProgress: ProcessOptions['onProgress'], view: ActionView): void {
  try {
    onProgress?.(view)
  } catch {
    // The host's own affair: the action goes on.
  }
}
