/**
 * The simulated clock of `enfold dev`. It stands still until it is moved, and each move stops at every instant at which
 * something is due, so that each step is dispatched at its own time.
 */
import { type Clock, epochMsOf, type Instant, instantOf } from '@enfold/core'
import type { DispatchCounts, Engine } from '@enfold/engine'

export interface Move {
  /** 1 for the first. */
  readonly number: number
  readonly from: Instant
  readonly to: Instant
  readonly counts: Omit<DispatchCounts, 'wakeAt'>
  /** Numbers in the outbox, from and to; `null`: nothing was caught. */
  readonly caught: readonly [first: number, last: number] | null
  /** It stopped early, because so much was due on the way. */
  readonly isCut: boolean
}

export interface SimulatedTime {
  /** Moves to an instant, or to the next one at which a step is sent or skipped. `null`: nothing is scheduled. */
  move(to: Instant | 'next'): Promise<Move | null>
  /** The newest first. */
  moves(): readonly Move[]
}

/** What it is done with. A clock that nobody moves is made before the engine that runs by it. */
export interface StandingClock extends Clock {
  set(instant: Instant): void
}

export function createStandingClock(start: Instant): StandingClock {
  let now = start
  return {
    now: () => now,
    set(instant) {
      if (instant > now) now = instant
    },
  }
}

/** So many steps, and so much real time, and then a move stops where it is. */
const MOST_STEPS = 5000
const MOST_MS = 10_000
const KEPT = 50

interface Parts {
  readonly engine: Pick<Engine, 'runDue'>
  readonly clock: StandingClock
  /** How many were caught so far. */
  caught(): number
  onMoved(now: Instant): void
}

/** The caller sees to it that one move goes on at a time. */
export function createSimulatedTime({ engine, clock, caught, onMoved }: Parts): SimulatedTime {
  const moves: Move[] = []
  let count = 0

  /** Until the target, or what ends it before: returns whether it came there. */
  async function walk(to: Instant | 'next', totals: Totals): Promise<'there' | 'cut' | 'nothing'> {
    const deadline = Date.now() + MOST_MS
    for (;;) {
      const counts = await engine.runDue({ limit: MOST_STEPS })
      add(totals, counts)
      if (to === 'next' && totals.sent + totals.skipped + totals.failed > 0) return 'there'
      if (totals.dispatched >= MOST_STEPS || Date.now() > deadline) return 'cut'
      const { wakeAt } = counts
      if (to === 'next' && wakeAt === null) return 'nothing'
      // What is due and was not done is in the hands of another process; it is looked at again at the target.
      const isOnTheWay = wakeAt !== null && wakeAt > clock.now() && (to === 'next' || wakeAt <= to)
      if (isOnTheWay) clock.set(wakeAt)
      else if (to === 'next') clock.set(instantOf(epochMsOf(clock.now()) + 60_000))
      else if (clock.now() < to) clock.set(to)
      else return 'there'
    }
  }

  return {
    async move(to) {
      const from = clock.now()
      const before = caught()
      const totals: Totals = { dispatched: 0, sent: 0, skipped: 0, failed: 0, completed: 0 }
      const end = await walk(to, totals)
      onMoved(clock.now())
      if (end === 'nothing' && clock.now() === from) return null
      const after = caught()
      count += 1
      const move: Move = {
        ...{ number: count, from, to: clock.now(), counts: totals, isCut: end === 'cut' },
        caught: after > before ? [before + 1, after] : null,
      }
      moves.unshift(move)
      moves.length = Math.min(moves.length, KEPT)
      return move
    },
    moves: () => moves,
  }
}

type Totals = { -readonly [Name in keyof Omit<DispatchCounts, 'wakeAt'>]: number }

function add(totals: Totals, counts: DispatchCounts): void {
  for (const name of ['dispatched', 'sent', 'skipped', 'failed', 'completed'] as const) totals[name] += counts[name]
}
