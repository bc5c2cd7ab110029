/**
 * The inverse of an append, run by run: a start becomes as if it had never been, a stop is followed by a run that goes on
 * where the stopped one stood. What was sent is never taken back, and what happened since wins. Rules UNDO-2, UNDO-3, UNDO-5.
 */
import {
  type ContactState,
  enrollmentOf,
  hasDispatched,
  isOpenRun,
  isSameEnrollment,
  isSuppressed,
  newestRun,
  nextRunNumber,
  type Run,
  refOf,
  requireRun,
} from '../enrollment.ts'
import { type ContactEventOf, NO_VARS, type RunRef, type UndoneRun, type UndoRunOutcome } from '../events.ts'
import { fold } from '../fold.ts'
import { type CommandId, epochMsOf } from '../ids.ts'
import { waitSince } from '../plan.ts'
import { hasTooManyRuns } from '../variables.ts'
import type { Causation, DecisionBuilder, HistoricEvent } from './builder.ts'
import { stop } from './stopping.ts'
import { isChange, undoChange } from './undoing-changes.ts'

/** How it is to be undone. */
export interface UndoOptions {
  /** True: a run of which something was dispatched is stopped. False: it is left alone (UNDO-2). */
  readonly stopSent: boolean
  /** True: waits that go on are longer by the gap. False: due instants are as they were (UNDO-3). */
  readonly shift: boolean
  /**
   * True: what was started and stopped together was one order, such as a restart, so stops are undone only if its starts are.
   * False: each run by itself, as with a signal.
   */
  readonly isWhole: boolean
  /** The order that undoes: stops follow from it directly, as those by hand do. */
  readonly commandId: CommandId
}

/** Undoes what an append did to runs, the last of it first. One result for each run, in the order of the append. */
export function undoAppend(
  decision: DecisionBuilder,
  appended: readonly HistoricEvent[],
  options: UndoOptions,
  why: Causation,
): readonly UndoneRun[] {
  const results = new Map<HistoricEvent, readonly UndoneRun[]>()
  const backwards = [...appended].reverse()
  let stateBefore: ContactState | null = null
  const before = () => {
    stateBefore ??= fold(decision.stream().filter(({ version }) => version < (appended[0]?.version ?? 0)))
    return stateBefore
  }
  for (const event of backwards)
    if (event.type === 'SequenceStarted') results.set(event, undoStart(decision, event, options, why))
    else if (event.type === 'RunUndone') results.set(event, [restore(decision, event, options, why)])
    else if (isChange(event)) results.set(event, [undoChange(decision, event, { ...options, before }, why)])
  const isHeldUp = options.isWhole && [...results.values()].flat().some(({ outcome }) => STANDS.has(outcome))
  for (const event of backwards)
    if (event.type === 'SequenceStopped' && !isHeldUp) results.set(event, [restore(decision, event, options, why)])
  return appended.flatMap((event) => results.get(event) ?? [])
}

/** Outcomes of a start that leave its run as what the contact got instead of the stopped one. */
const STANDS: ReadonlySet<UndoRunOutcome> = new Set<UndoRunOutcome>(['stopped', 'already_sent', 'changed_since'])

// --- A start ----------------------------------------------------------------------------------------------------------

function undoStart(
  decision: DecisionBuilder,
  { data }: ContactEventOf<'SequenceStarted'>,
  { stopSent, commandId }: UndoOptions,
  why: Causation,
): readonly UndoneRun[] {
  // What its end has started went out of it, and goes with it.
  const chain = startedBy(decision, { ...refOf(data), run: data.run })
  const as = (outcome: UndoRunOutcome) => chain.map((ref): UndoneRun => ({ ...ref, outcome }))
  const runs = chain.map((ref) => ({ ref, run: requireRun(decision.state(), ref) }))
  if (runs[0]?.run.status === 'undone') return as('nothing_to_undo').slice(0, 1)
  if (runs.some(({ ref, run }) => !isNewest(decision.state(), ref, run))) return as('changed_since').slice(0, 1)
  if (!runs.some(({ run }) => hasDispatched(run))) {
    for (const ref of [...chain].reverse()) undoRun(decision, ref, why)
    return as('undone')
  }
  return runs.map(({ ref, run }): UndoneRun => {
    if (!stopSent || !isOpenRun(run)) return { ...ref, outcome: 'already_sent' }
    stop(decision, ref, run, { ...why, causationId: commandId })
    return { ...ref, outcome: 'stopped' }
  })
}

function undoRun(decision: DecisionBuilder, ref: RunRef, why: Causation): void {
  const run = requireRun(decision.state(), ref)
  if (run.status === 'undone') return
  decision.add('RunUndone', { ...ref, waiting: waitsAgain(decision.state(), ref, run) }, why)
}

/**
 * Whether the run before waits again at its end once this one is undone: the start had ended its wait, and nothing has
 * stopped this one since, which would have stopped that one too.
 */
export function waitsAgain(state: ContactState, ref: RunRef, run: Run): boolean {
  const enrollment = enrollmentOf(state, ref)
  const before = newestRun({ runs: enrollment?.runs.filter((one) => one.run < run.run) ?? [] })
  return run.endedWait === true && run.status !== 'stopped' && before?.status === 'completed'
}

