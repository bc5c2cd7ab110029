/**
 * What hosts need: campaigns, events and the state that they fold into, verbs and their answers, plans, ports. What a store
 * needs besides is in `@enfold/core/store`, and what a reader of logs needs in `@enfold/core/log`.
 *
 * @packageDocumentation
 */
export { REQUIRED_NODE } from './node-version.ts'

// That module stands first, so that an old Node is refused before anything else is evaluated.

export * from './action.ts'
export { type Campaign, campaign, defineCampaign, sameDefinition } from './campaign.ts'
export { campaignJsonSchema } from './campaign-schema.ts'
export {
  type CampaignDecision,
  type Catalog,
  type CatalogEntry,
  checkDefinition,
  createCatalog,
  decidePublish,
  decideUnpublish,
  findSequence,
  type GoalMatch,
  type PublishAnswer,
  type PublishedCampaign,
  type UnpublishAnswer,
} from './catalog.ts'
export { type Check, checks } from './checks.ts'
export type {
  CampaignCommand,
  CommandMeta,
  DispatchDue,
  PauseCampaign,
  PublishCampaign,
  RecordOutcome,
  ResumeCampaign,
  UnpublishCampaign,
} from './commands.ts'
export { type Answers, type AnswerTo, type ContactCommand, READS_PUBLISHED, readsFacts } from './contact-commands.ts'
export {
  ContactCounters,
  type CounterPath,
  CounterSum,
  changesOfCounters,
  counterChanges,
  counterChangesWithin,
  countersOf,
  countersOfHistory,
  describeCounter,
  type StepPlace,
} from './counters.ts'
export * from './decide.ts'
export type { HistoricEvent, SignalLimits } from './decision/builder.ts'
export { unknownStep } from './decision/finding.ts'
export { undoSummary } from './decision/undoing.ts'
export type {
  AfterDaysTimer,
  AfterTimer,
  AfterWeekdaysTimer,
  CampaignDefinition,
  Condition,
  DaysWindow,
  FieldOffsetTimer,
  FieldTimer,
  GoalDefinition,
  KeptSignal,
  MatchTest,
  OnTimer,
  Route,
  SequenceDefinition,
  SignalPattern,
  StepDefinition,
  Timer,
  ValueTest,
  VariableOffsetTimer,
  VariableSource,
  VariableTimer,
  Weekday,
  Window,
  Windows,
} from './definition.ts'
export { isRedirectable, NOBODY, redirectable } from './deliver-to.ts'
export * from './describe/index.ts'
export * from './effect.ts'
export { type Either, isLeft, isRight, left, match, right } from './either.ts'
export {
  type ContactState,
  currentRecords,
  type Enrollment,
  enrollmentOf,
  isBeforePlace,
  isInProgress,
  isOpenRun,
  isResolved,
  isSameEnrollment,
  isSuppressed,
  newestRun,
  occurrenceIn,
  type ResendRecord,
  RUN_STATUSES,
  type Run,
  type RunPlace,
  type RunStatus,
  recordFor,
  recordOf,
  refOf,
  requireRun,
  runOf,
  type StepRecord,
  type StoppedBy,
  sendingRun,
} from './enrollment.ts'
export * from './events.ts'
export type { Extensions } from './extensions.ts'
export * from './fault.ts'
export { ContactFold, evolve, fold, initialContact } from './fold.ts'
export {
  campaignsIf,
  type Forecast,
  type ForecastEnd,
  type ForecastOptions,
  type ForecastStep,
  forecastOf,
  type WhatIf,
} from './forecast.ts'
export {
  type Funnel,
  type FunnelNumbers,
  type FunnelQuery,
  funnelNumbers,
  funnelOf,
  type GoalNumbers,
  isInPeriod,
  type SequenceNumbers,
  type StepNumbers,
  sumsBroken,
} from './funnel.ts'
export * from './held-values.ts'
export * from './ids.ts'
export type {
  BeginsTransactions,
  InProcessTransaction,
  InProcessTransactionOptions,
} from './in-process-transaction.ts'
export {
  canonicalJson,
  type JsonObject,
  type JsonScalar,
  type JsonValue,
  unsafeIntegerIn,
} from './json.ts'
export * from './known-campaigns.ts'
export { type HashList, mayHold, NeedsHistory } from './left-out.ts'
export * from './marks.ts'
export { nearest } from './nearest.ts'
export { type NotJson, notJsonIn } from './not-json.ts'
export { orThrow, RejectionError } from './or-throw.ts'
export { orderDigest } from './order.ts'
export { createPaceQueue, type PaceQueue } from './pace-queue.ts'
export {
  type CampaignPause,
  drainedLane,
  isPaused,
  isPausedLane,
  type Overdue,
  ongoingIn,
  type Pace,
  type PacedCampaign,
  pacedIn,
  pausedCampaignOf,
  pausedLane,
  pauseNow,
  type SequencePause,
} from './pauses.ts'
export { asIfResumed, pausesAsOf } from './pauses-seen.ts'
export * from './pausing.ts'
export { type DueStep, freeWake, type Plan, type PlanFault, plan, type UpcomingStep, waitSince } from './plan.ts'
export * from './ports/index.ts'
export * from './reasons.ts'
export * from './rejection.ts'
export { decideRoutes, type RouteDecision } from './routes.ts'
export { type KeptKind, MAX_KEPT_SIGNALS } from './signal-kept.ts'
export * from './simulate.ts'
export * from './standard-schema.ts'
export * from './tag-index.ts'
export * from './tags.ts'
export * from './timer.ts'
export { A_VARIABLE, isVariableValue, MAX_OPEN_KEYS, MAX_VARIABLES, typedVariable, variableIn } from './variables.ts'
export * from './verbs/index.ts'
export { commandOf, type OptionsOf, type StoryWord, VERB_OF_STORY } from './verbs/order.ts'
export {
  agrees,
  commandsAfter,
  foldedState,
  isDueToStore,
  type KeptAlongside,
  type KeptState,
  needsHistoryFor,
  stateFrom,
  type Unusable,
  workingState,
} from './working-state.ts'
