/** Time that stands still until a test moves it. What waits by this clock goes on when the test says so, not before. */
import { type Clock, durationMs, EnfoldFault, epochMsOf, type Instant, instantOf, isInstant } from '@enfold/core'

export interface SimulatedClock extends Clock {
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** Moves to this instant. Throws `INVALID_INPUT` for one that has passed: time goes forward only. */
  set(instant: Instant): void
  /** Moves on by a duration ("P3D", "PT90M") or by whole milliseconds ≥ 0. Throws `INVALID_INPUT` for anything else. */
  advance(by: string | number): void
}

interface Waiting {
  readonly until: Instant
  readonly goOn: () => void
}

/**
 * @param start where the clock stands at first; throws `INVALID_INPUT` for what is no instant
 *
 * @example
 * const clock = createSimulatedClock('2026-03-01T09:00:00.000Z')
 * clock.advance('P3D')
 * clock.now() // '2026-03-04T09:00:00.000Z'
 */
export function createSimulatedClock(start: Instant): SimulatedClock {
  if (!isInstant(start)) throw EnfoldFault.invalidInput('start', start, 'an instant such as "2026-03-01T09:00:00.000Z"')
  let now: Instant = start
  let waiting: Waiting[] = []

  function set(instant: Instant): void {
    if (!isInstant(instant) || instant < now)
      throw EnfoldFault.invalidInput('instant', instant, `an instant that is not before ${now}, where the clock stands`)
    now = instant
    const over = waiting.filter(({ until }) => until <= now)
    waiting = waiting.filter(({ until }) => until > now)
    // The earlier instant goes first; sorting keeps the order of waits for the same instant.
    for (const { goOn } of over.sort((a, b) => (a.until < b.until ? -1 : a.until > b.until ? 1 : 0))) goOn()
  }

  return {
    now: () => now,
    set,
    advance(by) {
      const ms = typeof by === 'string' ? durationMs(by) : by
      if (ms === null || !Number.isSafeInteger(ms) || ms < 0)
        throw EnfoldFault.invalidInput('by', by, 'a duration such as "P3D" or "PT90M", or whole milliseconds from 0')
      set(instantOf(epochMsOf(now) + ms))
    },
    wait(ms, signal) {
      return new Promise((resolve) => {
        if (ms <= 0 || signal.aborted) return resolve()
        const goOn = () => {
          signal.removeEventListener('abort', giveUp)
          resolve()
        }
        const giveUp = () => {
          waiting = waiting.filter((one) => one.goOn !== goOn)
          resolve()
        }
        signal.addEventListener('abort', giveUp, { once: true })
        // Rounded up: not before the time has passed.
        waiting.push({ until: instantOf(epochMsOf(now) + Math.ceil(ms)), goOn })
      })
    },
  }
}
