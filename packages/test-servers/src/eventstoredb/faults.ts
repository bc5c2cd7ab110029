/** Faults on demand: which one a call meets, what state the node is in, and whether it responds at all. */
import { status as StatusCode, type StatusObject } from '@grpc/grpc-js'
import { exception } from './wire.ts'

/**
 * What happens to one call:
 * `unavailable`: refused, nothing done. `lost-answer`: done, then an error instead of the answer. `no-answer`: done,
 * never answered. `ignored`: neither done nor answered. `cancelled`: the server cancels, nothing done. `quiet-end`: ends
 * without an error and without (more) data. `not-leader`: refused, and another node named. `no-leader`: refused by a
 * follower that knows none. `not-ready`: refused by a node that has just started. `denied`: no rights.
 */
export type Fault =
  | 'unavailable'
  | 'lost-answer'
  | 'no-answer'
  | 'ignored'
  | 'cancelled'
  | 'quiet-end'
  | 'not-leader'
  | 'no-leader'
  | 'not-ready'
  | 'denied'

/**
 * `not-ready`: it has just started, and refuses every call, that for the members of the cluster too. `no-leader`: nobody
 * has been elected; calls are refused, and nobody in the cluster is what a client looks for.
 */
export type NodeState = 'ready' | 'not-ready' | 'no-leader'

export type Call = 'append' | 'batchAppend' | 'read' | 'subscribe'

export interface Endpoint {
  readonly address: string
  readonly port: number
}

export class Faults {
  readonly counts: Record<Call, number> = { append: 0, batchAppend: 0, read: 0, subscribe: 0 }
  /** Asked for every call to which nothing was injected. */
  faultOf: ((call: Call) => Fault | null) | null = null
  state: NodeState = 'ready'
  readonly #injected = new Map<Call, Fault[]>()
  #frozen: PromiseWithResolvers<void> | null = null

  /** The fault of the call that begins now. */
  next(call: Call): Fault | null {
    this.counts[call] += 1
    if (this.state !== 'ready') return this.state
    return this.#injected.get(call)?.shift() ?? this.faultOf?.(call) ?? null
  }

  inject(call: Call, fault: Fault, times: number): void {
    const queue = times === 0 ? [] : (this.#injected.get(call) ?? [])
    queue.push(...Array<Fault>(times).fill(fault))
    this.#injected.set(call, queue)
  }

  freeze(): void {
    this.#frozen ??= Promise.withResolvers()
  }

  thaw(): void {
    this.#frozen?.resolve()
    this.#frozen = null
  }

  /** Resolves while nothing is frozen. */
  async thawed(): Promise<void> {
    await this.#frozen?.promise
  }
}

/** @param leader the node that `not-leader` names */
export function errorOf(fault: Fault, leader: Endpoint): Partial<StatusObject> {
  if (fault === 'not-leader') {
    const { address, port } = leader
    return exception('not-leader', StatusCode.NOT_FOUND, {
      'leader-endpoint-host': address,
      'leader-endpoint-port': String(port),
    })
  }
  if (fault === 'denied') return exception('access-denied', StatusCode.PERMISSION_DENIED, {})
  if (fault === 'cancelled') return { code: StatusCode.CANCELLED, details: 'Operation cancelled by the server' }
  if (fault === 'not-ready') return { code: StatusCode.UNAVAILABLE, details: 'Server Is Not Ready' }
  // A real one says this even where it can give no address.
  if (fault === 'no-leader') return { code: StatusCode.NOT_FOUND, details: 'Leader info available' }
  return { code: StatusCode.UNAVAILABLE, details: 'The fake server is not available' }
}

/** Whether the call is refused before anything is done: all but those that are done and not answered. */
export function isRefused(fault: Fault | null): fault is Exclude<Fault, 'lost-answer' | 'no-answer'> {
  return fault !== null && fault !== 'lost-answer' && fault !== 'no-answer'
}
