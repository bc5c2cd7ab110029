/**
 * What an action would change of the schedules of its contacts, added up: which step would stand next instead of which, for
 * how many runs, and between which instants. As `inspect.effect` has it for one contact.
 */
import {
  type ContactId,
  type Instant,
  type ScheduleChange,
  type SequenceId,
  type StepId,
  scheduleChanges,
} from '@enfold/core'
import { createQuestionFacts, type FactsFault } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import { NO_FACTS } from '../inspect/questioned-contacts.ts'
import type { Named } from './groups.ts'
import type { Foreseen } from './one-contact.ts'

/** A step that stands next, and the first and the last of the instants at which it is due. */
export interface NextSteps {
  readonly stepId: StepId
  readonly first: Instant
  readonly last: Instant
}

/** Runs of which the same step stands next instead of the same other one. `null`: none. */
export interface PreviewedChange {
  readonly campaignId: string
  readonly sequenceId: SequenceId
  readonly before: NextSteps | null
  readonly after: NextSteps | null
  readonly runs: number
  /** Of the first such contact. */
  readonly example: { readonly contactId: ContactId; readonly change: ScheduleChange }
}

export interface SchedulePreview {
  /** Of how many contacts, the first of those that would be changed: at most 500. */
  readonly contacts: number
  /** The change of the most runs first, at most 50. Empty: the schedules of these contacts stay as they are. */
  readonly changes: readonly PreviewedChange[]
  /** Why the schedule of a contact was computed without what the host knows of it. */
  readonly factsFault?: FactsFault
}

/** Each of them is planned twice, and the host is asked for its facts. */
const LOOKED_AT = 500
const CHANGES = 50

export function createScheduleTally(context: EngineContext, now: Instant) {
  const asked = createQuestionFacts(context.factsOf)
  const changes = new Map<string, PreviewedChange>()
  let contacts = 0
  let factsFault: FactsFault | null = null
  return {
    /** @param found what was foreseen of each of `all` */
    async add(all: readonly Named[], found: readonly Foreseen[]): Promise<void> {
      const some = found
        .flatMap(({ states }, i) =>
          states === undefined || states.before === states.after ? [] : [{ ...(all[i] as Named), states }],
        )
        .slice(0, LOOKED_AT - contacts)
      if (some.length === 0) return
      contacts += some.length
      const facts = await asked.many([...new Set(some.map(({ contactId }) => contactId))])
      for (const { contactId, states } of some) {
        const known = facts.get(contactId)
        factsFault ??= known?.fault ?? null
        const planning = { campaigns: context.campaigns.catalog, facts: known?.facts ?? NO_FACTS, now }
        for (const change of scheduleChanges(contactId, states.before, states.after, planning))
          changes.set(nameOf(change), added(changes.get(nameOf(change)), contactId, change))
      }
    },
    sum: (): SchedulePreview => ({
      contacts,
      changes: [...changes.values()].sort((a, b) => b.runs - a.runs).slice(0, CHANGES),
      ...(factsFault === null ? {} : { factsFault }),
    }),
  }
}

const nameOf = ({ campaignId, sequenceId, before, after }: ScheduleChange) =>
  JSON.stringify([campaignId, sequenceId, before?.stepId ?? null, after?.stepId ?? null])

function added(known: PreviewedChange | undefined, contactId: ContactId, change: ScheduleChange): PreviewedChange {
  const { campaignId, sequenceId, before, after } = change
  return {
    campaignId,
    sequenceId,
    before: within(known?.before, before),
    after: within(known?.after, after),
    runs: (known?.runs ?? 0) + 1,
    example: known?.example ?? { contactId, change },
  }
}

function within(known: NextSteps | null | undefined, one: ScheduleChange['before']): NextSteps | null {
  if (one === null) return null
  const { stepId, dueAt } = one
  const instants = [dueAt, known?.first ?? dueAt, known?.last ?? dueAt].sort()
  return { stepId, first: instants[0] ?? dueAt, last: instants[2] ?? dueAt }
}
