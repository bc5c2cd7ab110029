/** `on`: a date and wall time in the contact's zone ("2026-12-24T09:00"). Rule TIME-3. */
import { Temporal } from 'temporal-polyfill'
import { oneOf, text } from '../formats.ts'
import { type ObjectOf, optional } from '../schema.ts'
import type { TimerKind } from './kind.ts'

export const WHEN_PAST = {
  /** What to do if the moment is past when the step is reached (TIME-3). Default "skip". */
  whenPast: optional(oneOf('skip', 'send')),
}

export const ON = {
  /** "2026-12-24T09:00" */
  on: text('enfold-local-date-time', '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]$'),
  ...WHEN_PAST,
}
export interface OnForm extends ObjectOf<typeof ON> {}

export const on: TimerKind<OnForm> = {
  wanted: (timer, { zone }) => ({
    moment: Temporal.PlainDateTime.from(timer.on).toZonedDateTime(zone.timeZone),
    whenPast: timer.whenPast ?? 'skip',
  }),
  isCounted: () => false,
  canBePast: ({ whenPast }) => whenPast !== 'send',
  words: ({ on }) => `on ${on.replace('T', ' ')}`,
}
