/** What may stand on the command line: each function makes a value of an argument, or says what was expected. */
import {
  ENGINE_ID_PREFIX,
  type Instant,
  instantOf,
  isCallersCommandId,
  isInstant,
  isLegalId,
  type JsonObject,
  MAX_ID_LENGTH,
  type SequenceRef,
  type StepRef,
  signedDurationMs,
  typedVariable,
  unsafeIntegerIn,
} from '@enfold/core'
import type { GoalQuestion } from '@enfold/core/log'
import { InvalidArgumentError } from 'commander'
import { UsageError } from './errors.ts'
import { named } from './text.ts'

export function idIn(value: string): string {
  if (isLegalId(value)) return value
  throw new InvalidArgumentError(`An id has 1 to ${MAX_ID_LENGTH} well-formed characters.`)
}

export function commandIdIn(value: string): string {
  const id = idIn(value)
  if (isCallersCommandId(id)) return id
  throw new InvalidArgumentError(`It must not begin with "${ENGINE_ID_PREFIX}": those ids are the engine's own.`)
}

const ISO = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

export function instantIn(value: string): Instant {
  const day = ISO.exec(value)?.[1]
  const instant = day === undefined ? '' : instantOf(Date.parse(value))
  // The 30th of February is the 2nd of March to Date.parse.
  if (isInstant(instant) && isInstant(`${day}T00:00:00.000Z`)) return instant
  throw new InvalidArgumentError('Expected an instant, such as 2026-03-01T09:00:00.000Z or 2026-03-01.')
}

export function signedDurationIn(value: string): string {
  if (signedDurationMs(value) !== null) return value
  throw new InvalidArgumentError('Expected a duration of elapsed time, such as P2D, or for earlier -PT3H.')
}

export function sequenceIn(value: string): SequenceRef {
  const [campaignId, sequenceId, ...more] = decodedIds(value)
  if (campaignId !== undefined && sequenceId !== undefined && more.length === 0) return { campaignId, sequenceId }
  throw new InvalidArgumentError('Expected CAMPAIGN/SEQUENCE, each percent-encoded.')
}

/** A goal as `CAMPAIGN/GOAL`, each percent-encoded. */
export function goalIn(value: string): Omit<GoalQuestion, 'signalId'> {
  const [campaignId, goalId, ...more] = decodedIds(value)
  if (campaignId !== undefined && goalId !== undefined && more.length === 0) return { campaignId, goalId }
  throw new InvalidArgumentError('Expected CAMPAIGN/GOAL, each percent-encoded.')
}

export function stepIn(value: string): Omit<StepRef, 'run'> {
  const [campaignId, sequenceId, stepId, ...more] = decodedIds(value)
  if (campaignId !== undefined && sequenceId !== undefined && stepId !== undefined && more.length === 0)
    return { campaignId, sequenceId, stepId }
  throw new InvalidArgumentError('Expected CAMPAIGN/SEQUENCE/STEP, each percent-encoded.')
}

/** None if any of them is no id. */
function decodedIds(value: string): readonly string[] {
  try {
    const ids = value.split('/').map(decodeURIComponent)
    return ids.every(isLegalId) ? ids : []
  } catch {
    return [] // Not percent-encoded.
  }
}

export function wholeNumberIn(value: string): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= 1) return number
  throw new InvalidArgumentError('Expected a whole number from 1.')
}

export function millisecondsIn(value: string): number {
  const number = Number(value)
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number
  throw new InvalidArgumentError('Expected a whole number of milliseconds from 0.')
}

/** What `--var` takes: a name, and a value of JSON where it is a number, true, false or a text in quotes; else the text itself. */
export interface VariableIn {
  readonly name: string
  readonly value: string | number | boolean
}

export function variableIn(text: string): VariableIn {
  const equals = text.indexOf('=')
  const name = text.slice(0, Math.max(equals, 0))
  if (!isLegalId(name)) throw new InvalidArgumentError('Expected NAME=VALUE, such as total=20.')
  const typed = text.slice(equals + 1)
  const value = typedVariable(typed)
  if (value !== null) return { name, value }
  throw new InvalidArgumentError(
    typed.startsWith('"') ? 'A text in quotes has to be one of JSON.' : `The number of ${named(name)} is too large.`,
  )
}

export function objectIn(value: string): JsonObject {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    parsed = null
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new InvalidArgumentError(`Expected a JSON object, such as '{"product":"robot"}'.`)
  const unsafe = unsafeIntegerIn(parsed)
  if (unsafe === null) return parsed as JsonObject
  throw new InvalidArgumentError(`The integer at ${unsafe} cannot be kept exactly; use a string.`)
}

/** What the engine takes for a text: a reason, a kind. */
export function textIn(value: string): string {
  if (value.length >= 1 && value.length <= 10_000) return value
  throw new InvalidArgumentError('Expected a text of 1 to 10,000 characters.')
}

/** As these functions, for an argument whose place says what it is only when all are read. */
export function read<Value>(read: (value: string) => Value, value: string): Value {
  try {
    return read(value)
  } catch (error) {
    throw error instanceof InvalidArgumentError ? new UsageError(`${named(value)}: ${error.message}`) : error
  }
}
