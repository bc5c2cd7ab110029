/** What one dispatcher works with and keeps track of. */
import type { Claim, ContactId, KnowsNextWake, ReadModel, WorkerId } from '@enfold/core'
import { createBatcher } from '../batch.ts'
import type { EngineContext } from '../engine-context.ts'
import type { DispatchOptions } from '../engine-options.ts'
import type { Kinds } from '../kinds.ts'
import { createMutex } from '../mutex.ts'
import type { Projection } from '../projection/projection.ts'
import type { WakeSignal } from '../wake-signal.ts'
import { createDueWork, type DueWork } from './due-work.ts'
import { createLeases, type Leases } from './leases.ts'
import { createLimits } from './limits.ts'
import { bothOf, createPaces, type Permits } from './paces.ts'

export interface DispatcherParts {
  readonly context: EngineContext
  readonly readModel: ReadModel & Partial<KnowsNextWake>
  readonly kinds: Kinds
  /** In whose name contacts are claimed. */
  readonly worker: WorkerId
  readonly options: DispatchOptions
  readonly wakeSignal: WakeSignal
  readonly projection: Projection
}

export interface Dispatching extends DispatcherParts {
  /** Contacts that this worker is at. Never two at once on one, so that whatever is dispatched of it is worked on. */
  readonly active: Map<ContactId, Promise<void>>
  /** Slots and permits that are free must not be given to two who ask at once. */
  readonly exclusively: ReturnType<typeof createMutex>
  readonly due: DueWork
  readonly leases: Leases
  readonly limits: Permits
  readonly release: (claim: Claim) => Promise<void>
  /** A fault was met. */
  readonly onFault: (error: unknown) => void
  /** Outcomes that cannot be recorded are given up: the process ends. */
  readonly abandoned: AbortController
}

/** How many more contacts may be worked on. */
export interface Budget {
  capacity: number
}

export function createDispatching(parts: DispatcherParts, onFault: (error: unknown) => void): Dispatching {
  const { context, readModel, kinds, options } = parts
  return {
    ...parts,
    active: new Map(),
    exclusively: createMutex(),
    due: createDueWork(context, readModel, kinds, options),
    leases: createLeases(readModel, context.clock, options.leaseMs),
    limits: bothOf(
      createLimits(new Map(Object.entries(options.kinds)), context.clock),
      createPaces(context, readModel),
    ),
    release: createBatcher<Claim, void>(async (claims) => {
      await readModel.release(claims)
      return []
    }, 1000),
    onFault,
    abandoned: new AbortController(),
  }
}
