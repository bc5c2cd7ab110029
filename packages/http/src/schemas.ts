/** The shapes that go in and out, as TypeBox: they check every request and are published in the OpenAPI document. */
import {
  ACTION_KINDS,
  ACTION_OUTCOMES,
  ACTION_STATES,
  ACTION_VERB_NAMES,
  ACTION_VERBS,
  type ActionOutcome,
  type AnswerTypes,
  CAMPAIGN_VERBS,
  GOAL_OUTCOMES,
  isInstant,
  isLegalId,
  type JsonObject,
  type JsonScalar,
  MAX_ID_LENGTH,
  RUN_STATUSES,
  signedDurationMs,
  type TakenTypes,
  UNDO_RUN_OUTCOMES,
  type VerbFacts,
  WAITS,
} from '@enfold/core'
import { ATTENTION_KINDS, STEP_STATUSES } from '@enfold/engine'
import type { TArrayOptions, TProperties, TSchema } from 'typebox'
import * as Type from 'typebox'

export const closed = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false })
export const opt = Type.Optional
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
export const list = <S extends TSchema>(schema: S, options: TArrayOptions = {}) => Type.Array(schema, options)
export const words = <const W extends readonly string[]>(...values: W) =>
  Type.Unsafe<W[number]>({ type: 'string', enum: values })

/** A form of ids that validators in other languages can check, and what it means to us (LOG-6). */
export const Id = Type.Refine(
  Type.String({ minLength: 1, maxLength: MAX_ID_LENGTH, description: `An id of 1 to ${MAX_ID_LENGTH} characters.` }),
  isLegalId,
)
export const Instant = Type.Refine(
  Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$',
    description: 'A moment in UTC with milliseconds, such as "2026-03-01T09:00:00.000Z".',
  }),
  isInstant,
)
export const SignedDuration = Type.Refine(
  Type.String({
    pattern: '^[+-]?P[0-9A-Z.,]+$',
    description: 'An ISO 8601 duration of elapsed time, with "-" for earlier, such as "P2D" or "-PT3H".',
  }),
  (value) => signedDurationMs(value) !== null,
)
/** A key, which is empty for a run without one. */
export const KeyOrNone = Type.Refine(Type.String(), (value) => value === '' || isLegalId(value))
export const Text = Type.String({ minLength: 1, maxLength: 10_000 })
export const Flag = Type.Boolean()
export const Scalars = Type.Record(
  Type.String(),
  Type.Unsafe<JsonScalar>({ type: ['string', 'number', 'boolean', 'null'] }),
)
export const JsonData = Type.Unsafe<JsonObject>({ type: 'object' })
export const whole = (minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) => Type.Integer({ minimum, maximum })
const Count = whole(0)
/** What is said of a campaign by a store may be anything that once was valid. */
const Any = Type.Unsafe<unknown>({})

export const Limit = opt(whole(1, 1000))

export const SequenceQuery = closed({
  campaignId: Id,
  sequenceId: Id,
  status: opt(words('active', 'waiting')),
})
const sequenceQueries = opt(list(SequenceQuery, { maxItems: 50 }))
const TAGS = { all: sequenceQueries, any: sequenceQueries, none: sequenceQueries }
export const Search = closed({ ...TAGS, text: opt(Text), after: opt(orNull(Id)), limit: Limit })

export const SignalBody = closed({
  contactId: Id,
  kind: Text,
  data: opt(JsonData),
  signalId: opt(Id),
  occurredAt: opt(Instant),
  fromStep: opt(Flag),
  automated: opt(Flag),
})

// --- Answers --------------------------------------------------------------------------------------------------------

const RUN = { campaignId: Id, sequenceId: Id, key: opt(Id), run: Count }
export const PLACE = { version: Count, position: Count }

/** A count for each of these. */
export const countsOf = <const Name extends string>(names: readonly Name[]) =>
  closed(Object.fromEntries(names.map((name) => [name, Count])) as Record<Name, typeof Count>)

/** What the options of orders are, by their kind. */
export const TAKEN = {
  flag: Flag,
  instantOrNull: orNull(Instant),
  instant: Instant,
  duration: SignedDuration,
  step: Id,
  sequence: Id,
  wait: words(...WAITS),
  key: Id,
  vars: Scalars,
  command: Id,
} satisfies Record<keyof TakenTypes, TSchema>

export const Refreshed = closed({ wakeAt: orNull(Instant) })

