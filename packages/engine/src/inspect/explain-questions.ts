/** Why something happened to a contact, or why a step did not run (AUDIT-3). */
import type {
  ContactId,
  EventId,
  Observation,
  RecordedContactEvent,
  RouteTaken,
  SequenceRef,
  StepId,
  Timing,
} from '@enfold/core'
import {
  explain,
  explainNot,
  explainNotSatisfied,
  type GoalQuestion,
  type NotRun,
  type NotSatisfied,
  nowFor,
} from '@enfold/core/log'
import type { FactsFault } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import { loadContact } from './questioned-contacts.ts'

/** What to explain: an event of the contact's history, such as a dispatch, or a step. */
export type ExplainQuery =
  | { readonly contactId: ContactId; readonly eventId: EventId }
  /** `key`: of a sequence with keys. `run`: default the newest. */
  | (SequenceRef & { readonly contactId: ContactId; readonly stepId: StepId; readonly run?: number })

/** Why something happened to a contact, or why a step did not run (AUDIT-3). */
export interface Explanation {
  readonly contactId: ContactId
  /** Of a step, as in `ContactView`: why it was explained without the contact's facts. */
  readonly factsFault?: FactsFault
  /**
   * Of a step: whether it ran, and if not, why not, as of now and with the facts that the directory has now. `dueAt`:
   * when it will be due, as things stand; `null` if never or not known. `null` where an event was asked about.
   */
  readonly step: null | Pick<NotRun, 'reason' | 'detail' | 'dueAt'>
  /** Of a step: the events that show it, oldest first. Of an event: that one. Empty: there is none. */
  readonly evidence: readonly RecordedContactEvent[]
  /**
   * From the event asked about, of a step from the last of the evidence (resends aside), back to the root. Each link led
   * to the one before it; the `cause` and `actor` of the last name the signal or the operator.
   */
  readonly chain: readonly CauseLink[]
}

/** One event in a chain of causes, with what its decision saw and chose, as far as it is recorded (LOG-4). */
export interface CauseLink {
  readonly event: RecordedContactEvent
  /** Tags and field values that conditions read; empty for decisions that read none. */
  readonly saw: readonly Observation[]
  /** What became of each route; empty where there was nothing to choose. */
  readonly routes: readonly RouteTaken[]
  /** How the due instant of a step was found; `null` for other events, and outside the schedule. */
  readonly timing: Timing | null
}

export interface ExplainQuestions {
  /**
   * The chain of causes of an event, or why a step ran or did not. Asking about an event never calls the directory;
   * asking about a step does, and does without where it fails; see `factsFault`.
   *
   * @example
   * const { step, chain } = await inspect.explain({ contactId: 'ada', campaignId: 'pool', sequenceId: 'nurture', stepId: 'two' })
   * // step: { reason: 'stopped', detail: null, dueAt: null }
   * // chain: SequenceStopped, because GoalSatisfied, whose cause is { by: 'signal', … }
   */
  explain(query: ExplainQuery): Promise<Explanation>
  /**
   * Why a signal did not satisfy a goal, or did. It reads what is recorded of the signal, so the kind should be one that a
   * campaign keeps (SIGNAL-1); of others only satisfied goals are known.
   *
   * @example
   * await inspect.explainNot({ contactId: 'ada', campaignId: 'shop', goalId: 'bought', signalId: 'order-7' })
   * // { reason: 'no-match', detail: 'total was 20, expected {"atLeast":100}', saw: […], evidence: […] }
   */
  explainNot(query: GoalQuestion & { readonly contactId: ContactId }): Promise<NotSatisfied>
}

type EventQuery = Extract<ExplainQuery, { readonly eventId: EventId }>
type StepQuery = Exclude<ExplainQuery, EventQuery>

export function createExplainQuestions(context: EngineContext): ExplainQuestions {
  return {
    async explainNot(query) {
      const ids = { contactId: input.id, campaignId: input.id, goalId: input.id, signalId: input.id }
      input.checkInput('inspect.explainNot', query, ids)
      await context.campaigns.fresh()
      return explainNotSatisfied(await context.historyOf(query.contactId), query, context.campaigns.catalog)
    },
    async explain(query) {
      if (typeof query === 'object' && query !== null && 'eventId' in query) {
        input.checkInput('inspect.explain', query, { contactId: input.id, eventId: input.id })
        return explainEvent(context, query)
      }
      input.checkInput('inspect.explain', query, {
        contactId: input.id,
        campaignId: input.id,
        sequenceId: input.id,
        stepId: input.id,
        'key?': input.id,
        'run?': input.wholeNumber(1, Number.MAX_SAFE_INTEGER),
      })
      return explainStep(context, query)
    },
  }
}

async function explainEvent(context: EngineContext, { contactId, eventId }: EventQuery): Promise<Explanation> {
  const chain = explain(await context.historyOf(contactId), eventId)
  return { contactId, step: null, evidence: chain.slice(0, 1), chain: chain.map(causeLink) }
}

async function explainStep(context: EngineContext, query: StepQuery): Promise<Explanation> {
  const { contactId, ...step } = query
  const { campaigns, clock } = context
  await campaigns.fresh()
  const { history, facts, why } = await loadContact(context, contactId, { whole: true })
  const deciding = {
    campaigns: campaigns.catalog,
    ...(facts === undefined ? {} : { facts }),
    now: nowFor(history, clock.now()),
  }
  const { evidence, reason, detail, dueAt } = explainNot(contactId, history, step, deciding)
  // A resend says why somebody wanted the step again, not why it ran.
  const decisive = evidence.findLast(({ data }) => !('resend' in data) || data.resend === 0)
  const chain = decisive === undefined ? [] : explain(history, decisive.id).map(causeLink)
  return { contactId, step: { reason, detail, dueAt }, evidence, chain, ...why }
}

function causeLink(event: RecordedContactEvent): CauseLink {
  const { data } = event
  return {
    event,
    saw: 'saw' in data ? (data.saw ?? []) : [],
    routes: 'routes' in data ? data.routes : [],
    timing: 'timing' in data ? data.timing : null,
  }
}
