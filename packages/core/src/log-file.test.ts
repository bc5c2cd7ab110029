import { campaignStream, contactStream, type EventMeta, type RecordedEvent, SCHEMA_VERSION } from '@enfold/core'
import { encodeEvent, type LogEntry, type ReadLogOptions, readLog, writeLog } from '@enfold/core/log'
import { historyArbitrary } from '@enfold/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const meta = (n: number): EventMeta => ({
  id: `event-${n}`,
  schema: SCHEMA_VERSION,
  at: '2026-03-01T09:00:00.000Z',
  commandId: `command-${n}`,
  correlationId: `command-${n}`,
  causationId: `command-${n}`,
  actor: 'olga',
  cause: { by: 'operator', reason: 'grüßt 🏊' },
})

function stopOf(n: number): RecordedEvent {
  const data = { campaignId: 'pool', sequenceId: 'nurture', run: n }
  return { type: 'SequenceStopped', data, ...meta(n), stream: contactStream('ann'), version: n, position: n }
}

const events = [1, 2, 3].map(stopOf)
const lines = events.map(encodeEvent)
const bytes = (text: string) => new TextEncoder().encode(text)

async function* inChunks(...chunks: readonly (Uint8Array | string)[]) {
  yield* chunks
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function read(chunks: AsyncIterable<Uint8Array | string>, options?: ReadLogOptions): Promise<LogEntry[]> {
  return await allOf(readLog(chunks, options))
}

/** The reasons by line, for logs whose other lines are right. */
async function reasons(text: string | Uint8Array, options: ReadLogOptions = { keepGoing: true }) {
  const found = await read(inChunks(text), options)
  return found.flatMap(({ line, problem }) => (problem === undefined ? [] : [`${line} ${problem.reason}`]))
}

/** The second line is put in the place of this. */
const withSecond = (line: string) => `${lines[0]}\n${line}\n${lines[2]}\n`

describe('reading and writing', () => {
  it('AUDIT-1: what was written is read again, and written again with the same bytes', async () => {
    const histories = fc.sample(historyArbitrary({ maxMoves: 30 }), { numRuns: 20, seed: 7 })
    for (const { events } of histories) {
      const text = (await allOf(writeLog(events))).join('')
      const again = (await read(inChunks(bytes(text)))).map(({ event }) => event as RecordedEvent)
      expect(again).toEqual(events)
      expect((await allOf(writeLog(again))).join('')).toBe(text)
    }
  })

  it('AUDIT-1: lines are found wherever the chunks are cut, in bytes and in text', async () => {
    const text = `${lines.join('\n')}\n`
    const whole = bytes(text)
    for (const size of [1, 2, 3, 7, 100, 501]) {
      const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
        whole.subarray(i * size, (i + 1) * size),
      )
      const texts = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      )
      for (const chunks of [pieces, texts, ['', ...texts, '']])
        expect((await read(inChunks(...chunks))).map(({ event }) => event)).toEqual(events)
    }
  })

  it('AUDIT-1: a source may use the memory of a chunk again', async () => {
    async function* reusing() {
      const one = new Uint8Array(64)
      for (let rest = bytes(`${lines.join('\n')}\n`); rest.length > 0; rest = rest.subarray(64)) {
        const piece = rest.subarray(0, 64)
        one.set(piece)
        yield one.subarray(0, piece.length)
      }
    }
    expect((await read(reusing())).map(({ event }) => event)).toEqual(events)
  })

  it('AUDIT-5: an empty log has no lines, and the last line needs no end', async () => {
    expect(await read(inChunks())).toEqual([])
    expect(await read(inChunks(''))).toEqual([])
    expect(await read(inChunks(`${lines[0]}\n${lines[1]}`))).toEqual([
      { line: 1, event: events[0] },
      { line: 2, event: events[1] },
    ])
  })
})

