import { isRight, type RecordedEvent } from '@enfold/core'
import {
  chainHash,
  decodeEvent,
  digestOf,
  encodeEvent,
  readLog,
  type Seal,
  sealOf,
  sealText,
  verify,
} from '@enfold/core/log'
import { historyArbitrary, logOf } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const MUTATIONS = runs(150)
const NOON = '2026-03-01T12:00:00.000Z'
const log = logOf(fc.sample(historyArbitrary({ maxMoves: 30 }), { numRuns: 60, seed: 7 }))
const lines = log.map(encodeEvent)

interface Found {
  /** The first line that is named, and the last one of the first range. */
  readonly from: number
  readonly to: number
}

/** What an auditor sees first, of bytes as they lie on the disk; `null`: nothing is wrong. */
async function firstFound(bytes: Uint8Array, seal: Seal): Promise<Found | null> {
  const bad: number[] = []
  const lineOfEvent: number[] = []
  async function* events() {
    for await (const { line, event } of readLog([bytes] as never, { keepGoing: true })) {
      if (event === undefined) bad.push(line)
      else {
        lineOfEvent.push(line)
        yield event
      }
    }
  }
  const { faults, seal: sealed } = await verify(events(), { seal })
  const lineOf = (n: number) => lineOfEvent[n - 1] ?? (lineOfEvent.at(-1) ?? 0) + bad.length + 1
  const found = [
    ...bad.map((line) => ({ from: line, to: line })),
    ...faults.map(({ number, message }) => {
      // Of an append that was cut off, the line that is missing is the one after the last that is there.
      const line = lineOf(number) + (message.startsWith('the last append of the stream lacks') ? 1 : 0)
      return { from: line, to: line }
    }),
    ...(sealed?.breach ? [{ from: lineOf(sealed.breach.from), to: lineOf(sealed.breach.to) }] : []),
  ]
  // A line that is named says more than a range that the seal names.
  return found.sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from)[0] ?? null
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const bytesOf = (of: readonly string[]) => utf8(of.map((line) => `${line}\n`).join(''))

