/** An action that the actor may see, and how its state is said. */
import type { ActionId, CampaignId } from '@enfold/core'
import type { ActionView } from '@enfold/engine'
import { actionScope, type Scope, type ScopedAction } from '@enfold/http'
import { type ActionCall, type Call, type Html, may } from './call.ts'
import { Failure } from './failure.ts'
import { badge } from './page.ts'
import { type Titles, titlesOf } from './titles.ts'

export const actionOf = (call: ActionCall) => visibleAction(call, call.path.actionId)

export async function visibleAction(call: Call, actionId: ActionId): Promise<ActionView> {
  const action = await call.engine.inspect.action(actionId)
  // Of another's campaign there is none, as far as this actor can see.
  if (action === null || !may(call, 'read', campaignsOf(action))) throw new Failure(404, 'There is no such action.')
  return action
}

/** The campaigns that it concerns, as permissions have it. */
export function campaignsOf({ campaignId }: Pick<ActionView, 'campaignId'>): 'all' | readonly CampaignId[] {
  return campaignId === null ? 'all' : [campaignId]
}

/** The names of the sequences of these actions. */
export function titlesOfActions(call: Call, actions: readonly Pick<ActionView, 'campaignId'>[]): Promise<Titles> {
  return titlesOf(
    call,
    actions.flatMap(({ campaignId }) => (campaignId === null ? [] : [campaignId])),
  )
}

/** Its sequence, if it is about one. */
export function sequenceHtml({ campaignId, sequenceId, key }: ActionView, titles: Titles): Html | '' {
  if (campaignId === null || sequenceId === null) return ''
  return titles.sequenceHtml({ campaignId, sequenceId, ...(key === undefined ? {} : { key }) })
}

/** What else its verb was told: "stepId mistake-4, by P2D". */
export function toldOf({ action, order = {} }: ActionView): string {
  if (action === 'undo') return ''
  const told = Object.entries(order).filter(([, value]) => value !== false)
  return told.map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')
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

/** What is needed to cancel or resume it. */
export function scopedAction({ action, campaignId, order = {} }: ActionView): ScopedAction {
  return { action, campaignId, order }
}

/** Its undo: an action that is ordered next. */
export function undoOf({ action, campaignId }: ActionView): ScopedAction {
  return { action: 'undo', campaignId, order: { verb: action } }
}

export async function actionLookScope(call: ActionCall): Promise<Scope> {
  return { verbs: ['read'], campaigns: campaignsOf(await actionOf(call)) }
}

export async function actionOrderScope(call: ActionCall): Promise<Scope> {
  return actionScope(scopedAction(await actionOf(call)))
}
