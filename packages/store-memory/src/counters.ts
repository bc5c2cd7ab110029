/** Counters in memory: one sum of everything that was counted. */
import {
  type CountedBatch,
  type CounterChange,
  type CounterStore,
  CounterSum,
  countersOf,
  type Position,
} from '@enfold/core'
import type { Synchronous } from '@enfold/core/store'

export interface MemoryCounters {
  add(changes: readonly CounterChange[] | undefined): void
  addBatch(batch: CountedBatch): void
  readonly port: Synchronous<CounterStore>
}

/** @param position up to where events are counted */
export function createCounters(position: () => Position): MemoryCounters {
  const sum = new CounterSum()
  let revision = 0
  let complete = true
  const all = () => countersOf(sum.changes())
  return {
    add(changes = []) {
      sum.addAll(changes)
    },
    addBatch(batch) {
      sum.addAll(batch.changes)
      if (batch.complete) return
      complete = false
      revision += 1
    },
    port: {
      counters: (campaignId, version) => ({
        counters: all().filter(
          (one) => one.campaignId === campaignId && (version === undefined || one.campaignVersion === version),
        ),
        complete,
      }),
      countersAt: () => ({ counters: all(), complete, position: position(), ahead: new Map(), revision }),
      correctCounters(changes, known) {
        if (known !== revision) return false
        sum.addAll(changes)
        complete = true
        revision += 1
        return true
      },
    },
  }
}
