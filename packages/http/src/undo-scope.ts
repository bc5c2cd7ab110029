/** Who may undo one order: who may do what its inverse does, in the campaigns that the order was about (UNDO-6). */
import { ACTION_VERBS, actionPermission, type CommandId, type RecordedContactEvent, VERBS } from '@enfold/core'
import { canSee, denial, type Principal, type Scope, type Verb } from './permissions.ts'

/** Any undo may start and stop what was begun. */
const ANY_UNDO: readonly Verb[] = actionPermission('undo')

/** Of events that no verb names, or several: a step that was sent now was given an instant by hand. */
const PERMISSIONS_OF: ReadonlyMap<string, readonly Verb[]> = new Map<RecordedContactEvent['type'], readonly Verb[]>([
  ['RunMoved', ACTION_VERBS.move.permission],
  ['StepRescheduled', ACTION_VERBS.reschedule.permission],
])

const UNDOING: readonly Verb[] = actionPermission('undo-order')

/** What an undo needs besides: what the verb needs that the event records, as far as an undo may need it at all. */
function neededFor(type: RecordedContactEvent['type']): readonly Verb[] {
  const verbs = Object.values(VERBS).filter(({ recordedBy }) => recordedBy === type)
  const permissions = PERMISSIONS_OF.get(type) ?? verbs.flatMap(({ permission }): readonly Verb[] => permission)
  return permissions.filter((one) => UNDOING.includes(one))
}

/**
 * What undoing an order needs, by what the order did.
 *
 * @param history all that is recorded of the contact, whether or not the actor sees it
 * @param undoes the command id of the order
 * @returns `null`: there is no such order, as far as the actor can see
 */
export function undoScope(
  principal: Principal,
  history: readonly RecordedContactEvent[],
  undoes: CommandId,
): Scope | null {
  const appended = history.filter(({ commandId }) => commandId === undoes)
  const campaigns = appended.map(({ data }) => ('campaignId' in data ? data.campaignId : null))
  if (!campaigns.some((campaignId) => campaignId === null || canSee(principal, campaignId))) {
    // Who may undo nothing is told so, whether there is such an order or not.
    const any: Scope = { verbs: ANY_UNDO, campaigns: 'any' }
    return denial(principal, any) === null ? null : any
  }
  const verbs = [...new Set([...ANY_UNDO, ...appended.flatMap(({ type }) => neededFor(type))])]
  const all = campaigns.flatMap((campaignId) =>
    campaignId !== null && canSee(principal, campaignId) ? [campaignId] : [],
  )
  // Campaigns that the actor does not see are not named.
  return { verbs, campaigns: all.length < appended.length ? 'all' : [...new Set(all)] }
}
