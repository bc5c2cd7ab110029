import { createCatalog, decidePublish, eventIdOf, isRight, type RecordedEvent } from '@enfold/core'
import { LogCheck, readLog, verify, writeLog } from '@enfold/core/log'
import { commands, historyArbitrary, logOf, scenario } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pickBy, tallyOf } from './tally.fixture.ts'

const LOGS = Math.ceil(runs(300) / 50)
const NOON = '2026-03-01T12:00:00.000Z'

describe('a log that lies', () => {
  const logs = Array.from({ length: LOGS }, (_, i) =>
    logOf(fc.sample(historyArbitrary(), { numRuns: 30, seed: i + 1 })),
  )

  it('AUDIT-4: a log that was decided has no fault, and its lines none', async () => {
    for (const log of logs) {
      expect((await verify(log)).faults).toEqual([])
      const lines: string[] = []
      for await (const line of writeLog(log)) lines.push(line)
      for await (const { problem } of readLog(lines as never)) expect(problem).toBeUndefined()
    }
  })

  it('AUDIT-4: each kind of forgery, with right hashes, is named by its line', async () => {
    const tallies = await tallyOf(logs, (log, forgery) => pickBy(1000 * log + forgery))
    expect(tallies.length).toBeGreaterThan(45)
    expect(tallies.filter(({ missed }) => missed !== null)).toEqual([])
    // The soak has so many logs that each has its place; here most have.
    expect(tallies.filter(({ made }) => made > 0).length).toBeGreaterThan(40)
  })
})

it('AUDIT-4: an append of which the end is missing is a fault where the log ends, named by its last line', async () => {
  const log = logOf(fc.sample(historyArbitrary(), { numRuns: 200, seed: 3 }))
  const cutAt = log.findIndex((event, i) => {
    const after = log[i + 1]
    const isOfIt = after?.commandId === event.commandId && after.stream === event.stream
    return event.type === 'GoalSatisfied' && isOfIt && event.data.routes.some(({ outcome }) => outcome === 'started')
  })
  const cut = log.slice(0, cutAt + 1)
  const { stream, version } = cut.at(-1) as RecordedEvent
  const { faults } = await verify(cut)
  expect(faults).toMatchObject([{ rule: 'GOAL-3', number: cutAt + 1, stream, version }])
  expect(faults[0]?.message).toContain('the last append of the stream lacks the ')
})

it('VERSION-2a: a publication of a lower revision than the newest has is a fault, also after an unpublishing', () => {
  const definition = { id: 'c', goals: [], sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }] }
  const made = (version: number, type: string, data: object) =>
    ({
      ...{ type, data: { campaignId: 'c', ...data }, schema: 1, at: NOON, actor: null, cause: { by: 'operator' } },
      ...{ id: eventIdOf('campaign-c', `p${version}`, 0), stream: 'campaign-c', version, position: version },
      ...{ commandId: `p${version}`, correlationId: `p${version}`, causationId: `p${version}` },
    }) as unknown as RecordedEvent
  const publication = (version: number, campaignVersion: number, more: object) =>
    made(version, 'CampaignPublished', { campaignVersion, definition: { ...definition, ...more } })
  const faultsOf = (...events: readonly RecordedEvent[]) => {
    const check = new LogCheck()
    for (const event of events) check.add(event)
    return check.faults.map(({ rule, number }) => `${rule} ${number}`)
  }
  const first = publication(1, 1, { revision: 7 })
  const gone = made(2, 'CampaignUnpublished', { campaignVersion: 1 })
  expect(faultsOf(first, publication(2, 2, { revision: 7, name: 'C' }))).toEqual([])
  expect(faultsOf(first, publication(2, 2, { revision: 6 }))).toEqual(['VERSION-2a 2'])
  expect(faultsOf(first, publication(2, 2, {}))).toEqual(['VERSION-2a 2'])
  expect(faultsOf(first, gone, publication(3, 2, { revision: 6 }))).toEqual(['VERSION-2a 3'])
})

