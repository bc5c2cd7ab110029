/**
 * Bulk: an action over many contacts. Its contacts are collected first, into the action store, so that what it does
 * cannot change which contacts it is for, each counts once, and it can be resumed by its id alone; then they are processed in
 * groups. Rules BULK-1 to BULK-3. The parts: `contact-source.ts` reads the contacts, `one-contact.ts` does the work on
 * each, `process-action.ts` is the life of an action, `preview.ts` looks ahead.
 */
import {
  ACTION_OUTCOMES,
  ACTION_VERB_NAMES,
  ACTION_VERBS,
  type ActionId,
  type ActionStore,
  type Either,
  EnfoldFault,
  type ReadModel,
  type Rejection,
  type SequenceRef,
} from '@enfold/core'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import type { IndexQuestions } from '../inspect/index-questions.ts'
import type { Lifetime } from '../lifetime.ts'
import type {
  ActionContext,
  ActionOrder,
  ActionTarget,
  ProcessOptions,
  UndoActionOrder,
  UndoTarget,
} from './action-context.ts'
import type { ActionView } from './action-questions.ts'
import { checkSource, contactsOf, contactsOfAction } from './contact-source.ts'
import { type ActionPreview, previewOf } from './preview.ts'
import { cancelAction, processAction, resumeAction } from './process-action.ts'
import { previewUndo, undoAction } from './undo-action.ts'

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
  /**
   * How many contacts it would be undone for, and how: the same decisions as when processed, not written. Left: there is no
   * such action, or it is not over.
   */
  previewUndo(
    target: UndoTarget | UndoActionOrder,
    options?: { readonly limit?: number },
  ): Promise<Either<Rejection, ActionPreview>>
  /**
   * Undoes another action, contact by contact: an action of its own, with a preview, a result for each contact, and
   * everything else that an action has. What was sent stays sent. Left: there is no such action, or it is not over.
   *
   * @example
   * await engine.undoAction({ actionId: 'undo-fair-2026', undoes: 'fair-2026', actor: 'anna', reason: 'wrong list' })
   */
  undoAction(
    order: UndoActionOrder,
    options?: ProcessOptions & { readonly preview?: ActionPreview },
  ): Promise<Either<Rejection, ActionView>>
  /** Continues an action whose process died, from what the store holds of it. */
  resumeAction(actionId: ActionId, options?: ProcessOptions): Promise<Either<Rejection, ActionView>>
  /** Ends an action, whichever process works on it: it stops after the group that is being processed. What is over stays as it is. */
  cancelAction(actionId: ActionId, order: { readonly actor: string | null }): Promise<Either<Rejection, ActionView>>
}

const TARGET = {
  action: verb,
  campaignId: input.id,
  sequenceId: input.id,
  'key?': input.id,
  'vars?': input.vars,
  contacts: checkSource,
}
const ORDER = { ...TARGET, actionId: input.id, actor: input.actor, 'reason?': input.text }
const UNDO_TARGET = { undoes: input.id, 'stopSent?': input.flag, 'shift?': input.flag }
const UNDO = { ...UNDO_TARGET, actionId: input.id, actor: input.actor, 'reason?': input.text }
const PREVIEW_UNDO = { ...UNDO_TARGET, 'actionId?': input.id, 'actor?': input.actor, 'reason?': input.text }
const PROCESS = { 'signal?': input.abortSignal, 'onProgress?': input.callable() }
const PREVIEW = { ...TARGET, 'actionId?': input.id, 'actor?': input.actor, 'reason?': input.text }

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
        : contactsOf(source, inspect, readModel, hasKeys(context, order) ? 'key' : null),
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
  return {
    async previewAction(target, options = {}) {
      input.checkInput('previewAction', target, PREVIEW)
      input.checkInput('previewAction.options', options, { 'limit?': input.wholeNumber(1, 1_000_000) })
      return begun(() => previewOf(actions, target, options.limit ?? 100_000))
    },
    async processAction(order, options = {}) {
      input.checkInput('processAction', order, ORDER)
      input.checkInput('processAction.options', options, { ...PROCESS, 'preview?': preview })
      return begun(() => processAction(actions, order, options.preview, options))
    },
    async previewUndo(target, options = {}) {
      input.checkInput('previewUndo', target, PREVIEW_UNDO)
      input.checkInput('previewUndo.options', options, { 'limit?': input.wholeNumber(1, 1_000_000) })
      return begun(() => previewUndo(actions, target, options.limit ?? 100_000))
    },
    async undoAction(order, options = {}) {
      input.checkInput('undoAction', order, UNDO)
      input.checkInput('undoAction.options', options, { ...PROCESS, 'preview?': preview })
      return begun(() => undoAction(actions, order, options.preview, options))
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

/** Whether the newest version of the sequence has keys. */
export function hasKeys({ campaigns }: Pick<EngineContext, 'campaigns'>, of: SequenceRef): boolean {
  const newest = campaigns.catalog.find(of.campaignId)?.versions.at(-1)
  return newest?.campaign.sequences.get(of.sequenceId)?.per !== undefined
}

function requireActionStore(store: ActionStore | null): ActionStore {
  if (store !== null) return store
  throw EnfoldFault.invalidInput(
    'createEngine.store',
    undefined,
    'a store that keeps actions (saveAction …), or one as readModel: bulk actions have to be remembered',
  )
}

function verb(path: string, value: unknown): void {
  if (typeof value !== 'string' || !Object.hasOwn(ACTION_VERBS, value))
    throw EnfoldFault.invalidInput(path, value, ACTION_VERB_NAMES.join(', '))
}

function preview(path: string, value: unknown): void {
  const { outcomes, complete } = (value ?? {}) as { outcomes?: Record<string, unknown>; complete?: unknown }
  const isPreview = ACTION_OUTCOMES.every((outcome) => Number.isSafeInteger(outcomes?.[outcome]))
  if (!isPreview || typeof complete !== 'boolean')
    throw EnfoldFault.invalidInput(path, value, 'what previewAction answered')
}