/** What the answer of a verb holds, by its kind. */
export const ANSWERS = {
  count: Count,
  runs: list(closed(RUN)),
  goals: list(
    closed({
      campaignId: Id,
      goalId: Id,
      outcome: words(...GOAL_OUTCOMES),
      stopped: list(closed({ sequenceId: Id, key: opt(Id), run: Count })),
      started: list(closed({ sequenceId: Id, key: opt(Id), run: Count, outcome: words('started', 'already_active') })),
    }),
  ),
  step: Id,
  instantOrNull: orNull(Instant),
  key: Id,
  undone: list(closed({ ...RUN, outcome: words(...UNDO_RUN_OUTCOMES) })),
  keyedRuns: list(closed({ key: Type.String(), run: Count, outcome: Type.String() })),
} satisfies Record<keyof AnswerTypes, TSchema>

export const ProblemBody = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: whole(400, 599),
  detail: Type.String(),
  problems: opt(list(closed({ path: Type.String(), message: Type.String() }))),
  rejection: opt(Type.Unsafe<JsonObject>({ type: 'object', required: ['type'] })),
})

/** Why a contact's facts could not be had; what is due was computed without them. */
const FactsFault = closed({ code: Type.String(), message: Type.String() })

const Step = closed({
  stepId: Id,
  status: words(...STEP_STATUSES),
  at: orNull(Instant),
  reason: opt(Type.String()),
  deliverTo: opt(Type.String()),
  resends: opt(list(closed({ resend: Count, status: Type.String(), at: Instant, deliverTo: opt(Type.String()) }))),
})

export const Contact = closed({
  contactId: Id,
  version: Count,
  suppressed: orNull(closed({ until: orNull(Instant) })),
  erased: Flag,
  enrollments: list(
    closed({
      ...RUN,
      vars: opt(Scalars),
      status: words(...RUN_STATUSES),
      campaignVersion: Count,
      startedAt: Instant,
      endedAt: orNull(Instant),
      continues: opt(whole(1)),
      steps: list(Step),
      next: orNull(closed({ stepId: Id, dueAt: Instant, opensAt: opt(Instant), campaignPausedSince: opt(Instant) })),
    }),
  ),
  factsFault: opt(FactsFault),
  ahead: opt(list(Count)),
})

export const Event = Type.Object({
  id: Id,
  type: Type.String(),
  at: Instant,
  version: Count,
  position: Count,
  actor: orNull(Type.String()),
  commandId: Id,
  correlationId: Type.String(),
  causationId: Type.String(),
  cause: Type.Unsafe<JsonObject>({ type: 'object', required: ['by'] }),
  data: JsonData,
})
/** `ahead`: versions of the events of this page that are dated after now, where there are any. */
export const History = closed({ events: list(Event), next: orNull(Count), ahead: opt(list(Count)) })
export const Chain = closed({ chain: list(Event) })
export const ExplainedStep = closed({
  step: closed({ reason: Type.String(), detail: orNull(Type.String()), dueAt: orNull(Instant) }),
  evidence: list(Event),
  chain: list(closed({ event: Event, saw: list(JsonData), routes: list(JsonData), timing: orNull(JsonData) })),
  factsFault: opt(FactsFault),
})
export const ExplainedGoal = closed({
  reason: Type.String(),
  detail: orNull(Type.String()),
  saw: list(JsonData),
  evidence: list(Event),
})
export const Sequences = closed({
  sequences: list(closed({ campaignId: Id, sequenceId: Id, key: opt(Id), status: words('active', 'waiting') })),
})
export const UpcomingSteps = closed({
  steps: list(
    Type.Object({
      ...{ contactId: Id, campaignId: Id, sequenceId: Id, key: opt(Id), run: Count, stepId: Id, dueAt: Instant },
      vars: opt(Scalars),
      opensAt: opt(Instant),
      campaignPausedSince: opt(Instant),
      factsFault: opt(FactsFault),
    }),
  ),
})
const NextStep = orNull(closed({ stepId: Id, dueAt: Instant }))

/** What an order would answer, and which runs it would move: the step that stands next, before and after. */
export const effectWith = (answer: TSchema) =>
  closed({ answer, changes: list(closed({ ...RUN, before: NextStep, after: NextStep })), factsFault: opt(FactsFault) })
