import {
  describeTimer,
  dueOf,
  durationMs,
  EnfoldFault,
  epochMsOf,
  type Facts,
  type Instant,
  instantOf,
  isInstant,
  isLocalDateTime,
  isTimeZone,
  isWallTime,
  isWindow,
  opensAt,
  type Timer,
  type Weekday,
  type Window,
  type Windows,
} from '@enfold/core'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

interface Given {
  /** Of the contact. */
  readonly zone?: string
  readonly fields?: Facts['fields']
  readonly campaignZone?: string
  readonly privateFields?: readonly string[]
  readonly startedAt?: Instant
  readonly punctual?: Instant
  readonly isFirst?: boolean
}

function due(timer: Timer | undefined, anchor: Instant, given: Given = {}) {
  const facts = {
    ...(given.zone === undefined ? {} : { timeZone: given.zone }),
    ...(given.fields === undefined ? {} : { fields: given.fields }),
  }
  return dueOf(timer, anchor, {
    facts,
    campaignTimeZone: given.campaignZone ?? 'UTC',
    isPrivate: (field) => given.privateFields?.includes(field) ?? false,
    ...(given.startedAt === undefined ? {} : { startedAt: given.startedAt }),
    ...(given.punctual === undefined ? {} : { punctual: given.punctual }),
    ...(given.isFirst === undefined ? {} : { isFirst: given.isFirst }),
  })
}

/** Anchors and results are written short: "2026-03-28T10:00" is in UTC, to the minute. */
const utc = (short: string): Instant => instantOf(Date.parse(`${short}Z`))

function dueAt(timer: Timer, anchor: string, zone: string): Instant {
  const { timing, skip } = due(timer, utc(anchor), { zone })
  expect(skip).toBeNull()
  return timing.dueAt
}

const berlin = 'Europe/Berlin'
const chicago = 'America/Chicago'
const lordHowe = 'Australia/Lord_Howe'
const apia = 'Pacific/Apia'
const stJohns = 'America/St_Johns'
const officeHours: Window = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }

describe('no timer', () => {
  it('STEP-2: a step without a timer is due at its anchor, and no zone is recorded', () => {
    const anchor = utc('2026-06-10T08:00')
    expect(due(undefined, anchor, { zone: 'Nowhere/At_All' })).toEqual({
      timing: { anchor, dueAt: anchor },
      skip: null,
    })
  })
})

describe('after', () => {
  it('TIME-1: P3D is 72 hours, whatever the clocks do, and asks no zone', () => {
    const anchor = utc('2026-03-27T12:00')
    expect(due({ after: 'P3D' }, anchor, { zone: berlin })).toEqual({
      timing: { anchor, dueAt: utc('2026-03-30T12:00') },
      skip: null,
    })
  })

  it('TIME-1: the anchor counts to the millisecond', () => {
    expect(due({ after: 'PT0.001S' }, '2026-01-01T00:00:00.999Z').timing.dueAt).toBe('2026-01-01T00:00:01.000Z')
  })

  it('TIME-1: a duration that no valid definition has is a fault that names it', () => {
    expect(() => due({ after: 'P1M' }, utc('2026-01-01T00:00'))).toThrow(EnfoldFault)
    expect(() => due({ after: 'P1M' }, utc('2026-01-01T00:00'))).toThrow('timer.after is "P1M"')
  })
})

describe('afterDays', () => {
  it('TIME-1: counts dates in the zone, not hours', () => {
    expect(dueAt({ afterDays: 3 }, '2026-03-27T12:00', berlin)).toBe(utc('2026-03-30T11:00'))
    expect(dueAt({ afterDays: 3, at: '08:00' }, '2026-03-27T12:00', berlin)).toBe(utc('2026-03-30T06:00'))
  })

  it('TIME-1: counts from the date that the anchor has in the zone', () => {
    // 23:30 on the 9th in Chicago, already the 10th in UTC.
    expect(dueAt({ afterDays: 1, at: '08:00' }, '2026-06-10T04:30', chicago)).toBe(utc('2026-06-10T13:00'))
    expect(dueAt({ afterDays: 1, at: '08:00' }, '2026-06-10T04:30', 'UTC')).toBe(utc('2026-06-11T08:00'))
  })

  it('TIME-1: without "at" keeps the wall time of the anchor to the millisecond', () => {
    expect(due({ afterDays: 2 }, '2026-03-28T09:08:07.654Z', { zone: berlin }).timing.dueAt).toBe(
      '2026-03-30T08:08:07.654Z',
    )
  })

  it('TIME-1: 0 days is today if the time is still to come, tomorrow if it has gone by or is now', () => {
    const today: Timer = { afterDays: 0, at: '08:00' }
    expect(dueAt(today, '2026-06-10T05:59', berlin)).toBe(utc('2026-06-10T06:00'))
    expect(dueAt(today, '2026-06-10T06:00', berlin)).toBe(utc('2026-06-11T06:00'))
    expect(dueAt(today, '2026-06-10T06:01', berlin)).toBe(utc('2026-06-11T06:00'))
    expect(dueAt({ afterDays: 0 }, '2026-06-10T06:01', berlin)).toBe(utc('2026-06-11T06:01'))
  })

  it.each([
    ['2026-01-31T12:00', '2026-02-01T12:00'],
    ['2026-02-28T12:00', '2026-03-01T12:00'],
    ['2028-02-28T12:00', '2028-02-29T12:00'],
    ['2028-02-29T12:00', '2028-03-01T12:00'],
    ['2100-02-28T12:00', '2100-03-01T12:00'],
    ['2026-12-31T12:00', '2027-01-01T12:00'],
  ])('TIME-1: the day after %s is %s', (anchor, expected) => {
    expect(dueAt({ afterDays: 1 }, anchor, 'UTC')).toBe(utc(expected))
  })
})

