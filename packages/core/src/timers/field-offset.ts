/** `field` with `offset`: so long before or after a date-time of the contact. Rule TIME-8. */

import { EnfoldFault } from '../fault.ts'
import { Name, opt, propertiesOf, text } from '../formats.ts'
import { instantOf } from '../ids.ts'
import { REASONS } from '../reasons.ts'
import { elapsedWords } from './after.ts'
import { A_SIGNED_DURATION, signedDurationMs } from './duration.ts'
import { isEmpty, momentIn } from './field-value.ts'
import type { TimerKind } from './kind.ts'
import { WhenPast } from './on.ts'
import { zoned } from './zones.ts'

/** A signed ISO 8601 duration from the moment: "-PT1H" is an hour before it. `whenPast` default "skip". */
export interface FieldOffsetForm {
  readonly field: string
  readonly offset: string
  readonly whenPast?: 'skip' | 'send'
}

export const FIELD_OFFSET = propertiesOf<FieldOffsetForm>()({
  field: Name,
  offset: text('enfold-signed-duration', '^[+-]?P'),
  whenPast: opt(WhenPast),
})

export const fieldOffset: TimerKind<FieldOffsetForm> = {
  wanted(timer, { zone, field }) {
    const value = field(timer.field)
    if (isEmpty(value)) return { none: REASONS.fieldEmpty, field: timer.field }
    const moment = momentIn(value, zone.timeZone)
    if (moment === null) return { none: REASONS.fieldUnreadable, field: timer.field }
    const offsetMs = signedDurationMs(timer.offset)
    if (offsetMs === null) throw EnfoldFault.invalidInput('timer.offset', timer.offset, A_SIGNED_DURATION)
    const dueMs = moment.epochMilliseconds + offsetMs
    return {
      moment: zoned(instantOf(dueMs), zone.timeZone),
      whenPast: timer.whenPast ?? 'skip',
      field: timer.field,
    }
  },
  words({ field: name, offset }) {
    const distance = elapsedWords(offset.replace(/^[+-]/, ''))
    return signedDurationMs(offset) === 0
      ? `at ${name}`
      : `${distance} ${offset.startsWith('-') ? 'before' : 'after'} ${name}`
  },
}