describe('a clock', () => {
  const pool = { id: 'pool', goals: [], sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }] }
  const command = { type: 'PublishCampaign', definition: pool, commandId: 'p', actor: null } as const
  const published = decidePublish(command, createCatalog(), NOON)
  const [publication] = isRight(published) ? published.right.events : []
  const { start, stop } = commands
  const scene = scenario({ campaigns: [pool], contactId: 'ada', now: NOON })
    .given(start('s'))
    .at('PT1H')
    .given(stop('s'))

  /** With the last event, a stop by hand, at another instant. */
  function logUntil(at: string): readonly RecordedEvent[] {
    const first = { ...publication, stream: 'campaign-pool', version: 1, position: 1 } as RecordedEvent
    const [started, stopped] = scene.events as readonly [RecordedEvent, RecordedEvent]
    return [first, { ...started, position: 2 }, { ...stopped, at, position: 3 }]
  }

  it('AUDIT-4: a clock that went back is a warning of its line, with by how much', async () => {
    const back = await verify(logUntil('2026-03-01T11:59:59.000Z'))
    expect(back.faults).toEqual([])
    expect(back).toMatchObject({
      warningCount: 1,
      warnings: [{ warning: 'clock-back', byMs: 1000, number: 3, stream: 'contact-ada', version: 2 }],
    })
    expect((await verify(logUntil(NOON))).warnings).toEqual([])
  })

  it('AUDIT-4: a clock that was fast is a warning of its line: the event is after now', async () => {
    const now = '2026-03-01T12:30:00.000Z'
    const ahead = await verify(logUntil('2026-03-01T13:00:00.000Z'), { now })
    expect(ahead.faults).toEqual([])
    expect(ahead.warnings).toMatchObject([{ warning: 'ahead', byMs: 1_800_000, number: 3 }])
    expect((await verify(logUntil('2026-03-01T13:00:00.000Z'))).warnings).toEqual([])
  })

  it('AUDIT-4: another stream may be a minute earlier; a longer difference is reported once while it lasts', async () => {
    const events = (contactId: string, at: string, position: number) => {
      const stream = `contact-${contactId}`
      const [started] = scene.events
      return { ...started, stream, at, position, id: eventIdOf(stream, started?.commandId ?? '', 0) } as RecordedEvent
    }
    const [first] = logUntil(NOON) as readonly [RecordedEvent]
    const { faults, warnings } = await verify([
      first,
      events('a', '2026-03-01T13:00:00.000Z', 2),
      events('b', '2026-03-01T12:59:30.000Z', 3),
      events('c', '2026-03-01T12:50:00.000Z', 4),
      events('d', '2026-03-01T12:51:00.000Z', 5),
      events('e', '2026-03-01T13:00:00.000Z', 6),
      events('f', '2026-03-01T12:00:00.000Z', 7),
    ])
    expect(faults).toEqual([])
    expect(warnings).toMatchObject([
      { warning: 'clock-back', byMs: 600_000, number: 4 },
      { warning: 'clock-back', byMs: 3_600_000, number: 7 },
    ])
  })

  it('VERSION-3: a start after the unpublishing is a fault, and for as long as a late catalogue may stand a warning', () => {
    const [first, started] = logUntil(NOON) as readonly [RecordedEvent, RecordedEvent]
    const ended = {
      ...first,
      type: 'CampaignUnpublished',
      data: { campaignId: 'pool', campaignVersion: 1 },
      id: eventIdOf('campaign-pool', 'u', 0),
      commandId: 'u',
      causationId: 'u',
      correlationId: 'u',
      version: 2,
      position: 2,
    } as RecordedEvent
    const late = (at: string, gateMs?: number) => {
      const check = new LogCheck(gateMs === undefined ? {} : { gateMs })
      for (const event of [first, ended, { ...started, at, position: 3 }]) check.add(event)
      return [check.faults.map(({ rule, number }) => `${rule} ${number}`), check.warnings.map(({ warning }) => warning)]
    }
    expect(late(NOON)).toEqual([['VERSION-3 3'], []])
    expect(late('2026-03-01T12:00:00.900Z', 1000)).toEqual([[], ['late-catalogue']])
    expect(late('2026-03-01T12:00:01.100Z', 1000)).toEqual([['VERSION-3 3'], []])
  })
})