describe('clock changes', () => {
  it.each([
    ['Berlin, an hour forward', berlin, '2026-03-28T10:00', '02:30', '2026-03-29T01:30'],
    ['Chicago, an hour forward', chicago, '2026-03-07T12:00', '02:30', '2026-03-08T08:30'],
    ['Lord Howe, half an hour forward', lordHowe, '2026-10-02T20:00', '02:10', '2026-10-03T15:40'],
  ])('TIME-5: a wall time that does not exist moves forward by the gap (%s)', (_, zone, anchor, at, expected) => {
    expect(dueAt({ afterDays: 1, at }, anchor, zone)).toBe(utc(expected))
  })

  it.each([
    ['Berlin, an hour back', berlin, '2026-10-24T10:00', '02:30', '2026-10-25T00:30'],
    ['Chicago, an hour back', chicago, '2026-10-31T12:00', '01:30', '2026-11-01T06:30'],
    ['Lord Howe, half an hour back', lordHowe, '2026-04-03T20:00', '01:45', '2026-04-04T14:45'],
  ])('TIME-5: a wall time that exists twice is its first occurrence (%s)', (_, zone, anchor, at, expected) => {
    expect(dueAt({ afterDays: 1, at }, anchor, zone)).toBe(utc(expected))
  })

  it('TIME-5: wall times taken from the anchor and those of "on" move in the same way', () => {
    expect(due({ afterDays: 1 }, '2026-03-28T01:30:15.250Z', { zone: berlin }).timing.dueAt).toBe(
      '2026-03-29T01:30:15.250Z',
    )
    expect(dueAt({ on: '2026-03-29T02:30' }, '2026-03-01T00:00', berlin)).toBe(utc('2026-03-29T01:30'))
    expect(dueAt({ on: '2026-10-25T02:30' }, '2026-03-01T00:00', berlin)).toBe(utc('2026-10-25T00:30'))
  })

  it('TIME-5: between the two occurrences of a wall time the first has gone by', () => {
    // 02:15 for the second time. 02:30 was already once.
    expect(dueAt({ afterDays: 0, at: '02:30' }, '2026-10-25T01:15', berlin)).toBe(utc('2026-10-26T01:30'))
    // In Newfoundland clocks went back over midnight: at 00:01 on the 7th to 23:01 on the 6th. At 23:30 for the second
    // time the first minute of tomorrow is over.
    expect(dueAt({ afterDays: 1, at: '00:00' }, '2010-11-07T03:00', stJohns)).toBe(utc('2010-11-08T03:30'))
  })

  it('TIME-5: a date that the zone skipped moves forward to the next one, a day of elapsed time after the day before', () => {
    // Samoa had no 30 December 2011. The anchor is 08:00 on the 29th, at UTC-10; then it is UTC+14.
    const anchor = '2011-12-29T18:00'
    expect(dueAt({ afterDays: 1 }, anchor, apia)).toBe(utc('2011-12-30T18:00'))
    expect(dueAt({ afterDays: 2 }, anchor, apia)).toBe(utc('2011-12-30T18:00'))
    expect(dueAt({ afterDays: 3 }, anchor, apia)).toBe(utc('2011-12-31T18:00'))
    expect(dueAt({ on: '2011-12-30T09:00' }, anchor, apia)).toBe(utc('2011-12-30T19:00'))
  })

  it('TIME-1: a weekday that the zone skipped does not put a weekday timer on a Saturday', () => {
    // 30 December 2011 was to be a Friday; the 31st is a Saturday, the next weekday Monday 2 January.
    expect(dueAt({ afterWeekdays: 1 }, '2011-12-29T18:00', apia)).toBe(utc('2012-01-01T18:00'))
  })

  it('TIME-2: a window on a weekday that the zone skipped opens a week later', () => {
    const fridays: Window = { days: ['fri'], from: '08:00', to: '18:00' }
    expect(dueAt({ after: 'PT12H', window: fridays }, '2011-12-29T18:00', apia)).toBe(utc('2012-01-05T18:00'))
  })
})

describe('afterWeekdays', () => {
  // 12 June 2026 is a Friday.
  it.each([
    ['Wednesday', '2026-06-10T12:00', 2, '08:00', '2026-06-12T08:00'],
    ['Friday, the time still to come', '2026-06-12T12:00', 0, '18:00', '2026-06-12T18:00'],
    ['Friday, the time gone by', '2026-06-12T12:00', 0, '08:00', '2026-06-15T08:00'],
    ['Friday', '2026-06-12T12:00', 1, '08:00', '2026-06-15T08:00'],
    ['Friday', '2026-06-12T12:00', 5, '08:00', '2026-06-19T08:00'],
    ['Friday', '2026-06-12T12:00', 6, '08:00', '2026-06-22T08:00'],
    ['Saturday', '2026-06-13T12:00', 0, '18:00', '2026-06-15T18:00'],
    ['Saturday', '2026-06-13T12:00', 1, '08:00', '2026-06-15T08:00'],
    ['Saturday', '2026-06-13T12:00', 2, '08:00', '2026-06-16T08:00'],
    ['Sunday', '2026-06-14T12:00', 0, '08:00', '2026-06-15T08:00'],
    ['Sunday', '2026-06-14T12:00', 5, '08:00', '2026-06-19T08:00'],
  ])('TIME-1: Saturdays and Sundays are not counted (%s %s + %i at %s)', (_, anchor, afterWeekdays, at, expected) => {
    expect(dueAt({ afterWeekdays, at }, anchor, 'UTC')).toBe(utc(expected))
  })

  it('TIME-1: without "at" keeps the wall time of the anchor', () => {
    expect(dueAt({ afterWeekdays: 1 }, '2026-03-27T12:00', berlin)).toBe(utc('2026-03-30T11:00'))
  })

  it('TIME-1: afterWeekdays agrees with counting one day after the other on a calendar', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 60 }), (startDay, afterWeekdays) => {
        const anchorMs = Date.UTC(2026, 0, 1 + startDay, 12)
        let dayMs = anchorMs
        for (let left = afterWeekdays; left > 0; ) {
          dayMs += 86_400_000
          if (![0, 6].includes(new Date(dayMs).getUTCDay())) left--
        }
        expect(due({ afterWeekdays }, instantOf(anchorMs)).timing.dueAt).toBe(instantOf(dayMs))
      }),
      { numRuns: runs(500) },
    )
  })
})

