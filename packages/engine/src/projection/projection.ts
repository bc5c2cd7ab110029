/**
 * The projection: feeds a read model that the log does not write itself, from the read model's checkpoint on, a batch and
 * its checkpoint in one transaction. Where the store writes index and agenda in the append, none of this runs.
 *
 * What makes it safe: a contact's row is a function of its stream up to a version, and a write of an older version is
 * passed over. Who writes it, how often and in what order makes no difference: this projector, another one, the
 * dispatcher after a step, a rebuild. Rules INDEX-1, ONCE-3. Why it is so: docs/decisions/0009-projection.md.
 */
import {
  type ContactId,
  EnfoldFault,
  epochMsOf,
  type Instant,
  type Position,
  type ReadModel,
  type RecordedContactEvent,
} from '@enfold/core'
import { createBatcher } from '../batch.ts'
import { realWait } from '../clock.ts'
import type { EngineContext } from '../engine-context.ts'
import type { FaultWords } from '../fault-words.ts'
import * as input from '../input.ts'
import type { ProjectedContact } from '../logged-contact.ts'
import { aborted, type Following, followInTurn, projectToHead } from './follow.ts'
import {
  discardParked,
  isParked,
  PARKED,
  type ParkedContacts,
  type Parking,
  parkedEvent,
  parkedPage,
  retryParked,
} from './park.ts'
import { createProjector, type Projector, type Shown, show } from './projector.ts'

/** Of a projection that feeds a separate read model. */
export interface ProjectionOptions {
  /**
   * What to do with a contact if an event of it cannot be projected, after three tries. `stop` (default): end with the
   * fault `PROJECTION_STOPPED`, which names the event. `park`: leave the contact as it is shown, dispatch nothing of it,
   * let its later events wait, and go on with everyone else; see `engine.projection`.
   */
  readonly onPoison?: 'stop' | 'park'
}

/** By how much the read model lags behind the log. */
export interface ProjectionLag {
  /** Events that the read model does not show yet; 1,000 stands for that many or more. */
  readonly behind: number
  /** How long ago the oldest of them was recorded, in milliseconds; 0: all are shown. */
  readonly lagMs: number
}

/** How the projection stands: the lag of the read model, whichever process feeds it, and what this process does for it. */
export interface ProjectionHealth extends ProjectionLag {
  /** Whether this process follows the log. Another one may. */
  readonly running: boolean
  /** How many contacts are parked. */
  readonly parked: number
  /** The last fault that it met here, and when; `null`: none so far. */
  readonly lastFault: null | (FaultWords & { readonly at: Instant })
  /** True: it ended with that fault, and nothing is projected by this process until it is run again. */
  readonly stopped: boolean
}

export interface Projection extends ParkedContacts {
  /**
   * Follows the log until the signal aborts, and goes on after any fault of log or read model. Two at once in a process:
   * the second waits for its turn.
   *
   * @throws EnfoldFault `PROJECTION_STOPPED`, `PROJECTION_OUT_OF_ORDER`: both name the event
   */
  run(signal: AbortSignal): Promise<void>
  /** Projects what is recorded now; returns whether there was anything. Throws what `run` throws, and faults of a store. */
  toHead(until?: Position): Promise<boolean>
  /**
   * Writes one contact's row as the log has it now, wherever the projection is.
   *
   * @param known the contact as the log has it, where it is known. Default: its stream is read
   */
  show(contactId: ContactId, known?: ProjectedContact | null): Promise<void>
  /** Resolves when the read model shows the position. Throws `PROJECTION_BEHIND` when the time is over. */
  waitFor(position: Position, timeoutMs: number): Promise<void>
  lag(): Promise<ProjectionLag>
  /** The event for which the contact is parked; `null`: it is not parked, or the log gives no such event any more. */
  parkedEvent(contactId: ContactId): Promise<RecordedContactEvent | null>
  /** `null` where the store projects in the append. */
  health(): Promise<ProjectionHealth | null>
}

/** More are not counted: the lag is then this many or more. */
const MOST_BEHIND = 1000

