/**
 * When a step is due, and when it may begin: delays, calendar days, dates, windows and zones, as arithmetic on instants
 * (TIME-1 to TIME-8). No clock is read. What becomes of a step that is due, late or skipped is decided elsewhere; what a
 * kind of timer means is in its file in `timers/`.
 */

import type { Temporal } from 'temporal-polyfill'
import { type RunShift, shifted } from './by-hand.ts'
import type { Timing, Vars } from './events.ts'
import { show } from './fault.ts'
import { epochMsOf, type Instant, instantOf } from './ids.ts'
import type { JsonValue } from './json.ts'
import type { Facts } from './ports/host.ts'
import { REASONS, type TimerReason } from './reasons.ts'
import { elapsed } from './timers/after.ts'
import type { Arrival, Source, TimerKind } from './timers/kind.ts'
import { type Timer, withKind } from './timers/timers.ts'
import { nextInside } from './timers/window.ts'
import { type Zone, zoned, zoneOf } from './timers/zones.ts'
import { variableIn } from './variables.ts'

export { durationMs, signedDurationMs } from './timers/duration.ts'
export { describeTimer } from './timers/timers.ts'
export { isLocalDateTime, isWallTime } from './timers/wall-time.ts'
export { isWindow } from './timers/window.ts'
export { isTimeZone, seenZone } from './timers/zones.ts'

/** What a timer may look at besides its anchor. */
export interface TimerContext {
  /** Only `timeZone` and the one field that a `field` timer names are read. */
  readonly facts: Facts
  /** Of the run. Default: none. */
  readonly vars?: Vars
  /** For contacts without a usable zone of their own. If this machine does not know it either, "UTC" is used. */
  readonly campaignTimeZone: string
  /** True for fields whose value must not be recorded (LOG-4). */
  isPrivate(field: string): boolean
  /** The start of the run, moved by pauses that shift (TIME-7). Default: the anchor. */
  readonly startedAt?: Instant
  /**
   * The punctual arrival at the step: the due instant of the step before it, or the start of the run. What lies before it
   * is past (TIME-3). Default: the anchor. Never later than the anchor.
   */
  readonly punctual?: Instant
  /** Whether it is the first step of its run (TIME-4). Default false. */
  readonly isFirst?: boolean
  /** By what operators moved its end: of a wait, those since it began; of what is no wait after a step, all (SHIFT-2). */
  readonly shifts?: { readonly ofWait: readonly RunShift[]; readonly ofRun: readonly RunShift[] }
}

/** When a step is due, how that was found, and whether it is to be skipped on arrival instead. */
export interface Due {
  /**
   * As it is recorded. `dueAt` is never before the punctual arrival, and may be before `anchor`: then the step is due at
   * once. Where `skip` is set, it is the punctual arrival.
   */
  readonly timing: Timing
  /**
   * `past`: the wanted moment lies before the punctual arrival (TIME-3). `field-empty`: the field has no value.
   * `field-unreadable`: it has one that is no date (TIME-8). `variable-empty`, `variable-unreadable`: the same of a variable.
   */
  readonly skip: null | TimerReason
}

/**
 * Finds when a step is due. Rules TIME-1 to TIME-8; a pure function of its arguments and the machine's zone data.
 *
 * The window is applied last (TIME-2). Moments beyond the years that an instant can hold are cut to the last one.
 *
 * @param timer a timer of a valid definition; `undefined`: due at the anchor (STEP-2)
 * @param anchor the instant that the timer counts from (STEP-1)
 * @throws EnfoldFault `INVALID_INPUT` for a duration or a window that no valid definition has
 *
 * @example
 * dueOf({ afterDays: 2, at: '08:00' }, '2026-03-27T12:00:00.000Z', {
 *   facts: { timeZone: 'Europe/Berlin' }, campaignTimeZone: 'UTC', isPrivate: () => false,
 * }).timing.dueAt // '2026-03-29T06:00:00.000Z', the clocks having gone forward in the night before
 */
