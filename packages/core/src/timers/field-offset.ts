/** `field` or `var` with `offset`: so long before or after a date-time of the contact or of the run. Rules TIME-8, VAR-2. */

import { EnfoldFault } from '../fault.ts'
import { Name, opt, propertiesOf, text } from '../formats.ts'
import { instantOf } from '../ids.ts'
import { elapsedWords } from './after.ts'
import { A_SIGNED_DURATION, signedDurationMs } from './duration.ts'
import { momentIn, noDate } from './field-value.ts'
import type { Arrival, Source, TimerKind, Wanted } from './kind.ts'
import { WhenPast } from './on.ts'
import { zoned } from './zones.ts'

/** A signed ISO 8601 duration from the moment: "-PT1H" is an hour before it. `whenPast` default "skip". */
interface LongFrom {
  readonly offset: string
  readonly whenPast?: 'skip' | 'send'
}

export interface FieldOffsetForm extends LongFrom {
  readonly field: string
}

export interface VariableOffsetForm extends LongFrom {
  readonly var: string
}

const LONG_FROM = { offset: text('enfold-signed-duration', '^[+-]?P'), whenPast: opt(WhenPast) }
export const FIELD_OFFSET = propertiesOf<FieldOffsetForm>()({ field: Name, ...LONG_FROM })
export const VARIABLE_OFFSET = propertiesOf<VariableOffsetForm>()({ var: Name, ...LONG_FROM })

export const fieldOffset: TimerKind<FieldOffsetForm> = {
  wanted: (timer, arrival) => wanted({ field: timer.field }, timer, arrival),
  words: (timer) => wordsOf(timer.field, timer),
}

export const variableOffset: TimerKind<VariableOffsetForm> = {
  wanted: (timer, arrival) => wanted({ var: timer.var }, timer, arrival),
  words: (timer) => wordsOf(timer.var, timer),
}

function wanted(source: Source, timer: LongFrom, { zone, read }: Arrival): Wanted {
  const value = read(source)
  const moment = momentIn(value, zone.timeZone)
  if (moment === null) return noDate(source, value)
  const offsetMs = signedDurationMs(timer.offset)
  if (offsetMs === null) throw EnfoldFault.invalidInput('timer.offset', timer.offset, A_SIGNED_DURATION)
  const dueMs = moment.epochMilliseconds + offsetMs
  return { moment: zoned(instantOf(dueMs), zone.timeZone), whenPast: timer.whenPast ?? 'skip', read: source }
}

function wordsOf(name: string, { offset }: LongFrom): string {
  const distance = elapsedWords(offset.replace(/^[+-]/, ''))
  return signedDurationMs(offset) === 0
    ? `at ${name}`
    : `${distance} ${offset.startsWith('-') ? 'before' : 'after'} ${name}`
}