describe('window', () => {
  it.each([
    ['inside: as it is', '2026-06-10T08:00', '2026-06-10T08:00'],
    ['at the opening: as it is', '2026-06-10T06:00', '2026-06-10T06:00'],
    ['before the opening: the same day', '2026-06-10T05:59', '2026-06-10T06:00'],
    ['a minute before the end: as it is', '2026-06-10T15:59', '2026-06-10T15:59'],
    ['at the end: the next day', '2026-06-10T16:00', '2026-06-11T06:00'],
    ['Friday evening: Monday', '2026-06-12T20:00', '2026-06-15T06:00'],
    ['Saturday noon: Monday', '2026-06-13T10:00', '2026-06-15T06:00'],
    ['Sunday late, Monday in UTC+2: Monday', '2026-06-14T22:30', '2026-06-15T06:00'],
  ])('TIME-2: %s', (_, anchor, expected) => {
    expect(dueAt({ after: 'PT0S', window: officeHours }, anchor, berlin)).toBe(utc(expected))
  })

  it('TIME-2: a window is applied last, to every kind of timer', () => {
    const window = officeHours
    const thursday = '2026-06-11T12:00'
    const monday = utc('2026-06-15T06:00')
    expect(dueAt({ after: 'P2D', window }, thursday, berlin)).toBe(monday)
    expect(dueAt({ afterDays: 2, at: '08:00', window }, thursday, berlin)).toBe(monday)
    expect(dueAt({ afterWeekdays: 1, at: '19:00', window }, thursday, berlin)).toBe(monday)
    expect(dueAt({ on: '2026-06-13T09:00', window }, thursday, berlin)).toBe(monday)
    const birthday: Timer = { field: 'birthday', offsetDays: 0, at: '09:00', occurrence: 'next', window }
    expect(due(birthday, utc(thursday), { zone: berlin, fields: { birthday: '1980-06-13' } }).timing.dueAt).toBe(monday)
  })

  it('TIME-2: a window without days is open on all seven, and "24:00" is the end of the day', () => {
    const evenings: Window = { from: '20:00', to: '24:00' }
    expect(dueAt({ after: 'PT0S', window: evenings }, '2026-06-13T23:59', 'UTC')).toBe(utc('2026-06-13T23:59'))
    expect(dueAt({ after: 'PT0S', window: evenings }, '2026-06-14T00:00', 'UTC')).toBe(utc('2026-06-14T20:00'))
  })

  it('TIME-2: a window on one day of the week opens a week later if it has just closed', () => {
    const window: Window = { days: ['wed'], from: '08:00', to: '09:00' }
    expect(dueAt({ after: 'PT0S', window }, '2026-06-10T09:00', 'UTC')).toBe(utc('2026-06-17T08:00'))
  })

  it('TIME-2: a window opens at its wall time on both sides of a clock change', () => {
    const window: Window = { from: '08:00', to: '18:00' }
    expect(dueAt({ after: 'PT0S', window }, '2026-03-28T17:00', berlin)).toBe(utc('2026-03-29T06:00'))
    expect(dueAt({ after: 'PT0S', window }, '2026-10-24T16:00', berlin)).toBe(utc('2026-10-25T07:00'))
  })

  it('TIME-5: an opening that does not exist moves forward by the gap; if that is out of the window, to the next day', () => {
    const evening = '2026-03-28T20:00'
    expect(dueAt({ after: 'PT0S', window: { from: '02:15', to: '06:00' } }, evening, berlin)).toBe(
      utc('2026-03-29T01:15'),
    )
    expect(dueAt({ after: 'PT0S', window: { from: '02:15', to: '03:00' } }, evening, berlin)).toBe(
      utc('2026-03-30T00:15'),
    )
    const sundays: Window = { days: ['sun'], from: '02:15', to: '03:00' }
    expect(dueAt({ after: 'PT0S', window: sundays }, evening, berlin)).toBe(utc('2026-04-05T00:15'))
    // Just closed on the Sunday before, it has no opening for two weeks.
    expect(dueAt({ after: 'PT0S', window: sundays }, '2026-03-22T02:00', berlin)).toBe(utc('2026-04-05T00:15'))
  })

  it('TIME-5: an opening that exists twice is its first occurrence', () => {
    const window: Window = { from: '02:30', to: '06:00' }
    expect(dueAt({ after: 'PT0S', window }, '2026-10-24T20:00', berlin)).toBe(utc('2026-10-25T00:30'))
  })

  it('TIME-2: a window that never opens, which no valid definition has, is a fault and not an endless search', () => {
    const window: Window = { days: [], from: '08:00', to: '18:00' }
    expect(() => due({ after: 'PT0S', window }, utc('2026-01-01T00:00'))).toThrow('timer.window')
  })

  it('TIME-2: the zone is recorded as soon as there is a window', () => {
    const { timing } = due({ after: 'PT1H', window: officeHours }, utc('2026-06-10T08:00'), { zone: berlin })
    expect(timing.timeZone).toBe(berlin)
  })
})

describe('several windows, and windows over midnight', () => {
  const thursday = '2026-06-11T12:00'
  const at = (anchor: string, window: Windows, zone = 'UTC') => dueAt({ after: 'PT0S', window }, anchor, zone)

  it('TIME-2a: a list is open whenever one of its windows is', () => {
    const list: Windows = [
      { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '12:00' },
      { days: ['thu', 'sat'], from: '14:00', to: '16:00' },
    ]
    expect(at('2026-06-11T11:59', list)).toBe(utc('2026-06-11T11:59'))
    expect(at(thursday, list)).toBe(utc('2026-06-11T14:00'))
    expect(at('2026-06-11T15:00', list)).toBe(utc('2026-06-11T15:00'))
    expect(at('2026-06-12T12:00', list)).toBe(utc('2026-06-13T14:00'))
  })

  it('TIME-2a: from later than to spans midnight, and its days are those on which it opens', () => {
    const nights: Windows = { days: ['fri'], from: '22:00', to: '06:00' }
    expect(at('2026-06-12T21:59', nights)).toBe(utc('2026-06-12T22:00'))
    expect(at('2026-06-13T05:59', nights)).toBe(utc('2026-06-13T05:59'))
    expect(at('2026-06-13T06:00', nights)).toBe(utc('2026-06-19T22:00'))
    // The small hours of Friday belong to Thursday.
    expect(at('2026-06-12T03:00', nights)).toBe(utc('2026-06-12T22:00'))
  })

  it('TIME-2a: a window stays closed on the dates of "except", before midnight and after', () => {
    const weekdays: Windows = { ...officeHours, except: ['2026-06-12', '2026-06-15'] }
    expect(at('2026-06-11T20:00', weekdays)).toBe(utc('2026-06-16T08:00'))
    const nights: Windows = { from: '22:00', to: '06:00', except: ['2026-06-12'] }
    expect(at('2026-06-11T23:00', nights)).toBe(utc('2026-06-11T23:00'))
    expect(at('2026-06-12T01:00', nights)).toBe(utc('2026-06-13T22:00'))
    expect(at('2026-06-13T01:00', nights)).toBe(utc('2026-06-13T22:00'))
    // Dates are those of the zone: 23:30 on the 11th in Chicago.
    expect(at('2026-06-12T04:30', { from: '00:00', to: '24:00', except: ['2026-06-12'] }, chicago)).toBe(
      utc('2026-06-12T04:30'),
    )
  })

  it('TIME-2a: however many dates are closed, it opens after them', () => {
    const fridays = Array.from({ length: 200 }, (_, i) =>
      instantOf(Date.UTC(2026, 5, 12) + i * 604_800_000).slice(0, 10),
    )
    expect(at(thursday, { days: ['fri'], from: '08:00', to: '18:00', except: fridays })).toBe(
      instantOf(Date.UTC(2026, 5, 12, 8) + 200 * 604_800_000),
    )
  })

  it('TIME-2a: with keepTime the next open day, at the same time of day', () => {
    const window: Windows = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], keepTime: true, except: ['2026-06-15'] }
    expect(dueAt({ afterDays: 1, at: '19:30', window }, thursday, berlin)).toBe(utc('2026-06-12T17:30'))
    expect(dueAt({ afterDays: 2, at: '19:30', window }, thursday, berlin)).toBe(utc('2026-06-16T17:30'))
    // Across a change of clocks it is the time of day that stays.
    expect(
      dueAt({ afterDays: 1, at: '09:00', window: { days: ['mon'], keepTime: true } }, '2026-03-27T12:00', berlin),
    ).toBe(utc('2026-03-30T07:00'))
  })

  it('TIME-2: a step that is overdue may begin at once, or when its window opens', () => {
    const facts = { facts: { timeZone: berlin }, campaignTimeZone: 'UTC' }
    const opening = (window: Windows, dueAt: string, moment: string) =>
      opensAt({ after: 'PT1H', window }, utc(dueAt), utc(moment), facts)
    const friday = '2026-06-12T15:00'
    expect(opensAt({ after: 'PT1H' }, utc(friday), utc('2026-06-13T01:00'), facts)).toBe(utc('2026-06-13T01:00'))
    expect(opening(officeHours, friday, '2026-06-12T15:30')).toBe(utc('2026-06-12T15:30'))
    expect(opening(officeHours, friday, '2026-06-13T01:00')).toBe(utc('2026-06-15T06:00'))
    const keepsTime = { days: ['fri', 'mon'], keepTime: true } as const
    expect(opening(keepsTime, friday, '2026-06-13T01:00')).toBe(utc('2026-06-15T15:00'))
    // On the open day not before the time of day, after it at once.
    expect(opening(keepsTime, friday, '2026-06-15T06:00')).toBe(utc('2026-06-15T15:00'))
    expect(opening(keepsTime, friday, '2026-06-15T16:00')).toBe(utc('2026-06-15T16:00'))
  })
})

