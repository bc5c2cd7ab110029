/** What an action would come to, contact by contact: the same decisions as when it is processed, not written. */
import {
  ACTION_OUTCOMES,
  type ActionCounts,
  type ActionItem,
  type ActionOutcome,
  addOutcomes,
  type ContactId,
  type ContactState,
  type Either,
  type Instant,
  type KeyedContact,
  left,
  NO_OUTCOMES,
  type Rejection,
  right,
} from '@enfold/core'
import { yieldToEventLoop } from '../event-loop.ts'
import type { ActionContext, AnyActionOrder } from './action-context.ts'
import { eachOf, groupsOf, type Named, namedBy } from './groups.ts'
import { foreseenFor, historiesOf, type Outcome, refusalOf } from './one-contact.ts'
import { createScheduleTally, type SchedulePreview } from './schedule-preview.ts'

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
  /** Why contacts are `failed`, and how many of them for each reason, the most first; at most 20 reasons. */
  readonly reasons: readonly { readonly reason: string; readonly contacts: number }[]
  /** What would be different of schedules. */
  readonly schedule: SchedulePreview
}

/** How many contacts of each outcome a preview names. */
const SAMPLES = 5
const REASONS = 20

export async function previewOf(
  actions: ActionContext,
  target: Omit<AnyActionOrder, 'actionId' | 'actor'> & Partial<AnyActionOrder>,
  limit: number,
): Promise<Either<Rejection, ActionPreview>> {
  const { context, contactsOf, requireOpen } = actions
  const order = { actionId: 'preview', actor: null, ...target }
  const refused = await refusalOf(context, order)
  if (refused !== null) return left(refused)
  const at = context.clock.now()
  const contacts = createDistinct(limit)
  const tally = createTally()
  const schedule = createScheduleTally(context, at)
  const foreseen = new Map<ContactId, ContactState>()
  for await (const group of groupsOf(contactsOf(target.contacts, target))) {
    requireOpen()
    const fresh = contacts.add(group)
    const histories = await historiesOf(context, [...new Set(fresh.map(({ contactId }) => contactId))])
    const found = await eachOf(fresh, (named) => foreseenFor(context, order, named, histories, foreseen))
    tally.add(fresh, found)
    await schedule.add(fresh, found)
    if (!contacts.counts().complete) break
    await yieldToEventLoop()
  }
  return right({ at, ...contacts.counts(), ...tally.sum(), schedule: schedule.sum() })
}

/** Passes on each contact once, for each of its keys, up to a limit. */
function createDistinct(limit: number) {
  const seen = new Set<string>()
  let repeated = 0
  let complete = true
  return {
    /** Those of the group that were not named before, up to the limit. */
    add: (group: readonly ActionItem[]): readonly Named[] =>
      group
        .filter((item) => {
          const name = typeof item === 'string' ? item : nameWithKey(item)
          if (seen.has(name)) {
            repeated += 1
            return false
          }
          if (seen.size === limit) {
            complete = false
            return false
          }
          seen.add(name)
          return true
        })
        .map(namedBy),
    counts: () => ({ contacts: seen.size, repeated, complete }),
  }
}

/** No id: those have no half of a character. */
const nameWithKey = ({ contactId, key }: KeyedContact) => `\ud800${JSON.stringify([contactId, key])}`

function createTally() {
  const samples = new Map(ACTION_OUTCOMES.map((outcome) => [outcome, [] as ContactId[]]))
  const reasons = new Map<string, number>()
  let counts = NO_OUTCOMES
  return {
    add(all: readonly Named[], found: readonly Outcome[]): void {
      const outcomes = found.map(({ outcome }) => outcome)
      for (const [i, outcome] of outcomes.entries()) {
        const sample = samples.get(outcome) as ContactId[]
        if (sample.length < SAMPLES) sample.push((all[i] as Named).contactId)
      }
      for (const { reason } of found) if (reason !== null) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      counts = addOutcomes(counts, outcomes)
    },
    sum: () => ({
      outcomes: counts,
      samples: Object.fromEntries(samples) as unknown as ActionPreview['samples'],
      reasons: [...reasons]
        .map(([reason, contacts]) => ({ reason, contacts }))
        .sort((a, b) => b.contacts - a.contacts)
        .slice(0, REASONS),
    }),
  }
}
