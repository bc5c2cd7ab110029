/** `on`: a date and wall time in the contact's zone ("2026-12-24T09:00"). Rule TIME-3. */
import { Temporal } from 'temporal-polyfill'
import { type Described, opt, text, words } from '../formats.ts'
import type { TimerKind } from './kind.ts'

export const WhenPast = words('skip', 'send')

export const ON = {
  on: text('enfold-local-date-time', '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]$'),
  whenPast: opt(WhenPast),
}

/** `whenPast` default "skip". */
export type OnForm = Described<typeof ON>

export const on: TimerKind<OnForm> = {
  wanted: (timer, { zone }) => ({
    moment: Temporal.PlainDateTime.from(timer.on).toZonedDateTime(zone.timeZone),
    whenPast: timer.whenPast ?? 'skip',
  }),
  words: ({ on }) => `on ${on.replace('T', ' ')}`,
}
