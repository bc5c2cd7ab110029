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

export const strictObject = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })
export const optional = Type.Optional
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
export const list = <S extends TSchema>(schema: S, options: TArrayOptions = {}) => Type.Array(schema, options)
export const oneOf = <const W extends readonly string[]>(...values: W) =>
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
export const Str = Type.String({ minLength: 1, maxLength: 10_000 })
export const Bool = Type.Boolean()
export const Scalars = Type.Record(
  Type.String(),
  Type.Unsafe<JsonScalar>({ type: ['string', 'number', 'boolean', 'null'] }),
)
export const JsonData = Type.Unsafe<JsonObject>({ type: 'object' })
export const integer = (minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) =>
  Type.Integer({ minimum, maximum })
const Count = integer(0)
/** What is said of a campaign by a store may be anything that once was valid. */
const Any = Type.Unsafe<unknown>({})

export const Limit = optional(integer(1, 1000))

export const SequenceQuery = strictObject({
  campaignId: Id,
  sequenceId: Id,
  status: optional(oneOf('active', 'waiting')),
})
const sequenceQueries = optional(list(SequenceQuery, { maxItems: 50 }))
const TAGS = { all: sequenceQueries, any: sequenceQueries, none: sequenceQueries }
export const Search = strictObject({ ...TAGS, text: optional(Str), after: optional(orNull(Id)), limit: Limit })

export const SignalBody = strictObject({
  contactId: Id,
  kind: Str,
  data: optional(JsonData),
  signalId: optional(Id),
  occurredAt: optional(Instant),
  fromStep: optional(Bool),
  automated: optional(Bool),
})

// --- Answers --------------------------------------------------------------------------------------------------------

const RUN = { campaignId: Id, sequenceId: Id, key: optional(Id), run: Count }
export const PLACE = { version: Count, position: Count }

/** A count for each of these. */
export const countsOf = <const Name extends string>(names: readonly Name[]) =>
  strictObject(Object.fromEntries(names.map((name) => [name, Count])) as Record<Name, typeof Count>)

/** What the options of orders are, by their kind. */
export const TAKEN = {
  flag: Bool,
  instantOrNull: orNull(Instant),
  instant: Instant,
  duration: SignedDuration,
  step: Id,
  sequence: Id,
  wait: oneOf(...WAITS),
  key: Id,
  vars: Scalars,
  command: Id,
} satisfies Record<keyof TakenTypes, TSchema>

export const Refreshed = strictObject({ wakeAt: orNull(Instant) })

/** What the answer of a verb holds, by its kind. */
export const ANSWERS = {
  count: Count,
  runs: list(strictObject(RUN)),
  goals: list(
    strictObject({
      campaignId: Id,
      goalId: Id,
      outcome: oneOf(...GOAL_OUTCOMES),
      stopped: list(strictObject({ sequenceId: Id, key: optional(Id), run: Count })),
      started: list(
        strictObject({ sequenceId: Id, key: optional(Id), run: Count, outcome: oneOf('started', 'already_active') }),
      ),
    }),
  ),
  step: Id,
  instantOrNull: orNull(Instant),
  key: Id,
  undone: list(strictObject({ ...RUN, outcome: oneOf(...UNDO_RUN_OUTCOMES) })),
  keyedRuns: list(strictObject({ key: Type.String(), run: Count, outcome: Type.String() })),
} satisfies Record<keyof AnswerTypes, TSchema>

export const ProblemBody = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: integer(400, 599),
  detail: Type.String(),
  problems: optional(list(strictObject({ path: Type.String(), message: Type.String() }))),
  rejection: optional(Type.Unsafe<JsonObject>({ type: 'object', required: ['type'] })),
})

/** Why a contact's facts could not be had; what is due was computed without them. */
const FactsFault = strictObject({ code: Type.String(), message: Type.String() })

const Step = strictObject({
  stepId: Id,
  status: oneOf(...STEP_STATUSES),
  at: orNull(Instant),
  reason: optional(Type.String()),
  deliverTo: optional(Type.String()),
  resends: optional(
    list(strictObject({ resend: Count, status: Type.String(), at: Instant, deliverTo: optional(Type.String()) })),
  ),
})

