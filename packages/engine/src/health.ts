/** How an engine and its store stand: whether work gets done, and if not, which. */
import { type Backlog, type Clock, epochMsOf, type Instant, type ReadModel } from '@enfold/core'
import type { BrakeHealth } from './brakes.ts'
import type { Dispatcher, DispatcherHealth } from './dispatch/dispatcher.ts'
import { lineOf } from './fault-words.ts'
import type { Kinds } from './kinds.ts'
import type { Projection, ProjectionHealth } from './projection/projection.ts'
import type { StateHealth } from './stored-states.ts'
import type { FailingKind, Troubles } from './troubles.ts'

/**
 * For a health check. `ok` is false where work does not get done: the store does not answer, the projection has stopped,
 * something is due for longer than `lateAfterMs`, or handlers of a kind fail again and again. Nothing is thrown.
 */
export interface Health {
  readonly ok: boolean
  /** `null`: it responds. */
  readonly storeFault: string | null
  /**
   * By how much the oldest due contact is late, in milliseconds, whether a worker holds it or not; 0: nothing is due.
   * `null`: the store does not answer.
   */
  readonly dueLagMs: number | null
  /** Kinds that this engine has no handler for, and for which contacts are due: how many, and since when (KIND-1). */
  readonly waitingKinds: readonly Backlog[]
  /** Kinds whose handler failed ten times or more in a row, here. */
  readonly failingKinds: readonly FailingKind[]
  readonly dispatcher: DispatcherHealth
  /** Where steps are sent instead of to the contacts: an address or "nobody"; `null`: to the contacts (DELIVER-1). */
  readonly deliverTo: string | null
  /** Starts that were refused because the sequence was started too often for the contact (BRAKE-1): a loop, mostly. */
  readonly brakes: BrakeHealth
  /** Stored states of contacts that could not be used: a few after an upgrade, none otherwise. */
  readonly states: StateHealth
  /** `null` where the store writes index and agenda in the append, or does not answer. */
  readonly projection: ProjectionHealth | null
}

export interface HealthInput {
  readonly readModel: ReadModel
  readonly clock: Clock
  readonly kinds: Kinds
  readonly troubles: Troubles
  readonly brakes: { health(): BrakeHealth }
  readonly states: { health(): StateHealth }
  readonly dispatcher: Pick<Dispatcher, 'health'>
  readonly projection: Pick<Projection, 'health'>
  readonly deliverTo: string | null
  readonly lateAfterMs: number
  /** Makes the kinds known of what is published by now. */
  readonly refresh: () => Promise<void>
}

/** Since when the oldest is due that does not wait for a resume or a pace. */
async function oldestDue(readModel: ReadModel, kinds: Kinds, now: Instant): Promise<Instant | null> {
  const waiting = kinds.waiting()
  const next = await readModel.nextWake(waiting)
  if (waiting.size > 0) return next
  const [oldest] = await readModel.agenda(now, 1)
  return oldest?.wakeAt ?? null
}

export async function healthOf(input: HealthInput): Promise<Health> {
  const { readModel, clock, deliverTo, kinds, troubles } = input
  const dispatcher = input.dispatcher.health()
  const brakes = input.brakes.health()
  const states = input.states.health()
  const failingKinds = troubles.failing()
  try {
    await input.refresh()
    const now = clock.now()
    const oldest = await oldestDue(readModel, kinds, now)
    const dueLagMs = oldest === null ? 0 : Math.max(0, epochMsOf(now) - epochMsOf(oldest))
    const waitingKinds = await readModel.backlog(kinds.missing(), now)
    const projection = await input.projection.health()
    const ok = projection?.stopped !== true && dueLagMs <= input.lateAfterMs && failingKinds.length === 0
    const here = { failingKinds, dispatcher, deliverTo, brakes, states }
    return { ok, storeFault: null, dueLagMs, waitingKinds, ...here, projection }
  } catch (error) {
    const storeFault = lineOf(error)
    return {
      ok: false,
      storeFault,
      dueLagMs: null,
      waitingKinds: [],
      failingKinds,
      dispatcher,
      deliverTo,
      brakes,
      states,
      projection: null,
    }
  }
}