/** The run, and those that its end, and theirs, has started, in the order in which they were started. */
function startedBy(decision: DecisionBuilder, first: RunRef): readonly RunRef[] {
  const chain: RunRef[] = [first]
  for (const { type, cause, data } of decision.stream())
    if (type === 'SequenceStarted' && cause.by === 'sequence' && chain.some((one) => isSameRun(one, cause)))
      chain.push({ ...refOf(data), run: data.run })
  return chain.filter((ref, i) => i === 0 || requireRun(decision.state(), ref).status !== 'undone')
}

function isSameRun(a: RunRef, b: RunRef): boolean {
  return a.run === b.run && isSameEnrollment(a, b)
}

/** Whether nothing has begun in its enrollment since. */
function isNewest(state: ContactState, ref: RunRef, run: Run): boolean {
  return run.status === 'undone' || newestRun(enrollmentOf(state, ref))?.run === ref.run
}

// --- A stop, or the undoing of a start --------------------------------------------------------------------------------

function restore(
  decision: DecisionBuilder,
  event: ContactEventOf<'SequenceStopped' | 'RunUndone'> & HistoricEvent,
  options: UndoOptions,
  why: Causation,
): UndoneRun {
  const ref = { ...refOf(event.data), run: event.data.run }
  const run = requireRun(decision.state(), ref)
  const enrollment = enrollmentOf(decision.state(), ref)
  const next = nextRunNumber(enrollment)
  if (enrollment?.runs.some(({ continued }) => continued?.run === ref.run))
    return { ...ref, outcome: 'nothing_to_undo' }
  // It was over before it was undone: nothing of it would go on.
  if (!isOpenRun(stoodAs(run))) return { ...ref, outcome: 'nothing_to_undo' }
  if (!canGoOn(decision, event, ref)) return { ...ref, outcome: 'changed_since' }
  if (isInFlight(run)) return { ...ref, outcome: 'failed' }
  const standing = run.ended?.from
  const shiftMs = options.shift ? gapOf(run, decision.now) : 0
  decision.add(
    'SequenceStarted',
    {
      ...refOf(ref),
      run: next,
      campaignVersion: run.campaignVersion,
      ...(run.vars === NO_VARS || Object.keys(run.vars).length === 0 ? {} : { vars: run.vars }),
      continues: run.run,
      ...(standing === 'paused' || standing === 'waiting' ? { standing } : {}),
      ...(shiftMs === 0 || standing === 'waiting' ? {} : { shiftMs }),
    },
    why,
  )
  return { ...refOf(ref), run: next, outcome: 'restored' }
}

/** The run with the status that it had before it was stopped or undone. */
function stoodAs(run: Run): Run {
  return { ...run, status: run.ended?.from ?? run.status }
}

/** A newer run, a ban or the end of the campaign since: then the contact is left as it is (UNDO-3). */
function canGoOn(
  { campaigns, stream, now, state }: DecisionBuilder,
  { version, commandId }: HistoricEvent,
  ref: RunRef,
): boolean {
  const newest = newestRun(enrollmentOf(state(), ref))
  if ((newest?.run ?? 0) > ref.run) return false
  const isBanned = stream().some(
    (event) => event.type === 'ContactSuppressed' && event.version > version && event.commandId !== commandId,
  )
  if (hasTooManyRuns(state(), ref)) return false
  return !isBanned && !isSuppressed(state(), now) && campaigns.find(ref.campaignId)?.published != null
}

/** A handler has it, and its outcome will be recorded in the stopped run: to go on now would be to send it twice. */
export function isInFlight({ steps }: Run): boolean {
  return steps.some(({ status }) => status === 'dispatched')
}

/** For how long the wait in progress stood still: since the stop, or since what was in flight then was resolved. */
export function gapOf(run: Run, now: string): number {
  const [endedAt, waitAt] = [epochMsOf(run.endedAt ?? now), epochMsOf(waitSince(run))]
  return Math.max(0, epochMsOf(now) - Math.max(endedAt, waitAt))
}

// --- Several runs in one word -----------------------------------------------------------------------------------------

/** The more it says, the earlier it stands. */
const RANK: readonly string[] = ['failed', 'restored', 'undone', 'stopped', 'already_sent', 'changed_since']

/** What undoing came to for a contact: of several runs the outcome that says the most. */
export function undoSummary<Outcome extends string>(
  results: readonly { readonly outcome: Outcome }[],
): Outcome | 'nothing_to_undo' {
  for (const outcome of RANK) {
    const saying = results.find((one) => one.outcome === outcome)
    if (saying !== undefined) return saying.outcome
  }
  return 'nothing_to_undo'
}

/** What undoing did to runs, by the events that it added; what it left alone is not among them. */
export function resultsIn(added: readonly { readonly type: string; readonly data: object }[]) {
  return added.flatMap(({ type, data }) => {
    const outcome = OUTCOMES.get(type)
    return outcome === undefined ? [] : [{ ...refOf(data as RunRef), run: (data as RunRef).run, outcome }]
  })
}

const OUTCOMES: ReadonlyMap<string, 'undone' | 'restored' | 'stopped'> = new Map([
  ['RunUndone', 'undone'],
  ['SequenceStarted', 'restored'],
  ['SequenceStopped', 'stopped'],
  ['SequenceResumed', 'undone'],
  ['SequencePaused', 'undone'],
  ['RunShifted', 'undone'],
  ['StepRescheduled', 'undone'],
  ['OrderUndone', 'undone'],
])
