/** A heap: the entry with the earliest instant is the first. */
import type { ContactId, Instant } from '@enfold/core'

export interface Entry {
  readonly at: Instant
  readonly contactId: ContactId
}

export function push(heap: Entry[], entry: Entry): void {
  let i = heap.push(entry) - 1
  while (i > 0) {
    const parent = (i - 1) >> 1
    if ((heap[parent] as Entry).at <= entry.at) break
    heap[i] = heap[parent] as Entry
    i = parent
  }
  heap[i] = entry
}

export function pop(heap: Entry[]): void {
  const last = heap.pop() as Entry
  if (heap.length === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child += 1
    if (last.at <= (heap[child] as Entry).at) break
    heap[i] = heap[child] as Entry
    i = child
  }
  heap[i] = last
}
