/**
 * The working state: what of a contact's state commands need, small whatever the history, to be stored and loaded in
 * place of the stream. It holds the newest run of each sequence and every run that is open or has something under way.
 * Of older runs it keeps what the brake counts. Of sequences that are over, beyond the last few and those that the brake
 * counts, it keeps a hash.
 * A decision that looks for more gets `NeedsHistory`. `docs/decisions/0027-stored-state.md`.
 */
import { isStart } from './brake.ts'
import {
  type ContactState,
  type Enrollment,
  enrollmentOf,
  hasLooseEnds,
  isOpenRun,
  nameOfEnrollment,
  nameOfKeys,
  newestRun,
  type Run,
  runOf,
} from './enrollment.ts'
import type { ContactEvent } from './events.ts'
import { ENGINE_ID_PREFIX, type EventId, epochMsOf, type Instant, instantOf, type Version } from './ids.ts'
import { canonicalJson, type JsonValue } from './json.ts'
import { type HashList, hashOf, mayHold, NeedsHistory, type RunsLeftOut } from './left-out.ts'
import { frozen } from './live-state.ts'
import { stepsWaiting } from './marks.ts'
import type { FoldedState, Membership, StoredState } from './ports/index.ts'

/**
 * Of the recipe in `fold.ts` and of what is stored of its result. Count it up when either changes: states of
 * another number are made again from the stream. (`working-state.test.ts` fails where that was forgotten.)
 */
export const REDUCER = 9

/** So many enrollments that are over are held, those that were first started last. */
const HELD_ENDED = 16
const HOUR_MS = 3_600_000

/**
 * The state without what commands seldom need. Given a working state: without what has become old since.
 *
 * @param ended how many sequences that are over are held
 */
export function workingState(state: ContactState, ended = HELD_ENDED): ContactState {
  const isBraking = brakingIn(state)
  const over = state.enrollments.filter((one) => isOver(state, one) && (state.erased || !isBraking(one)))
  const putAway = new Set(over.slice(0, Math.max(0, over.length - (state.erased ? 0 : ended))))
  const enrollments = state.enrollments.flatMap((one) => (putAway.has(one) ? [] : [withoutOldRuns(one)]))
  let leftOut: HashList = state.leftOut ?? ''
  for (const one of putAway) {
    leftOut += hashOf(nameOfEnrollment(one))
    if (one.key !== '' && !mayHold(leftOut, nameOfKeys(one))) leftOut += hashOf(nameOfKeys(one))
  }
  return frozen({ ...state, enrollments, ...(leftOut === '' ? {} : { leftOut }) })
}

/**
 * Which enrollments hold starts that the brake counts for another key: those within the hour before the newest start of
 * their sequence, that one included (BRAKE-1).
 */
function brakingIn({ enrollments }: ContactState): (enrollment: Enrollment) => boolean {
  const newest = new Map<string, Instant>()
  const keyed = new Set<string>()
  for (const one of enrollments) {
    const name = nameOfKeys(one)
    if (one.key !== '') keyed.add(name)
    newest.set(name, later(one.runs.at(-1)?.startedAt ?? '', newest.get(name) ?? ''))
  }
  return (one) => {
    const name = nameOfKeys(one)
    const started = one.runs.at(-1)?.startedAt
    if (started === undefined || !keyed.has(name)) return false
    return epochMsOf(started) > epochMsOf(newest.get(name) ?? started) - HOUR_MS
  }
}

/** Nothing more comes of the enrollment by itself, and nobody is to see to it. */
function isOver(state: ContactState, enrollment: Enrollment): boolean {
  if (enrollment.runs.some((run) => isOpenRun(run) || hasLooseEnds(run))) return false
  return stepsWaiting({ ...state, enrollments: [enrollment] }).length === 0
}

function withoutOldRuns(enrollment: Enrollment): Enrollment {
  const { runs } = enrollment
  const newest = newestRun(enrollment)
  const held = runs.filter((run, i) => i === runs.length - 1 || run === newest || isOpenRun(run) || hasLooseEnds(run))
  if (held.length === runs.length && enrollment.leftOut === undefined) return enrollment
  const old = runs.filter((run) => !held.includes(run))
  return { ...enrollment, runs: held, leftOut: leftOutOf(enrollment, old) }
}

function leftOutOf({ runs, leftOut }: Pick<Enrollment, 'runs' | 'leftOut'>, old: readonly Run[]): RunsLeftOut {
  const began = old.filter(isStart).map(({ run, startedAt }) => ({ run, startedAt }))
  const starts = [...(leftOut?.recent ?? []), ...began]
  const newest = [...starts, ...runs].map(({ startedAt }) => startedAt).reduce(later, '')
  const since = instantOf(epochMsOf(newest) - HOUR_MS)
  const others = starts.filter(({ startedAt }) => startedAt <= since).map(({ startedAt }) => startedAt)
  const before = [...(leftOut?.before == null ? [] : [leftOut.before]), ...others].reduce(later, '')
  const recent = starts.filter(({ startedAt }) => startedAt > since).sort((a, b) => a.run - b.run)
  return { recent, before: before === '' ? null : before }
}

const later = (a: Instant, b: Instant) => (a > b ? a : b)

