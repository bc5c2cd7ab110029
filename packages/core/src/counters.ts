/**
 * Numbers that add up: by how much events change the counters of campaigns (FUNNEL-1). What a run counts for follows from
 * its state; why it was stopped, and which goals were satisfied, from the events. So the counters of a contact are the sum
 * of the differences of all its appends, and equally what its last state and its events say.
 */
import type { Catalog } from './catalog.ts'
import type { SequenceDefinition, StepDefinition } from './definition.ts'
import {
  type ContactState,
  continuationOf,
  enrollmentOf,
  isInProgress,
  isOpenRun,
  newestRun,
  occurrenceIn,
  type Run,
  recordOf,
  runNumbered,
  runOf,
  type StepRecord,
  type StoppedBy,
  standingAt,
} from './enrollment.ts'
import type { ContactEvent, ContactEventData, RunRef } from './events.ts'
import { fold, initialContact } from './fold.ts'
import type { CampaignId } from './ids.ts'
import type { Counter, CounterChange } from './ports/counters.ts'

/**
 * Where a run can be with a step.
 *
 * - `waiting`: it stands there, and nothing of the step is in flight: before the first attempt, between two, or paused.
 * - `inFlight`: handed over, and no outcome yet.
 * - `held`: it failed, and the run waits for a person.
 * - `sent`, `failed`, `skipped`, `cancelled`: resolved.
 * - `passed`: the run was moved away while it stood there (JUMP-1).
 * - `left`: the run was stopped while it stood there.
 */
export type StepPlace =
  | 'waiting'
  | 'inFlight'
  | 'held'
  | 'sent'
  | 'failed'
  | 'skipped'
  | 'cancelled'
  | 'passed'
  | 'left'

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
  const goals = new GoalSum()
  // A run by its place in the state after: events of keyed and plain runs name it in different ways.
  const touched = new Map<Run, RunRef>()
  const touch = (ref: RunRef) => {
    const run = runOf(after, ref)
    if (run !== undefined) touched.set(run, ref)
  }
  for (const event of events) {
    goals.add(event)
    if ('run' in event.data) touch(event.data)
    switch (event.type) {
      case 'SequenceStarted': {
        // A start ends the wait of the run before (START-4). What a run continues counts no more.
        const { continues, ...ref } = event.data
        const waited = newestRun(enrollmentOf(before, ref))
        if (waited !== undefined) touch({ ...ref, run: waited.run })
        if (continues !== undefined) touch({ ...ref, run: continues })
        break
      }
      case 'RunUndone': {
        // The run before it may wait again, until another is started; and what it had continued counts again.
        const { continued } = runOf(after, event.data) ?? {}
        for (const { run } of enrollmentOf(after, event.data)?.runs ?? []) touch({ ...event.data, run })
        if (continued !== undefined) touch({ ...event.data, run: continued.run })
        break
      }
      case 'ContactErased':
        for (const enrollment of before.enrollments) {
          const run = newestRun(enrollment)
          if (isOpenRun(run)) touch({ ...enrollment, run: run.run })
        }
    }
  }
  const sum = new CounterSum()
  for (const [, ref] of touched) countRun(sum, ref, countedIn(before, ref), countedIn(after, ref), campaigns)
  goals.count(sum)
  return sum.changes()
}

/** The counters of one contact, for who folds its events one by one and keeps none of them. */
export class ContactCounters {
  readonly #goals = new GoalSum()

  add(event: ContactEvent): void {
    this.#goals.add(event)
  }

