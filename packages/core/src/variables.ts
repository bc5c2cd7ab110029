/**
 * Variables of runs, and keys: what a run takes from the signal that starts it, from a start by hand or from the run
 * before it, and which of the contact's enrollments in one sequence that makes it. Rules VAR-1, KEY-1, KEY-3, KEY-5.
 */
import type { SequenceDefinition } from './definition.ts'
import { type ContactState, enrollmentsOf, isOpenRun, isSameEnrollment, newestRun } from './enrollment.ts'
import { NO_VARS, type SequenceRef, type Vars } from './events.ts'
import { type CampaignId, isLegalId } from './ids.ts'
import type { JsonObject, JsonScalar, JsonValue } from './json.ts'
import { type IsVariable, valueIn } from './signal-match.ts'

/** A sequence has at most so many variables (VAR-1). */
export const MAX_VARIABLES = 20
/** A text that is longer is no variable. */
const MAX_TEXT = 500
/** At most so many runs of one sequence are open for one contact, each with a key of its own (KEY-5). */
export const MAX_OPEN_KEYS = 100

/** For messages, wherever one was expected. */
export const A_VARIABLE = 'a text of up to 500 characters, a finite number, true, false or null'

/** What a run can keep: a text up to 500 characters, a number, true or false. `null` means that it has none. */
export function isVariableValue(value: unknown): value is Exclude<JsonScalar, null> {
  if (typeof value === 'string') return value.length <= MAX_TEXT && value.isWellFormed()
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/**
 * A variable as people type it: a number, true, false or a text in quotes as JSON has them, else the text itself. An
 * integer that would be rounded is a text, because it is an id more often than an amount. `null`: a number that is too
 * large, or quotes that JSON does not read.
 */
export function typedVariable(text: string): Exclude<JsonScalar, null> | null {
  if (text === 'true' || text === 'false') return text === 'true'
  if (NUMBER.test(text)) {
    const number = Number(text)
    if (/^-?\d+$/.test(text) && !Number.isSafeInteger(number)) return text
    return Number.isFinite(number) ? number : null
  }
  if (!/^".*"$/s.test(text)) return text
  try {
    return JSON.parse(text) as string
  } catch {
    return null
  }
}

/** A variable of a run; `null` if it has none of this name. A variable may be called `__proto__`. */
export function variableIn(vars: Vars | undefined, name: string): JsonScalar {
  return vars !== undefined && Object.hasOwn(vars, name) ? (vars[name] ?? null) : null
}

/** Those that the sequence names, each as it is found; what is not found, or cannot be kept, is absent. */
export function varsOf(
  sequence: SequenceDefinition,
  find: (name: string, data: string) => JsonValue | undefined,
): Vars {
  const { vars } = sequence
  if (vars === undefined) return NO_VARS
  const found = Object.entries(vars).flatMap(([name, { data }]) => {
    const value = find(name, data)
    return isVariableValue(value) ? [[name, value] as const] : []
  })
  return found.length === 0 ? NO_VARS : Object.fromEntries(found)
}

/**
 * Of the data of a signal. What a campaign keeps private of such signals is none: variables are recorded, and a value that
 * is private is not (SIGNAL-3).
 */
export function varsOfSignal(
  sequence: SequenceDefinition,
  data: JsonObject,
  isPrivate: (name: string) => boolean,
): Vars {
  return varsOf(sequence, (_, name) => (isPrivate(name) ? undefined : valueIn(data, name)))
}

/** Of the run that led to it: those that it has under the same names (VAR-2). */
export function varsOfRun(sequence: SequenceDefinition, vars: Vars): Vars {
  return varsOf(sequence, (name) => variableIn(vars, name))
}

/**
 * A value as a key: a text as it is, a number or a flag as JSON writes it, so that 7 and "7" are one key. `undefined`: it
 * can be none, as what is no id (LOG-6).
 */
export function keyText(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value)
  return isLegalId(value) ? value : undefined
}

/** The key that a run with these variables has: empty for a sequence without keys; `undefined`: it needs one, and has none. */
export function keyFrom({ per }: SequenceDefinition, vars: Vars): string | undefined {
  return per === undefined ? '' : keyText(variableIn(vars, per))
}

/**
 * Whether another run may not be opened, because those of so many other keys are open (KEY-5).
 *
 * @param ending a run that ends with the decision, and is not counted any more
 */
export function hasTooManyRuns(state: ContactState, ref: SequenceRef, ending: SequenceRef | null = null): boolean {
  if (ref.key === undefined) return false
  const others = enrollmentsOf(state, ref).filter(
    (one) =>
      isOpenRun(newestRun(one)) && !isSameEnrollment(one, ref) && (ending === null || !isSameEnrollment(one, ending)),
  )
  return others.length >= MAX_OPEN_KEYS
}

/** Whether some open run of the campaign has a variable with exactly this value: what `{ var }` in a `match` asks (VAR-2). */
export function variablesIn(state: ContactState, campaignId: CampaignId): IsVariable {
  return (name, value) =>
    state.enrollments.some((enrollment) => {
      const run = newestRun(enrollment)
      return (
        enrollment.campaignId === campaignId && isOpenRun(run) && value !== null && variableIn(run.vars, name) === value
      )
    })
}
