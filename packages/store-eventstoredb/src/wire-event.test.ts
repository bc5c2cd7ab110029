import { campaignStream, contactStream, type NewEvent } from '@enfold/core'
import { HOSTILE_IDS, sampleStart } from '@enfold/testkit'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStreamNames, outgoingOf, positionOf, proposedOf, recordedOf } from './wire-event.ts'

const names = createStreamNames('enfold-')

describe('names of streams', () => {
  it('LOG-6: any id makes a name of plain characters, and comes back from it', () => {
    const anyId = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }).filter((id) => [...id].length <= 200)
    const check = (id: string) => {
      for (const stream of [contactStream(id), campaignStream(id)]) {
        const name = names.nameOf(stream)
        expect(name).toMatch(/^enfold-(contact|campaign)-[A-Za-z0-9%!'()*~._-]+$/)
        expect(names.streamOf(name)).toBe(stream)
      }
    }
    for (const id of HOSTILE_IDS) check(id)
    fc.assert(fc.property(anyId, check), { numRuns: runs(100) })
  })

  it('the longest name has 2,416 characters', () => {
    expect(names.nameOf(contactStream('🏊'.repeat(200)))).toHaveLength(2415)
    expect(names.nameOf(campaignStream('🏊'.repeat(200)))).toHaveLength(2416)
  })

  it('a name that Enfold never gives is a fault', () => {
    for (const name of ['enfold-contact-%61', 'enfold-contact-%', 'enfold-contact-%C3%28', 'enfold-campaign-%zz'])
      expect(() => names.streamOf(name)).toThrow(expect.objectContaining({ name: 'EnfoldFault' }))
  })
})

describe('events on the wire', () => {
  const event = sampleStart('ann', 1)
  /** As the server gives it back: what the client made JSON of, or passed on. */
  const metadataOf = (given: NewEvent, hash: string | null) =>
    JSON.parse(
      new TextDecoder().decode(proposedOf(outgoingOf('contact-ann', given, 'event', true), hash, 'wire').metadata),
    ) as object
  const stored = (over: object = {}) => ({
    streamId: 'enfold-contact-ann',
    revision: 4n,
    type: event.type,
    data: event.data,
    metadata: metadataOf(event, 'ab'),
    position: { commit: 77n, prepare: 77n },
    ...over,
  })

  it('events come back as they went, with their place', () => {
    expect(recordedOf(stored(), names)).toEqual({
      ...event,
      stream: 'contact-ann',
      version: 5,
      position: 77,
      hash: 'ab',
    })
  })

  it('attributes of older and newer releases next to our own names come back too', () => {
    const older: NewEvent = Object.assign(sampleStart('ann', 1), {
      recordedAs: { schema: 0, data: {} },
      trace: '00-1-2-01',
    })
    expect(recordedOf(stored({ metadata: metadataOf(older, null) }), names)).toMatchObject({
      recordedAs: { schema: 0, data: {} },
      trace: '00-1-2-01',
    })
  })

  it('events on the wire take no place or hash from an event that is imported', () => {
    const imported = { ...event, stream: 'contact-bob', version: 9, position: 99, hash: 'cd' }
    expect(metadataOf(imported, null)).toEqual(metadataOf(event, null))
  })

  it.each([
    { metadata: undefined },
    { metadata: null },
    { metadata: {} },
    { metadata: new Uint8Array(3) },
    { data: 'text' },
  ])('events that Enfold did not write are a fault: %o', (over) => {
    expect(() => recordedOf(stored(over), names)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }))
  })
})

describe('positions', () => {
  it('positions are numbers up to 2^53, and refused beyond', () => {
    expect(positionOf(BigInt(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER)
    for (const commit of [2n ** 53n, 2n ** 64n - 1n, undefined])
      expect(() => positionOf(commit)).toThrow(expect.objectContaining({ code: 'STORE_INCOMPATIBLE' }))
  })
})