describe('bad lines', () => {
  it('AUDIT-5: the first bad line is the last that is read, and the source is closed', async () => {
    let closed = false
    async function* source() {
      try {
        yield `${lines[0]}\nnothing\n${lines[2]}\n`
        yield lines[2] as string
      } finally {
        closed = true
      }
    }
    const found = await read(source())
    expect(found.map(({ line, problem }) => [line, problem?.reason])).toEqual([
      [1, undefined],
      [2, 'not-json'],
    ])
    expect(closed).toBe(true)
  })

  it('AUDIT-5: keepGoing reads the rest', async () => {
    const found = await read(inChunks(withSecond('nothing')), { keepGoing: true })
    expect(found).toEqual([
      { line: 1, event: events[0] },
      { line: 2, problem: { reason: 'not-json', message: expect.stringContaining('is no JSON') } },
      { line: 3, event: events[2] },
    ])
  })

  it.each([
    ['not-json', '{"specversion":'],
    ['not-json', ''],
    ['not-json', `\ufeff${lines[1]}`],
    ['not-an-event', '[]'],
    ['unknown-event', (lines[1] as string).replace('SequenceStopped', 'SequenceHalted')],
    ['newer-schema', (lines[1] as string).replace('"schemaversion":1', '"schemaversion":2')],
    ['wrong-data', (lines[1] as string).replace('"run":2', '"run":"2"')],
    // A lone surrogate in the text of a chunk.
    ['not-utf8', (lines[1] as string).replace('grüßt', '\ud83c')],
    ['not-utf8', (lines[1] as string).replace('grüßt', '\udfca\ud83c')],
  ])('AUDIT-5: %s: the second line is reported, and it alone (%#)', async (reason, line) => {
    expect(await reasons(withSecond(line))).toEqual([`2 ${reason}`])
  })

  it('AUDIT-5: bytes that are no UTF-8 are reported, in a chunk and across chunks', async () => {
    const text = bytes(withSecond(lines[1] as string))
    const at = text.indexOf(0xc3)
    text[text.indexOf(0xc3, at + (lines[0] as string).length)] = 0xff
    expect(await reasons(text)).toEqual(['2 not-utf8'])
    const found = await read(inChunks(text.subarray(0, at + 2), text.subarray(at + 2)), { keepGoing: true })
    expect(found.map(({ problem }) => problem?.reason)).toEqual([undefined, 'not-utf8', undefined])
  })

  it('AUDIT-5: half a character at the end of a text, or before bytes, is no UTF-8', async () => {
    const half = 'no\ud83c'
    expect(await reasons(`${lines[0]}\n${half}`)).toEqual(['2 cut'])
    const found = await read(inChunks(half, bytes(`\n${lines[0]}\n`)), { keepGoing: true })
    expect(found.map(({ problem }) => problem?.reason)).toEqual(['not-utf8', undefined])
  })

  it('AUDIT-5: a log that was cut anywhere in its last line says so', async () => {
    const whole = bytes(`${lines[0]}\n${lines[1]}`)
    for (let size = bytes(`${lines[0]}\n`).length + 1; size < whole.length; size++)
      expect(await reasons(whole.subarray(0, size))).toEqual(['2 cut'])
  })

  it('AUDIT-5: a line that is too long is passed over; one of just that length is read', async () => {
    const longest = Math.max(...lines.map((line) => bytes(line).length))
    const long = 'x'.repeat(longest + 1)
    const text = `${lines[0]}\n${long}\n${lines[2]}\n`
    const tooLong = {
      line: 2,
      problem: {
        reason: 'wrong-data',
        path: '',
        message: `has ${longest + 1} bytes; lines of up to ${longest} are read`,
      },
    }
    const options = { keepGoing: true, maxLineBytes: longest }
    const expected = [{ line: 1, event: events[0] }, tooLong, { line: 3, event: events[2] }]
    expect(await read(inChunks(text), options)).toEqual(expected)
    expect(await read(inChunks(...text), options)).toEqual(expected)
    expect(await reasons(`${lines[0]}\n${long}`, options)).toEqual(['2 wrong-data'])
  })

  // A browser does not say what memory is used.
  it.skipIf(typeof process.memoryUsage !== 'function')('AUDIT-5: nothing of a line of 100 MB is kept', async () => {
    const piece = new Uint8Array(1024 * 1024).fill(120)
    let most = 0
    async function* source() {
      yield `${lines[0]}\n`
      for (let i = 0; i < 100; i++) {
        yield piece
        most = Math.max(most, process.memoryUsage().arrayBuffers)
      }
      yield `\n${lines[2]}\n`
    }
    const before = process.memoryUsage().arrayBuffers
    const found = await read(source(), { keepGoing: true, maxLineBytes: 4 * 1024 * 1024 })
    expect(found.map(({ problem }) => problem?.reason)).toEqual([undefined, 'wrong-data', undefined])
    expect(found[1]?.problem?.message).toContain(`has ${100 * 1024 * 1024} bytes`)
    expect(most - before).toBeLessThan(40 * 1024 * 1024)
  })

  it('AUDIT-5: what the source throws is thrown, and options that cannot be are refused', async () => {
    async function* broken() {
      yield `${lines[0]}\n`
      throw new Error('the disk is gone')
    }
    await expect(read(broken())).rejects.toThrow('the disk is gone')
    for (const maxLineBytes of [0, 1.5, Number.NaN])
      await expect(read(inChunks(), { maxLineBytes })).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })

  it('AUDIT-5: steps for older lines are those given', async () => {
    const old = (lines[0] as string).replace('"schemaversion":1', '"schemaversion":0').replace('"run":1', '"round":1')
    const upcasters = {
      SequenceStopped: {
        0: ({ round, ...data }: Record<string, unknown>) => ({ ...data, run: round }) as never,
      },
    }
    expect(await reasons(old)).toEqual(['1 older-schema'])
    const recordedAs = { schema: 0, data: JSON.parse(old).data }
    expect(await read(inChunks(old), { upcasters })).toEqual([{ line: 1, event: { ...events[0], recordedAs } }])
  })

  it('LOG-1: an event in a stream of the other kind is not written', async () => {
    await expect(allOf(writeLog([{ ...stopOf(1), stream: campaignStream('pool') } as RecordedEvent]))).rejects.toThrow(
      'a stream that holds SequenceStopped events',
    )
  })
})
