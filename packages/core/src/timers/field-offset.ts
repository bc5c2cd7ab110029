/** `field` or `var` with `offset`: so long before or after a date-time of the contact or of the run. Rules TIME-8, VAR-2. */

import { EnfoldFault } from '../fault.ts'
import { name, text } from '../formats.ts'
import { instantOf } from '../ids.ts'
import type { ObjectOf } from '../schema.ts'
import { elapsedWords } from './after.ts'
import { A_SIGNED_DURATION, signedDurationMs } from './duration.ts'
import { momentIn, noDate } from './field-value.ts'
import type { Arrival, Source, TimerKind, Wanted } from './kind.ts'
import { WHEN_PAST } from './on.ts'
import { zoned } from './zones.ts'

const LONG_FROM = {
  /** A signed ISO 8601 duration from the moment: "-PT1H" is an hour before it. */
  offset: text('enfold-signed-duration', '^[+-]?P'),
  ...WHEN_PAST,
}
export const FIELD_OFFSET = {
  /** Of the contact: it holds a date and time. */
  field: name,
  ...LONG_FROM,
}
export const VARIABLE_OFFSET = {
  /** Of the run: it holds a date and time (VAR-2). */
  var: name,
  ...LONG_FROM,
}
interface LongFrom extends ObjectOf<typeof LONG_FROM> {}
export interface FieldOffsetForm extends ObjectOf<typeof FIELD_OFFSET> {}
export interface VariableOffsetForm extends ObjectOf<typeof VARIABLE_OFFSET> {}

export const fieldOffset: TimerKind<FieldOffsetForm> = {
  wanted: (timer, arrival) => wanted({ field: timer.field }, timer, arrival),
  isCounted: () => false,
  canBePast: ({ whenPast }) => whenPast !== 'send',
  words: (timer) => wordsOf(timer.field, timer),
}

export const variableOffset: TimerKind<VariableOffsetForm> = {
  wanted: (timer, arrival) => wanted({ var: timer.var }, timer, arrival),
  isCounted: () => false,
  canBePast: ({ whenPast }) => whenPast !== 'send',
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
