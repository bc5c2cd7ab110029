import { encodeEvent } from '@enfold/core/log'
import { historyArbitrary, hostileIds, logOf, sampleStart } from '@enfold/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { otherPartitions } from './line-filter.ts'

const log = logOf(fc.sample(historyArbitrary(), { numRuns: 60, seed: 3 }))
const bytes = (text: string) => new TextEncoder().encode(text)

describe('lines told apart by their bytes', () => {
  it('LOG-6: whatever the id, its lines are read', () => {
    for (const id of [...hostileIds, 'a"b', 'a\\b', '"subject":"ann"', '\u0000', '{', 'a\u2028b']) {
      const place = { stream: `contact-${id}`, version: 1, position: 1 }
      const line = bytes(encodeEvent({ ...sampleStart(id, 1), ...place }))
      expect([0, 1, 2].filter((partition) => !otherPartitions(partition, 3)(line))).toHaveLength(1)
    }
  })

  it('AUDIT-2: every line belongs to exactly one partition, and all of a stream to the same', () => {
    const shareOf = new Map<string, number>()
    const sizes = [0, 0, 0]
    for (const event of log) {
      const partitions = [0, 1, 2].filter((partition) => !otherPartitions(partition, 3)(bytes(encodeEvent(event))))
      expect(partitions).toHaveLength(1)
      const [partition = -1] = partitions
      expect(shareOf.get(event.stream) ?? partition).toBe(partition)
      shareOf.set(event.stream, partition)
      sizes[partition] = (sizes[partition] ?? 0) + 1
    }
    expect(Math.min(...sizes)).toBeGreaterThan(log.length / 10)
  })

  it('AUDIT-5: a line that is not as Enfold writes it is read too, by one reader', () => {
    const line = encodeEvent(log.find(({ type }) => type === 'StepSent') as (typeof log)[number])
    const twice = line.replace('"subject":"', '"subject":"ann","subject":"')
    const foreign = [` ${line}`, line.slice(1), '', '{', line.replace('"type":', '"type": '), line.slice(0, 20), twice]
    for (const text of foreign)
      expect([0, 1, 2].filter((partition) => !otherPartitions(partition, 3)(bytes(text)))).toHaveLength(1)
  })
})
