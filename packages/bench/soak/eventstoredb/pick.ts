/** Chance and time, for the chaos. */
import type { Fault } from '@enfold/test-servers/eventstoredb'

export function pick(random: () => number, chances: { readonly [fault in Fault]?: number }): Fault | null {
  let left = random()
  for (const [fault, chance] of Object.entries(chances)) {
    left -= chance
    if (left < 0) return fault as Fault
  }
  return null
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)))
}
