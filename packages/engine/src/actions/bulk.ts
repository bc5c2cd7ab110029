/**
 * Bulk: an action over many contacts. Its contacts are collected first, into the action store, so that what it does
 * cannot change which contacts it is for, each counts once, and it can be resumed by its id alone; then they are processed in
 * groups. Rules BULK-1 to BULK-3. The parts: `contact-source.ts` reads the contacts, `one-contact.ts` does the work on
 * each, `process-action.ts` is the life of an action, `preview.ts` looks ahead.
 */
import {
  ACTION_OUTCOMES,
  ACTION_VERB_NAMES,
  type ActionId,
  type ActionItem,
  type ActionStore,
  type Either,
  EnfoldFault,
  left,
  type ReadModel,
  type Rejection,
  type SequenceRef,
  type Vars,
  VERBS,
  verbOfAction,
} from '@enfold/core'
import { targetShape } from '../contact-verbs.ts'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import type { IndexQuestions } from '../inspect/index-questions.ts'
import type { Lifetime } from '../lifetime.ts'
import type {
  ActionContext,
  ActionOrder,
  ActionPlace,
  ActionTarget,
  AnyActionOrder,
  BeginOptions,
  PreviewOptions,
  ProcessOptions,
  UndoActionOrder,
  UndoTarget,
} from './action-context.ts'
import type { ActionView } from './action-questions.ts'
import { checkSource, contactsOf, contactsOfAction } from './contact-source.ts'
import { commandFor } from './one-contact.ts'
import { type ActionPreview, previewOf } from './preview.ts'
import { cancelAction, processAction, resumeAction } from './process-action.ts'
import { sourceRefusal } from './settled.ts'
import { previewUndo, undoAction } from './undo-action.ts'

export interface Bulk {
  /**
   * How many contacts will start, are in it already, are unknown … : the same decisions as when processed, not written.
   * And what would be different of schedules.
   */
  previewAction(target: ActionTarget | ActionOrder, options?: PreviewOptions): Foreseen
  /**
   * Collects the contacts, then processes them. Left: there is no such campaign or sequence to do it with, or the id
   * was used for another action. Resolves when it is done or cancelled; with `state: "running"` if another process has
   * taken the action over meanwhile. A fault of the store ends it with that fault, to be resumed.
   *
   * @throws EnfoldFault `INVALID_INPUT` for a list or CSV with something that is no id: then no contact was touched
   */
  processAction(order: ActionOrder, options?: BeginOptions): Processed
  /**
   * How many contacts it would be undone for, and how: the same decisions as when processed, not written. Left: there is no
   * such action, or it is not over.
   */
  previewUndo(target: UndoTarget | UndoActionOrder, options?: PreviewOptions): Foreseen
  /**
   * Undoes another action, contact by contact: an action of its own, with a preview, a result for each contact, and
   * everything else that an action has. What was sent stays sent. Left: there is no such action, or it is not over.
   *
   * @example
   * await engine.undoAction({ actionId: 'undo-fair-2026', undoes: 'fair-2026', actor: 'anna', reason: 'wrong list' })
   */
  undoAction(order: UndoActionOrder, options?: BeginOptions): Processed
  /** Continues an action whose process died, from what the store holds of it. */
  resumeAction(actionId: ActionId, options?: ProcessOptions): Processed
  /** Ends an action, whichever process works on it: it stops after the group that is being processed. What is over stays as it is. */
  cancelAction(actionId: ActionId, order: { readonly actor: string | null }): Processed
}

/** What an action would come to, or why it cannot be. */
type Foreseen = Promise<Either<Rejection, ActionPreview>>
/** An action as it stands then, or why it was refused. */
type Processed = Promise<Either<Rejection, ActionView>>

const ORDERED = { actionId: input.id, actor: input.actor, 'reason?': input.text }
/** Of a preview nobody has to say who orders it. */
const FORESEEN = { 'actionId?': input.id, 'actor?': input.actor, 'reason?': input.text }
const UNDO = { undoes: input.id, 'stopSent?': input.flag, 'shift?': input.flag }
const PROCESS = { 'signal?': input.abortSignal, 'onProgress?': input.callable() }
const LIMIT = { 'limit?': input.wholeNumber(1, 1_000_000) }

