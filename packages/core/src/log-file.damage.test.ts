/**
 * Logs whose lines were damaged by chance, read to the end. `runs` says how many lines:
 * `pnpm soak` damages 100,000.
 */
import { campaignStream, isRight, type RecordedEvent, SCHEMA_VERSION } from '@enfold/core'
import { decodeEvent, encodeEvent, eventJsonSchema, readLog } from '@enfold/core/log'
import { historyArbitrary } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'

const DAMAGED = runs(3000)
const LINES_IN_A_LOG = 1000
const LINE_FEED = 10
type Bytes = Uint8Array<ArrayBuffer>
const utf8 = (text: string): Bytes => new TextEncoder().encode(text)
const textOf = (bytes: Bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)

const published = Compile(eventJsonSchema)

/** What chance does to the bytes of a line: some of them changed, lost, added, doubled, or everything after them cut off. */
const damage = fc.record({
  kind: fc.constantFrom('change', 'lose', 'add', 'cut', 'repeat'),
  at: fc.nat(),
  byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...utf8('"{}[]:,\\019e-\n'))),
  length: fc.integer({ min: 1, max: 20 }),
})
const damages = fc.array(damage, { minLength: 1, maxLength: 3 })
type Damages = typeof damages extends fc.Arbitrary<infer Some> ? Some : never

function damaged(line: Bytes, by: Damages): Bytes {
  let bytes = [...line]
  for (const { kind, at, byte, length } of by) {
    const i = at % (bytes.length + 1)
    if (kind === 'change') bytes[i] = byte
    else if (kind === 'lose') bytes.splice(i, length)
    else if (kind === 'add') bytes.splice(i, 0, byte)
    else if (kind === 'cut') bytes = bytes.slice(0, i)
    else bytes.splice(i, 0, ...bytes.slice(i, i + length))
  }
  return Uint8Array.from(bytes)
}

/** The lines of a text, as anyone would count them. */
function linesIn(bytes: Bytes): Bytes[] {
  const lines: Bytes[] = []
  for (let from = 0; ; ) {
    const end = bytes.indexOf(LINE_FEED, from)
    if (end < 0) return [...lines, bytes.subarray(from)]
    lines.push(bytes.subarray(from, end))
    from = end + 1
  }
}

async function* inPieces(bytes: Bytes, size: number) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}

describe('damage', () => {
  it(`AUDIT-5: each of ${DAMAGED.toLocaleString('en')} damaged lines is reported by its number, or is an event all the same`, {
    timeout: 900_000,
  }, async ({ annotate }) => {
    const stored: RecordedEvent[] = fc
      .sample(historyArbitrary({ maxMoves: 30 }), { numRuns: 40, seed: 3 })
      .flatMap(({ events }) => events)
    stored.push({
      type: 'CampaignPublished',
      data: {
        campaignId: 'pool',
        campaignVersion: 1,
        definition: { id: 'pool', goals: [], sequences: [{ id: 's', steps: [{ id: 'one', kind: 'email' }] }] },
      },
      id: 'e1',
      schema: SCHEMA_VERSION,
      at: '2026-03-01T09:00:00.000Z',
      commandId: 'c1',
      correlationId: 'c1',
      causationId: 'c1',
      actor: 'olga',
      cause: { by: 'operator', reason: 'grüßt 🏊' },
      stream: campaignStream('pool'),
      version: 1,
      position: 1,
    })
    const sources = stored.map((event) => utf8(encodeEvent(event)))
    const reasons = new Map<string, number>()
    let harmless = 0

    for (let done = 0; done < DAMAGED; done += LINES_IN_A_LOG) {
      const count = Math.min(LINES_IN_A_LOG, DAMAGED - done)
      // After each damaged line there is a whole one: it must be found again.
      const expected: { readonly line: Bytes; readonly isWhole: boolean }[] = []
      for (const [i, by] of fc.sample(damages, { numRuns: count, seed: done + 1 }).entries()) {
        const source = sources[(done + i) % sources.length] as Bytes
        for (const line of linesIn(damaged(source, by))) expected.push({ line, isWhole: false })
        expected.push({ line: source, isWhole: true })
      }
      const log = await new Blob(expected.flatMap(({ line }) => [line, '\n'])).bytes()

      let read = 0
      for await (const { line, event, problem } of readLog(inPieces(log, 1 + (done % 4099)), { keepGoing: true })) {
        const { line: bytes, isWhole } = expected[read] as (typeof expected)[number]
        read += 1
        expect(line).toBe(read)
        if (event === undefined) {
          expect(isWhole, textOf(bytes)).toBe(false)
          expect(problem.message).not.toBe('')
          reasons.set(problem.reason, (reasons.get(problem.reason) ?? 0) + 1)
          continue
        }
        if (!isWhole) harmless += 1
        // Whether it was damaged or not: an event that is read is one that the published schema allows, as it stands.
        const text = textOf(bytes)
        if (!isWhole) expect(published.Check(JSON.parse(text)), text).toBe(true)
        const decoded = decodeEvent(text)
        expect(isRight(decoded) && encodeEvent(decoded.right)).toBe(encodeEvent(event))
      }
      expect(read).toBe(expected.length)
    }

    // Or the damage would be none, or always the same.
    const reported = [...reasons.values()].reduce((sum, one) => sum + one, 0)
    expect(reported).toBeGreaterThan(0.8 * DAMAGED)
    expect([...reasons.keys()].sort()).toEqual(expect.arrayContaining(['not-an-event', 'not-json', 'not-utf8']))
    // Vitest shows it; other runners have no such thing.
    await annotate?.(`${reported} lines reported, ${harmless} events all the same; ${JSON.stringify([...reasons])}`)
  })
})
