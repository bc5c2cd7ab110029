/** All that listens to what happens in an engine: its meters, its health, its lines of trouble, and the host. */
import type { Clock } from '@enfold/core'
import { createBrakeCount } from './brakes.ts'
import { type Observer, observedBy } from './engine-events.ts'
import type { EngineOptions } from './engine-options.ts'
import { createStateCount } from './stored-states.ts'
import { createMeters } from './telemetry.ts'
import { createTroubles, toStderr } from './troubles.ts'

/** @param behind how many events index and agenda do not show yet */
export function createObservers(
  { log = toStderr, observe }: EngineOptions,
  clock: Clock,
  behind: () => Promise<number>,
) {
  const brakes = createBrakeCount(clock)
  const states = createStateCount(clock)
  const meters = createMeters(behind)
  const troubles = createTroubles(log === false ? null : log, () => clock.now())
  const own: readonly Observer[] = [meters.observer, brakes.observer, states.observer, troubles.observer]
  return { brakes, states, meters, troubles, observe: observedBy(observe === undefined ? own : [...own, observe]) }
}