describe('a seal', () => {
  it('AUDIT-4: a seal holds for the log that was sealed, and for that log with more events after it', async () => {
    const seal = await sealOf(log.slice(0, 200), NOON)
    expect(seal).toMatchObject({ events: 200, position: 200, sealedAt: NOON })
    expect((await verify(log.slice(0, 200), { seal })).seal).toEqual({ after: 0, breach: null })
    expect((await verify(log, { seal })).seal).toEqual({ after: log.length - 200, breach: null })
    expect((await verify(log)).seal).toBeNull()
  })

  it('AUDIT-4: a seal of an empty log holds for any log', async () => {
    const seal = await sealOf([], NOON)
    expect((await verify([], { seal })).seal).toEqual({ after: 0, breach: null })
    expect((await verify(log, { seal })).seal).toEqual({ after: log.length, breach: null })
  })

  it('AUDIT-4: each of 1,000 single changes to the sealed log is found, and its line is named', async () => {
    // Each change costs a look through the whole log. It ends with an append: half of one is a fault already.
    const end = log.findIndex((event, i) => i >= 80 && event.commandId !== log[i - 1]?.commandId)
    const short = log.slice(0, end)
    const lines = short.map(encodeEvent)
    const seal = await sealOf(short, NOON)
    expect(await firstFound(bytesOf(lines), seal)).toBeNull()
    const at = fc.integer({ min: 0, max: lines.length - 1 })
    const subjectOf = ({ stream }: RecordedEvent) => stream.slice(stream.indexOf('-') + 1)
    const contact = fc.constantFrom(...new Set(short.map(subjectOf)))
    /** Each: the log afterwards, and the number of the first line that is not what it was. */
    const change = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.tuple(at, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([i, n, bits]) => {
          const bytes = bytesOf(lines)
          const start = bytesOf(lines.slice(0, i)).length
          const place = start + (n % bytesOf([lines[i] as string]).length)
          bytes[place] = (bytes[place] as number) ^ bits
          // A new name of the attribute `hash` makes it another program's. An event that is the only one of its stream may
          // have no hash, so only the seal tells that something is not what it was.
          const [flipped] = new TextDecoder().decode(bytes).split('\n').slice(i)
          const alone = short.filter(({ stream }) => stream === short[i]?.stream).length === 1
          if (alone && !flipped?.includes('"hash":')) return { what: 'hash renamed', bytes, line: i + 1 }
          return { what: 'byte flipped', bytes, line: i + 1 }
        }),
      },
      at.map((i) => ({ what: 'event dropped', bytes: bytesOf(lines.toSpliced(i, 1)), line: i + 1 })),
      at.map((i) => ({
        what: 'event doubled',
        bytes: bytesOf(lines.toSpliced(i, 0, lines[i] as string)),
        line: i + 2,
      })),
      fc
        .tuple(at, at)
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => ({
          what: 'events swapped',
          bytes: bytesOf(lines.with(a, lines[b] as string).with(b, lines[a] as string)),
          line: Math.min(a, b) + 1,
        })),
      fc
        .tuple(at, contact)
        .filter(([i, subject]) => subjectOf(short[i] as RecordedEvent) !== subject)
        .map(([i, subject]) => {
          const line = JSON.stringify({ ...JSON.parse(lines[i] as string), subject })
          return { what: 'event moved to another contact', bytes: bytesOf(lines.with(i, line)), line: i + 1 }
        }),
      fc.tuple(at, fc.nat()).map(([i, n]) => {
        const bytes = bytesOf(lines.slice(0, i + 1))
        const line = utf8(lines[i] as string).length
        return { what: 'tail cut', bytes: bytes.subarray(0, bytes.length - 2 - (n % line)), line: i + 1 }
      }),
    )
    await fc.assert(
      fc.asyncProperty(change, async ({ what, bytes, line }) => {
        const found = await firstFound(bytes, seal)
        if (what === 'hash renamed') expect(found).not.toBeNull()
        else expect({ what, ...found }).toEqual({ what, from: line, to: line })
      }),
      { numRuns: MUTATIONS },
    )
  })

  it('AUDIT-4: a stream whose hashes were all computed again after a change is found as well', async () => {
    const seal = await sealOf(log, NOON)
    const i = log.findIndex(({ type, version }) => type === 'StepSent' && version > 2)
    const sent = log[i] as RecordedEvent & { readonly type: 'StepSent' }
    // What a handler gave as its receipt no rule can know.
    const forged = rechained(log.with(i, { ...sent, data: { ...sent.data, receipt: 'another' } }))
    const { faults, seal: sealed } = await verify(forged, { seal })
    expect(faults).toEqual([])
    expect(sealed?.breach).toMatchObject({ from: i + 1, to: i + 1 })
  })

  it('AUDIT-4: a seal of a long log names a change within a few lines, and an event that is gone by its number', async () => {
    const long = manyEvents(5000)
    const seal = await sealOf(long, NOON)
    expect(seal.every).toBe(4)
    expect(seal.marks).toHaveLength(1250)
    expect(JSON.stringify(seal).length).toBeLessThan(40_000)
    const forged = rechained(long.with(3001, { ...(long[3001] as RecordedEvent), actor: 'mallory' }))
    expect((await verify(forged, { seal })).seal?.breach).toMatchObject({ from: 3001, to: 3004 })
    const without = rechained(long.toSpliced(3001, 1))
    expect((await verify(without, { seal })).seal?.breach).toMatchObject({ from: 3002, to: 3002 })
  })

  it('AUDIT-4: a position that was changed is found where positions have gaps, too', async () => {
    const gaps = log.map((event) => ({ ...event, position: event.position * 10 }))
    const seal = await sealOf(gaps, NOON)
    expect((await verify(gaps, { seal })).seal?.breach).toBeNull()
    const moved = gaps.with(41, { ...(gaps[41] as RecordedEvent), position: 421 })
    expect((await verify(moved, { seal })).seal?.breach).toMatchObject({ from: 42, to: 42 })
  })

  it('AUDIT-4: an event after the seal cannot pretend to have been before it', async () => {
    const seal = await sealOf(log.slice(0, 10), NOON)
    const late = { ...(log[10] as RecordedEvent), position: 9 }
    expect((await verify([...log.slice(0, 10), late], { seal })).seal?.breach).toMatchObject({ from: 11, to: 11 })
  })

  it('AUDIT-4: a seal does not depend on whether the log carries hashes', async () => {
    const bare = log.map(({ hash: _, ...event }) => event as RecordedEvent)
    const [sealed, ofBare] = [await sealOf(log, NOON), await sealOf(bare, NOON)]
    expect(ofBare).toEqual(sealed)
    expect(await verify(bare, { seal: sealed })).toMatchObject({ hashed: 0, faults: [], seal: { breach: null } })
  })

  it('AUDIT-4: a seal whose own parts contradict each other holds for nothing', async () => {
    const seal = await sealOf(log, NOON)
    for (const wrong of [{ root: 'f'.repeat(64) }, { streams: 1 }])
      expect((await verify(log, { seal: { ...seal, ...wrong } })).seal?.breach).toMatchObject({ from: 1 })
  })

  it('AUDIT-4: the text that is signed does not depend on the order of the keys, nor on a signature', async () => {
    const seal = await sealOf(log, NOON)
    const shuffled = Object.fromEntries(Object.entries(seal).reverse()) as unknown as Seal
    expect(sealText({ ...shuffled, ...{ signature: 'x' } })).toBe(sealText(seal))
    expect(sealText(seal)).not.toBe(sealText({ ...seal, events: 1 }))
  })

  it('AUDIT-4: lines of an older schema version are sealed as they were recorded', async () => {
    const old = lines.map((line) => line.replace('"schemaversion":1', '"schemaversion":0'))
    const same = (data: object) => data as never
    const upcasters = Object.fromEntries(log.map(({ type }) => [type, { 0: same }]))
    const events = old.flatMap((line) => {
      const decoded = decodeEvent(line, upcasters)
      return isRight(decoded) ? [decoded.right] : []
    })
    expect(events).toHaveLength(log.length)
    const seal = await sealOf(events, NOON)
    expect(seal.root).not.toBe((await sealOf(log, NOON)).root)
    expect((await verify(events, { seal })).seal?.breach).toBeNull()
  })
})

