/** What index and agenda must be told with the events of a contact. */
import {
  type ContactEvent,
  type ContactId,
  type ContactState,
  type Derived,
  type Facts,
  markChanges,
  type Plan,
  type PlanFault,
  refOf,
  tagChanges,
} from '@enfold/core'
import type { CommandContext } from './engine-context.ts'
import type { AskedFacts } from './load-contact.ts'
import { nextWake } from './next-wake.ts'

type PlanningContext = Pick<CommandContext, 'campaigns' | 'clock' | 'observe'>

/** What events have made of a contact. */
export interface Change {
  readonly before: ContactState
  readonly events: readonly ContactEvent[]
  readonly state: ContactState
}

/** The projector's tag changes, marks, and the next wake. */
export function derive(
  context: PlanningContext,
  contactId: ContactId,
  { before, events, state }: Change,
  { facts, areFactsOld }: AskedFacts,
): Derived {
  const { wake, faults } = plannedOf(context, contactId, state, areFactsOld === true ? undefined : facts)
  const tags = events.flatMap((event) => tagChanges(contactId, event))
  return {
    tags: [...tags, ...markChanges(contactId, before, state, events, faults)],
    ...wake,
    ...(events.every(isDispatch) ? { agendaStays: true } : {}),
  }
}

/**
 * A step that was due is under way since, and due at once for the worker that claims the contact after this one has died: the
 * contact wakes for it no earlier than before, and for the same kind.
 */
const isDispatch = ({ type }: ContactEvent) => type === 'StepDispatched'

/** What of a contact's rows follows from its plan: its row on the agenda, and the runs that cannot be planned. */
export interface Planned {
  readonly wake: Pick<Plan, 'wakeAt' | 'lane' | 'others'>
  readonly faults: readonly PlanFault[]
}

/**
 * The contact's row on the agenda. A run that cannot be planned is told of, and takes nothing else with it.
 *
 * @param facts `undefined`: not known
 */
export function plannedOf(
  { campaigns, clock, observe }: PlanningContext,
  contactId: ContactId,
  state: ContactState,
  facts: Facts | null | undefined,
): Planned {
  const { wakeAt, lane, others, faults = [] } = nextWake(contactId, state, campaigns.catalog, facts, clock.now())
  for (const { error, run, ...ref } of faults)
    observe({ type: 'contact-not-planned', contactId, run: { ...refOf(ref), run }, error })
  return { wake: others === undefined ? { wakeAt, lane } : { wakeAt, lane, others }, faults }
}