export const Contact = strictObject({
  contactId: Id,
  version: Count,
  suppressed: orNull(strictObject({ until: orNull(Instant) })),
  erased: Bool,
  enrollments: list(
    strictObject({
      ...RUN,
      vars: optional(Scalars),
      status: oneOf(...RUN_STATUSES),
      campaignVersion: Count,
      startedAt: Instant,
      endedAt: orNull(Instant),
      continues: optional(integer(1)),
      steps: list(Step),
      next: orNull(
        strictObject({
          stepId: Id,
          dueAt: Instant,
          opensAt: optional(Instant),
          campaignPausedSince: optional(Instant),
        }),
      ),
    }),
  ),
  factsFault: optional(FactsFault),
  ahead: optional(list(Count)),
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
export const History = strictObject({ events: list(Event), next: orNull(Count), ahead: optional(list(Count)) })
export const Chain = strictObject({ chain: list(Event) })
export const ExplainedStep = strictObject({
  step: strictObject({ reason: Type.String(), detail: orNull(Type.String()), dueAt: orNull(Instant) }),
  evidence: list(Event),
  chain: list(strictObject({ event: Event, saw: list(JsonData), routes: list(JsonData), timing: orNull(JsonData) })),
  factsFault: optional(FactsFault),
})
export const ExplainedGoal = strictObject({
  reason: Type.String(),
  detail: orNull(Type.String()),
  saw: list(JsonData),
  evidence: list(Event),
})
export const Sequences = strictObject({
  sequences: list(
    strictObject({ campaignId: Id, sequenceId: Id, key: optional(Id), status: oneOf('active', 'waiting') }),
  ),
})
export const UpcomingSteps = strictObject({
  steps: list(
    Type.Object({
      ...{ contactId: Id, campaignId: Id, sequenceId: Id, key: optional(Id), run: Count, stepId: Id, dueAt: Instant },
      vars: optional(Scalars),
      opensAt: optional(Instant),
      campaignPausedSince: optional(Instant),
      factsFault: optional(FactsFault),
    }),
  ),
})
const NextStep = orNull(strictObject({ stepId: Id, dueAt: Instant }))

/** What an order would answer, and which runs it would move: the step that stands next, before and after. */
export const effectWith = (answer: TSchema) =>
  strictObject({
    answer,
    changes: list(strictObject({ ...RUN, before: NextStep, after: NextStep })),
    factsFault: optional(FactsFault),
  })
const OverdueStep = strictObject({
  contactId: Id,
  campaignId: Id,
  sequenceId: Id,
  key: optional(Id),
  run: Count,
  stepId: Id,
  dueAt: Instant,
})
export const Overdue = strictObject({
  contacts: Count,
  oldest: orNull(Instant),
  dispatches: list(strictObject({ kind: Type.String(), campaignId: Id, steps: Count, first: OverdueStep })),
  skips: list(strictObject({ reason: Type.String(), steps: Count, first: OverdueStep })),
  broken: list(strictObject({ code: Type.String(), contacts: Count, example: Id, message: Type.String() })),
})
const AttentionKind = oneOf(...ATTENTION_KINDS)
export const Attention = strictObject({
  entries: list(
    strictObject({
      kind: AttentionKind,
      ...{
        contactId: orNull(Id),
        campaignId: orNull(Id),
        sequenceId: orNull(Id),
        key: optional(Id),
        run: orNull(Count),
      },
      ...{ stepId: orNull(Id), resend: orNull(Count), since: orNull(Instant), reason: orNull(Type.String()) },
      contacts: Count,
    }),
  ),
  counts: strictObject({
    held: Count,
    failed: Count,
    unplanned: Count,
    unread: Count,
    unhandled: Count,
    parked: Count,
  }),
  total: Count,
  next: orNull(Type.String()),
})
export const Found = strictObject({ contacts: list(Id), total: orNull(Count), next: orNull(Id) })
/** `keys` and `nextKey` where the sequence has keys: a contact once for each of its own. */
export const Members = strictObject({
  contacts: list(Id),
  keys: optional(list(Type.String())),
  total: Count,
  next: orNull(Id),
  nextKey: optional(Type.String()),
})

const SUMMARY = {
  ...{ campaignId: Id, name: Type.String(), published: Bool, version: Count, publishedAt: Instant },
  paused: optional(strictObject({ since: Instant, sequences: orNull(list(Id)), entries: oneOf('open', 'closed') })),
}
export const Campaigns = strictObject({ campaigns: list(strictObject(SUMMARY)) })
export const Campaign = strictObject({
  ...SUMMARY,
  pace: optional(strictObject({ since: Instant, most: Count, per: Type.String(), waiting: Count })),
  definition: Type.Unsafe<JsonObject>({ type: 'object', required: ['id', 'goals', 'sequences'] }),
  versions: list(strictObject({ version: Count, publishedAt: Instant })),
})
export const Counts = strictObject({ sequences: list(strictObject({ sequenceId: Id, active: Count, waiting: Count })) })
const STEP_PLACES = ['waiting', 'inFlight', 'held', 'sent', 'failed', 'skipped', 'cancelled', 'passed', 'left'] as const
/** In a period a number may have become smaller. */
const Change = Type.Integer()
const numbersOf = <const Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, Change])) as Record<Name, typeof Change>
export const Funnel = strictObject({
  campaignId: Id,
  version: orNull(Count),
  from: orNull(Instant),
  to: orNull(Instant),
  complete: Bool,
  sequences: list(
    strictObject({
      sequenceId: Id,
      ...numbersOf(['started', 'open', 'active', 'paused', 'waiting', 'completed', 'stopped']),
      stoppedBy: strictObject(numbersOf(['hand', 'move', 'goal', 'failure', 'ban', 'erasure'])),
      steps: list(
        strictObject({
          stepId: Id,
          reached: Change,
          ...numbersOf(STEP_PLACES),
          reasons: list(strictObject({ reason: Type.String(), count: Change })),
          resent: Change,
        }),
      ),
    }),
  ),
  goals: list(
    strictObject({ goalId: Id, satisfied: Change, from: list(strictObject({ sequenceId: Id, runs: Change })) }),
  ),
})
const Warning = strictObject({
  path: Type.String(),
  value: optional(Any),
  message: Type.String(),
  campaignId: optional(Id),
})
export const Published = strictObject({
  outcome: oneOf(...CAMPAIGN_VERBS.publish.outcomes),
  version: Count,
  warnings: list(Warning),
  position: Count,
})
export const Unpublished = strictObject({
  outcome: oneOf(...CAMPAIGN_VERBS.unpublish.outcomes),
  version: Count,
  position: Count,
  stopped: Count,
})
export const Checked = strictObject({ valid: Bool, problems: list(Warning), warnings: list(Warning) })

