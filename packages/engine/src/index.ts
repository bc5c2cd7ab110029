/**
 * The public names of `@enfold/engine`.
 *
 * @packageDocumentation
 */
export { describeRejection, isLeft, isRight, orThrow, RejectionError } from '@enfold/core'
export type {
  ActionOrder,
  ActionTarget,
  BeginOptions,
  OrderedAction,
  PreviewOptions,
  ProcessOptions,
  UndoActionOrder,
  UndoTarget,
} from './actions/action-context.ts'
export type { ActionQuestions, ActionView } from './actions/action-questions.ts'
export type { Bulk } from './actions/bulk.ts'
export { type CsvInput, contactsOfCsv, itemsOfCsv, type ListOptions } from './actions/contact-list.ts'
export type { ContactQuery, ContactSource, ContactsOfAction } from './actions/contact-source.ts'
export type { ActionPreview } from './actions/preview.ts'
export type { NextSteps, PreviewedChange, SchedulePreview } from './actions/schedule-preview.ts'
export type { BrakeHealth } from './brakes.ts'
export type { Answered, ContactOrder, ContactVerbs, Order, SequenceOrder, Signal, StepOrder } from './contact-verbs.ts'
export type { FactsFault } from './directory.ts'
export type { DispatcherHealth, DueOptions } from './dispatch/dispatcher.ts'
export type { KindLimit } from './dispatch/limits.ts'
export type { DispatchCounts } from './dispatch/tally.ts'
export * from './engine.ts'
export type { EngineEvent, Observer } from './engine-events.ts'
export type { DispatchOptions, EngineOptions } from './engine-options.ts'
export type { FaultWords } from './fault-words.ts'
export type { Health } from './health.ts'
export type { AgendaQuestions, Overdue, OverdueStep, Upcoming } from './inspect/agenda-questions.ts'
export {
  ATTENTION_KINDS,
  type AttentionEntry,
  type AttentionKind,
  type AttentionQuery,
  type AttentionQuestions,
  type AttentionView,
} from './inspect/attention.ts'
export type { BrokenContacts } from './inspect/broken-contacts.ts'
export type {
  CampaignQuestions,
  CampaignSummary,
  CampaignView,
  CheckedDefinition,
} from './inspect/campaign-questions.ts'
export {
  type ContactQuestions,
  type ContactView,
  type EnrollmentView,
  STEP_STATUSES,
  type StepView,
} from './inspect/contact-questions.ts'
export type { EffectOf, EffectQuestions } from './inspect/effect-questions.ts'
export type { CauseLink, ExplainQuery, ExplainQuestions, Explanation } from './inspect/explain-questions.ts'
export type { ForecastCell } from './inspect/forecast-counts.ts'
export type {
  ContactForecast,
  ContactForecastQuery,
  ForecastPlace,
  ForecastQuery,
  ForecastQuestions,
  ForecastTotals,
} from './inspect/forecast-questions.ts'
export type { FunnelProgress } from './inspect/funnel-questions.ts'
export type {
  IndexQuestions,
  MemberStatus,
  MembersView,
  SearchQuery,
  SearchView,
  SequenceCounts,
  SequenceMembership,
  SequenceQuery,
} from './inspect/index-questions.ts'
export type { Inspect } from './inspect/inspect.ts'
export type { Activity, LogQuestions, LogReport } from './inspect/log-questions.ts'
export type { HeldByPause, HeldStep, PauseQuestions, ResumeEffect } from './inspect/pause-questions.ts'
export { type Handlers, type HandlersFor, kindsOf } from './kinds.ts'
export { createLifecycle, type Lifecycle, type LifecycleOptions } from './lifecycle.ts'
export type { PauseCampaignOrder, Pausing, ResumeCampaignOrder } from './pausing.ts'
export { buildReadModel } from './projection/build-read-model.ts'
export type { ParkedContact, ParkedContacts, RetryOutcome } from './projection/park.ts'
export type { ProjectionHealth, ProjectionLag, ProjectionOptions } from './projection/projection.ts'
export type { Publishing } from './publishing.ts'
export { type CounterDifference, recountLog } from './recount.ts'
export type { Running } from './running.ts'
export type { StateHealth } from './stored-states.ts'
export type { FailingKind, Log } from './troubles.ts'
export type { IndexDifference, IndexReport } from './verify-index.ts'
export type { StateDifference } from './verify-states.ts'