export function dueOf(timer: Timer | undefined, anchor: Instant, context: TimerContext): Due {
  const { punctual = anchor, startedAt = anchor, shifts = NO_SHIFTS } = context
  const moves = timer === undefined || isCounted(timer) ? shifts.ofWait : shifts.ofRun
  if (timer === undefined) return { timing: { anchor, dueAt: shifted(anchor, moves) }, skip: null }
  if ('after' in timer && timer.window === undefined) {
    // Most waits are of this kind: plain milliseconds, some ten times cheaper than what asks a zone.
    const over = elapsed(timer.from === 'start' ? startedAt : anchor, timer.after)
    return { timing: { anchor, dueAt: latest(shifted(over, moves), punctual) }, skip: null }
  }
  const zone = zoneOf(context.facts.timeZone, context.campaignTimeZone)
  const wanted = withKind(timer, (kind, one) => kind.wanted(one, arrivalOf(anchor, context, zone)))
  const read = wanted.read === undefined ? {} : valueSeen(wanted.read, context, 'none' in wanted)
  if ('none' in wanted) return { timing: { anchor, dueAt: punctual, ...read }, skip: wanted.none }
  const moment = moves.length === 0 ? wanted.moment : movedBy(wanted.moment, moves)
  const isPast = moment.epochMilliseconds < epochMsOf(punctual)
  if (isPast && wanted.whenPast === 'skip')
    return { timing: { anchor, dueAt: punctual, ...zone, ...read }, skip: REASONS.past }
  let due = isPast ? zoned(punctual, zone.timeZone) : moment
  if (timer.window !== undefined) due = nextInside(timer.window, due, due)
  return { timing: { anchor, dueAt: instantOf(due.epochMilliseconds), ...zone, ...read }, skip: null }
}

const NO_SHIFTS: NonNullable<TimerContext['shifts']> = { ofWait: [], ofRun: [] }

/** A wait that is counted from the step before: an operator who moves its end moves with it all that follow. */
export function isCounted(timer: Timer): boolean {
  return withKind(timer, isCountedBy)
}

// Made once, not for each step.
const isCountedBy = <T>(kind: TimerKind<T>, timer: T) => kind.isCounted(timer)

function movedBy(moment: Temporal.ZonedDateTime, moves: readonly RunShift[]): Temporal.ZonedDateTime {
  return zoned(shifted(instantOf(moment.epochMilliseconds), moves), moment.timeZoneId)
}

/**
 * When a step that is due may begin: at `moment`, or at the next opening of its window after it (TIME-2).
 *
 * @param dueAt when it was due: a window that keeps the time of day takes it from there (TIME-2a)
 * @throws EnfoldFault `INVALID_INPUT` for a window that no valid definition has
 */
export function opensAt(
  timer: Timer | undefined,
  dueAt: Instant,
  moment: Instant,
  { facts, campaignTimeZone }: Pick<TimerContext, 'facts' | 'campaignTimeZone'>,
): Instant {
  if (timer?.window === undefined) return moment
  const { timeZone } = zoneOf(facts.timeZone, campaignTimeZone)
  const opening = nextInside(timer.window, zoned(moment, timeZone), zoned(dueAt, timeZone))
  return instantOf(opening.epochMilliseconds)
}

function latest(a: Instant, b: Instant): Instant {
  if (a > b) return a
  return b
}

function arrivalOf(anchor: Instant, context: TimerContext, zone: Zone): Arrival {
  const { facts, vars, startedAt, punctual, isFirst } = context
  // A kind asks for what it needs; what it does not ask for is not computed.
  const at = (instant: Instant): Temporal.ZonedDateTime => zoned(instant, zone.timeZone)
  return {
    get anchor() {
      return at(anchor)
    },
    get start() {
      return at(startedAt ?? anchor)
    },
    get punctual() {
      return at(punctual ?? anchor)
    },
    isFirst: isFirst ?? false,
    zone,
    read: (source) => ('field' in source ? fieldOrNull(facts, source.field) : variableIn(vars, source.var)),
  }
}

/** More of what nobody can read is of no use to anybody. */
const MOST_SHOWN = 200

function valueSeen(
  source: Source,
  { facts, vars, isPrivate }: TimerContext,
  isUnreadable: boolean,
): Pick<Timing, 'field' | 'var'> {
  if ('var' in source) {
    const value = variableIn(vars, source.var)
    return { var: { name: source.var, value: typeof value === 'string' && isUnreadable ? cut(value) : value } }
  }
  const { field: name } = source
  if (isPrivate(name)) return { field: { name } }
  const value = fieldOrNull(facts, name)
  return { field: { name, value: isUnreadable ? shortened(value) : value } }
}

const cut = (text: string) => text.slice(0, MOST_SHOWN).toWellFormed()

function shortened(value: JsonValue): JsonValue {
  if (typeof value === 'string') return cut(value)
  if (typeof value !== 'object' || value === null) return value
  const whole = JSON.stringify(value)
  return whole.length <= MOST_SHOWN ? value : show(value)
}

// An own property only: a field may be called `__proto__`.
function fieldOrNull({ fields }: Facts, name: string): JsonValue {
  return fields && Object.hasOwn(fields, name) ? (fields[name] ?? null) : null
}
