import { historyArbitrary, logOf } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeEvent } from './codec.ts'
import { compared, linesOf, nearLine, pickBy, type Verdict } from './near-lines.fixture.ts'

const log = logOf(fc.sample(historyArbitrary(), { numRuns: 200, seed: 19 }))
const { all, plain } = linesOf(log)

describe('the scanner of lines', () => {
  it('AUDIT-1: the scanner takes every ordinary line, of every event of a contact', () => {
    const types = new Set<string>()
    for (const line of plain) {
      expect(compared(line), line).toEqual({ verdict: 'scanned', problem: null })
      types.add(JSON.parse(line).type.slice('dev.enfold.'.length))
    }
    expect(types).toEqual(new Set(log.filter(({ stream }) => stream.startsWith('contact-')).map(({ type }) => type)))
  })

  // `pnpm soak:scanner` has ten million of them.
  it('AUDIT-5: the scanner takes nothing that the decoder refuses, and reads the rest as the decoder does', () => {
    const seen = new Set<Verdict>()
    for (let seed = 1; seed <= runs(5000); seed++) {
      const { verdict, problem } = compared(nearLine(all, pickBy(seed)))
      if (problem !== null) expect.fail(problem)
      seen.add(verdict)
    }
    expect(seen.size).toBe(3)
  })

  it('AUDIT-1: a text is scanned as the bytes are, and one beyond ASCII is not mistaken for one within', () => {
    const [line = ''] = plain
    const other = line.replace(/"subject":"./, '"subject":"\u0141')
    expect(decodeEvent(line)).toMatchObject({ right: { id: JSON.parse(line).id } })
    expect(decodeEvent(other)).toMatchObject({ right: { stream: `contact-${JSON.parse(other).subject}` } })
  })
})