/** @param store `null`: the store keeps no actions, and every verb says so */
export function createBulk(
  context: EngineContext,
  readModel: ReadModel,
  inspect: Pick<IndexQuestions, 'search'>,
  store: ActionStore | null,
  lifetime: Lifetime,
): Bulk {
  const actions: ActionContext = {
    context,
    contactsOf: (source, order) =>
      'action' in source
        ? contactsOfAction(requireActionStore(store), source)
        : withoutKeys(order, contactsOf(source, inspect, readModel, hasKeys(context, order) ? 'key' : null)),
    actionStore: () => requireActionStore(store),
    reading: new Map(),
    working: new Map(),
    requireOpen: () => lifetime.requireOpen('Make a new one, and resume the action.'),
  }
  /** `close` waits for it. */
  async function begun<T>(work: () => Promise<T>): Promise<T> {
    actions.requireOpen()
    return lifetime.track(work())
  }
  function foreseen<T>(verb: string, options: PreviewOptions, work: (limit: number) => Promise<T>) {
    input.checkInput(`${verb}.options`, options, LIMIT)
    return begun(() => work(options.limit ?? 100_000))
  }
  function processed<T>(verb: string, options: object, work: () => Promise<T>) {
    input.checkInput(`${verb}.options`, options, { ...PROCESS, 'preview?': preview })
    return begun(work)
  }
  return {
    async previewAction(target, options = {}) {
      const order = checkedTarget('previewAction', target, FORESEEN)
      return foreseen('previewAction', options, async (limit) => {
        const refused = await sourceRefusal(actions, order)
        return refused === null ? previewOf(actions, order, limit) : left(refused)
      })
    },
    async processAction(order, options = {}) {
      const checked = {
        ...checkedTarget('processAction', order, ORDERED),
        actionId: order.actionId,
        actor: order.actor,
      }
      return processed('processAction', options, () => processAction(actions, checked, options.preview, options))
    },
    async previewUndo(target, options = {}) {
      input.checkInput('previewUndo', target, { ...UNDO, ...FORESEEN })
      return foreseen('previewUndo', options, (limit) => previewUndo(actions, target, limit))
    },
    async undoAction(order, options = {}) {
      input.checkInput('undoAction', order, { ...UNDO, ...ORDERED })
      return processed('undoAction', options, () => undoAction(actions, order, options.preview, options))
    },
    async resumeAction(actionId, options = {}) {
      input.id('resumeAction.actionId', actionId)
      input.checkInput('resumeAction.options', options, PROCESS)
      return begun(() => resumeAction(actions, actionId, options))
    },
    async cancelAction(actionId, order) {
      input.id('cancelAction.actionId', actionId)
      input.checkInput('cancelAction', order, { actor: input.actor })
      return begun(() => cancelAction(actions, actionId, order.actor))
    },
  }
}

/**
 * What is ordered, as the parts of bulk take it: what it is about, and apart from that what its verb was ordered with.
 *
 * @throws EnfoldFault `INVALID_INPUT` for what is no order of the verb
 */
function checkedTarget(
  path: string,
  target: ActionTarget | ActionOrder,
  ordered: input.Shape,
): Omit<AnyActionOrder, 'actionId' | 'actor'> {
  input.named(path, target, 'an object with action, contacts and what the verb takes')
  input.oneOf(...ACTION_VERB_NAMES)(`${path}.action`, target.action)
  const name = verbOfAction(target.action)
  input.checkInput(path, target, { action: input.anything, ...targetShape(name), contacts: checkSource, ...ordered })
  const {
    action,
    contacts,
    actionId: _,
    actor: __,
    reason,
    ...rest
  } = target as Readonly<Record<string, unknown>> & ActionOrder
  // Of a signal; where one comes alone, this is asked when it is decided.
  if (rest.data !== undefined) input.jsonObject(`${path}.data`, rest.data)
  const { campaignId = null, sequenceId = null, key, vars, ...more } = structuredClone(rest) as Ordered
  const given = Object.entries(more).filter(([, value]) => value !== undefined)
  const order = input.jsonObject(path, Object.fromEntries(given))
  const checked = {
    action,
    campaignId,
    sequenceId,
    ...(key === undefined ? {} : { key }),
    ...(vars === undefined ? {} : { vars }),
    ...(given.length === 0 ? {} : { order }),
    ...(reason === undefined ? {} : { reason }),
    contacts,
  }
  // Options that do not go together are refused here, and not for each contact.
  commandFor({ ...checked, actionId: 'checked', actor: null }, { contactId: 'nobody' })
  return checked
}

/** Contacts with keys are refused where the verb takes none: it would do the same to a contact several times. */
async function* withoutKeys(
  { action }: Pick<AnyActionOrder, 'action'>,
  items: AsyncIterable<ActionItem>,
): AsyncGenerator<ActionItem> {
  const takesKey = action === 'undo' || 'key' in VERBS[verbOfAction(action)].takes
  for await (const item of items) {
    if (!takesKey && typeof item !== 'string')
      throw EnfoldFault.invalidInput('action.contacts', item.key, `contacts without keys: ${action} takes none`)
    yield item
  }
}

interface Ordered extends Partial<SequenceRef> {
  readonly vars?: Vars
  readonly [option: string]: unknown
}

/** Whether the newest version of the sequence has keys. */
export function hasKeys({ campaigns }: Pick<EngineContext, 'campaigns'>, of: ActionPlace): boolean {
  const newest = of.campaignId === null ? undefined : campaigns.catalog.find(of.campaignId)?.versions.at(-1)
  return of.sequenceId !== null && newest?.campaign.sequences.get(of.sequenceId)?.per !== undefined
}

function requireActionStore(store: ActionStore | null): ActionStore {
  if (store !== null) return store
  throw EnfoldFault.invalidInput(
    'createEngine.store',
    undefined,
    'a store that keeps actions (saveAction …), or one as readModel: bulk actions have to be remembered',
  )
}

function preview(path: string, value: unknown): void {
  const { outcomes, complete } = (value ?? {}) as { outcomes?: Record<string, unknown>; complete?: unknown }
  const isPreview = ACTION_OUTCOMES.every((outcome) => Number.isSafeInteger(outcomes?.[outcome]))
  if (!isPreview || typeof complete !== 'boolean')
    throw EnfoldFault.invalidInput(path, value, 'what previewAction answered')
}