const OverdueStep = closed({
  contactId: Id,
  campaignId: Id,
  sequenceId: Id,
  key: opt(Id),
  run: Count,
  stepId: Id,
  dueAt: Instant,
})
export const Overdue = closed({
  contacts: Count,
  oldest: orNull(Instant),
  dispatches: list(closed({ kind: Type.String(), campaignId: Id, steps: Count, first: OverdueStep })),
  skips: list(closed({ reason: Type.String(), steps: Count, first: OverdueStep })),
  broken: list(closed({ code: Type.String(), contacts: Count, example: Id, message: Type.String() })),
})
const AttentionKind = words(...ATTENTION_KINDS)
export const Attention = closed({
  entries: list(
    closed({
      kind: AttentionKind,
      ...{ contactId: orNull(Id), campaignId: orNull(Id), sequenceId: orNull(Id), key: opt(Id), run: orNull(Count) },
      ...{ stepId: orNull(Id), resend: orNull(Count), since: orNull(Instant), reason: orNull(Type.String()) },
      contacts: Count,
    }),
  ),
  counts: closed({ held: Count, failed: Count, unplanned: Count, unread: Count, unhandled: Count, parked: Count }),
  total: Count,
  next: orNull(Type.String()),
})
export const Found = closed({ contacts: list(Id), total: orNull(Count), next: orNull(Id) })
/** `keys` and `nextKey` where the sequence has keys: a contact once for each of its own. */
export const Members = closed({
  contacts: list(Id),
  keys: opt(list(Type.String())),
  total: Count,
  next: orNull(Id),
  nextKey: opt(Type.String()),
})

const SUMMARY = {
  ...{ campaignId: Id, name: Type.String(), published: Flag, version: Count, publishedAt: Instant },
  paused: opt(closed({ since: Instant, sequences: orNull(list(Id)), entries: words('open', 'closed') })),
}
export const Campaigns = closed({ campaigns: list(closed(SUMMARY)) })
export const Campaign = closed({
  ...SUMMARY,
  pace: opt(closed({ since: Instant, most: Count, per: Type.String(), waiting: Count })),
  definition: Type.Unsafe<JsonObject>({ type: 'object', required: ['id', 'goals', 'sequences'] }),
  versions: list(closed({ version: Count, publishedAt: Instant })),
})
export const Counts = closed({ sequences: list(closed({ sequenceId: Id, active: Count, waiting: Count })) })
const STEP_PLACES = ['waiting', 'inFlight', 'held', 'sent', 'failed', 'skipped', 'cancelled', 'passed', 'left'] as const
/** In a period a number may have become smaller. */
const Change = Type.Integer()
const numbersOf = <const Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, Change])) as Record<Name, typeof Change>
export const Funnel = closed({
  campaignId: Id,
  version: orNull(Count),
  from: orNull(Instant),
  to: orNull(Instant),
  complete: Flag,
  sequences: list(
    closed({
      sequenceId: Id,
      ...numbersOf(['started', 'open', 'active', 'paused', 'waiting', 'completed', 'stopped']),
      stoppedBy: closed(numbersOf(['hand', 'move', 'goal', 'failure', 'ban', 'erasure'])),
      steps: list(
        closed({
          stepId: Id,
          reached: Change,
          ...numbersOf(STEP_PLACES),
          reasons: list(closed({ reason: Type.String(), count: Change })),
          resent: Change,
        }),
      ),
    }),
  ),
  goals: list(closed({ goalId: Id, satisfied: Change, from: list(closed({ sequenceId: Id, runs: Change })) })),
})
const Warning = closed({ path: Type.String(), value: opt(Any), message: Type.String(), campaignId: opt(Id) })
export const Published = closed({
  outcome: words(...CAMPAIGN_VERBS.publish.outcomes),
  version: Count,
  warnings: list(Warning),
  position: Count,
})
export const Unpublished = closed({
  outcome: words(...CAMPAIGN_VERBS.unpublish.outcomes),
  version: Count,
  position: Count,
  stopped: Count,
})
export const Checked = closed({ valid: Flag, problems: list(Warning), warnings: list(Warning) })

/** The second is for those who may not see everything. */
export const Health = Type.Union([
  Type.Object({
    ok: Flag,
    storeFault: orNull(Type.String()),
    dueLagMs: orNull(Type.Number()),
    waitingKinds: list(closed({ kind: Type.String(), contacts: Count, since: Instant })),
    failingKinds: list(closed({ kind: Type.String(), failures: Count, since: Instant })),
    dispatcher: JsonData,
    deliverTo: orNull(Type.String()),
    brakes: closed({ count: Count, lastAt: orNull(Instant) }),
    states: closed({ refused: Count, lastAt: orNull(Instant) }),
  }),
  closed({ ok: Flag, codes: list(Type.String()) }),
])

