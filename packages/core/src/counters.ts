/**
 * Numbers that add up: by how much events change the counters of campaigns (FUNNEL-1). What a run counts for follows from
 * its state; why it was stopped, and which goals were satisfied, from the events. So the counters of a contact are the sum
 * of the differences of all its appends, and equally what its last state and its events say.
 */
import type { Catalog } from './catalog.ts'
import type { SequenceDefinition, StepDefinition } from './definition.ts'
import {
  type ContactState,
  fold,
  initialContact,
  isInProgress,
  isOpen,
  nameOfEnrollment,
  newestRun,
  type Run,
  runOf,
  type StepRecord,
  standingAt,
} from './enrollment.ts'
import type { ContactEvent, ContactEventOf, RunRef } from './events.ts'
import type { CampaignId, GoalId } from './ids.ts'
import type { Counter, CounterChange } from './ports/counters.ts'

/**
 * Where a run can be with a step.
 *
 * - `waiting`: it stands there, and nothing of the step is in flight: before the first attempt, between two, or paused.
 * - `inFlight`: handed over, and no outcome yet.
 * - `held`: it failed, and the run waits for a person.
 * - `sent`, `failed`, `skipped`, `cancelled`: resolved.
 * - `left`: the run was stopped while it stood there.
 */
export type StepPlace = 'waiting' | 'inFlight' | 'held' | 'sent' | 'failed' | 'skipped' | 'cancelled' | 'left'

/** Why a run was stopped. `ban`: the contact was suppressed. */
export type StoppedBy = 'hand' | 'goal' | 'failure' | 'ban' | 'erasure'

/** What a counter counts, and the key that it is stored by. (TypeScript 5.0 wants all members named, or none.) */
export type CounterPath =
  | readonly [
      what: 'sequence',
      sequenceId: string,
      which: 'started' | 'active' | 'paused' | 'waiting' | 'completed' | StoppedBy,
    ]
  | readonly [what: 'step', sequenceId: string, stepId: string, which: 'reached' | 'resent' | StepPlace]
  | readonly [what: 'skipped', sequenceId: string, stepId: string, reason: string]
  | readonly [what: 'goal', goalId: string, which: 'satisfied']
  /** Runs of a sequence that a goal stopped. */
  | readonly [what: 'from', goalId: string, sequenceId: string]

/** A handler's reason that is longer counts as `other`: counters are for codes, not for texts. */
const LONGEST_REASON = 60

/**
 * @example
 * counterPath(counter) // ['step', 'nurture', 'mistake-1', 'sent']
 */
export function counterPath({ key }: Pick<Counter, 'key'>): CounterPath {
  return JSON.parse(key)
}

/**
 * A counter in words.
 *
 * @example
 * describeCounter(counter) // '"pool", version 1: step "one" of "nurture", sent'
 */
export function describeCounter(counter: Omit<Counter, 'count'>): string {
  const [what, ...names] = counterPath(counter)
  const [first = '', second = '', third = ''] = names.map((name) => JSON.stringify(name))
  const last = names[names.length - 1]
  const said = {
    sequence: `sequence ${first}, ${last}`,
    step: `step ${second} of ${first}, ${last}`,
    skipped: `step ${second} of ${first}, skipped for ${third}`,
    goal: `goal ${first}, satisfied`,
    from: `goal ${first}, from ${second}`,
  }
  return `${JSON.stringify(counter.campaignId)}, version ${counter.campaignVersion}: ${said[what]}`
}

/** Adds up changes of counters. */
export class CounterSum {
  readonly #versions = new Map<CampaignId, Map<number, Map<string, number>>>()

  /** The version that was changed last: mostly it is the next one, too. */
  #last: { readonly campaignId: CampaignId; readonly version: number; readonly counts: Map<string, number> } | null =
    null

