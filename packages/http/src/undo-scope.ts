/** Who may undo one order: who may do what its inverse does, in the campaigns that the order was about (UNDO-6). */
import type { CommandId, RecordedContactEvent } from '@enfold/core'
import { canSee, denial, type Principal, type Scope, type Verb } from './permissions.ts'

/** Any undo may start and stop what was begun. */
const ANY_UNDO: readonly Verb[] = ['start', 'stop']
/** What else it may do. */
const NEEDED: ReadonlyMap<string, Verb> = new Map<RecordedContactEvent['type'], Verb>([
  ['SequencePaused', 'pause'],
  ['SequenceResumed', 'pause'],
  ['RunShifted', 'reschedule'],
  ['StepRescheduled', 'reschedule'],
  ['StepSkipped', 'cancel'],
  ['StepCancelled', 'cancel'],
  ['StepResent', 'resend'],
  ['RunMoved', 'reschedule'],
  ['ContactSuppressed', 'suppress'],
  ['ContactUnsuppressed', 'suppress'],
])

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
  const verbs = [...new Set([...ANY_UNDO, ...appended.flatMap(({ type }) => NEEDED.get(type) ?? [])])]
  const all = campaigns.flatMap((campaignId) =>
    campaignId !== null && canSee(principal, campaignId) ? [campaignId] : [],
  )
  // Campaigns that the actor does not see are not named.
  return { verbs, campaigns: all.length < appended.length ? 'all' : [...new Set(all)] }
}
