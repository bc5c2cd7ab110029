/** What the services of one node share: its log, the calls that are open, and faults. */
import { createCommitOrder } from './commit-order.ts'
import { type Endpoint, errorOf, type Fault, Faults } from './faults.ts'
import { createFakeLog, type Decision, type Expected, type Proposed } from './log.ts'
import { type BatchCall, fail, type ReadCall } from './wire.ts'

export interface NodeOptions {
  readonly maxAppendBytes: number
  readonly shuffle: number | undefined
  readonly leader: Endpoint | undefined
}

export class Node {
  readonly log = createFakeLog()
  readonly faults = new Faults()
  readonly reads = new Set<ReadCall>()
  readonly subscriptions = new Set<ReadCall>()
  readonly batches = new Set<BatchCall>()
  readonly maxAppendBytes: number
  port = 0
  readonly #commit: ReturnType<typeof createCommitOrder>
  readonly #leader: Endpoint | undefined
  #news = Promise.withResolvers<void>()

  constructor({ maxAppendBytes, shuffle, leader }: NodeOptions) {
    this.maxAppendBytes = maxAppendBytes
    this.#commit = createCommitOrder(shuffle)
    this.#leader = leader
  }

  /** Resolves with the next append. */
  get news(): Promise<void> {
    return this.#news.promise
  }

  get leader(): Endpoint {
    return this.#leader ?? { address: '127.0.0.1', port: this.port }
  }

  errorOf(fault: Fault) {
    return errorOf(fault, this.leader)
  }

  append(stream: string, events: readonly Proposed[], expected: Expected): Promise<Decision> {
    return this.#commit(stream, () => {
      const decision = this.log.append(stream, events, expected)
      if (decision.outcome === 'success') {
        this.#news.resolve()
        this.#news = Promise.withResolvers()
      }
      return decision
    })
  }

  /** Ends these calls: with an error, or without. */
  drop(calls: ReadonlySet<ReadCall | BatchCall>, how: 'cancelled' | 'quiet-end'): void {
    for (const call of [...calls]) {
      if (how === 'quiet-end') call.end()
      else fail(call, this.errorOf(how))
    }
  }

  /** Nothing is written to the calls that are open any more. */
  forget(): void {
    for (const call of [...this.reads, ...this.subscriptions]) call.emit('close')
    this.reads.clear()
    this.subscriptions.clear()
    this.batches.clear()
  }
}