describe('counted from the start', () => {
  const startedAt = utc('2026-06-08T10:00')
  const anchor = utc('2026-06-10T12:00')
  const from = 'start' as const
  const dueOfRun = (timer: Timer, punctual = anchor) =>
    due(timer, anchor, { zone: berlin, startedAt, punctual }).timing.dueAt

  it('TIME-7: after, afterDays and afterWeekdays count from the start of the run', () => {
    expect(dueOfRun({ after: 'P3D', from })).toBe(utc('2026-06-11T10:00'))
    expect(dueOfRun({ after: 'P3D', from, window: officeHours })).toBe(utc('2026-06-11T10:00'))
    expect(dueOfRun({ afterDays: 3, from })).toBe(utc('2026-06-11T10:00'))
    expect(dueOfRun({ afterDays: 3, at: '08:00', from })).toBe(utc('2026-06-11T06:00'))
    expect(dueOfRun({ afterWeekdays: 5, at: '08:00', from })).toBe(utc('2026-06-15T06:00'))
  })

  it('TIME-7: what is over on arrival is due at once: at the punctual arrival, not before', () => {
    const punctual = utc('2026-06-10T11:00')
    expect(dueOfRun({ after: 'PT1H', from }, punctual)).toBe(punctual)
    expect(dueOfRun({ afterDays: 1, at: '08:00', from }, punctual)).toBe(punctual)
    expect(dueOfRun({ after: 'PT49H30M', from }, punctual)).toBe(utc('2026-06-10T11:30'))
  })
})

describe('punctual arrival', () => {
  const punctual = utc('2026-12-24T08:00')
  const anchor = utc('2026-12-24T08:05')
  const given = { zone: berlin, punctual, fields: { day: '2026-12-24', born: '1980-12-24' } }

  it('TIME-3: a moment between punctual and real arrival is due at once, as of that moment', () => {
    const timer: Timer = { on: '2026-12-24T09:00' }
    expect(due(timer, anchor, given)).toMatchObject({ timing: { anchor, dueAt: punctual }, skip: null })
    expect(due({ on: '2026-12-24T09:03' }, anchor, given)).toMatchObject({ timing: { dueAt: utc('2026-12-24T08:03') } })
    expect(due({ on: '2026-12-24T08:59' }, anchor, given).skip).toBe('past')
  })

  it('TIME-4: the same holds for exact dates and for the next occurrence', () => {
    const base = { offsetDays: 0, at: '09:00' } as const
    expect(due({ ...base, field: 'day', occurrence: 'exact' }, anchor, given)).toMatchObject({
      timing: { dueAt: punctual },
      skip: null,
    })
    const next: Timer = { ...base, field: 'born', occurrence: 'next' }
    expect(due(next, anchor, given).timing.dueAt).toBe(punctual)
    expect(due(next, anchor, { ...given, isFirst: true }).timing.dueAt).toBe(utc('2027-12-24T08:00'))
    expect(due(next, anchor, { ...given, punctual: utc('2026-12-24T07:59'), isFirst: true }).timing.dueAt).toBe(
      punctual,
    )
  })
})

describe('field with offset', () => {
  const timer = (offset: string): Timer => ({ field: 'startsAt', offset })
  const dueFor = (startsAt: string, offset: string, zone = berlin) => {
    const { timing, skip } = due(timer(offset), utc('2026-01-01T00:00'), { zone, fields: { startsAt } })
    expect(skip).toBeNull()
    expect(timing.field).toEqual({ name: 'startsAt', value: startsAt })
    return timing.dueAt
  }

  it.each([
    ['2026-06-10T18:00Z', '-PT1H', '2026-06-10T17:00'],
    ['2026-06-10T18:00:30+02:00', 'PT0S', '2026-06-10T16:00:30'],
    ['2026-06-10 18:00:00+02', 'P1D', '2026-06-11T16:00'],
    ['2026-06-10T18:00:00.250-0530', '+PT30M', '2026-06-11T00:00:00.250'],
    ['2026-06-10T18:00', '-PT90M', '2026-06-10T14:30'],
    ['2026-06-10 18:00:00', '-P1D', '2026-06-09T16:00'],
    ['2026-06-10', '-PT1H', '2026-06-09T21:00'],
    // The clocks go forward at 02:00: an hour before 03:30 is 01:30, and 02:30 is there at 03:30.
    ['2026-03-29T03:30', '-PT1H', '2026-03-29T00:30'],
    ['2026-03-29T02:30', 'PT0S', '2026-03-29T01:30'],
  ])('TIME-8: with the value %s, %s is due at %s in UTC', (startsAt, offset, expected) => {
    expect(dueFor(startsAt, offset)).toBe(utc(expected))
  })

  it('TIME-8: a moment that is past is skipped, or sent', () => {
    const anchor = utc('2026-06-10T12:00')
    const given = { fields: { startsAt: '2026-06-10T12:30Z' } }
    expect(due(timer('-PT1H'), anchor, given).skip).toBe('past')
    expect(due({ field: 'startsAt', offset: '-PT1H', whenPast: 'send' }, anchor, given)).toMatchObject({
      timing: { dueAt: anchor },
      skip: null,
    })
  })

  it('TIME-8: an unreadable value is recorded up to 200 characters, and not at all if the field is private', () => {
    const anchor = utc('2026-06-10T12:00')
    const fields = { startsAt: 'x'.repeat(1_000) }
    expect(due(timer('-PT1H'), anchor, { fields }).timing.field?.value).toBe('x'.repeat(200))
    expect(due(timer('-PT1H'), anchor, { fields, privateFields: ['startsAt'] })).toEqual({
      timing: { anchor, dueAt: anchor, field: { name: 'startsAt' } },
      skip: 'field-unreadable',
    })
  })
})

