/**
 * Which events may follow which: the order that every contact's history keeps, whoever wrote it (AUDIT-4).
 * Written against the rules and not against `decide`, so that one can be held against the other.
 */
import { stepOf } from './campaign.ts'
import type { Catalog } from './catalog.ts'
import {
  type ContactState,
  enrollmentOf,
  isInProgress,
  isOpen,
  isResolved,
  isSuppressed,
  newestRun,
  type ResendRecord,
  type Run,
  recordOf,
  type StepRecord,
} from './enrollment.ts'
import type { AttemptRef, ContactEvent, RunRef, StepRef } from './events.ts'
import { type ContactId, idempotencyKeyOf } from './ids.ts'

/** A rule, and how the event breaks it. */
export interface Violation {
  readonly rule: string
  readonly message: string
}

/**
 * Whether this event may come next. Assumes that the events before it were legal.
 *
 * @param state the contact's state before the event
 * @param campaigns where known: then steps are held against the version of their run, too
 * @returns `null` if it may
 */
export function violationOf(
  contactId: ContactId,
  state: ContactState,
  event: ContactEvent,
  campaigns?: Catalog,
): Violation | null {
  if (state.erased && !OUTCOMES.has(event.type)) return broken('ERASE-1', `${event.type} after ContactErased`)
  const { type, data } = event
  switch (type) {
    case 'SequenceStarted': {
      const newest = newestRun(enrollmentOf(state, data))
      if (isSuppressed(state, event.at)) return broken('STOP-4', 'a start of a suppressed contact')
      if (isInProgress(newest))
        return broken('START-2', `run ${data.run} is opened while run ${newest.run} is in progress`)
      return expect('START-1', data.run === (newest?.run ?? 0) + 1, `run ${data.run} follows run ${newest?.run ?? 0}`)
    }
    case 'SequenceStopped':
      return ofNewest(state, data) ?? expect('STOP-5', isOpen(find(state, data)), 'a stop of a run that is over')
    case 'SequencePaused':
      return (
        ofNewest(state, data) ?? expect('PAUSE-3', statusOf(state, data) === 'active', 'a pause of what does not run')
      )
    case 'SequenceResumed':
      return (
        ofNewest(state, data) ?? expect('PAUSE-3', statusOf(state, data) === 'paused', 'a resume of what is not paused')
      )
    case 'SequenceCompleted':
      return (
        ofNewest(state, data) ??
        expect('STEP-8', isInProgress(find(state, data)), 'the end of a run that is not in progress') ??
        everyStepResolved(state, data, campaigns)
      )
    case 'GoalSatisfied':
      return expect('STOP-4', !isSuppressed(state, event.at), 'a goal of a suppressed contact')
    case 'StepDispatched':
      return dispatched(contactId, state, event, data, campaigns)
    case 'StepSent':
    case 'StepFailed':
      return stepKnown(state, data, campaigns) ?? outcome(state, data, type)
    case 'StepSkipped':
      return (
        stepKnown(state, data, campaigns) ?? (data.attempt === 0 ? skipped(state, data) : outcome(state, data, type))
      )
    case 'StepResent': {
      const record = find(state, data)?.steps.find((step) => step.stepId === data.stepId)
      const reached = record !== undefined && (record.attempt > 0 || record.status === 'skipped')
      return (
        stepKnown(state, data, campaigns) ??
        expect('RESEND-2', reached && record.status !== 'cancelled', 'a resend of a step that was not reached') ??
        expect('RESEND-2', record?.status !== 'dispatched', 'a resend of a step in flight') ??
        expect('RESEND-3', data.resend === (record?.resends.length ?? 0) + 1, `resend ${data.resend} out of order`)
      )
    }
    case 'StepCancelled': {
      const run = find(state, data)
      const status = run === undefined ? undefined : recordOf(run, data.stepId)?.status
      const free = status === undefined || status === 'retrying' || status === 'held'
      return (
        stepKnown(state, data, campaigns) ??
        ofNewest(state, data) ??
        expect('CANCEL-1', isInProgress(run), 'a cancelled step of a run that is not in progress') ??
        expect('CANCEL-2', free, `a cancelled step that is ${status}`)
      )
    }
    case 'ContactSuppressed':
    case 'ContactErased':
      return null
    case 'ContactUnsuppressed':
      return expect('STOP-4', state.suppressed !== null, 'an end of no ban')
  }
}

const OUTCOMES: ReadonlySet<string> = new Set(['StepSent', 'StepFailed', 'StepSkipped'])

function broken(rule: string, message: string): Violation {
  return { rule, message }
}

function expect(rule: string, holds: boolean | undefined, message: string): Violation | null {
  return holds === true ? null : broken(rule, message)
}

function find(state: ContactState, ref: RunRef): Run | undefined {
  return enrollmentOf(state, ref)?.runs[ref.run - 1]
}

function statusOf(state: ContactState, ref: RunRef): string | undefined {
  return find(state, ref)?.status
}

