import { encodeEvent, INDEX_EVENTS } from '@enfold/core'
import { historyArbitrary, hostileIds, logOf, sampleStart } from '@enfold/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { otherContacts, otherShares, otherTypes } from './line-filter.ts'

const log = logOf(fc.sample(historyArbitrary(), { numRuns: 60, seed: 3 }))
const bytes = (text: string) => new TextEncoder().encode(text)
const needed = (skip: (line: Uint8Array) => boolean) => log.filter((event) => !skip(bytes(encodeEvent(event))))

describe('lines told apart by their bytes', () => {
  it('AUDIT-2: of the types that are wanted, all are read, and no other', () => {
    const wanted = log.filter(({ type }) => (INDEX_EVENTS as ReadonlySet<string>).has(type))
    expect(wanted.length).toBeGreaterThan(100)
    expect(needed(otherTypes(INDEX_EVENTS))).toEqual(wanted)
  })

  it('AUDIT-2: of a contact, all lines and those of campaigns are read', () => {
    for (const stream of new Set(log.map((event) => event.stream))) {
      if (!stream.startsWith('contact-')) continue
      const read = needed(otherContacts(stream.slice('contact-'.length)))
      const wanted = log.filter((event) => event.stream === stream || event.stream.startsWith('campaign-'))
      // What has an escape in its subject is read, too: the codec judges.
      expect(read.filter((event) => wanted.includes(event))).toEqual(wanted)
      expect(read.length).toBeLessThan(log.length / 2)
    }
  })

  it('LOG-6: whatever the id, its lines are read', () => {
    for (const id of [...hostileIds, 'a"b', 'a\\b', '"subject":"ann"', '\u0000', '{', 'a\u2028b']) {
      const place = { stream: `contact-${id}`, version: 1, position: 1 }
      const line = bytes(encodeEvent({ ...sampleStart(id, 1), ...place }))
      expect(otherContacts(id)(line)).toBe(false)
      expect([0, 1, 2].filter((share) => !otherShares(share, 3)(line))).toHaveLength(1)
    }
  })

  it('AUDIT-2: every line belongs to exactly one share, and all of a stream to the same', () => {
    const shareOf = new Map<string, number>()
    const sizes = [0, 0, 0]
    for (const event of log) {
      const shares = [0, 1, 2].filter((share) => !otherShares(share, 3)(bytes(encodeEvent(event))))
      expect(shares).toHaveLength(1)
      const [share = -1] = shares
      expect(shareOf.get(event.stream) ?? share).toBe(share)
      shareOf.set(event.stream, share)
      sizes[share] = (sizes[share] ?? 0) + 1
    }
    expect(Math.min(...sizes)).toBeGreaterThan(log.length / 10)
  })

  it('AUDIT-5: a line that does not begin as Enfold writes it is for the codec to judge', () => {
    const line = encodeEvent(log.find(({ type }) => type === 'StepSent') as (typeof log)[number])
    const foreign = [` ${line}`, line.slice(1), '', '{', line.replace('"type":', '"type": '), line.slice(0, 20)]
    for (const text of foreign) expect(otherTypes(INDEX_EVENTS)(bytes(text))).toBe(false)
    const moved = JSON.stringify({
      specversion: '1.0',
      type: 'dev.enfold.StepSent',
      data: { subject: 'x' },
      subject: 'y',
    })
    for (const text of [...foreign, moved]) expect(otherContacts('ann')(bytes(text))).toBe(false)
  })
})
