/**
 * Undoing an action: another action, for the contacts of the first one, whose command for each undoes what the command of
 * the first one did there (UNDO-1). What that is stands in the contact's stream, under an id that follows from action and
 * contact; what is kept of the first action here says only which contacts it was for.
 */
import {
  type ActionId,
  type ActionRecord,
  type Either,
  isLeft,
  type JsonObject,
  type Rejection,
  right,
} from '@enfold/core'
import type {
  ActionContext,
  AnyActionOrder,
  BeginOptions,
  ProcessOptions,
  UndoActionOrder,
  UndoTarget,
} from './action-context.ts'
import type { ActionView } from './action-questions.ts'
import { GROUP } from './groups.ts'
import { type ActionPreview, previewOf } from './preview.ts'
import { processAction } from './process-action.ts'
import { settledAction } from './settled.ts'

export async function undoAction(
  actions: ActionContext,
  order: UndoActionOrder,
  previewed: BeginOptions['preview'],
  options: ProcessOptions,
): Promise<Either<Rejection, ActionView>> {
  const target = await targetOf(actions, order)
  if (isLeft(target)) return target
  const { actionId, actor, reason } = order
  const because = reason === undefined ? {} : { reason }
  return processAction(actions, { ...target.right, actionId, actor, ...because }, previewed, options)
}

export async function previewUndo(
  actions: ActionContext,
  order: UndoTarget,
  limit: number,
): Promise<Either<Rejection, ActionPreview>> {
  const target = await targetOf(actions, order)
  return isLeft(target) ? target : previewOf(actions, target.right, limit)
}

/** What the order comes to; or why the action cannot be undone, at least not now. */
async function targetOf(
  actions: ActionContext,
  { undoes, stopSent = false, shift = false }: UndoTarget,
): Promise<Either<Rejection, Omit<AnyActionOrder, 'actionId' | 'actor'>>> {
  const settled = await settledAction(actions, undoes)
  if (isLeft(settled)) return settled
  const record = settled.right
  const target = { action: 'undo', undoes, stopSent, shift, ...placeOf(record), order: undoneBy(record) } as const
  return right({ ...target, contacts: contactsOf(undoes, record) })
}

function placeOf({ campaignId, sequenceId, key }: ActionRecord) {
  return { campaignId, sequenceId, ...(key === undefined ? {} : { key }) }
}

/** What is undone, so that an undo that is resumed knows it; of signals also by which ids they are known. */
function undoneBy({ action, order: { kind, signalId } = {} }: ActionRecord): JsonObject {
  if (action !== 'signal' || kind === undefined) return { verb: action }
  return { verb: action, kind, ...(signalId === undefined ? {} : { signalId }) }
}

/** Those that have a result, and the group after them: a process that died may have been at it. */
function contactsOf(action: ActionId, { contacts, processed, state }: ActionRecord): AnyActionOrder['contacts'] {
  return { action, last: state === 'done' ? contacts : Math.min(contacts, processed + GROUP) }
}
