/**
 * How many steps of a kind may be begun: at once, and in a time. A permit is reserved before the step is decided on, so
 * that no step is ever recorded as dispatched and then kept waiting.
 */
import { type Clock, epochMsOf } from '@enfold/core'

export interface KindLimit {
  /** Handlers of this kind at once, in this process. Default: as `concurrency` of all. */
  readonly concurrency?: number
  /** Dispatches of this kind in any one second, in this process: 14, or 0.5 for one in two seconds. Default: no limit. */
  readonly perSecond?: number
}

export interface Limits {
  /** For each limited kind, how many may be begun now. */
  capacity(): ReadonlyMap<string, number>
  /** Takes one permit of the kind. Give it back with `used`: whether it was used for a dispatch at all. */
  reserve(kind: string): (used: boolean) => void
  /** When the earliest of the rates allows another, in milliseconds from now; 0 if none holds anything back. */
  waitMs(): number
}

interface State {
  readonly concurrency: number
  /** At most `count` in any `windowMs`. */
  readonly count: number
  readonly windowMs: number
  active: number
  /** Instants of the last dispatches within the window, oldest first. */
  recent: number[]
}

export function createLimits(kinds: ReadonlyMap<string, KindLimit>, clock: Clock): Limits {
  const states = new Map<string, State>()
  for (const [kind, { concurrency = Number.POSITIVE_INFINITY, perSecond = Number.POSITIVE_INFINITY }] of kinds) {
    const count = Math.max(1, Math.floor(perSecond))
    const windowMs = perSecond === Number.POSITIVE_INFINITY ? 0 : (count / perSecond) * 1000
    states.set(kind, { concurrency, count, windowMs, active: 0, recent: [] })
  }
  const nowMs = () => epochMsOf(clock.now())

  /** Permits that the rate leaves, exactly: counted over the window that ends now. */
  function byRate(state: State): number {
    if (state.windowMs === 0) return Number.POSITIVE_INFINITY
    const now = nowMs()
    const since = now - state.windowMs
    state.recent = state.recent.filter((ms) => ms > since && ms <= now)
    return state.count - state.recent.length
  }

  return {
    capacity() {
      const capacity = new Map<string, number>()
      for (const [kind, state] of states)
        capacity.set(kind, Math.max(0, Math.min(state.concurrency - state.active, byRate(state))))
      return capacity
    },
    reserve(kind) {
      const state = states.get(kind)
      if (state === undefined) return () => {}
      const at = nowMs()
      state.active += 1
      if (state.windowMs > 0) state.recent.push(at)
      return (used) => {
        state.active -= 1
        const index = used ? -1 : state.recent.lastIndexOf(at)
        if (index >= 0) state.recent.splice(index, 1)
      }
    },
    waitMs() {
      const waits = [...states.values()].flatMap((state) =>
        byRate(state) > 0 ? [] : [(state.recent[0] as number) + state.windowMs - nowMs()],
      )
      return waits.length === 0 ? 0 : Math.max(1, Math.min(...waits))
    },
  }
}
