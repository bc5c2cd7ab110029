/**
 * What a log says of keys and variables, held against the definition and the contact's state (AUDIT-4). Variables do not
 * change during a run, so all that was read of them can be read again. Rules VAR-1, VAR-2, KEY-1, KEY-3, KEY-5.
 */
import type { Campaign } from './campaign.ts'
import type { SequenceDefinition, StepDefinition } from './definition.ts'
import { type ContactState, type Run, runOf } from './enrollment.ts'
import { type Cause, type ContactEventOf, NO_VARS, type Observation, type Timing } from './events.ts'
import { canonicalJson } from './json.ts'
import { REASONS } from './reasons.ts'
import { dateIn } from './timers/field-value.ts'
import { hasTooManyRuns, keyFrom, MAX_OPEN_KEYS, MAX_VARIABLES, variableIn, varsOfRun } from './variables.ts'
import type { Violation } from './violation.ts'

/** A run has the key that its variables say, no other variables than its sequence, and no more runs next to it than may be. */
export function startViolation(
  state: ContactState,
  data: ContactEventOf<'SequenceStarted'>['data'],
  cause: Cause,
  sequence: SequenceDefinition,
): Violation | null {
  const { key = '', vars = NO_VARS } = data
  const names = Object.keys(vars)
  const own = Object.keys(sequence.vars ?? {})
  const odd = names.find((name) => !own.includes(name))
  if (odd !== undefined) return broken('VAR-1', `a variable ${JSON.stringify(odd)} that the sequence does not have`)
  if (names.length > MAX_VARIABLES) return broken('VAR-1', `${names.length} variables; at most ${MAX_VARIABLES}`)
  if (keyFrom(sequence, vars) !== key)
    return broken(
      'KEY-1',
      sequence.per === undefined ? 'a key in a sequence that has none' : 'a key that no variable says',
    )
  if (hasTooManyRuns(state, data)) return broken('KEY-5', `a run next to ${MAX_OPEN_KEYS} open ones with other keys`)
  const source = cause.by === 'sequence' ? runOf(state, cause) : undefined
  const isHandedOn = source === undefined || canonicalJson(varsOfRun(sequence, source.vars)) === canonicalJson(vars)
  return isHandedOn ? null : broken('VAR-2', 'other variables than those of the run that led to it')
}

/** A key that a goal compared with, where it compares with none (KEY-3). */
export function sameViolation({ data }: ContactEventOf<'GoalSatisfied'>, campaign: Campaign): Violation | null {
  const hasSame = campaign.goals.get(data.goalId)?.same !== undefined
  return data.same === undefined || hasSame ? null : broken('KEY-3', 'the key of a goal that has no `same`')
}

/** What a decision read of variables is what the run has. */
export function sawViolation(run: Run, saw: readonly Observation[] = []): Violation | null {
  const lie = saw.find((one) => 'var' in one && variableIn(run.vars, one.var) !== one.value)
  return lie === undefined ? null : broken('VAR-2', 'a variable seen with another value than the run has')
}

/** The date that a timer took from a variable: that of the run, and nothing where the timer reads none. */
export function timingViolation(run: Run, { timer }: StepDefinition, timing: Timing): Violation | null {
  // No timer is asked for a step to which an operator gave its instant.
  const name = timing.byHand !== true && timer !== undefined && 'var' in timer ? timer.var : undefined
  const { var: read } = timing
  if (name === undefined || read === undefined)
    return name === read?.name ? null : broken('VAR-2', 'a timing without the variable of its timer, or with one')
  const value = variableIn(run.vars, name)
  const isSame = read.name === name && (read.value === value || isUnreadable(value, timing))
  return isSame ? null : broken('VAR-2', 'a timing by another value than the run has')
}

/** Of what nobody can read, only the beginning is recorded. */
function isUnreadable(value: unknown, { var: read }: Timing): boolean {
  return typeof value === 'string' && typeof read?.value === 'string' && value.startsWith(read.value)
}

/** A step skipped for the variable of its timer: it is empty, or no date. */
export function skipViolation(run: Run, { timer }: StepDefinition, reason: string): Violation | null {
  const name = timer !== undefined && 'var' in timer ? timer.var : undefined
  if (name === undefined) return broken('VAR-2', 'skipped for a variable that its timer does not read')
  const value = variableIn(run.vars, name)
  const isEmpty = value === null || value === ''
  if (isEmpty !== (reason === REASONS.variableEmpty))
    return broken('VAR-2', isEmpty ? 'skipped as unreadable, and is empty' : 'skipped as empty, and is not')
  return isEmpty || dateIn(value, 'UTC') === null ? null : broken('VAR-2', 'skipped as unreadable, and is a date')
}

function broken(rule: string, message: string): Violation {
  return { rule, message }
}