describe('in words', () => {
  it.each<[Timer | undefined, string]>([
    [undefined, 'at once'],
    [{ after: 'PT2H', from: 'start' }, 'after 2 hours from the start'],
    [{ afterDays: 1, at: '08:00', window: officeHours }, 'after 1 day at 08:00, Mon–Fri 08:00–18:00'],
    [{ afterWeekdays: 3 }, 'after 3 weekdays'],
    [{ on: '2026-12-24T09:00' }, 'on 2026-12-24 09:00'],
    [{ field: 'birthday', offsetDays: -7, at: '09:00', occurrence: 'next' }, '7 days before birthday at 09:00'],
    [{ field: 'startsAt', offset: '-PT1H' }, '1 hour before startsAt'],
    [
      {
        after: 'P1D',
        window: [
          { days: ['sat'], keepTime: true },
          { from: '22:00', to: '06:00', except: ['2026-12-24'] },
        ],
      },
      'after 1 day, sat or 22:00–06:00 not on 2026-12-24',
    ],
  ])('TIME-1: %j', (timer, expected) => {
    expect(describeTimer(timer)).toBe(expected)
  })
})

describe('on', () => {
  const christmas: Timer = { on: '2026-12-24T09:00' }

  it('TIME-3: "on" is a wall time in the zone', () => {
    expect(dueAt(christmas, '2026-06-01T00:00', berlin)).toBe(utc('2026-12-24T08:00'))
    expect(dueAt(christmas, '2026-06-01T00:00', chicago)).toBe(utc('2026-12-24T15:00'))
  })

  it('TIME-3: already past on arrival, it is skipped at the anchor unless whenPast says "send"', () => {
    const anchor = utc('2026-12-24T08:01')
    const timing = { anchor, dueAt: anchor, timeZone: berlin }
    expect(due(christmas, anchor, { zone: berlin })).toEqual({ timing, skip: 'past' })
    expect(due({ ...christmas, whenPast: 'skip' }, anchor, { zone: berlin })).toEqual({ timing, skip: 'past' })
    expect(due({ ...christmas, whenPast: 'send' }, anchor, { zone: berlin })).toEqual({ timing, skip: null })
  })

  it('TIME-3: the very instant is not past', () => {
    expect(dueAt(christmas, '2026-12-24T08:00', berlin)).toBe(utc('2026-12-24T08:00'))
  })

  it('TIME-3: what is sent although past still waits for the window; what is skipped does not', () => {
    const saturday = utc('2026-12-26T12:00')
    const window = officeHours
    expect(due({ ...christmas, whenPast: 'send', window }, saturday, { zone: berlin })).toMatchObject({
      timing: { dueAt: utc('2026-12-28T07:00') },
      skip: null,
    })
    expect(due({ ...christmas, window }, saturday, { zone: berlin })).toMatchObject({
      timing: { dueAt: saturday },
      skip: 'past',
    })
  })
})

describe('field', () => {
  const base = { field: 'birthday', offsetDays: 0, at: '09:00' } as const
  const next = (offsetDays = 0): Timer => ({ ...base, offsetDays, occurrence: 'next' })
  const exact = (offsetDays = 0): Timer => ({ ...base, offsetDays, occurrence: 'exact' })
  const born = (birthday: string, zone = berlin): Given => ({ zone, fields: { birthday } })
  const dueFor = (timer: Timer, anchor: string, given: Given) => {
    const { timing, skip } = due(timer, utc(anchor), given)
    expect(skip).toBeNull()
    return timing.dueAt
  }

  it('TIME-4: "exact" is the date itself, so many days before or after, at the wall time', () => {
    expect(dueFor(exact(), '2026-06-01T00:00', born('2026-12-31'))).toBe(utc('2026-12-31T08:00'))
    expect(dueFor(exact(-7), '2026-06-01T00:00', born('2026-12-31'))).toBe(utc('2026-12-24T08:00'))
    expect(dueFor(exact(1), '2026-06-01T00:00', born('2026-12-31'))).toBe(utc('2027-01-01T08:00'))
    expect(dueFor(exact(-1), '2028-01-01T00:00', born('2028-03-01'))).toBe(utc('2028-02-29T08:00'))
  })

  it('TIME-4: "exact" in the past is skipped or, with whenPast "send", due at once', () => {
    const anchor = utc('2026-06-01T00:00')
    expect(due(exact(), anchor, born('1980-02-29'))).toEqual({
      timing: { anchor, dueAt: anchor, timeZone: berlin, field: { name: 'birthday', value: '1980-02-29' } },
      skip: 'past',
    })
    expect(due({ ...exact(), whenPast: 'send' }, anchor, born('1980-02-29'))).toMatchObject({
      timing: { dueAt: anchor },
      skip: null,
    })
  })

  it('TIME-4: "next" is the first return whose moment is not before the anchor, offset and time counted in', () => {
    const june20 = born('1980-06-20')
    expect(dueFor(next(-7), '2026-06-10T00:00', june20)).toBe(utc('2026-06-13T07:00'))
    expect(dueFor(next(-7), '2026-06-13T07:00', june20)).toBe(utc('2026-06-13T07:00'))
    expect(dueFor(next(-7), '2026-06-13T07:01', june20)).toBe(utc('2027-06-13T07:00'))
    expect(dueFor(next(), '2026-06-13T07:01', june20)).toBe(utc('2026-06-20T07:00'))
  })

  it('TIME-4: "next" finds returns that the offset carries over the turn of the year', () => {
    expect(dueFor(next(5), '2026-01-02T00:00', born('1980-12-30'))).toBe(utc('2026-01-04T08:00'))
    expect(dueFor(next(-5), '2026-12-01T00:00', born('1980-01-02'))).toBe(utc('2026-12-28T08:00'))
    expect(dueFor(next(400), '2026-07-01T00:00', born('1980-06-20'))).toBe(utc('2026-07-25T07:00'))
  })

  it('TIME-4: a date still to come has no earlier return', () => {
    expect(dueFor(next(), '2026-01-01T00:00', born('2030-06-01'))).toBe(utc('2030-06-01T07:00'))
  })

  it('TIME-4: 29 February is 28 February in other years, and offsets count from there', () => {
    const leapling = born('1980-02-29')
    expect(dueFor(next(), '2026-01-01T00:00', leapling)).toBe(utc('2026-02-28T08:00'))
    expect(dueFor(next(), '2028-01-01T00:00', leapling)).toBe(utc('2028-02-29T08:00'))
    expect(dueFor(next(), '2100-01-01T00:00', leapling)).toBe(utc('2100-02-28T08:00'))
    expect(dueFor(next(1), '2026-01-01T00:00', leapling)).toBe(utc('2026-03-01T08:00'))
    expect(dueFor(next(1), '2028-01-01T00:00', leapling)).toBe(utc('2028-03-01T08:00'))
  })

  it('TIME-4: the date of a date and time counts as written, that of an instant as it is in the zone', () => {
    const anchor = '2026-06-01T00:00'
    expect(dueFor(exact(), anchor, born('2026-06-20T23:30'))).toBe(utc('2026-06-20T07:00'))
    expect(dueFor(exact(), anchor, born('2026-06-20 23:30:59.5'))).toBe(utc('2026-06-20T07:00'))
    expect(dueFor(exact(), anchor, born('2026-06-20T23:30:00.000Z'))).toBe(utc('2026-06-21T07:00'))
    expect(dueFor(exact(), anchor, born('2026-06-20T23:30:00+02:00'))).toBe(utc('2026-06-20T07:00'))
    expect(dueFor(exact(), anchor, born('2026-06-20T03:30:00Z', chicago))).toBe(utc('2026-06-19T14:00'))
  })

  for (const value of [
    '',
    '20 June',
    '1980-02-30',
    '19800229',
    '+001980-02-29',
    ' 1980-06-20',
    '1980-06-20\n',
    '1980-06-20T25:00',
    '1980-06-20T10:00+99:00',
    '1980-06-20T10:00Z[UTC]',
    330_000_000,
    true,
    null,
    ['1980-06-20'],
    { date: '1980-06-20' },
  ])
    it(`TIME-8: ${JSON.stringify(value)} is ${value === null || value === '' ? 'empty' : 'unreadable'}, which is recorded with the value`, () => {
      const anchor = utc('2026-06-01T00:00')
      const fields = { birthday: value }
      const skip = value === null || value === '' ? 'field-empty' : 'field-unreadable'
      const timing = { anchor, dueAt: anchor, field: { name: 'birthday', value } }
      expect(due({ ...next(), whenPast: 'send' }, anchor, { zone: berlin, fields })).toEqual({ timing, skip })
      expect(due({ field: 'birthday', offset: '-PT1H' }, anchor, { zone: berlin, fields })).toEqual({ timing, skip })
    })

  it('TIME-4: an absent field is recorded as null', () => {
    const anchor = utc('2026-06-01T00:00')
    const expected = {
      timing: { anchor, dueAt: anchor, field: { name: 'birthday', value: null } },
      skip: 'field-empty',
    }
    expect(due(next(), anchor)).toEqual(expected)
    expect(due(next(), anchor, { fields: { other: '1980-06-20' } })).toEqual(expected)
    // A host in JavaScript may well hand over what TypeScript forbids; without a value it would pass for private.
    const fields = { birthday: undefined } as unknown as { birthday: null }
    expect(due(next(), anchor, { fields })).toStrictEqual(expected)
  })

  it('LOG-4: a private date field is recorded by its name only, whether read, past or empty', () => {
    const anchor = utc('2026-06-01T00:00')
    const secret = { privateFields: ['birthday'], zone: berlin }
    const field = { name: 'birthday' }
    expect(due(next(), anchor, { ...secret, fields: { birthday: '1980-06-20' } })).toEqual({
      timing: { anchor, dueAt: utc('2026-06-20T07:00'), timeZone: berlin, field },
      skip: null,
    })
    expect(due(exact(), anchor, { ...secret, fields: { birthday: '1980-06-20' } }).timing.field).toEqual(field)
    expect(due(next(), anchor, { ...secret, fields: { birthday: 'hidden' } }).timing.field).toEqual(field)
    expect(due(next(), anchor, secret).timing.field).toEqual(field)
  })

  it('LOG-6: a field may have any name, and what objects inherit is no field', () => {
    const anchor = utc('2026-06-01T00:00')
    for (const field of ['__proto__', 'constructor', 'toString', 'a/b', '🎂']) {
      const timer: Timer = { ...base, field, occurrence: 'next' }
      expect(due(timer, anchor, { fields: {} })).toMatchObject({
        timing: { field: { name: field, value: null } },
        skip: 'field-empty',
      })
      const fields = JSON.parse(`{${JSON.stringify(field)}:"1980-06-20"}`)
      expect(due(timer, anchor, { fields })).toMatchObject({
        timing: { dueAt: utc('2026-06-20T09:00'), field: { name: field, value: '1980-06-20' } },
        skip: null,
      })
    }
  })
})

