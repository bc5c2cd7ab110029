import { isLeft, isRight, type RecordedEvent } from '@enfold/core'
import { decodeEvent, encodeEvent, readLog } from '@enfold/core/log'
import { historyArbitrary, logOf } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { respelt, SPELLINGS } from './spellings.fixture.ts'

const RUNS = runs(300)

const log = logOf(fc.sample(historyArbitrary(), { numRuns: 40, seed: 11 }))
const lines = log.map((event) =>
  encodeEvent(event.position % 3 === 0 ? { ...event, extensions: { zone: 'ü/🏊' } } : event),
)

async function entriesOf(text: string, foreign = false) {
  const entries = []
  for await (const entry of readLog([text] as never, { keepGoing: true, foreign })) entries.push(entry)
  return entries
}

describe('a line that is the same JSON in other bytes', () => {
  it.each(SPELLINGS)(
    'AUDIT-5: %s: is refused, by every reader and by an import, and its number is named',
    async (spelling) => {
      // Not every line has what a spelling changes.
      const spelt = lines.filter((line) => respelt(line, spelling, () => 0) !== null)
      let made = 0
      let same = 0
      await fc.assert(
        fc.asyncProperty(fc.nat(spelt.length - 1), fc.infiniteStream(fc.nat()), async (nth, numbers) => {
          const line = spelt[nth] as string
          const text = respelt(line, spelling, (count) => (numbers.next().value as number) % count)
          if (text === null) return
          made += 1
          expect(text).not.toBe(line)
          if (JSON.stringify(sorted(JSON.parse(text))) === JSON.stringify(sorted(JSON.parse(line)))) same += 1
          for (const foreign of [false, true]) {
            const [one, two] = await entriesOf(`${lines[0]}\n${text}\n`, foreign)
            expect(one?.event).toBeDefined()
            expect(two?.line).toBe(2)
            // An import takes an extension attribute from anywhere, and the line ends of another system: it makes the one
            // event of them that they can mean.
            const isTaken = /"zone"/.test(text) || text === `${line}\r`
            const known = foreign && two?.event !== undefined && isTaken && encodeEvent(two.event) === line
            if (!known) expect(two?.problem?.reason, `${text} is read`).toBeDefined()
          }
          expect(isLeft(decodeEvent(text))).toBe(true)
        }),
        { numRuns: RUNS },
      )
      // Or nothing was tried, or something else than spellings.
      expect(made).toBeGreaterThan(RUNS / 2)
      expect(same).toBeGreaterThan(spelling === 'key twice' ? made / 8 : made - 1)
    },
  )

  it('AUDIT-5: the two lines that deceived a reader of bytes and a reader of JSON', () => {
    const stop = log.find(({ type }) => type === 'SequenceStopped') as RecordedEvent
    const line = encodeEvent({ ...stop, stream: 'contact-ada' })
    const twice = line.replace('"subject":"ada"', '"subject":"bob","subject":"ada"')
    const escaped = line.replace('SequenceStopped', 'SequenceSt\\u006fpped')
    for (const text of [twice, escaped])
      expect(decodeEvent(text)).toMatchObject({ left: { reason: 'not-canonical', message: /from character \d+ on/ } })
  })

  it('AUDIT-1: what is read is written again byte for byte', () => {
    for (const line of lines) {
      const read = decodeEvent(line)
      expect(isRight(read) && encodeEvent(read.right)).toBe(line)
    }
  })

  it('AUDIT-1: an event is written in one way, whatever the order of its members', () => {
    for (const event of log.slice(0, 300)) {
      const turned = { ...event, data: turn(event.data), cause: turn(event.cause) } as RecordedEvent
      expect(encodeEvent(turned)).toBe(encodeEvent(event))
    }
  })
})

