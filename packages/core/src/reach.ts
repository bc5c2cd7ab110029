/** Which nodes of a graph lead to which: in time linear in its edges, whatever its shape, with stacks of its own. */

/** What a node leads to. */
export type NextOf = (node: string) => readonly string[]

/** The nodes that can be reached from some of these, directly or through others; loops end where they were seen before. */
export function reachedFrom(nodes: Iterable<string>, nextOf: NextOf): ReadonlySet<string> {
  const found = new Set<string>()
  const open = [...nodes]
  for (let node = open.pop(); node !== undefined; node = open.pop())
    for (const next of nextOf(node)) {
      if (found.has(next)) continue
      found.add(next)
      open.push(next)
    }
  return found
}

/**
 * The strongly connected parts, each after those that it leads to, by Tarjan's algorithm (1972) with a stack of its own, so
 * that a long chain needs no deep recursion.
 */
export function connectedParts(nodes: Iterable<string>, nextOf: NextOf): readonly (readonly string[])[] {
  const parts: string[][] = []
  const order = new Map<string, Visit>()
  const part: Visit[] = []
  const path: { readonly visit: Visit; readonly next: readonly string[]; at: number }[] = []
  const enter = (node: string) => {
    const visit = { node, index: order.size, low: order.size, open: true }
    order.set(node, visit)
    part.push(visit)
    path.push({ visit, next: nextOf(node), at: 0 })
  }
  for (const start of nodes) {
    if (!order.has(start)) enter(start)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { visit } = top
      const target = top.next[top.at++]
      if (target !== undefined) {
        const seen = order.get(target)
        if (seen === undefined) enter(target)
        else if (seen.open) visit.low = Math.min(visit.low, seen.index)
        continue
      }
      path.pop()
      const above = path.at(-1)?.visit
      if (above !== undefined) above.low = Math.min(above.low, visit.low)
      if (visit.low !== visit.index) continue
      const members = part.splice(part.lastIndexOf(visit))
      for (const member of members) member.open = false
      parts.push(members.map(({ node }) => node))
    }
  }
  return parts
}

interface Visit {
  readonly node: string
  readonly index: number
  low: number
  /** Its part is not closed yet. */
  open: boolean
}

/**
 * Which of some ends each node leads to: a bit for each end and each part of the graph. It visits each edge once; what an
 * edge costs is a thirty-second of the number of ends. A set for each end would cost a walk over the whole graph each.
 */
export class Reach {
  /** Edges that were looked at, and unions of bits that were made. */
  readonly visited: number
  readonly unions: number
  readonly #numbers = new Map<string, number>()
  readonly #bits = new Map<string, Uint32Array>()

  constructor(nodes: Iterable<string>, nextOf: NextOf, ends: Iterable<string>) {
    for (const end of ends) this.#numbers.set(end, this.#numbers.size)
    let visited = 0
    let unions = 0
    for (const part of connectedParts(nodes, nextOf)) {
      const inherited = new Set<Uint32Array>()
      const own: number[] = []
      for (const node of part)
        for (const next of nextOf(node)) {
          visited += 1
          const [bits, number] = [this.#bits.get(next), this.#numbers.get(next)]
          if (bits !== undefined) inherited.add(bits)
          if (number !== undefined) own.push(number)
        }
      if (inherited.size + own.length === 0) continue
      const bits = this.#union(inherited, own)
      unions += inherited.size
      for (const node of part) this.#bits.set(node, bits)
    }
    this.visited = visited
    this.unions = unions
  }

  /** Whether the node leads to the end, directly or through others. */
  has(node: string, end: string): boolean {
    const number = this.#numbers.get(end)
    const bits = this.#bits.get(node)
    return number !== undefined && bits !== undefined && ((bits[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0
  }

  #union(inherited: ReadonlySet<Uint32Array>, own: readonly number[]): Uint32Array {
    const [first] = inherited
    // As in a chain: the bits of the next part are shared.
    if (first !== undefined && inherited.size === 1 && own.length === 0) return first
    const made = new Uint32Array(Math.ceil(this.#numbers.size / 32))
    for (const bits of inherited) for (let i = 0; i < made.length; i++) made[i] = (made[i] ?? 0) | (bits[i] ?? 0)
    for (const number of own) made[number >>> 5] = (made[number >>> 5] ?? 0) | (1 << (number & 31))
    return made
  }
}