/** With hashes that fit, as a forger would make them, and positions without gaps. */
function rechained(events: readonly RecordedEvent[]): RecordedEvent[] {
  const heads = new Map<string, { version: number; hash: string }>()
  return events.map((event) => {
    const head = heads.get(event.stream)
    const version = (head?.version ?? 0) + 1
    const hash = chainHash(head?.hash ?? null, digestOf(event))
    heads.set(event.stream, { version, hash })
    return { ...event, version, hash }
  })
}

/** Suppressions and their ends: the shortest legal history of any length. */
function manyEvents(count: number): RecordedEvent[] {
  const data = { ContactSuppressed: { until: null }, ContactUnsuppressed: {} }
  return rechained(
    Array.from({ length: count }, (_, i) => {
      const type = Math.floor(i / 10) % 2 === 0 ? 'ContactSuppressed' : 'ContactUnsuppressed'
      const ids = { id: `e${i}`, commandId: `c${i}`, correlationId: `c${i}`, causationId: `c${i}` }
      const rest = {
        schema: 1,
        at: NOON,
        actor: 'ann',
        cause: { by: 'operator' as const },
        version: 0,
        position: i + 1,
      }
      return { type, data: data[type], ...ids, ...rest, stream: `contact-${i % 10}` } as RecordedEvent
    }),
  )
}