describe('zones', () => {
  const timer: Timer = { afterDays: 1, at: '08:00' }
  const anchor = utc('2026-06-10T12:00')

  it("TIME-5: the contact's zone goes before the campaign's", () => {
    expect(due(timer, anchor, { zone: berlin, campaignZone: chicago }).timing).toEqual({
      anchor,
      dueAt: utc('2026-06-11T06:00'),
      timeZone: berlin,
    })
    expect(due(timer, anchor, { campaignZone: chicago }).timing).toEqual({
      anchor,
      dueAt: utc('2026-06-11T13:00'),
      timeZone: chicago,
    })
  })

  it('TIME-5: a zone of null, as a database has it, is no zone and no invalid one', () => {
    const zone = null as unknown as string
    expect(due(timer, anchor, { zone, campaignZone: chicago }).timing).toEqual({
      anchor,
      dueAt: utc('2026-06-11T13:00'),
      timeZone: chicago,
    })
  })

  it.each([
    ['Mars/Olympus', 'Mars/Olympus'],
    ['CEST', 'CEST'],
    ['+25:00', '+25:00'],
    ['__proto__', '__proto__'],
    ['Eastern Standard Time', 'Eastern'],
    ['Europe/Kyïv', 'Europe/Ky'],
    ['x'.repeat(1_000), 'x'.repeat(32)],
    ['', 'a text'],
    [' UTC', 'a text'],
    ['🌍', 'a text'],
    ['2026-01-01T00:00Z', 'a text'],
    ['ann@people.example', 'a text'],
    ['PST ann@people.example', 'a text'],
    ['+491701234567', 'a text'],
    [5, 'a number'],
    [{ zone: 'ann@people.example' }, 'an object'],
  ])("TIME-5: the invalid zone %j falls back to the campaign's, and of it is recorded %j", (zone, seen) => {
    expect(due(timer, anchor, { zone: zone as string, campaignZone: chicago }).timing).toEqual({
      anchor,
      dueAt: utc('2026-06-11T13:00'),
      timeZone: chicago,
      invalidTimeZone: seen,
    })
  })

  // What Intl takes and the arithmetic does not.
  const abbreviations =
    'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST'

  it.each(abbreviations.split(' '))('TIME-5: the abbreviation %s is no zone, of a contact or of a campaign', (zone) => {
    expect(isTimeZone(zone)).toBe(false)
    expect(due(timer, anchor, { zone, campaignZone: chicago }).timing).toMatchObject({
      timeZone: chicago,
      invalidTimeZone: zone,
    })
    expect(due(timer, anchor, { campaignZone: zone }).timing.timeZone).toBe('UTC')
  })

  it('TIME-5: whatever this machine lists as a zone can be computed in', () => {
    for (const zone of Intl.supportedValuesOf('timeZone')) {
      expect(isTimeZone(zone), zone).toBe(true)
      expect(due(timer, anchor, { zone }).timing).toMatchObject({ timeZone: zone })
    }
  })

  it('TIME-5: a campaign zone that this machine does not know is UTC, as the event shows', () => {
    expect(due(timer, anchor, { campaignZone: 'Mars/Olympus' }).timing).toEqual({
      anchor,
      dueAt: utc('2026-06-11T08:00'),
      timeZone: 'UTC',
    })
  })

  it('TIME-5: an invalid zone that was not asked is not recorded', () => {
    expect(due({ after: 'PT1H' }, anchor, { zone: 'Mars/Olympus' }).timing).toEqual({
      anchor,
      dueAt: utc('2026-06-10T13:00'),
    })
  })

  it('TIME-5: results about zones stay right when there are more names than the cache holds', () => {
    for (let i = 0; i < 3_000; i++) expect(isTimeZone(`Nowhere/${i}`)).toBe(false)
    expect(isTimeZone(berlin)).toBe(true)
    expect(isTimeZone('Nowhere/0')).toBe(false)
  })
})