// --- Bulk actions ---------------------------------------------------------------------------------------------------

export const Outcome = words(...ACTION_OUTCOMES)
const Outcomes = countsOf(ACTION_OUTCOMES)
const Ids = list(Id)
const NextSteps = orNull(closed({ stepId: Id, first: Instant, last: Instant }))
export const Preview = closed({
  at: Instant,
  contacts: Count,
  repeated: Count,
  complete: Flag,
  outcomes: Outcomes,
  samples: closed(
    Object.fromEntries(ACTION_OUTCOMES.map((outcome) => [outcome, Ids])) as Record<ActionOutcome, typeof Ids>,
  ),
  reasons: list(closed({ reason: Type.String(), contacts: Count })),
  schedule: closed({
    contacts: Count,
    changes: list(
      closed({
        campaignId: Id,
        sequenceId: Id,
        before: NextSteps,
        after: NextSteps,
        runs: Count,
        example: closed({ contactId: Id, change: closed({ ...RUN, before: NextStep, after: NextStep }) }),
      }),
    ),
    factsFault: opt(FactsFault),
  }),
})

/** Told apart by their one property. */
export const Source = Type.Union([
  closed({ ids: list(Type.Union([Id, closed({ contactId: Id, key: Id })])) }),
  closed({ search: Text }),
  closed({ query: closed({ ...TAGS, text: opt(Text) }) }),
  closed({ action: Id, outcomes: opt(list(Outcome, { minItems: 1 })) }),
])

/** The options of every verb: which of them an order takes, and needs, is for the verb to say. */
const VERB_OPTIONS: Readonly<Record<string, TSchema>> = Object.fromEntries(
  ACTION_VERB_NAMES.flatMap((word) => {
    const { takes }: VerbFacts = ACTION_VERBS[word]
    return Object.entries(takes).map(([option, kind]): [string, TSchema] => [option, opt(TAKEN[kind] as TSchema)])
  }),
)
export const TARGET = {
  ...VERB_OPTIONS,
  action: words(...ACTION_VERB_NAMES),
  campaignId: opt(Id),
  sequenceId: opt(Id),
  stepId: opt(Id),
  run: opt(whole(1)),
  kind: opt(Text),
  data: opt(JsonData),
  signalId: opt(Id),
  occurredAt: opt(Instant),
  automated: opt(Flag),
  reason: opt(Text),
}
/** How an action is undone. */
export const UNDO = { stopSent: opt(Flag), shift: opt(Flag) }
export const ActionTarget = closed({ ...TARGET, contacts: Source, limit: opt(whole(1, 1_000_000)) })
export const ActionOrder = closed({
  ...TARGET,
  actionId: opt(Id),
  contacts: Source,
  preview: opt(Preview),
})

export const Action = closed({
  actionId: Id,
  revision: Count,
  action: words(...ACTION_KINDS),
  campaignId: orNull(Id),
  sequenceId: orNull(Id),
  key: opt(Id),
  vars: opt(Scalars),
  order: opt(JsonData),
  undoes: opt(Id),
  stopSent: opt(Flag),
  shift: opt(Flag),
  actor: orNull(Type.String()),
  reason: orNull(Type.String()),
  source: Type.Unsafe<JsonObject>({ type: 'object', required: ['from'] }),
  state: words(...ACTION_STATES),
  orderedAt: Instant,
  movedAt: opt(Instant),
  endedAt: orNull(Instant),
  cancelledBy: orNull(Type.String()),
  contacts: Count,
  repeated: Count,
  processed: Count,
  outcomes: Outcomes,
  position: Count,
  preview: orNull(Outcomes),
  differences: list(closed({ outcome: Outcome, previewed: Count, happened: Count })),
  stillMs: orNull(Count),
})
export const Actions = closed({ actions: list(Action), next: orNull(Id) })
export const ActionContacts = closed({
  contacts: list(
    closed({
      number: Count,
      contactId: Id,
      key: opt(Id),
      outcome: orNull(Outcome),
      run: orNull(Count),
      reason: orNull(Type.String()),
      runs: opt(list(closed({ key: Type.String(), run: Count, outcome: Outcome }))),
    }),
  ),
  next: orNull(Count),
})