/** The second is for those who may not see everything. */
export const Health = Type.Union([
  Type.Object({
    ok: Bool,
    storeFault: orNull(Type.String()),
    dueLagMs: orNull(Type.Number()),
    waitingKinds: list(strictObject({ kind: Type.String(), contacts: Count, since: Instant })),
    failingKinds: list(strictObject({ kind: Type.String(), failures: Count, since: Instant })),
    dispatcher: JsonData,
    deliverTo: orNull(Type.String()),
    brakes: strictObject({ count: Count, lastAt: orNull(Instant) }),
    states: strictObject({ refused: Count, lastAt: orNull(Instant) }),
  }),
  strictObject({ ok: Bool, codes: list(Type.String()) }),
])

// --- Bulk actions ---------------------------------------------------------------------------------------------------

export const Outcome = oneOf(...ACTION_OUTCOMES)
const Outcomes = countsOf(ACTION_OUTCOMES)
const Ids = list(Id)
const NextSteps = orNull(strictObject({ stepId: Id, first: Instant, last: Instant }))
export const Preview = strictObject({
  at: Instant,
  contacts: Count,
  repeated: Count,
  complete: Bool,
  outcomes: Outcomes,
  samples: strictObject(
    Object.fromEntries(ACTION_OUTCOMES.map((outcome) => [outcome, Ids])) as Record<ActionOutcome, typeof Ids>,
  ),
  reasons: list(strictObject({ reason: Type.String(), contacts: Count })),
  schedule: strictObject({
    contacts: Count,
    changes: list(
      strictObject({
        campaignId: Id,
        sequenceId: Id,
        before: NextSteps,
        after: NextSteps,
        runs: Count,
        example: strictObject({ contactId: Id, change: strictObject({ ...RUN, before: NextStep, after: NextStep }) }),
      }),
    ),
    factsFault: optional(FactsFault),
  }),
})

