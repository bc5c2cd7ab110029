/** The data of every event, as schemas, from which their types are made. A new event begins here. Rules LOG-2, LOG-4. */
import { shapeProblems } from './campaign-schema.ts'
import type { CampaignDefinition } from './definition.ts'
import {
  ATTEMPT,
  flag,
  GOAL,
  id,
  instant,
  instantOrNull,
  list,
  matchedGoals,
  milliseconds,
  observations,
  oneOf,
  RUN,
  routes,
  STEP,
  scalars,
  text,
  timingOrNull,
  undoneRuns,
  unmetGoals,
  type Vars,
  whole,
} from './event-parts.ts'
import type { CampaignId, EventId, SequenceId, StepId } from './ids.ts'
import { counted, keywords, type ObjectOf, optional, orNull, type Properties, refined, string } from './schema.ts'
import { CAMPAIGN_VERBS } from './verbs/campaign-verbs.ts'

/** The cause of an event stands in its line among its data, so no event has a member of that name. */
type Events = { readonly [type: string]: Properties & { readonly cause?: never } }
type DataOf<E extends Events> = { [Type in keyof E]: ObjectOf<E[Type]> }

/** By type, in the order in which they are published. */
export const CONTACT_EVENTS = {
  SequenceStarted: {
    ...RUN,
    campaignVersion: whole(1),
    /** What the run began with (VAR-1); absent if there is none. */
    vars: optional<Vars>(scalars),
    /** An undo opened the run, and it goes on where the run of this number stood (UNDO-3). */
    continues: optional(whole(1)),
    /** How that one stood, if not active. */
    standing: optional(oneOf('paused', 'waiting')),
    /** By how much its wait is longer than it was; absent: by nothing. */
    shiftMs: optional(whole(0)),
    /** The step at which it was opened; absent: the first (START-7). */
    atStep: optional(id<StepId>()),
  },
  SequenceStopped: {
    ...RUN,
    /** The run that was opened in its place, in the same append (JUMP-2). */
    movedTo: optional(counted({ sequenceId: id<SequenceId>(), key: optional(id()), run: whole(1) })),
  },
  /**
   * The start of the run was a mistake, and nothing of it was dispatched: from now on it is as if it had never begun, but
   * for its number (UNDO-2).
   */
  RunUndone: {
    ...RUN,
    /** The run before it waits again at its end, as it did before the start. */
    waiting: flag,
  },
  SequencePaused: RUN,
  SequenceResumed: {
    ...RUN,
    /** By how much the wait in progress became longer: 0 unless the resume asked to shift (PAUSE-2). */
    shiftMs: whole(0),
  },
  SequenceCompleted: { ...RUN, waiting: flag, routes, saw: observations },
  /** A signal of a kind that a campaign keeps, first in its append (SIGNAL-2). */
  SignalReceived: {
    signalId: id(),
    kind: text,
    occurredAt: instant,
    automated: flag,
    /** Its kept values. */
    data: scalars,
    /** Names of values that could not be kept. */
    clipped: list(text),
    /** Outcomes of tests of private values. */
    tests: observations,
    unmet: unmetGoals,
  },
  /** More signals came than are kept of one contact: at most one such event for each day in UTC (SIGNAL-6). */
  SignalsDropped: {
    /** How many the process has dropped of this contact since the last one, this signal included. */
    count: whole(1),
    signalId: id(),
    /** As in `SignalReceived`. */
    unmet: unmetGoals,
  },
  /** A signal was taken back (UNDO-4). */
  SignalRetracted: {
    signalId: id(),
    /** Those that it had satisfied, which count no more. */
    goals: list(counted({ ...GOAL, campaignVersion: whole(1) })),
    /** What became of each run that it had started or stopped. */
    results: undoneRuns,
  },
  GoalSatisfied: {
    ...GOAL,
    campaignVersion: whole(1),
    signalId: id(),
    kind: text,
    occurredAt: instant,
    /** Index of the pattern of `when` that matched. Its values are those of the signal, so none is repeated here. */
    pattern: whole(0),
    /** Where the goal has a `same` (KEY-3): the key of the runs that it stops; absent if the signal does not say one. */
    same: optional(id()),
    routes,
    saw: observations,
    /** On the first goal of a signal only: all goals that it matched, in the order in which they were handled. */
    matched: optional(matchedGoals),
  },
  StepDispatched: {
    ...ATTEMPT,
    idempotencyKey: id(),
    /** `null` for resends, which stand outside the schedule, and for retries. */
    timing: timingOrNull,
    /** What the step's condition read, where it has one (STEP-10). */
    saw: optional(observations),
  },
  StepSent: {
    ...ATTEMPT,
    receipt: optional(text),
    /** Where it was sent instead of to the contact: an address, or `nobody` if no handler was called (DELIVER-3). */
    deliverTo: optional(text),
  },
  /** The reason `unknown-outcome` stands for a worker that died in the middle (STEP-6). */
  StepFailed: {
    ...ATTEMPT,
    reason: text,
    /** What follows: another attempt at `retryAt`, or, after the last one, what the step's `onFailure` says. */
    consequence: oneOf('retry', 'continue', 'stop', 'hold'),
    retryAt: instantOrNull,
    /** Where it was to be sent instead of to the contact. */
    deliverTo: optional(text),
  },
  StepSkipped: {
    ...ATTEMPT,
    attempt: whole(0),
    /** One of the engine's (`REASONS`), or the handler's. */
    reason: text,
    timing: timingOrNull,
    /** What the step's condition read, where it was asked. */
    saw: optional(observations),
    /** An operator skipped it before the run came to it (SKIP-1). */
    ahead: optional(flag),
  },
  StepResent: { ...STEP, resend: whole(1) },
  StepCancelled: STEP,
  /** The step is due at an instant of an operator's, or by its timer again (SHIFT-1, NOW-1). */
  StepRescheduled: {
    ...STEP,
    /** `null`: it was given back to its timer. */
    dueAt: instantOrNull,
    /** When it was due before, where the run had come to it and that was asked. */
    from: optional(instant),
    /** When it is due after it was given back, where the run has come to it. */
    to: optional(instant),
    /** It is to be sent now: it does not wait for its window (NOW-1). */
    now: optional(flag),
  },
  /** All waits of the run that are still to come end so much later, or earlier if it is below 0 (SHIFT-2). */
  RunShifted: { ...RUN, byMs: milliseconds },
  /** The run goes on at another step (JUMP-1). */
  RunMoved: {
    ...RUN,
    /** Where it stood; `null`: at its end. */
    from: orNull(id<StepId>(), { description: 'an id, or null' }),
    /** From where it goes on: steps from here on that were sent are passed, unless `again` names them. */
    to: id<StepId>(),
    /** Where it stands now; `null`: no step is left. */
    standsAt: orNull(id<StepId>(), { description: 'an id, or null' }),
    /** `none`: that step is due now. `keep`: its wait is counted from now. */
    wait: oneOf('none', 'keep'),
    /** Steps that are to be done once more, each under a key of its own. */
    again: list(id<StepId>()),
  },
  /** An order was a mistake, and nothing has happened to the run since: it stands as it did before the order (UNDO-5). */
  OrderUndone: {
    ...RUN,
    /** The event of the order. */
    undoes: id<EventId>(),
    order: oneOf('skip', 'cancel', 'resend', 'move'),
    /** Of an order on one step. */
    stepId: optional(id<StepId>()),
  },
  ContactSuppressed: {
    /** `null` for a ban without end. */
    until: instantOrNull,
  },
  ContactUnsuppressed: {},
  ContactErased: {},
} satisfies Events

