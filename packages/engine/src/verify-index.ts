/** Whether the index is what the log says (INDEX-3). */
import { isDeepStrictEqual } from 'node:util'
import {
  type ContactId,
  type ContactState,
  compareIds,
  isInProgress,
  isMarkOfPlan,
  type Membership,
  marksOf,
  type NamedMembership,
  namedMembership,
  newestRun,
  type Position,
  type ReadModel,
  tagOf,
  waitingTagOf,
} from '@enfold/core'
import type { EngineContext } from './engine-context.ts'
import { type ContactOfLog, foldedBy, type HeldAtMost, loggedContacts } from './logged-contacts.ts'
import { beginRecount, type CounterDifference, counterDifferences } from './recount.ts'
import { type StateDifference, stateDifferences } from './verify-states.ts'

/** One contact whose rows in the index are not what its log says. Tags, and for a key both, in the order of their text. */
export interface IndexDifference {
  readonly contactId: ContactId
  /** By the projector, from the contact's events. */
  readonly expected: readonly NamedMembership[]
  /** In the live index. */
  readonly found: readonly NamedMembership[]
  /** By the reducer's state: the same as `expected`, or one of the two is wrong. */
  readonly byState: readonly NamedMembership[]
}

export interface IndexReport {
  /** How many contacts were looked at. */
  readonly contacts: number
  readonly differences: readonly IndexDifference[]
  /** Counters of which the index says another number than the log (FUNNEL-2). */
  readonly counters: readonly CounterDifference[]
  /** Stored states of contacts that the log contradicts. */
  readonly states: readonly StateDifference[]
}

const LOOKS = 3

interface Verifying {
  readonly context: Pick<EngineContext, 'store' | 'historyOf' | 'campaigns'>
  readonly readModel: ReadModel
  readonly shown: (position: Position) => Promise<void>
}

/**
 * Rebuilds every contact's tags and the counters from the events, separate from the live index, and its marks of steps that
 * wait for a person, and reports each difference (INDEX-3).
 *
 * @param shown resolves when the read model shows what is recorded up to a position
 */
export async function verifyIndex(
  context: Verifying['context'],
  readModel: ReadModel,
  shown: Verifying['shown'],
  heldAtMost?: HeldAtMost,
): Promise<IndexReport> {
  const verifying = { context, readModel, shown }
  const differences: IndexDifference[] = []
  const states: StateDifference[] = []
  let contacts = 0
  const recount = await beginRecount(readModel, context.campaigns)
  for await (const logged of loggedContacts(context.store, readModel, recount, heldAtMost)) {
    contacts += logged.length
    differences.push(...(await differencesOf(verifying, logged)))
    states.push(...(await stateDifferences(context, readModel, logged)))
  }
  return { contacts, differences, counters: counterDifferences(recount), states }
}

async function differencesOf(
  verifying: Verifying,
  logged: readonly ContactOfLog[],
): Promise<readonly IndexDifference[]> {
  const found = await Promise.all(logged.map(({ contactId }) => verifying.readModel.membershipsOf(contactId)))
  const differences: IndexDifference[] = []
  for (const [i, contact] of logged.entries()) {
    if (differenceOf(contact, found[i] ?? []) === null) continue
    const difference = await lookAgain(verifying, contact.contactId)
    if (difference !== null) differences.push(difference)
  }
  return differences
}

function differenceOf(
  { contactId, memberships, state }: ContactOfLog,
  inIndex: readonly Membership[],
): IndexDifference | null {
  const marks = marksOf(state).map((tag) => ({ tag }))
  // What follows from the plan depends on the release and the hour, as wakes do, and is not held against the log.
  const found = named(inIndex.filter(({ tag }) => !isMarkOfPlan(tag)))
  const expected = named([...memberships, ...marks])
  const byState = named([...membershipsByState(state), ...marks])
  return isDeepStrictEqual(expected, found) && isDeepStrictEqual(expected, byState)
    ? null
    : { contactId, expected, found, byState }
}

function named(memberships: readonly Membership[]): readonly NamedMembership[] {
  return [...memberships]
    .sort((a, b) => compareIds(a.tag, b.tag) || compareIds(a.key ?? '', b.key ?? ''))
    .map(namedMembership)
}

/** A command between the two looks would show as a difference: only one that stays is one. */
async function lookAgain(
  { context, readModel, shown }: Verifying,
  contactId: ContactId,
): Promise<IndexDifference | null> {
  for (let look = 1; look <= LOOKS; look++) {
    const history = await context.historyOf(contactId)
    const difference = differenceOf(foldedBy(contactId, history), await readModel.membershipsOf(contactId))
    if (difference === null) return null
    // A separate read model may only be late.
    if (look === 1) await shown(history.at(-1)?.position ?? 0)
    else if ((await context.historyOf(contactId)).length === history.length) return difference
  }
  return null
}

function membershipsByState(state: ContactState): readonly Membership[] {
  return state.enrollments.flatMap((enrollment): readonly Membership[] => {
    const { campaignId, sequenceId, key } = enrollment
    const run = newestRun(enrollment)
    const keyed = key === '' ? {} : { key }
    if (isInProgress(run)) return [{ tag: tagOf(campaignId, sequenceId), ...keyed }]
    return run?.status === 'waiting' ? [{ tag: waitingTagOf(campaignId, sequenceId), ...keyed }] : []
  })
}