/** How much a state holds, in runs and steps. */
function sizeOf({ enrollments }: ContactState): number {
  let size = 0
  for (const { runs } of enrollments) for (const { steps } of runs) size += 1 + steps.length
  return size
}

/** A state is stored when so many events came since the last one. Shorter contacts have none. */
export const STORED_EVERY = 24

/**
 * Whether it is time to store the state again: more rarely for a large one, because all of it is written; but not so rarely
 * that the events since cost more to read. With the root of the size between two, both grow slowly. Of a contact
 * that was erased at once, so that the state before it is there no longer (ERASE-1).
 *
 * @param storedAt the version of the stored state; 0: there is none
 */
export function isDueToStore(state: ContactState, storedAt: Version): boolean {
  const since = state.version - storedAt
  if (state.erased && storedAt > 0) return since > 0
  if (since < STORED_EVERY) return false
  const size = sizeOf(state)
  return since >= Math.min(size / 4, 4 * Math.sqrt(size))
}

// --- As text --------------------------------------------------------------------------------------------------------

/** What a projector keeps next to the state, which cannot be asked of a log that is kept elsewhere. */
export interface KeptAlongside {
  readonly memberships: readonly Membership[]
  /** Of the commands that may be given again. */
  readonly commands: HashList
}

/** What was stored. */
export interface KeptState {
  readonly state: ContactState
  readonly alongside: KeptAlongside | null
}

/**
 * The state to be stored: its working state as JSON, after a hash that tells damage.
 *
 * @param eventId of the event that it ends with: a state that came to another stream is told by it, and one of a log that
 *   was replaced since, which a read model apart from it cannot know
 */
export function foldedState(
  state: ContactState,
  eventId: EventId,
  alongside: KeptAlongside | null = null,
): FoldedState {
  const more = alongside === null ? {} : { alongside }
  const json = JSON.stringify({ event: hashOf(eventId), state: workingState(state), ...more })
  return { reducer: REDUCER, text: hashOf(json) + json }
}

/** Why a stored state cannot be used: another reducer made it, or it is not what was stored of this stream. */
export type Unusable = 'reducer' | 'damaged'

/** @param eventId of the event of that version in the contact's stream */
export function stateFrom({ version, reducer, text }: StoredState, eventId: EventId): KeptState | Unusable {
  if (reducer !== REDUCER) return 'reducer'
  const json = text.slice(8)
  if (hashOf(json) !== text.slice(0, 8)) return 'damaged'
  try {
    const {
      event,
      state,
      alongside = null,
    } = JSON.parse(json) as {
      readonly event: string
      readonly state: ContactState
      readonly alongside?: KeptAlongside
    }
    return state.version === version && event === hashOf(eventId) ? { state: frozen(state), alongside } : 'damaged'
  } catch {
    return 'damaged'
  }
}

/** Ids of commands that nobody gives a second time: the one is drawn, the other is looked for where it can stand. */
const NEVER_AGAIN = ['due', 'outcome'].map((what) => `${ENGINE_ID_PREFIX}${what}:`)

/** The commands of these events that may be given again, after those before. */
export function commandsAfter(events: readonly ContactEvent[], before: HashList = ''): HashList {
  let list = before
  for (const { commandId } of events) {
    if (NEVER_AGAIN.some((prefix) => commandId.startsWith(prefix))) continue
    const hash = hashOf(commandId)
    if (!list.endsWith(hash)) list += hash
  }
  return list
}

/** Whether the state leaves out a run that one of these events is about. */
export function needsHistoryFor(state: ContactState, events: readonly ContactEvent[]): boolean {
  try {
    for (const { type, data } of events) {
      if ('run' in data) runOf(state, data)
      if (type === 'SequenceStarted' && data.continues !== undefined) runOf(state, { ...data, run: data.continues })
      // Which run is the newest then may be left out.
      if (type === 'RunUndone' && enrollmentOf(state, data)?.leftOut !== undefined) return true
    }
    return false
  } catch (error) {
    if (error instanceof NeedsHistory) return true
    throw error
  }
}

/** Whether a working state says of the contact what its whole state says. */
export function agrees(given: ContactState, whole: ContactState): boolean {
  // What became old since it was made is left out now.
  const working = workingState(given, Number.POSITIVE_INFINITY)
  const left: HashList = working.leftOut ?? ''
  const enrollments: Enrollment[] = []
  let at = 0
  for (const one of whole.enrollments) {
    const held = working.enrollments[at]
    if (held === undefined || nameOfEnrollment(held) !== nameOfEnrollment(one)) {
      if (!isOver(whole, one) || !mayHold(left, nameOfEnrollment(one))) return false
      continue
    }
    at += 1
    const numbers = new Set(held.runs.map(({ run }) => run))
    const runs = one.runs.filter(({ run }) => numbers.has(run))
    const old = one.runs.filter(({ run }) => !numbers.has(run))
    if (old.some((run) => run === newestRun(one) || isOpenRun(run) || hasLooseEnds(run))) return false
    enrollments.push(old.length === 0 ? one : { ...one, runs, leftOut: leftOutOf({ runs: one.runs }, old) })
  }
  if (at < working.enrollments.length) return false
  const { leftOut: _, ...rest } = working
  return (
    canonicalJson(rest as unknown as JsonValue) === canonicalJson({ ...whole, enrollments } as unknown as JsonValue)
  )
}