/** For a store that writes index and agenda in the append: there is nothing to do, and nothing to wait for. */
export const projectedInAppend: Projection = {
  run: (signal) => aborted(signal),
  toHead: async () => false,
  show: async () => {},
  waitFor: async () => {},
  lag: async () => ({ behind: 0, lagMs: 0 }),
  parkedEvent: async () => null,
  health: async () => null,
  parked: async () => ({ contacts: [], next: null }),
  retry: async () => ({ outcome: 'not_parked' }),
  discard: async () => ({ outcome: 'not_parked' }),
}

export function createProjection(
  context: EngineContext,
  readModel: ReadModel,
  { onPoison = 'stop' }: ProjectionOptions,
): Projection {
  const parking: Parking = { context, readModel, onPoison, reasons: new Map() }
  const projector = createProjector(context, readModel, parking)
  const following: Following = { running: null, lastFault: null, stopped: false }
  const lag = () => lagOf(projector)
  const showing = createBatcher<Shown, void>(async (all) => {
    await show(projector, all)
    return []
  }, 200)
  return {
    run: (signal) => followInTurn(following, projector, signal),
    toHead: (until = Number.POSITIVE_INFINITY) => projectToHead(projector, until),
    show: (contactId, known = null) => showing({ contactId, known }),
    waitFor: (position, timeoutMs) => waitFor(projector, position, timeoutMs),
    lag,
    parkedEvent: (contactId) => parkedEvent(parking, contactId),
    async health() {
      return {
        ...(await lag()),
        running: following.running !== null,
        parked: await readModel.count(PARKED),
        lastFault: following.lastFault,
        stopped: following.stopped,
      }
    },
    parked: (page) => parkedPage(parking, page),
    retry: (contactId) => ifParked(projector, contactId, () => retryParked(parking, contactId)),
    discard: (contactId) => ifParked(projector, contactId, () => discardParked(parking, contactId)),
  }
}

/** For operators: with their input checked. */
export function parkedContactsOf(projection: Projection): ParkedContacts {
  return {
    async parked(page = {}) {
      input.checkInput('projection.parked', page, {
        'after?': input.idOrNull,
        'limit?': input.pageSize,
      })
      return projection.parked(page)
    },
    async retry(contactId) {
      input.id('projection.retry', contactId)
      return projection.retry(contactId)
    },
    async discard(contactId) {
      input.id('projection.discard', contactId)
      return projection.discard(contactId)
    },
  }
}

/** Does something about a contact's rows, if it is parked, while no batch is under way. */
function ifParked<T>(
  { exclusively, followed, readModel }: Projector,
  contactId: ContactId,
  work: () => Promise<T>,
): Promise<T | { readonly outcome: 'not_parked' }> {
  return exclusively(async () => {
    if (!(await isParked(readModel, contactId))) return { outcome: 'not_parked' }
    const done = await work()
    followed.delete(contactId)
    return done
  })
}

async function waitFor({ readModel, waiting }: Projector, position: Position, timeoutMs: number): Promise<void> {
  const until = performance.now() + timeoutMs
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const checkpoint = await readModel.checkpoint()
    if (checkpoint >= position) return
    const leftMs = until - performance.now()
    if (leftMs <= 0)
      throw new EnfoldFault(
        'PROJECTION_BEHIND',
        `The read model shows the log up to position ${checkpoint}, not yet ${position}, after ${timeoutMs} ms. Wait longer; or let some process feed it, with engine.run or engine.project.`,
        { position, checkpoint, timeoutMs },
      )
    const early = new AbortController()
    waiting.add(early)
    await realWait(Math.min(pauseMs, leftMs), early.signal)
    waiting.delete(early)
  }
}

async function lagOf({ context, readModel }: Projector): Promise<ProjectionLag> {
  let behind = 0
  let oldest: Instant | null = null
  for await (const event of context.store.readAll(await readModel.checkpoint())) {
    oldest ??= event.at
    behind += 1
    if (behind === MOST_BEHIND) break
  }
  return { behind, lagMs: oldest === null ? 0 : Math.max(0, epochMsOf(context.clock.now()) - epochMsOf(oldest)) }
}
