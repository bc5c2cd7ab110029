/** `on`: a date and wall time in the contact's zone ("2026-12-24T09:00"). Rule TIME-3. */
import { Temporal } from 'temporal-polyfill'
import { opt, propertiesOf, text, words } from '../formats.ts'
import type { TimerKind } from './kind.ts'

export const WhenPast = words('skip', 'send')

/** `whenPast` default "skip". */
export interface OnForm {
  readonly on: string
  readonly whenPast?: 'skip' | 'send'
}

export const ON = propertiesOf<OnForm>()({
  on: text('enfold-local-date-time', '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]$'),
  whenPast: opt(WhenPast),
})

export const on: TimerKind<OnForm> = {
  wanted: (timer, { zone }) => ({
    moment: Temporal.PlainDateTime.from(timer.on).toZonedDateTime(zone.timeZone),
    whenPast: timer.whenPast ?? 'skip',
  }),
  words: ({ on }) => `on ${on.replace('T', ' ')}`,
}