describe('the ends of time', () => {
  const last = '9999-12-31T23:59:59.999Z'

  it.each<Timer>([
    { after: 'P99999999D' },
    { after: 'P99999999D', window: officeHours },
    { afterDays: Number.MAX_SAFE_INTEGER },
    { afterDays: Number.MAX_VALUE, at: '08:00', window: officeHours },
    { afterWeekdays: Number.MAX_SAFE_INTEGER, at: '08:00' },
    { field: 'day', offsetDays: Number.MAX_SAFE_INTEGER, at: '08:00', occurrence: 'exact' },
  ])('TIME-1: %j is cut to the last instant there is', (timer) => {
    expect(due(timer, utc('2026-01-01T00:00'), { zone: berlin, fields: { day: '2026-01-01' } })).toMatchObject({
      timing: { dueAt: last },
      skip: null,
    })
  })

  it('TIME-4: huge offsets find a return or are past, and do not throw', () => {
    const anchor = utc('2026-01-01T00:00')
    const timer = { field: 'day', at: '08:00', occurrence: 'next' } as const
    const given = { zone: berlin, fields: { day: '1980-06-20' } }
    expect(due({ ...timer, offsetDays: Number.MIN_SAFE_INTEGER }, anchor, given).skip).toBeNull()
    expect(due({ ...timer, offsetDays: Number.MAX_SAFE_INTEGER }, anchor, given).timing.dueAt).toBe(last)
    expect(due({ ...timer, offsetDays: Number.MIN_SAFE_INTEGER, occurrence: 'exact' }, anchor, given).skip).toBe('past')
  })

  it.each(['0000-01-01T00:00:00.000Z', last])('TIME-1: anchors at the end of what can be said work: %s', (anchor) => {
    for (const zone of [berlin, chicago, 'Pacific/Kiritimati']) {
      for (const timer of [
        { afterDays: 1, window: officeHours },
        { afterWeekdays: 0, at: '00:00' },
        { on: '0000-01-01T00:00', whenPast: 'send' },
        { on: '9999-12-31T23:59', whenPast: 'send' },
      ] satisfies Timer[]) {
        expect(due(timer, anchor, { zone }).timing.dueAt >= anchor).toBe(true)
      }
    }
  })
})

describe('laws', () => {
  const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
  const zones = [berlin, chicago, lordHowe, apia, stJohns, 'Africa/Casablanca', 'Asia/Kathmandu', 'UTC', 'No/Zone']
  const zone = fc.constantFrom(...zones)
  const wallTime = fc.integer({ min: 0, max: 1439 }).map((minute) => {
    return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
  })
  const someInstant = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2040, 0) }).map(instantOf)
  // Random instants hardly ever meet a clock change, so half of them are put within three days of one.
  const changes = ['2026-03-29T01:00', '2026-10-25T01:00', '2026-03-08T08:00', '2026-11-01T07:00', '2026-10-03T15:30']
  const older = ['2026-04-04T15:00', '2011-12-30T10:00', '2010-11-07T02:31', '2026-02-15T02:00', '2026-03-22T02:00']
  const nearChange = fc
    .tuple(fc.constantFrom(...changes, ...older), fc.integer({ min: -259_200_000, max: 259_200_000 }))
    .map(([change, offsetMs]) => instantOf(epochMsOf(utc(change)) + offsetMs))
  const anchors = fc.oneof(someInstant, nearChange)
  const days = fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1, maxLength: 7 })
  const windows: fc.Arbitrary<Window> = fc
    .record({ days, from: wallTime, to: fc.oneof(wallTime, fc.constant('24:00')) }, { requiredKeys: ['from', 'to'] })
    .filter(isWindow)
  const amount = fc.integer({ min: 0, max: 40 })
  const whenPast = fc.constantFrom('skip', 'send')
  const date = fc.date({ min: new Date('1930-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
  const day = date.map((d) => d.toISOString().slice(0, 10))
  const timers: fc.Arbitrary<Timer> = fc.oneof(
    fc.record({ after: fc.integer({ min: 0, max: 5_000 }).map((minutes) => `PT${minutes}M`) }),
    fc.record({ field: fc.constant('day'), offset: fc.constantFrom('-PT36H', 'PT0S', 'P40D'), whenPast }),
    fc.record({ afterDays: amount, at: wallTime }, { requiredKeys: ['afterDays'] }),
    fc.record({ afterWeekdays: amount, at: wallTime }, { requiredKeys: ['afterWeekdays'] }),
    fc.record({ on: fc.tuple(day, wallTime).map(([date, time]) => `${date}T${time}`), whenPast }),
    fc.record({
      field: fc.constant('day'),
      offsetDays: fc.integer({ min: -400, max: 400 }),
      at: wallTime,
      occurrence: fc.constantFrom('exact', 'next'),
      whenPast,
    }),
  )
  const numRuns = runs(1_000)

  /** Weekday and minute of the day as the formatter of the platform shows them: another road than the one tested. */
  function wallClock(instant: Instant, timeZone: string): { weekday: string; minute: number } {
    const parts = formatterFor(timeZone).formatToParts(epochMsOf(instant))
    const part = (type: string) => parts.find((p) => p.type === type)?.value ?? ''
    return { weekday: part('weekday').toLowerCase(), minute: Number(part('hour')) * 60 + Number(part('minute')) }
  }

  const formatters = new Map<string, Intl.DateTimeFormat>()
  function formatterFor(timeZone: string): Intl.DateTimeFormat {
    const known = formatters.get(timeZone)
    if (known !== undefined) return known
    const made = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    formatters.set(timeZone, made)
    return made
  }

  function isInside(window: Window, instant: Instant, timeZone: string): boolean {
    const { weekday, minute } = wallClock(instant, timeZone)
    const minuteOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
    const { days = weekdays } = window
    const opens = (day: string | undefined) => days.some((one) => one === day)
    const [from, to] = [minuteOf(window.from), minuteOf(window.to)]
    if (from < to) return opens(weekday) && minute >= from && minute < to
    const before = weekdays[((weekdays as readonly string[]).indexOf(weekday) + 6) % 7]
    return minute >= from ? opens(weekday) : minute < to && opens(before)
  }

  it('TIME-1: no step is due before its anchor, and a skipped one is resolved at it', () => {
    fc.assert(
      fc.property(timers, fc.option(windows), anchors, zone, day, (timer, window, anchor, zone, day) => {
        const { timing, skip } = due(window ? { ...timer, window } : timer, anchor, { zone, fields: { day } })
        expect(timing.anchor).toBe(anchor)
        expect(timing.dueAt >= anchor).toBe(true)
        if (skip !== null) expect(timing.dueAt).toBe(anchor)
        if ('afterDays' in timer || 'afterWeekdays' in timer) expect(timing.dueAt > anchor).toBe(true)
      }),
      { numRuns },
    )
  })

  it('TIME-2: with a window, the step is due inside it, and no earlier than without', () => {
    fc.assert(
      fc.property(timers, windows, anchors, zone, day, (timer, window, anchor, zone, day) => {
        const { timing, skip } = due({ ...timer, window }, anchor, { zone, fields: { day } })
        if (skip !== null) return
        expect(isInside(window, timing.dueAt, timing.timeZone ?? '')).toBe(true)
        expect(timing.dueAt >= due(timer, anchor, { zone, fields: { day } }).timing.dueAt).toBe(true)
      }),
      { numRuns },
    )
  })

  it('TIME-2: between the wanted moment and the opening the window is shut (in a zone without clock changes)', () => {
    fc.assert(
      fc.property(windows, someInstant, (window, anchor) => {
        const dueAtMs = epochMsOf(due({ after: 'PT0S', window }, anchor, { zone: 'Asia/Kathmandu' }).timing.dueAt)
        for (let ms = dueAtMs - 1; ms >= epochMsOf(anchor); ms -= 1_800_000) {
          expect(isInside(window, instantOf(ms), 'Asia/Kathmandu')).toBe(false)
        }
      }),
      { numRuns: runs(500) },
    )
  })

  it('TIME-1: a weekday timer is due on a weekday', () => {
    fc.assert(
      fc.property(amount, fc.option(wallTime), anchors, zone, (afterWeekdays, at, anchor, zone) => {
        const { timing } = due(at === null ? { afterWeekdays } : { afterWeekdays, at }, anchor, { zone })
        expect(['sat', 'sun']).not.toContain(wallClock(timing.dueAt, timing.timeZone ?? '').weekday)
      }),
      { numRuns },
    )
  })

  it('TIME-1: "after" without a window is the anchor and the duration, and nothing else', () => {
    fc.assert(
      fc.property(anchors, zone, amount, amount, amount, (anchor, zone, days, hours, seconds) => {
        const after = `P${days}DT${hours}H${seconds}S`
        const dueAt = instantOf(epochMsOf(anchor) + ((days * 24 + hours) * 3600 + seconds) * 1000)
        expect(due({ after }, anchor, { zone })).toEqual({ timing: { anchor, dueAt }, skip: null })
      }),
      { numRuns },
    )
  })

  it('TIME-5: no facts whatever make it throw', () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('PST', '9999-12-31', '+275760-09-13', '0000-01-01T00:00Z'),
    )
    const nonsense = fc.record({ timeZone: anything, fields: fc.oneof(anything, fc.record({ day: anything })) })
    fc.assert(
      fc.property(timers, fc.option(windows), anchors, nonsense, (timer, window, anchor, facts) => {
        const context = { facts: facts as Facts, campaignTimeZone: 'PST', isPrivate: () => false }
        const { timing } = dueOf(window ? { ...timer, window } : timer, anchor, context)
        expect(isInstant(timing.dueAt)).toBe(true)
      }),
      { numRuns },
    )
  })

  it('LOG-5: the same question has the same answer', () => {
    fc.assert(
      fc.property(timers, fc.option(windows), anchors, zone, day, (timer, window, anchor, zone, day) => {
        const ask = () => due(window ? { ...timer, window } : timer, anchor, { zone, fields: { day } })
        expect(ask()).toEqual(ask())
      }),
      { numRuns },
    )
  })
})

