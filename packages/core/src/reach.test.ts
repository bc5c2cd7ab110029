import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { connectedParts, Reach, reachedFrom } from './reach.ts'

const graphArbitrary = fc.integer({ min: 1, max: 12 }).chain((size) =>
  fc.array(fc.array(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }).map((rows) => {
    const edges = new Map(rows.map((row, i) => [`n${i}`, row.map((to) => `n${to}`)]))
    return { nodes: [...edges.keys()], nextOf: (node: string) => edges.get(node) ?? [] }
  }),
)

describe('reach', () => {
  it('GOAL-4: whatever the graph, a node leads to what a walk from it finds', () => {
    fc.assert(
      fc.property(graphArbitrary, ({ nodes, nextOf }) => {
        const ends = nodes.filter((_, i) => i % 2 === 0)
        const reach = new Reach(nodes, nextOf, ends)
        for (const node of nodes) {
          const walked = reachedFrom([node], nextOf)
          expect(ends.filter((end) => reach.has(node, end))).toEqual(ends.filter((end) => walked.has(end)))
        }
      }),
      { numRuns: runs(100) },
    )
  })

  it('VERSION-2: nodes are of one part if each leads to the other, and parts come after those that they lead to', () => {
    fc.assert(
      fc.property(graphArbitrary, ({ nodes, nextOf }) => {
        const parts = connectedParts(nodes, nextOf)
        const leads = (from: string, to: string) => from === to || reachedFrom([from], nextOf).has(to)
        expect(parts.flat().sort()).toEqual([...nodes].sort())
        for (const [i, part] of parts.entries())
          for (const [j, other] of parts.entries()) {
            const [from, to] = [part[0] as string, other[0] as string]
            if (i < j) expect(leads(from, to)).toBe(false)
            for (const member of part) expect(leads(from, member) && leads(member, from)).toBe(true)
          }
      }),
      { numRuns: runs(100) },
    )
  })

  it.each([
    ['each sequence leads to the next and to a goal', (i: number) => [`s${i + 1}`, `g${i}`]],
    ['each goal leads to a sequence in a ring', (i: number) => [`s${(i + 1) % 6500}`, `g${i}`, `g${(i * 7) % 6500}`]],
    ['a chain that ends with a goal', (i: number) => [i < 6499 ? `s${i + 1}` : 'g0']],
  ])('GOAL-4: 6,500 goals over 6,500 sequences are asked of each edge once: %s', (_, nextOf) => {
    const numbers = Array.from({ length: 6500 }, (_, i) => i)
    const [sequences, goals] = [numbers.map((i) => `s${i}`), numbers.map((i) => `g${i}`)]
    let edges = 0
    const next = new Map(sequences.map((id, i) => [id, nextOf(i)]))
    for (const targets of next.values()) edges += targets.length
    const reach = new Reach([...sequences, ...goals], (node) => next.get(node) ?? [], goals)
    expect(reach.visited).toBe(edges)
    expect(reach.unions).toBeLessThanOrEqual(edges)
    const last = reach.has('s0', 'g6499')
    expect(last).toBe(next.get('s6499')?.includes('g6499') === true)
  })
})