function ofNewest(state: ContactState, ref: RunRef): Violation | null {
  const newest = newestRun(enrollmentOf(state, ref))
  return expect('START-1', newest?.run === ref.run, `an event of run ${ref.run}, but the newest is ${newest?.run ?? 0}`)
}

function stepKnown(state: ContactState, ref: StepRef, campaigns?: Catalog): Violation | null {
  const run = find(state, ref)
  if (run === undefined) return broken('START-1', `a step of run ${ref.run}, which was never opened`)
  if (campaigns === undefined) return null
  if (!campaigns.has(ref.campaignId, run.campaignVersion))
    return broken('VERSION-1', `run ${ref.run} is of version ${run.campaignVersion}, which was never published`)
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  const sequence = campaign.sequences.get(ref.sequenceId)
  const known = sequence !== undefined && stepOf(sequence, ref.stepId) !== undefined
  return expect('VERSION-1', known, `version ${run.campaignVersion} has no step ${JSON.stringify(ref.stepId)}`)
}

/** Steps run in order: those before it, or all, are resolved. */
function everyStepResolved(state: ContactState, ref: RunRef, campaigns?: Catalog, before?: string): Violation | null {
  const run = find(state, ref)
  if (run === undefined || campaigns?.has(ref.campaignId, run.campaignVersion) !== true) return null
  const { campaign } = campaigns.version(ref.campaignId, run.campaignVersion)
  for (const step of campaign.sequences.get(ref.sequenceId)?.steps ?? []) {
    if (step.id === before) return null
    if (!isResolved(recordOf(run, step.id)))
      return broken(before === undefined ? 'STEP-8' : 'STEP-1', `the step ${JSON.stringify(step.id)} is not resolved`)
  }
  return null
}

function dispatched(
  contactId: ContactId,
  state: ContactState,
  event: ContactEvent,
  data: AttemptRef & { readonly idempotencyKey: string },
  campaigns?: Catalog,
): Violation | null {
  const unknown = stepKnown(state, data, campaigns)
  if (unknown !== null) return unknown
  const run = find(state, data) as Run
  const record = recordOf(run, data.stepId)
  if (isSuppressed(state, event.at)) return broken('STOP-4', 'a dispatch to a suppressed contact')
  if (data.idempotencyKey !== idempotencyKeyOf({ contactId, ...data }))
    return broken('STEP-4', 'an idempotency key that is not that of the sending')
  const sending = data.resend === 0 ? record : record?.resends[data.resend - 1]
  if (data.resend === 0) {
    if (run.status !== 'active') return broken(RULE_OF_STATUS[run.status], `a dispatch of a run that is ${run.status}`)
    const late = everyStepResolved(state, data, campaigns, data.stepId)
    if (late !== null) return late
  } else if (sending === undefined)
    return broken('RESEND-1', `a dispatch of resend ${data.resend}, which nobody ordered`)
  const free = sending === undefined || MAY_DISPATCH.has(sending.status)
  return (
    expect('STEP-1', free, `a dispatch of a step that is ${sending?.status}`) ??
    expect(
      'STEP-4',
      data.attempt === (sending?.attempt ?? 0) + 1,
      `attempt ${data.attempt} after ${sending?.attempt ?? 0}`,
    )
  )
}

const RULE_OF_STATUS = { paused: 'PAUSE-1', stopped: 'STOP-6', completed: 'STEP-8', waiting: 'STEP-8', active: '' }
const MAY_DISPATCH: ReadonlySet<string> = new Set(['requested', 'dispatched', 'retrying'])

/** A step that was resolved without having been dispatched. */
function skipped(state: ContactState, data: AttemptRef): Violation | null {
  const run = find(state, data) as Run
  const record = recordOf(run, data.stepId)
  if (data.resend > 0) {
    const resend = record?.resends[data.resend - 1]
    return expect('RESEND-1', resend?.status === 'requested', 'a skip of a resend that was not waiting')
  }
  return (
    expect('STOP-6', run.status === 'active', `a skip in a run that is ${run.status}`) ??
    expect('STEP-1', record === undefined, `a skip of a step that is ${record?.status}`)
  )
}

/** What a handler answered, or the engine for a worker that died; possibly long after the run ended (STOP-6). */
function outcome(state: ContactState, data: AttemptRef, type: string): Violation | null {
  const record = recordOf(find(state, data) as Run, data.stepId)
  const sending: StepRecord | ResendRecord | undefined = data.resend === 0 ? record : record?.resends[data.resend - 1]
  if (sending === undefined || data.attempt > sending.attempt || data.attempt === 0)
    return broken('STEP-4', `an outcome of attempt ${data.attempt}, which was never dispatched`)
  if (sending.status === 'dispatched' || sending.status === 'retrying') return null
  const unknown = (sending.status === 'failed' || sending.status === 'held') && type !== 'StepFailed'
  return expect('STEP-4', unknown, `a second outcome: the step is ${sending.status} already`)
}