describe('what a definition may say', () => {
  it.each([
    ['PT0S', 0],
    ['PT2H', 7_200_000],
    ['P3D', 259_200_000],
    ['P2W', 1_209_600_000],
    ['P1W2DT3H4M5.006S', 788_645_006],
    ['PT1.5H', 5_400_000],
    ['PT0,5M', 30_000],
    ['P0.5D', 43_200_000],
    ['PT36H', 129_600_000],
    ['PT0.001S', 1],
    ['PT0.0010S', 1],
  ])('TIME-1: %s is %i ms', (text, expected) => {
    expect(durationMs(text)).toBe(expected)
  })

  it.each([
    '',
    'P',
    'PT',
    'P1DT',
    'P1M',
    'P1Y',
    'P1Y2D',
    '-PT1H',
    '+PT1H',
    'PT-1H',
    'PT1H30',
    'PT1.5H30M',
    'PT0.0001S',
    'PT0.0000001H',
    'PT.5S',
    'PT1.S',
    'P1H',
    'PT1D',
    'PT1S1M',
    'pt1h',
    ' PT1H',
    'PT1H\n',
    '3 days',
    'P99999999999999999999D',
  ])('TIME-1: %j is no duration of elapsed time', (text) => {
    expect(durationMs(text)).toBeNull()
  })

  it('TIME-1: wall times are "00:00" to "23:59"', () => {
    for (const text of ['00:00', '08:05', '19:59', '23:59']) expect(isWallTime(text), text).toBe(true)
    for (const text of ['24:00', '8:00', '08:60', '08:00:00', '08.00', '', '08:00\n', 'noon']) {
      expect(isWallTime(text), text).toBe(false)
    }
  })

  it('TIME-3: dates and wall times are real ones', () => {
    for (const text of ['2026-12-24T09:00', '2028-02-29T23:59', '2026-03-29T02:30']) {
      expect(isLocalDateTime(text), text).toBe(true)
    }
    for (const text of [
      '2026-02-29T09:00',
      '2026-13-01T09:00',
      '2026-12-24T24:00',
      '2026-12-24T09:60',
      '2026-12-24',
      '2026-12-24 09:00',
      '2026-12-24T09:00:00',
      '2026-12-24T09:00Z',
      '',
    ]) {
      expect(isLocalDateTime(text), text).toBe(false)
    }
  })

  it('TIME-2: windows open at one time and close at another; only the end may be "24:00"', () => {
    const all: Window[] = [
      { from: '08:00', to: '18:00' },
      { days: ['sun'], from: '00:00', to: '24:00' },
      { from: '23:59', to: '24:00' },
      { from: '18:00', to: '08:00' },
    ]
    for (const window of all) expect(isWindow(window), JSON.stringify(window)).toBe(true)
    expect(isWindow(all)).toBe(true)
    expect(isWindow([])).toBe(false)
    expect(isWindow({ days: ['mon'], keepTime: true })).toBe(true)
    expect(isWindow({ keepTime: true })).toBe(false)
    const none: Window[] = [
      { from: '08:00', to: '08:00' },
      { days: [], from: '08:00', to: '18:00' },
      { from: '24:00', to: '24:00' },
      { from: '08:00', to: '24:01' },
      { from: '8:00', to: '9:00' },
    ]
    for (const window of none) expect(isWindow(window), JSON.stringify(window)).toBe(false)
  })

  it('TIME-5: zones are IANA names, their aliases and fixed offsets', () => {
    for (const text of [berlin, 'europe/berlin', 'US/Central', 'UTC', 'Etc/GMT+5', '+01:00']) {
      expect(isTimeZone(text), text).toBe(true)
    }
    for (const text of ['', 'Foo/Bar', 'CEST', '2026-01-01T00:00Z', 'x'.repeat(1_000_000), undefined, null, 1]) {
      expect(isTimeZone(text)).toBe(false)
    }
  })
})