/** Told apart by their one property. */
export const Source = Type.Union([
  strictObject({ ids: list(Type.Union([Id, strictObject({ contactId: Id, key: Id })])) }),
  strictObject({ search: Str }),
  strictObject({ query: strictObject({ ...TAGS, text: optional(Str) }) }),
  strictObject({ action: Id, outcomes: optional(list(Outcome, { minItems: 1 })) }),
])

/** The options of every verb: which of them an order takes, and needs, is for the verb to say. */
const VERB_OPTIONS: Readonly<Record<string, TSchema>> = Object.fromEntries(
  ACTION_VERB_NAMES.flatMap((word) => {
    const { takes }: VerbFacts = ACTION_VERBS[word]
    return Object.entries(takes).map(([option, kind]): [string, TSchema] => [option, optional(TAKEN[kind] as TSchema)])
  }),
)
export const TARGET = {
  ...VERB_OPTIONS,
  action: oneOf(...ACTION_VERB_NAMES),
  campaignId: optional(Id),
  sequenceId: optional(Id),
  stepId: optional(Id),
  run: optional(integer(1)),
  kind: optional(Str),
  data: optional(JsonData),
  signalId: optional(Id),
  occurredAt: optional(Instant),
  automated: optional(Bool),
  reason: optional(Str),
}
/** How an action is undone. */
export const UNDO = { stopSent: optional(Bool), shift: optional(Bool) }
export const ActionTarget = strictObject({ ...TARGET, contacts: Source, limit: optional(integer(1, 1_000_000)) })
export const ActionOrder = strictObject({
  ...TARGET,
  actionId: optional(Id),
  contacts: Source,
  preview: optional(Preview),
})

export const Action = strictObject({
  actionId: Id,
  revision: Count,
  action: oneOf(...ACTION_KINDS),
  campaignId: orNull(Id),
  sequenceId: orNull(Id),
  key: optional(Id),
  vars: optional(Scalars),
  order: optional(JsonData),
  undoes: optional(Id),
  stopSent: optional(Bool),
  shift: optional(Bool),
  actor: orNull(Type.String()),
  reason: orNull(Type.String()),
  source: Type.Unsafe<JsonObject>({ type: 'object', required: ['from'] }),
  state: oneOf(...ACTION_STATES),
  orderedAt: Instant,
  movedAt: optional(Instant),
  endedAt: orNull(Instant),
  cancelledBy: orNull(Type.String()),
  contacts: Count,
  repeated: Count,
  processed: Count,
  outcomes: Outcomes,
  position: Count,
  preview: orNull(Outcomes),
  differences: list(strictObject({ outcome: Outcome, previewed: Count, happened: Count })),
  stillMs: orNull(Count),
})
export const Actions = strictObject({ actions: list(Action), next: orNull(Id) })
export const ActionContacts = strictObject({
  contacts: list(
    strictObject({
      number: Count,
      contactId: Id,
      key: optional(Id),
      outcome: orNull(Outcome),
      run: orNull(Count),
      reason: orNull(Type.String()),
      runs: optional(list(strictObject({ key: Type.String(), run: Count, outcome: Outcome }))),
    }),
  ),
  next: orNull(Count),
})
