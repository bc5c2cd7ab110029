/**
 * The kinds of timers, a file each. A new one gets an interface here, and a place in `Timer`, `TIMERS` and `withKind`. No
 * compiler asks for a place in the generators of the testkit, whose histories try it.
 */
import { slot } from '../formats.ts'
import { type ObjectOf, optional, strictObject } from '../schema.ts'
import { AFTER, type AfterForm, after } from './after.ts'
import { AFTER_DAYS, type AfterDaysForm, afterDays } from './after-days.ts'
import { AFTER_WEEKDAYS, type AfterWeekdaysForm, afterWeekdays } from './after-weekdays.ts'
import { FIELD, type FieldForm, field, VARIABLE, type VariableForm, variable } from './field.ts'
import {
  FIELD_OFFSET,
  type FieldOffsetForm,
  fieldOffset,
  VARIABLE_OFFSET,
  type VariableOffsetForm,
  variableOffset,
} from './field-offset.ts'
import type { TimerKind } from './kind.ts'
import { ON, type OnForm, on } from './on.ts'
import { type Windows, windowWords } from './window.ts'

const WINDOWED = {
  /** Days and hours in which the step may begin (TIME-2). Default: it always may. */
  window: optional(slot<Windows>('window')),
}
interface Windowed extends ObjectOf<typeof WINDOWED> {}

/** `after`: elapsed time as an ISO 8601 duration ("PT2H", "P3D" = 72 hours; no months or years). */
export interface AfterTimer extends AfterForm, Windowed {}
/** `afterDays`: calendar days in the contact's zone; without `at`, at the anchor's wall time. */
export interface AfterDaysTimer extends AfterDaysForm, Windowed {}
/** `afterWeekdays`: the same, Saturdays and Sundays not counted. */
export interface AfterWeekdaysTimer extends AfterWeekdaysForm, Windowed {}
/** `on`: a date and wall time in the zone ("2026-12-24T09:00"). `whenPast` default "skip". */
export interface OnTimer extends OnForm, Windowed {}
/** `field` with `offsetDays`: days before (negative) or after a date field of the contact, at a wall time. */
export interface FieldTimer extends FieldForm, Windowed {}
/** `field` with `offset`: so long before ("-PT1H") or after a date-time field of the contact. */
export interface FieldOffsetTimer extends FieldOffsetForm, Windowed {}
/** `var` with `offsetDays`: the same of a date that is a variable of the run (VAR-2). */
export interface VariableTimer extends VariableForm, Windowed {}
/** `var` with `offset`: the same of a date-time that is a variable of the run (VAR-2). */
export interface VariableOffsetTimer extends VariableOffsetForm, Windowed {}

/** When a step is due, counted from its anchor (STEP-1). Rules TIME-1 to TIME-8. */
export type Timer =
  | AfterTimer
  | AfterDaysTimer
  | AfterWeekdaysTimer
  | OnTimer
  | FieldTimer
  | FieldOffsetTimer
  | VariableTimer
  | VariableOffsetTimer

/**
 * Each form, by the key that tells it apart. Two forms begin with `field` and two with `var`: those with `offset` stand in
 * `OFFSET_TIMERS`.
 */
export const TIMERS = {
  after: strictObject({ ...AFTER, ...WINDOWED }),
  afterDays: strictObject({ ...AFTER_DAYS, ...WINDOWED }),
  afterWeekdays: strictObject({ ...AFTER_WEEKDAYS, ...WINDOWED }),
  on: strictObject({ ...ON, ...WINDOWED }),
  field: strictObject({ ...FIELD, ...WINDOWED }),
  var: strictObject({ ...VARIABLE, ...WINDOWED }),
}
export const OFFSET_TIMERS = {
  field: strictObject({ ...FIELD_OFFSET, ...WINDOWED }),
  var: strictObject({ ...VARIABLE_OFFSET, ...WINDOWED }),
}

/** Hands a timer to the kind that it is of. */
export function withKind<Result>(timer: Timer, use: <T>(kind: TimerKind<T>, timer: T) => Result): Result {
  if ('after' in timer) return use(after, timer)
  if ('afterDays' in timer) return use(afterDays, timer)
  if ('afterWeekdays' in timer) return use(afterWeekdays, timer)
  if ('on' in timer) return use(on, timer)
  if ('offset' in timer) return 'var' in timer ? use(variableOffset, timer) : use(fieldOffset, timer)
  return 'var' in timer ? use(variable, timer) : use(field, timer)
}

/**
 * A timer as people read it.
 *
 * @example
 * describeTimer({ afterDays: 2, at: '08:00' }) // 'after 2 days at 08:00'
 */
export function describeTimer(timer: Timer | undefined): string {
  if (timer === undefined) return 'at once'
  const { window } = timer
  const said = withKind(timer, (kind, one) => kind.words(one))
  return window === undefined ? said : `${said}, ${windowWords(window)}`
}
