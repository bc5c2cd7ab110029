import { eventIdOf } from '@enfold/core'
import { describe, expect, it } from 'vitest'
import { IdSet } from './id-set.ts'

describe('a set of ids', () => {
  it('AUDIT-4: a set of ids knows each id that was added, of its owner alone, however many there are', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => eventIdOf('contact-ada', `k${i}`, 0))
    const set = new IdSet()
    for (const [i, id] of ids.entries()) expect(set.add(i % 3, id)).toBe(true)
    for (const [i, id] of ids.entries()) {
      expect(set.add(i % 3, id)).toBe(false)
      expect(set.has(i % 3, id)).toBe(true)
      expect(set.has(3, id)).toBe(false)
    }
    expect(set.has(0, eventIdOf('contact-ada', 'another', 0))).toBe(false)
  })

  it('AUDIT-4: a set of ids refuses what is no UUID', () => {
    const set = new IdSet()
    for (const id of ['', 'x', '00000000-0000-0000-0000-00000000000g', '__proto__']) {
      expect(set.add(0, id)).toBe(false)
      expect(set.has(0, id)).toBe(false)
    }
  })
})
