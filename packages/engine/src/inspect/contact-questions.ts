/** Questions about one contact: everything of it, what the directory knows of it, its history. */
import {
  type Catalog,
  type ContactId,
  currentRecords,
  type Enrollment,
  type Facts,
  fold,
  type Instant,
  isBeforePlace,
  isInProgress,
  isSameEnrollment,
  isSuppressed,
  newestRun,
  pausesAsOf,
  plan,
  type RecordedContactEvent,
  type ResendRecord,
  type Run,
  type RunStatus,
  refOf,
  type SequenceRef,
  type StepId,
  type StepRecord,
  type UpcomingStep,
  type Vars,
  type Version,
} from '@enfold/core'
import { type FactsFault, SHORT_MS } from '../directory.ts'
import type { EngineContext } from '../engine-context.ts'
import * as input from '../input.ts'
import { loadContact, NO_FACTS, type QuestionedContact } from './questioned-contacts.ts'

export interface ContactView {
  readonly contactId: ContactId
  /** 0: nothing is recorded of this contact. */
  readonly version: Version
  /** `null` where no ban is in force now. */
  readonly suppressed: null | { readonly until: Instant | null }
  readonly erased: boolean
  /** In the order of their first start; with `runs: "all"`, each run by itself, oldest first. */
  readonly enrollments: readonly EnrollmentView[]
  /**
   * Only where the contact's facts could not be had, and why. Due instants that depend on the contact's zone or fields are
   * then computed without them.
   */
  readonly factsFault?: FactsFault
  /**
   * Only where there are any: versions of events that are dated after now, because some clock was fast. They have happened,
   * and the view counts them.
   */
  readonly ahead?: readonly Version[]
}

/** With its key, where the sequence has keys (KEY-1). */
export interface EnrollmentView extends SequenceRef {
  readonly run: number
  /** What the run began with (VAR-1). Only where there is something, and not of an erased contact. */
  readonly vars?: Vars
  readonly status: RunStatus
  readonly campaignVersion: number
  readonly startedAt: Instant
  readonly endedAt: Instant | null
  /** The run that this one goes on from, where a stop was undone (UNDO-3). */
  readonly continues?: number
  /** All steps of the run's version, in order. */
  readonly steps: readonly StepView[]
  /**
   * The step that stands next, and when it is due; of a paused run or campaign, when it would be. `opensAt` where it is due
   * and waits for its window. `campaignPausedSince` where a pause of its campaign holds it. `null` in a run that is over.
   */
  readonly next: null | Pick<UpcomingStep, 'stepId' | 'dueAt' | 'opensAt' | 'campaignPausedSince'>
}

export const STEP_STATUSES = [
  'pending',
  'dispatched',
  'sent',
  'failed',
  'skipped',
  'cancelled',
  'held',
  'passed',
] as const

export interface StepView {
  readonly stepId: StepId
  /** Between two attempts a step is `pending`. */
  readonly status: (typeof STEP_STATUSES)[number]
  /** When it came to be so; `null` while untouched. */
  readonly at: Instant | null
  readonly reason?: string
  /** Where it was sent instead of to the contact: an address, or "nobody" where no handler was called (DELIVER-3). */
  readonly deliverTo?: string
  readonly resends?: readonly {
    readonly resend: number
    readonly status: string
    readonly at: Instant
    readonly deliverTo?: string
  }[]
}

interface ContactOptions {
  readonly runs?: 'newest' | 'all'
  readonly at?: Instant
}

export interface ContactQuestions {
  /**
   * Everything of one contact as it stands now; with `at`, as it stood at that instant, events of that very instant
   * included (AUDIT-2). Due instants of then are computed with the facts of now: the directory has no others. Answers
   * also while the directory is down or slow; see `factsFault`.
   */
  contact(
    contactId: ContactId,
    options?: { readonly runs?: 'newest' | 'all'; readonly at?: Instant },
  ): Promise<ContactView>
  /**
   * What the directory knows of the contact, as decisions see it now; `null`: it does not know the contact (START-6).
   *
   * @throws EnfoldFault `DIRECTORY_SILENT`, `DIRECTORY_FAILED`, `FACTS_UNREADABLE`
   */
  facts(contactId: ContactId): Promise<Facts | null>
  /** The recorded events of one contact, in order; empty if there are none. */
  history(contactId: ContactId): Promise<readonly RecordedContactEvent[]>
  /** The engine's clock. What is recorded as later than this was written by a process whose clock is fast (AUDIT-2). */
  now(): Instant
}

export function createContactQuestions(context: EngineContext): ContactQuestions {
  return {
    async contact(contactId, options = {}) {
      input.id('inspect.contact', contactId)
      input.checkInput('inspect.contact', options, { 'runs?': input.oneOf('newest', 'all'), 'at?': input.instant })
      return contactView(context, contactId, options)
    },
    async history(contactId) {
      input.id('inspect.history', contactId)
      return context.historyOf(contactId)
    },
    now: () => context.clock.now(),
    async facts(contactId) {
      input.id('inspect.facts', contactId)
      return context.factsOf(contactId, SHORT_MS)
    },
  }
}