/** What is wrong with a definition, first things first; `null`: nothing. Never throws. */
export function definitionProblem(value: unknown): { readonly path: string; readonly message: string } | null {
  try {
    return shapeProblems(value)[0] ?? null
  } catch {
    return { path: '', message: 'is nested too deeply' }
  }
}
/** Published as a reference to the schema of a campaign. */
export const definition = refined(
  keywords<CampaignDefinition>({ type: 'object' }),
  (value) => definitionProblem(value) === null,
)

const duration = string({ pattern: '^P', description: 'an ISO 8601 duration such as "PT1H"' })
const pace = counted({ most: whole(1), per: duration })

const PUBLICATION = { campaignId: id<CampaignId>(), campaignVersion: whole(1) }

export const CAMPAIGN_EVENTS = {
  CampaignPublished: { ...PUBLICATION, definition },
  CampaignUnpublished: PUBLICATION,
  /** Its steps are held from now on (GATE-1). A later one adds to it, until the campaign is resumed. */
  CampaignPaused: {
    ...PUBLICATION,
    /** Those that are held; `null`: all of them. */
    sequences: orNull(list(id<SequenceId>()), { description: 'a list of sequence ids, or null' }),
    /** Whether starts are accepted meanwhile. */
    entries: oneOf('open', 'closed'),
  },
  /** All its pauses end (GATE-3). */
  CampaignResumed: {
    ...PUBLICATION,
    /** What becomes of waits that ran meanwhile. */
    overdue: oneOf('shift', 'send', 'skip'),
    /** At most so many overdue steps begin in each span of `per`; absent: as fast as may be (GATE-4). */
    pace: optional(pace),
  },
  /** An order left the campaign as it was, and its command id stands for that answer from now on (ONCE-1). */
  CampaignUnchanged: {
    campaignId: id<CampaignId>(),
    /** That the answer named. */
    campaignVersion: whole(1),
    outcome: oneOf(
      ...CAMPAIGN_VERBS.publish.unchanged,
      ...CAMPAIGN_VERBS.unpublish.unchanged,
      ...CAMPAIGN_VERBS.pauseCampaign.unchanged,
      ...CAMPAIGN_VERBS.resumeCampaign.unchanged,
    ),
  },
} satisfies Events

/** The data of each event of a contact's stream. */
export interface ContactEventData extends DataOf<typeof CONTACT_EVENTS> {}
/** The data of each event of a campaign's stream. */
export interface CampaignEventData extends DataOf<typeof CAMPAIGN_EVENTS> {}

const CAMPAIGN_EVENT_TYPES: ReadonlySet<string> = new Set(Object.keys(CAMPAIGN_EVENTS))

/** Whether events of this type stand in the stream of a campaign, and not in one of a contact. */
export const isOfCampaign = (type: string): boolean => CAMPAIGN_EVENT_TYPES.has(type)
