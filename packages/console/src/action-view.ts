/** An action that the actor may see, and how its state is said. */
import type { ActionView } from '@enfold/engine'
import { actionScope, type Scope } from '@enfold/http'
import { type ActionCall, type Html, may } from './call.ts'
import { Failure } from './failure.ts'
import { badge } from './page.ts'

export async function actionOf(call: ActionCall): Promise<ActionView> {
  const action = await call.engine.inspect.action(call.path.actionId)
  // Of another's campaign there is none, as far as this actor can see.
  if (action === null || !may(call, 'read', [action.campaignId])) throw new Failure(404, 'There is no such action.')
  return action
}

/** A group of contacts takes seconds. After this, nobody is at work on the action any more. */
const STILL_MS = 60_000

/** Whether nothing has moved for so long that its process must have died. */
export const isStill = ({ stillMs }: ActionView) => stillMs !== null && stillMs >= STILL_MS

/** An action that nobody works on is not running, whatever its record says. */
export const stateBadge = (action: ActionView): Html => badge(isStill(action) ? 'standing still' : action.state)

export function progressText({ contacts, processed, state }: ActionView): string {
  if (state === 'collecting') return 'Finding the contacts …'
  return `${processed.toLocaleString('en')} of ${contacts.toLocaleString('en')} contacts`
}

export async function actionLookScope(call: ActionCall): Promise<Scope> {
  return { verbs: ['read'], campaigns: [(await actionOf(call)).campaignId] }
}

export async function actionOrderScope(call: ActionCall): Promise<Scope> {
  const { action, campaignId } = await actionOf(call)
  return actionScope({ action, campaignId })
}
