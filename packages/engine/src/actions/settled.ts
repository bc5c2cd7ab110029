/** Another action, of which nothing changes any more: to be undone, or to take its contacts from. */
import {
  type ActionId,
  type ActionRecord,
  type Either,
  isLeft,
  isSettled,
  left,
  type Rejection,
  right,
} from '@enfold/core'
import type { ActionContext, AnyActionOrder } from './action-context.ts'

/** The action; or why it is not over, at least not now. */
export async function settledAction(
  { actionStore, context, working }: ActionContext,
  actionId: ActionId,
): Promise<Either<Rejection, ActionRecord>> {
  const found = async () => actionStore().action(actionId)
  let record = await found()
  // This process may be at its last contacts still.
  if (record?.inHand === true && working.has(actionId)) {
    await working.get(actionId)
    record = await found()
  }
  if (record === null) return left({ type: 'ActionUnknown', actionId })
  const settled = isSettled(record, context.clock.now())
  if (settled !== true) return left({ type: 'ActionRunning', actionId, until: settled.until })
  return right(record)
}

/** Why the contacts of another action cannot be taken, where they are to be. */
export async function sourceRefusal(
  actions: ActionContext,
  { contacts }: Pick<AnyActionOrder, 'contacts'>,
): Promise<Rejection | null> {
  if (!('action' in contacts) || 'last' in contacts) return null
  const settled = await settledAction(actions, contacts.action)
  return isLeft(settled) ? settled.left : null
}