describe('a line that other programs have had in hand', () => {
  const event = { ...(log[0] as RecordedEvent), extensions: { partitionkey: 'a', sampled: true, weight: 7 } }
  const line = encodeEvent(event)
  const changed = (change: (it: Record<string, unknown>) => object) => JSON.stringify(change(JSON.parse(line)))
  const utc = event.at

  it.each([
    ['+00:00', utc.replace('Z', '+00:00')],
    ['another zone', new Date(Date.parse(utc) + 19_800_000).toISOString().replace('Z', '+05:30')],
    ['no milliseconds', utc.replace('.000Z', 'Z')],
    ['microseconds', utc.replace('Z', '000Z')],
  ])('AUDIT-1: %s: an import makes the canonical line of it, other readers refuse it', async (_, time) => {
    const foreign = changed((it) => ({ ...it, time }))
    expect(foreign).not.toBe(line)
    expect((await entriesOf(foreign, true)).map((entry) => entry.event && encodeEvent(entry.event))).toEqual([line])
    expect((await entriesOf(foreign)).map(({ problem }) => problem?.reason)).toEqual(['not-an-event'])
  })

  it('AUDIT-1: extension attributes may stand anywhere, and go out by name before the data', async () => {
    const foreign = changed(({ weight, sampled, ...rest }) => ({ weight, ...rest, sampled }))
    expect((await entriesOf(foreign, true)).map((entry) => entry.event && encodeEvent(entry.event))).toEqual([line])
    expect((await entriesOf(foreign)).map(({ problem }) => problem?.reason)).toEqual(['not-canonical'])
    expect(line).toContain('"partitionkey":"a","sampled":true,"weight":7,"data":{')
  })

  it('AUDIT-1: a byte order mark and blank last lines are no events, and no faults of an import', async () => {
    const text = `\ufeff${line}\n${line}\n\n \t\r\n`
    expect((await entriesOf(text, true)).map(({ line: number, event: read }) => [number, read])).toEqual([
      [1, event],
      [2, event],
    ])
    expect((await entriesOf(text)).map(({ problem }) => problem?.reason)).toEqual([
      'not-json',
      undefined,
      'not-json',
      'not-json',
    ])
    const between = await entriesOf(`${line}\n\n\n${line}\n`, true)
    expect(between.map((entry) => entry.problem?.message ?? entry.line)).toEqual([
      1,
      'is blank; only the last lines of a log may be',
      'is blank; only the last lines of a log may be',
      4,
    ])
    expect(await entriesOf('\ufeff', true)).toEqual([])
  })

  it('AUDIT-1: lines that end with a carriage return as well are read by an import, and by no other reader', async () => {
    const text = `\ufeff${line}\r\n${line}\r\n\r\n`
    expect((await entriesOf(text, true)).map(({ event: read }) => read)).toEqual([event, event])
    expect((await entriesOf(`${line}\r\r\n`, true)).map(({ problem }) => problem?.reason)).toEqual(['not-canonical'])
    expect((await entriesOf(`${line}\r\n`)).map(({ problem }) => problem?.reason)).toEqual(['not-canonical'])
  })

  it.each([
    ['no instant', { time: 'yesterday' }],
    ['a day that is none', { time: '2026-02-30T09:00:00+00:00' }],
    ['an instant between two milliseconds', { time: '2026-03-01T09:00:00.0001Z' }],
    ['a year before the first', { time: '0000-01-01T00:00:00+14:00' }],
    ['an extension that is an object', { weight: {} }],
    ['an extension that is null', { weight: null }],
    ['an extension that is no whole number', { weight: 1.5 }],
    ['an extension that is too long', { weight: 'x'.repeat(4097) }],
    ['a name that no extension has', { Weight: 1 }],
    ['more extensions than are carried', Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`xx${i}`, i]))],
  ])('AUDIT-5: %s is refused', async (_, attributes) => {
    const [entry] = await entriesOf(
      changed((it) => ({ ...it, ...attributes })),
      true,
    )
    expect(entry?.problem?.reason).toBe('not-an-event')
  })
})

describe('a line that is nested', () => {
  const event = log.find(({ type }) => type === 'CampaignPublished') as RecordedEvent
  const line = encodeEvent(event)
  const nested = (depth: number) =>
    line.replace('"definition":{', `"definition":{"name":${'['.repeat(depth)}${']'.repeat(depth)},`)

  it('AUDIT-5: a line that is nested too deeply is refused as wrong data, whatever it holds, and ends no reader', async () => {
    for (const depth of [126, 4000, 100_000])
      expect((await entriesOf(`${line}\n${nested(depth)}\n`))[1]).toMatchObject({
        line: 2,
        problem: { reason: 'wrong-data', path: '/data/definition', message: expect.stringContaining('128 deep') },
      })
    const older = nested(4000).replace('"schemaversion":1', '"schemaversion":0')
    expect((await entriesOf(older))[0]?.problem?.reason).toBe('wrong-data')
  })

  it('AUDIT-5: a line that is too long is refused', () => {
    const long = decodeEvent(line.replace('"definition":', `"definition":"${'x'.repeat(16 * 1024 * 1024)}",`))
    expect(long).toMatchObject({ left: { reason: 'wrong-data' } })
  })
})

/** With its keys in order, all the way down. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)])
}

/** JSON of the host, whose order is the host's. */
const OF_THE_HOST: ReadonlySet<string> = new Set(['definition', 'value', 'data', 'vars'])

/** With its keys the other way round, all the way down but for JSON of the host. */
function turn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turn)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, OF_THE_HOST.has(key) ? inner : turn(inner)]),
  )
}