  /** @param state after the events that were added */
  changes(state: ContactState, campaigns: Pick<Catalog, 'has' | 'version'>): readonly CounterChange[] {
    const sum = new CounterSum()
    for (const enrollment of state.enrollments)
      for (const { run } of enrollment.runs) {
        const ref = { ...enrollment, run }
        countRun(sum, ref, undefined, countedIn(state, ref), campaigns)
      }
    this.#goals.count(sum)
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

/** Which goals were satisfied, and not taken back: the state does not keep it. */
class GoalSum {
  readonly #counts: { readonly goal: ContactEventGoal; readonly by: number }[] = []

  add({ type, data }: ContactEvent): void {
    if (type === 'GoalSatisfied') this.#counts.push({ goal: data, by: 1 })
    // A signal that was retracted has satisfied nothing (UNDO-4).
    else if (type === 'SignalRetracted') for (const goal of data.goals) this.#counts.push({ goal, by: -1 })
  }

  count(sum: CounterSum): void {
    for (const { goal, by } of this.#counts)
      sum.add(goal.campaignId, goal.campaignVersion, ['goal', goal.goalId, 'satisfied'], by)
  }
}

type ContactEventGoal = ContactEventData['SignalRetracted']['goals'][number]

/**
 * The run as far as it counts: one that was undone counts as little as one that never began, and of one that was continued
 * all counts in the run that continues it (UNDO-2, UNDO-3).
 */
function countedIn(state: ContactState, ref: RunRef): Run | undefined {
  const enrollment = enrollmentOf(state, ref)
  const run = runNumbered(enrollment, ref.run)
  if (enrollment === undefined || run === undefined || run.status === 'undone') return undefined
  return run.ended !== undefined && continuationOf(enrollment, run) !== undefined ? undefined : run
}

function countRun(
  sum: CounterSum,
  { campaignId, sequenceId }: RunRef,
  was: Run | undefined,
  is: Run | undefined,
  campaigns: Pick<Catalog, 'has' | 'version'>,
): void {
  const { campaignVersion } = is ?? was ?? {}
  if (campaignVersion === undefined) return
  const definition = campaigns.has(campaignId, campaignVersion)
    ? campaigns.version(campaignId, campaignVersion).campaign.sequences.get(sequenceId)
    : undefined
  const count = (path: CounterPath, by: number) => sum.add(campaignId, campaignVersion, path, by)
  if (is !== undefined) countFrom(sequenceId, was, is, definition, count)
  // What counts no more is taken away as it would be added.
  else if (was !== undefined) countFrom(sequenceId, undefined, was, definition, (path, by) => count(path, -by))
}

function countFrom(
  sequenceId: string,
  was: Run | undefined,
  is: Run,
  definition: SequenceDefinition | undefined,
  count: (path: CounterPath, by: number) => void,
): void {
  if (was === undefined) count(['sequence', sequenceId, 'started'], 1)
  if (was?.status !== is.status) {
    if (was !== undefined) countStatus(sequenceId, was, -1, count)
    countStatus(sequenceId, is, 1, count)
  }
  countSteps(sequenceId, was, is, definition, count)
}

function countStatus(
  sequenceId: string,
  { status, ended }: Run,
  times: number,
  count: (path: CounterPath, by: number) => void,
): void {
  if (status === 'undone') return
  if (status !== 'stopped') {
    count(['sequence', sequenceId, status], times)
    return
  }
  const { by = 'hand', goalId } = ended ?? {}
  count(['sequence', sequenceId, by], times)
  if (goalId !== undefined) count(['from', goalId, sequenceId], times)
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
  const steps: readonly StepDefinition[] = definition?.steps ?? []
  const [stoodAt, standsAt] = [was === undefined ? null : standingAt(was, steps), standingAt(is, steps)]
  // Where it stood with nothing recorded, the step has been counted; the first record of it goes on from there.
  let stood = was === undefined || stoodAt === null || recordOf(was, stoodAt) !== undefined ? null : stoodAt
  const fromWhereItStood = (stepId: string): StepPlace | null => {
    if (stood !== stepId) return null
    stood = null
    return pendingIn(was)
  }
  const skipped = ({ stepId, status, reason }: StepRecord, by: number) => {
    if (status === 'skipped') count(['skipped', sequenceId, stepId, reasonOf(reason)], by)
  }
  let isRecorded = standsAt !== null && recordOf(is, standsAt) !== undefined
  const goesOnAlike = isInProgress(was) === isInProgress(is)
  // Records are only ever added at the end, and taken away there by an undo; another may stand there since.
  let kept = 0
  for (let i = 0; i < is.steps.length; i++) {
    const record = is.steps[i] as StepRecord
    const before = kept === i ? sameRecord(was?.steps[i], record) : undefined
    const { stepId } = record
    if (was !== undefined && before !== undefined) {
      kept += 1
      if (goesOnAlike && isSamePlace(before, record)) continue
      move(stepId, placeOf(was, before), placeOf(is, record))
      skipped(before, -1)
    } else move(stepId, fromWhereItStood(stepId), placeOf(is, record))
    skipped(record, 1)
    const resent = record.resends.length - (before?.resends.length ?? 0)
    if (resent !== 0) count(['step', sequenceId, stepId, 'resent'], resent)
  }
  // Records that an undone order had added are gone again, and the run has left the step to which the order had led it.
  if (was !== undefined)
    for (const gone of was.steps.slice(kept)) {
      const standsThere = gone.stepId === standsAt && gone.occurrence === occurrenceIn(is, gone.stepId).occurrence
      move(gone.stepId, placeOf(was, gone), standsThere ? pendingIn(is) : null)
      skipped(gone, -1)
      isRecorded ||= standsThere
    }
  if (stood !== null && (stood !== standsAt || isRecorded)) move(stood, fromWhereItStood(stood), null)
  // Where it stands, if nothing of the step was ever recorded.
  if (standsAt !== null && !isRecorded) move(standsAt, fromWhereItStood(standsAt), pendingIn(is))
}

/** Before, if it is of the same doing of the same step. */
function sameRecord(before: StepRecord | undefined, { stepId, occurrence }: StepRecord): StepRecord | undefined {
  return before?.stepId === stepId && before.occurrence === occurrence ? before : undefined
}

function isSamePlace(before: StepRecord, after: StepRecord): boolean {
  if (before === after) return true
  return (
    before.status === after.status && before.reason === after.reason && before.resends.length === after.resends.length
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
