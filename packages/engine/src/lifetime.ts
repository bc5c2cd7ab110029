/** From `createEngine` to `close`: after that nothing begins, and what is under way is waited for. */
import { EnfoldFault } from '@enfold/core'
import { createInFlight, type InFlight } from './in-flight.ts'

export interface Lifetime extends Pick<InFlight, 'track'> {
  /** Aborts when the engine is closed. */
  readonly closing: AbortSignal
  /**
   * @param remedy what to do then
   * @throws EnfoldFault `CLOSED`
   */
  requireOpen(remedy?: string): void
  /** Waits for what is tracked. */
  close(): Promise<void>
}

export function createLifetime(): Lifetime {
  const closing = new AbortController()
  const inFlight = createInFlight()
  return {
    closing: closing.signal,
    requireOpen(remedy = 'Make a new one.') {
      if (closing.signal.aborted) throw new EnfoldFault('CLOSED', `The engine was closed. ${remedy}`)
    },
    track: inFlight.track,
    async close() {
      closing.abort()
      await inFlight.settled()
    },
  }
}