async function contactView(
  context: EngineContext,
  contactId: ContactId,
  { runs = 'newest', at }: ContactOptions,
): Promise<ContactView> {
  const { campaigns, clock } = context
  await campaigns.fresh()
  const loaded = await loadedFor(context, contactId, runs === 'all' || at !== undefined)
  const { facts = NO_FACTS, why } = loaded
  const history = at === undefined ? loaded.history : loaded.history.filter((event) => event.at <= at)
  const state = at === undefined ? loaded.state : fold(history)
  const { version } = state
  const now = at ?? clock.now()
  const catalog = at === undefined ? campaigns.catalog : pausesAsOf(campaigns.catalog, at)
  const { upcoming } = plan(contactId, state, catalog, facts, now)
  const enrollments = state.enrollments.flatMap((enrollment) =>
    (runs === 'all' ? enrollment.runs : newestOf(enrollment)).map((run) => {
      const view = enrollmentView(refOf(enrollment), run, upcoming, stepIdsOf(campaigns.catalog, enrollment, run))
      return state.erased ? view : { ...view, ...varsIn(run) }
    }),
  )
  const suppressed = isSuppressed(state, now) ? state.suppressed : null
  const real = clock.now()
  const ahead = history.flatMap((event) => (event.at > real ? [event.version] : []))
  const view = { contactId, version, suppressed, erased: state.erased, enrollments, ...why }
  return ahead.length === 0 ? view : { ...view, ahead }
}

/** One whose only starts were undone has none, as if it had never been. */
function newestOf(enrollment: Enrollment): readonly Run[] {
  const run = newestRun(enrollment)
  return run === undefined ? [] : [run]
}

/** What the view needs: the whole stream where it is about more than the working state holds. */
async function loadedFor(context: EngineContext, contactId: ContactId, whole: boolean): Promise<QuestionedContact> {
  const loaded = await loadContact(context, contactId, { whole })
  const leavesOut = loaded.state.leftOut !== undefined || loaded.stored.latestAt > context.clock.now()
  return loaded.isWhole || !leavesOut ? loaded : loadContact(context, contactId, { whole: true })
}

function stepIdsOf(catalog: Catalog, { campaignId, sequenceId }: SequenceRef, run: Run): readonly StepId[] {
  const { campaign } = catalog.version(campaignId, run.campaignVersion)
  return campaign.sequences.get(sequenceId)?.steps.map((step) => step.id) ?? []
}

function enrollmentView(
  ref: SequenceRef,
  run: Run,
  upcoming: readonly UpcomingStep[],
  stepIds: readonly StepId[],
): EnrollmentView {
  const next = isInProgress(run)
    ? upcoming.find((step) => step.run === run.run && isSameEnrollment(step, ref))
    : undefined
  const records = currentRecords(run)
  const steps = stepIds.map((id) => ({ id }))
  return {
    ...ref,
    run: run.run,
    status: run.status,
    campaignVersion: run.campaignVersion,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    ...(run.continued === undefined ? {} : { continues: run.continued.run }),
    steps: stepIds.map((stepId) => {
      const record = records.get(stepId)
      const isPassed = record === undefined && isBeforePlace(run, steps, stepId)
      return isPassed ? { stepId, status: 'passed', at: run.place?.at ?? null } : stepView(stepId, record)
    }),
    next: next === undefined ? null : nextOf(next),
  }
}

/** The variables of a run, where it has some. */
export function varsIn({ vars }: Run): { readonly vars?: Vars } {
  return Object.keys(vars).length === 0 ? {} : { vars }
}

function nextOf({ stepId, dueAt, opensAt, campaignPausedSince }: UpcomingStep): NonNullable<EnrollmentView['next']> {
  return {
    stepId,
    dueAt,
    ...(opensAt === undefined ? {} : { opensAt }),
    ...(campaignPausedSince === undefined ? {} : { campaignPausedSince }),
  }
}

function stepView(stepId: StepId, record: StepRecord | undefined): StepView {
  if (record === undefined) return { stepId, status: 'pending', at: null }
  const { status, at, reason, resends, deliverTo } = record
  return {
    stepId,
    status: status === 'retrying' ? 'pending' : status,
    at,
    ...(reason === null ? {} : { reason }),
    ...(deliverTo === undefined ? {} : { deliverTo }),
    ...(resends.length === 0 ? {} : { resends: resends.map(resendView) }),
  }
}

function resendView({ resend, status, at, deliverTo }: ResendRecord) {
  return { resend, status, at, ...(deliverTo === undefined ? {} : { deliverTo }) }
}