  add(campaignId: CampaignId, campaignVersion: number, path: CounterPath, by: number): void {
    addTo(this.#countsOf(campaignId, campaignVersion), JSON.stringify(path), by)
  }

  /** @param times -1 takes them away */
  addAll(changes: Iterable<CounterChange>, times = 1): void {
    for (const { campaignId, campaignVersion, by } of changes) {
      const counts = this.#countsOf(campaignId, campaignVersion)
      for (const [key, count] of by) addTo(counts, key, times * count)
    }
  }

  #countsOf(campaignId: CampaignId, version: number): Map<string, number> {
    if (this.#last?.version === version && this.#last.campaignId === campaignId) return this.#last.counts
    const versions = this.#versions.get(campaignId) ?? new Map<number, Map<string, number>>()
    this.#versions.set(campaignId, versions)
    const counts = versions.get(version) ?? new Map<string, number>()
    versions.set(version, counts)
    this.#last = { campaignId, version, counts }
    return counts
  }

  /** What is not 0. */
  changes(): readonly CounterChange[] {
    const changes: CounterChange[] = []
    for (const [campaignId, versions] of this.#versions)
      for (const [campaignVersion, by] of versions)
        if (by.size > 0) changes.push({ campaignId, campaignVersion, by: [...by] })
    return changes
  }
}

function addTo(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}

/** Counters as changes from nothing, each version of a campaign once. */
export function changesOfCounters(counters: Iterable<Counter>): readonly CounterChange[] {
  const sum = new CounterSum()
  for (const { campaignId, campaignVersion, key, count } of counters)
    sum.addAll([{ campaignId, campaignVersion, by: [[key, count]] }])
  return sum.changes()
}

/** Changes from nothing as counters. */
export function countersOf(changes: Iterable<CounterChange>): readonly Counter[] {
  const counters: Counter[] = []
  for (const { campaignId, campaignVersion, by } of changes)
    for (const [key, count] of by) counters.push({ campaignId, campaignVersion, key, count })
  return counters
}

/**
 * By how much events change the counters: of one append, or of a part of a contact's history.
 *
 * @param before the contact before them
 * @param after and after them
 * @param campaigns with the versions of its runs
 */
export function counterChanges(
  before: ContactState,
  events: readonly ContactEvent[],
  after: ContactState,
  campaigns: Pick<Catalog, 'has' | 'version'>,
): readonly CounterChange[] {
  const noted = new NotedEvents()
  // A run by its place in the state after: events of keyed and plain runs name it in different ways.
  const touched = new Map<Run, RunRef>()
  const touch = (ref: RunRef) => {
    const run = runOf(after, ref)
    if (run !== undefined) touched.set(run, ref)
  }
  for (const event of events) {
    noted.add(event)
    if ('run' in event.data) touch(event.data)
    // A start ends the wait of the run before (START-4).
    if (event.type === 'SequenceStarted') touch({ ...event.data, run: event.data.run - 1 })
    if (event.type === 'ContactErased')
      for (const enrollment of before.enrollments) {
        const run = newestRun(enrollment)
        if (isOpen(run)) touch({ ...enrollment, run: run.run })
      }
  }
  const sum = new CounterSum()
  for (const [run, ref] of touched) countRun(sum, { ref, was: runOf(before, ref), is: run, noted, campaigns })
  noted.countGoals(sum)
  return sum.changes()
}

/** The counters of one contact, for who folds its events one by one and keeps none of them. */
export class ContactCounters {
  readonly #noted = new NotedEvents()

  add(event: ContactEvent): void {
    this.#noted.add(event)
  }

  /** @param state after the events that were added */
  changes(state: ContactState, campaigns: Pick<Catalog, 'has' | 'version'>): readonly CounterChange[] {
    const sum = new CounterSum()
    for (const enrollment of state.enrollments)
      for (const is of enrollment.runs)
        countRun(sum, { ref: { ...enrollment, run: is.run }, was: undefined, is, noted: this.#noted, campaigns })
    this.#noted.countGoals(sum)
    return sum.changes()
  }
}

/** By how much some events of a contact's history change the counters: those that `isWanted` says. */
export function counterChangesWithin(
  history: readonly ContactEvent[],
  isWanted: (event: ContactEvent) => boolean,
  campaigns: Pick<Catalog, 'has' | 'version'>,
): readonly CounterChange[] {
  const sum = new CounterSum()
  let before = initialContact
  // Clocks may go back a little: what is wanted need not stand together.
  for (let from = 0, to = 0; from < history.length; from = to) {
    const wanted = isWanted(history[from] as ContactEvent)
    while (to < history.length && isWanted(history[to] as ContactEvent) === wanted) to++
    if (!wanted && to === history.length) break
    const events = history.slice(from, to)
    const after = fold(events, before)
    if (wanted) sum.addAll(counterChanges(before, events, after, campaigns))
    before = after
  }
  return sum.changes()
}

/** The counters of a contact with this history. */
export function countersOfHistory(
  history: readonly ContactEvent[],
  state: ContactState,
  campaigns: Pick<Catalog, 'has' | 'version'>,
): readonly CounterChange[] {
  return counterChanges(initialContact, history, state, campaigns)
}

/** What the state does not keep. */
class NotedEvents {
  readonly #stops = new Map<string, Stop>()
  readonly #goals: Pick<ContactEventOf<'GoalSatisfied'>['data'], 'campaignId' | 'campaignVersion' | 'goalId'>[] = []

  add(event: ContactEvent): void {
    if (event.type === 'SequenceStopped') this.#stops.set(runKeyOf(event.data), stopBy(event))
    else if (event.type === 'GoalSatisfied') {
      const { campaignId, campaignVersion, goalId } = event.data
      this.#goals.push({ campaignId, campaignVersion, goalId })
    }
  }

  stopOf(ref: RunRef): Stop {
    return (this.#stops.size === 0 ? undefined : this.#stops.get(runKeyOf(ref))) ?? BY_ERASURE
  }

  countGoals(sum: CounterSum): void {
    for (const { campaignId, campaignVersion, goalId } of this.#goals)
      sum.add(campaignId, campaignVersion, ['goal', goalId, 'satisfied'], 1)
  }
}

function runKeyOf(ref: RunRef): string {
  return `${ref.run} ${nameOfEnrollment(ref)}`
}

interface Stop {
  readonly by: StoppedBy
  readonly goalId: GoalId | null
}

/** Of a run that ended without an event of its own. */
const BY_ERASURE: Stop = { by: 'erasure', goalId: null }

function stopBy({ cause, causationId, commandId }: ContactEventOf<'SequenceStopped'>): Stop {
  if (cause.by === 'goal') return { by: 'goal', goalId: cause.goalId }
  if (cause.by === 'step') return { by: 'failure', goalId: null }
  // What follows from another event, and not from the order itself, follows from a ban.
  return { by: causationId === commandId ? 'hand' : 'ban', goalId: null }
}

interface CountedRun {
  readonly ref: RunRef
  /** `undefined`: there was none. */
  readonly was: Run | undefined
  readonly is: Run
  readonly noted: NotedEvents
  readonly campaigns: Pick<Catalog, 'has' | 'version'>
}

function countRun(sum: CounterSum, { ref, was, is, noted, campaigns }: CountedRun): void {
  const { campaignId, sequenceId } = ref
  const { campaignVersion } = is
  const count = (path: CounterPath, by: number) => sum.add(campaignId, campaignVersion, path, by)
  if (was === undefined) count(['sequence', sequenceId, 'started'], 1)
  if (was?.status !== is.status) {
    if (was !== undefined && was.status !== 'stopped') count(['sequence', sequenceId, was.status], -1)
    if (is.status !== 'stopped') count(['sequence', sequenceId, is.status], 1)
    else {
      const { by, goalId } = noted.stopOf(ref)
      count(['sequence', sequenceId, by], 1)
      if (goalId !== null) count(['from', goalId, sequenceId], 1)
    }
  }
  const definition = campaigns.has(campaignId, campaignVersion)
    ? campaigns.version(campaignId, campaignVersion).campaign.sequences.get(sequenceId)
    : undefined
  countSteps(sequenceId, was, is, definition, count)
}

function countSteps(
  sequenceId: string,
  was: Run | undefined,
  is: Run,
  definition: SequenceDefinition | undefined,
  count: (path: CounterPath, by: number) => void,
): void {
  const move = (stepId: string, from: StepPlace | null, to: StepPlace | null) => {
    if (from === to) return
    if (from === null) count(['step', sequenceId, stepId, 'reached'], 1)
    else count(['step', sequenceId, stepId, from], -1)
    if (to === null) count(['step', sequenceId, stepId, 'reached'], -1)
    else count(['step', sequenceId, stepId, to], 1)
  }
  const skipped = ({ stepId, status, reason }: StepRecord, by: number) => {
    if (status === 'skipped') count(['skipped', sequenceId, stepId, reasonOf(reason)], by)
  }
  const steps: readonly StepDefinition[] = definition?.steps ?? []
  const [stoodAt, standsAt] = [was === undefined ? null : standingAt(was, steps), standingAt(is, steps)]
  let isRecorded = false
  for (let i = 0; i < is.steps.length; i++) {
    const record = is.steps[i] as StepRecord
    // Records are only ever added, at the end.
    const before = was?.steps[i]
    const { stepId } = record
    isRecorded ||= stepId === standsAt
    if (was !== undefined && before !== undefined) {
      if (isSamePlace(was, is, before, record)) continue
      move(stepId, placeOf(was, before), placeOf(is, record))
      skipped(before, -1)
    } else move(stepId, stoodAt === stepId ? pendingIn(was) : null, placeOf(is, record))
    skipped(record, 1)
    const resent = record.resends.length - (before?.resends.length ?? 0)
    if (resent !== 0) count(['step', sequenceId, stepId, 'resent'], resent)
  }
  // Where it stands, if nothing of the step was ever recorded.
  if (standsAt !== null && !isRecorded) move(standsAt, stoodAt === standsAt ? pendingIn(was) : null, pendingIn(is))
}

function isSamePlace(was: Run, is: Run, before: StepRecord, after: StepRecord): boolean {
  return (
    before.status === after.status &&
    before.reason === after.reason &&
    before.resends.length === after.resends.length &&
    isInProgress(was) === isInProgress(is)
  )
}

function pendingIn(run: Run | undefined): StepPlace {
  return isInProgress(run) ? 'waiting' : 'left'
}

function placeOf(run: Run, { status }: StepRecord): StepPlace {
  if (status === 'dispatched') return 'inFlight'
  if (status === 'retrying') return pendingIn(run)
  if (status === 'held') return isInProgress(run) ? 'held' : 'left'
  return status
}

function reasonOf(reason: string | null): string {
  return reason === null || reason.length > LONGEST_REASON ? 'other' : reason
}
